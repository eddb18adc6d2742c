"""Results besides the loss: log-sum-exp and entropy of the rows, accuracy, predictions, z-loss.

All come from the same pass over the logits as the loss and its gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from xent._options import LossOptions
from xent.torch._derivatives import reciprocal, reduced_weight

Tensor = torch.Tensor


class Extras(NamedTuple):
    """Which results are returned besides the loss, in this order."""

    lse: bool
    entropy: bool
    accuracy: bool
    predictions: bool = False
    z_loss: bool = False


def with_extras(
    loss: Callable[..., Any],
    arguments: tuple[Any, ...],
    options: LossOptions,
    targets: Tensor,
    extras: Extras,
) -> Any:
    """The loss alone, or a tuple of it and the extras."""
    if not any(extras):
        return loss(*arguments, options)
    value, stats = loss(*arguments, options, stats=True)
    lse, entropy, predicted = stats.unbind(-1)
    results = [value]
    if extras.lse:
        results.append(lse.to(value.dtype))
    if extras.entropy:
        results.append(entropy.detach().to(value.dtype))
    if extras.accuracy:
        correct, counted = _correct(predicted.detach(), targets, options)
        results.append(correct.sum().float() / counted.sum().clamp(min=1))
    if extras.predictions:
        results.append(predicted.detach().long())
    if extras.z_loss:
        results.append(_z_loss(lse.detach().to(value.dtype), targets, options))
    return tuple(results)


def _correct(predicted: Tensor, targets: Tensor, options: LossOptions) -> tuple[Tensor, Tensor]:
    """Which rows are predicted correctly, and which are counted: those that are not ignored."""
    if targets.dtype.is_floating_point:
        correct = predicted == targets.argmax(options.axis)
        return correct, torch.ones_like(correct)
    labels = targets.long()  # as uint8, the label 156 would equal an ignore_index of -100
    counted = torch.ne(labels, -1 if options.ignore_index is None else options.ignore_index)
    return (predicted == labels) & counted, counted


def _z_loss(lse: Tensor, targets: Tensor, options: LossOptions) -> Tensor:
    """The squared log-sum-exps times z_loss, reduced as the loss is."""
    weight = reduced_weight(targets, lse, options.replace(reduction="sum"), 1.0)
    rows = options.z_loss * torch.where(weight == 0, 0.0, weight * lse * lse)
    if options.reduction == "none":
        return rows
    total = rows.sum()
    if options.reduction == "sum":
        return total
    divisor = weight.sum() if options.divisor is None else options.divisor
    return total * reciprocal(divisor, lse.dtype)
