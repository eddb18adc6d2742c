"""What a training loop wants beside the loss: log-sum-exp, entropy and accuracy of the rows."""

from __future__ import annotations

from typing import Any

import torch

from xent.backends import torch as tensors
from xent.backends.torch.metric import entropy_and_argmax

Tensor = torch.Tensor


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
    entropy, likeliest = entropy_and_argmax(_capped(logits, options["softcap"]), axis)
    if targets.dtype.is_floating_point:
        return entropy, (likeliest == targets.argmax(axis)).float().mean()
    counts = targets != options["ignore_index"]
    right = (likeliest == targets) & counts
    return entropy, right.sum() / counts.sum().clamp(min=1)


def _capped(logits: Tensor, softcap: float | None) -> Tensor:
    return logits if softcap is None else softcap * torch.tanh(logits / softcap)
