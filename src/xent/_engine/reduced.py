"""One pass over checked arrays, and its reduction: what every front end of the CPU calls."""

from __future__ import annotations

from typing import Any

import numpy as np

from xent._engine import numpy as backend
from xent._targets import BinaryTargets, ClassTargets, check_total
from xent._validation import Array, class_last


def class_loss(
    logits: Array,
    axis: int,
    rows: ClassTargets,
    *,
    total: float,
    softcap: float | None,
    z_loss: float,
    reduction: str,
    grad: Array | None,
    stats: Array | None = None,
) -> Any:
    """Loss of class logits; `grad` is filled with the gradient of it (for "none", of the sum)."""
    losses = row_losses(logits, logits.shape[:axis] + logits.shape[axis + 1 :], reduction)
    loss_sum = backend.cross_entropy_pass(
        class_last(logits, axis),
        rows,
        scale=scale(reduction, total),
        softcap=softcap,
        z_loss=z_loss,
        grad=None if grad is None else class_last(grad, axis),
        losses=losses,
        stats=stats,
    )
    return reduced(reduction, loss_sum, total, losses, grad)


def binary_loss(
    logits: Array,
    rows: BinaryTargets,
    *,
    total: float,
    softcap: float | None,
    z_loss: float,
    reduction: str,
    grad: Array | None,
) -> Any:
    """Loss of binary logits; `grad` as in `class_loss`."""
    losses = row_losses(logits, logits.shape, reduction)
    loss_sum = backend.binary_pass(
        logits,
        rows,
        scale=scale(reduction, total),
        softcap=softcap,
        z_loss=z_loss,
        grad=grad,
        losses=losses,
    )
    return reduced(reduction, loss_sum, total, losses, grad)


def scale(reduction: str, total: float) -> float:
    """Factor of the gradient of the reduced loss."""
    if reduction == "mean":
        check_total(total)
    return 1 / total if reduction == "mean" and total > 0 else 1.0


def row_losses(scores: Array, rows: tuple[int, ...], reduction: str) -> Array | None:
    """Where the row losses go when they are the result: float32 for half precision."""
    if reduction != "none":
        return None
    return np.empty(rows, np.float64 if scores.dtype == np.float64 else np.float32)


def reduced(
    reduction: str, loss_sum: float, total: float, losses: Array | None, *grads: Array | None
) -> Any:
    """The loss that is returned. Where a mean has no weight, loss and gradients are 0.

    An empty batch must not poison a training run with 0/0.
    """
    if losses is not None:
        return losses[()]
    if reduction == "sum":
        return np.float64(loss_sum)
    if total > 0:
        return np.float64(loss_sum / total)
    for grad in grads:
        if grad is not None:
            grad[...] = 0
    return np.float64(0.0)
