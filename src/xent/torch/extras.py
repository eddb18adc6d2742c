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
        results.append(accuracy(likeliest.detach(), targets, axis, options["ignore_index"]))
    return tuple(results)


def accuracy(likeliest: Tensor, targets: Tensor, axis: int, ignore_index: int | None) -> Tensor:
    """Share of the rows that count whose likeliest class is the target's."""
    if targets.dtype.is_floating_point:
        return (likeliest == targets.argmax(axis)).float().mean()
    labels = targets.long()  # compared as they are, 156 of eight bits would be -100
    counts = torch.ne(labels, -1 if ignore_index is None else ignore_index)
    right = (likeliest == labels) & counts
    return right.sum() / counts.sum().clamp(min=1)
