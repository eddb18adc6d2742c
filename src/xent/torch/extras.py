"""What a training loop wants beside the loss: log-sum-exp, entropy and accuracy of the rows.

All come from the pass over the logits that makes loss and gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

Tensor = torch.Tensor


class Extras(NamedTuple):
    """Which are asked for."""

    lse: bool
    entropy: bool
    accuracy: bool


def with_extras(
    loss: Callable[..., Any],
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    targets: Tensor,
    asked: Extras,
) -> Any:
    """The loss alone, or with what was asked for."""
    if not any(asked):
        return loss(*arguments, **options)
    value, stats = loss(*arguments, **options, stats=True)
    lse, entropy, likeliest = stats.unbind(-1)
    results = [value]
    if asked.lse:
        results.append(lse.to(value.dtype))
    if asked.entropy:
        results.append(entropy.detach().to(value.dtype))
    if asked.accuracy:
        axis = options.get("axis", -1)
        right, counts = _right(likeliest.detach(), targets, axis, options["ignore_index"])
        results.append(right.sum().float() / counts.sum().clamp(min=1))
    return tuple(results)


def _right(
    likeliest: Tensor, targets: Tensor, axis: int, ignore_index: int | None
) -> tuple[Tensor, Tensor]:
    """Which rows have the target's class as their likeliest and count, and which count."""
    if targets.dtype.is_floating_point:
        right = likeliest == targets.argmax(axis)
        return right, torch.ones_like(right)
    labels = targets.long()  # compared as they are, 156 of eight bits would be -100
    counts = torch.ne(labels, -1 if ignore_index is None else ignore_index)
    return (likeliest == labels) & counts, counts
