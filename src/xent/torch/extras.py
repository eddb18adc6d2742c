"""Results beside the loss: log-sum-exp and entropy of the rows, and the accuracy.

All come from the same pass over the logits as the loss and its gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

Tensor = torch.Tensor


class Extras(NamedTuple):
    """Which results are returned beside the loss, in this order."""

    lse: bool
    entropy: bool
    accuracy: bool


def with_extras(
    loss: Callable[..., Any],
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    targets: Tensor,
    extras: Extras,
) -> Any:
    """The loss alone, or a tuple of it and the extras."""
    if not any(extras):
        return loss(*arguments, **options)
    value, stats = loss(*arguments, **options, stats=True)
    lse, entropy, predicted = stats.unbind(-1)
    results = [value]
    if extras.lse:
        results.append(lse.to(value.dtype))
    if extras.entropy:
        results.append(entropy.detach().to(value.dtype))
    if extras.accuracy:
        axis = options.get("axis", -1)
        correct, counted = _correct(predicted.detach(), targets, axis, options["ignore_index"])
        results.append(correct.sum().float() / counted.sum().clamp(min=1))
    return tuple(results)


def _correct(
    predicted: Tensor, targets: Tensor, axis: int, ignore_index: int | None
) -> tuple[Tensor, Tensor]:
    """Which rows are predicted correctly, and which are counted: those that are not ignored."""
    if targets.dtype.is_floating_point:
        correct = predicted == targets.argmax(axis)
        return correct, torch.ones_like(correct)
    labels = targets.long()  # as uint8, the label 156 would equal an ignore_index of -100
    counted = torch.ne(labels, -1 if ignore_index is None else ignore_index)
    return (predicted == labels) & counted, counted
