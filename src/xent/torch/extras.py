"""What a training loop wants beside the loss: log-sum-exp, entropy and accuracy of the rows."""

from __future__ import annotations

from typing import Any

import torch

from xent.backends import torch as tensors

Tensor = torch.Tensor
BLOCK = 1 << 20
"""Logits that are looked at together: they stay in cache between the pass for the loss and this."""


def with_extras(
    logits: Tensor,
    targets: Tensor,
    options: dict[str, Any],
    *,
    lse: bool,
    entropy: bool,
    accuracy: bool,
) -> tuple[Tensor, ...]:
    """The loss, and what else was asked for."""
    axis = options["axis"]
    results: list[Tensor] = []
    if lse and _is_plain(targets, options):
        loss, partition = _by_rows(logits, targets, options)
        results += [loss, partition]
    else:
        results.append(tensors.cross_entropy(logits, targets, **options))
        if lse:
            z = _capped(logits, options["softcap"])
            results.append(torch.logsumexp(z.to(results[0].dtype), axis))
    if entropy or accuracy:
        entropies, right = _looked_at(logits, targets, options)
        if entropy:
            results.append(entropies)
        if accuracy:
            results.append(right)
    return tuple(results)


def _is_plain(targets: Tensor, options: dict[str, Any]) -> bool:
    """Are these labels, with no option that mixes the log-sum-exp with other logits?"""
    mixed = options["label_smoothing"] or options["softcap"] is not None
    return not mixed and not targets.dtype.is_floating_point


def _by_rows(logits: Tensor, targets: Tensor, options: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Loss and log-sum-exp from one pass: A(z) is a row's loss and the logit of its label."""
    axis = options["axis"]
    absent = targets == options["ignore_index"]
    labels = targets.masked_fill(absent, 0)
    rows = tensors.cross_entropy(logits, labels, axis=axis, reduction="none")
    own = logits.gather(axis, labels.long().unsqueeze(axis)).squeeze(axis).to(rows.dtype)
    partition = rows + own
    weight = torch.ones_like(rows)
    if options["class_weight"] is not None:
        weight = options["class_weight"].to(rows.dtype)[labels.long()]
    weight = weight.masked_fill(absent, 0)
    each = rows * weight
    if options["z_loss"]:
        each = each + options["z_loss"] * partition.square() * (weight > 0)
    each = each.masked_fill(weight == 0, 0)
    if options["reduction"] == "none":
        return each, partition
    total = each.sum(dtype=torch.float64)
    if options["reduction"] == "mean":
        mass = weight.sum(dtype=torch.float64)
        total = total / torch.where(mass > 0, mass, torch.ones_like(mass))
    return total.to(rows.dtype), partition


@torch.no_grad()
def _looked_at(logits: Tensor, targets: Tensor, options: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Entropy of each row, and the share of right rows among those that count."""
    axis = options["axis"]
    z = logits.movedim(axis, -1)
    classes = z.shape[-1]
    shape = z.shape[:-1]
    z = z.reshape(-1, classes)
    entropies, likeliest = [], []
    step = max(1, BLOCK // max(1, classes))
    for start in range(0, len(z), step):
        part = _capped(z[start : start + step].to(torch.promote_types(z.dtype, torch.float32)),
                       options["softcap"])  # fmt: skip
        logs = torch.log_softmax(part, -1)
        p = logs.exp()
        entropies.append(-torch.where(p > 0, p * logs, p).sum(-1))
        likeliest.append(part.argmax(-1))
    found = torch.cat(likeliest).reshape(shape) if likeliest else targets.new_zeros(shape)
    if targets.dtype.is_floating_point:
        right, counts = found == targets.argmax(axis), torch.ones_like(found, dtype=torch.bool)
    else:
        right, counts = found == targets, targets != options["ignore_index"]
    number = counts.sum().clamp(min=1)
    share = (right & counts).sum() / number
    kind = torch.promote_types(logits.dtype, torch.float32)
    spread = torch.cat(entropies).reshape(shape) if entropies else logits.new_zeros(shape)
    return spread.to(kind), share


def _capped(logits: Tensor, softcap: float | None) -> Tensor:
    return logits if softcap is None else softcap * torch.tanh(logits / softcap)
