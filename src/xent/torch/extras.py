"""What a training loop wants beside the loss: log-sum-exp, entropy and accuracy of the rows."""

from __future__ import annotations

from typing import Any

import torch

from xent.backends import torch as tensors
from xent.backends.torch.bridge import loss_dtype
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
    results: list[Tensor] = [tensors.cross_entropy(logits, targets, **options)]
    if lse:
        z = _capped(logits.to(results[0].dtype), options["softcap"])
        results.append(torch.logsumexp(z, options["axis"]))
    if entropy or accuracy:
        entropies, right = _looked_at(logits, targets, options)
        if entropy:
            results.append(entropies)
        if accuracy:
            results.append(right)
    return tuple(results)


@torch.no_grad()
def _looked_at(logits: Tensor, targets: Tensor, options: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Entropy of each row, and the share of right rows among those that count."""
    axis = options["axis"]
    cap = options["softcap"]
    z = logits if cap is None else _capped(logits.to(loss_dtype(logits.dtype)), cap)
    entropy, likeliest = entropy_and_argmax(z, axis)
    if targets.dtype.is_floating_point:
        return entropy, (likeliest == targets.argmax(axis)).float().mean()
    labels = targets.long()  # compared as they are, 156 of eight bits would be -100
    counts = labels != options["ignore_index"]
    right = (likeliest == labels) & counts
    return entropy, right.sum() / counts.sum().clamp(min=1)


def _capped(logits: Tensor, softcap: float | None) -> Tensor:
    return logits if softcap is None else softcap * torch.tanh(logits / softcap)
