"""A small batch without options, which is over before the general way has looked at them.

What is given back is what `forward` gives back; None where that has to look itself, be it for an
error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from xent.arrays import Array
from xent.backends import kernels

Tensor = torch.Tensor
Result = tuple[Tensor, Tensor, float]
NOTHING = np.empty(0, np.float32)
NO_GRADIENT = np.empty((0, 0), np.float32)
NO_LABEL = -(2**63)


def label_losses(logits: Tensor, targets: Tensor, o: Any) -> Result | None:
    """Rows with class labels, ignored ones among them."""
    if (
        logits.ndim != 2
        or targets.dtype != torch.int64
        or targets.ndim != 1
        or len(targets) != len(logits)
        or o.axis != 1
        or not (o.ignore_index is None or type(o.ignore_index) is int)
        or not _fits(logits, targets, o)
    ):
        return None
    kernel = kernels.tiny()
    if kernel is None:
        return None
    ignored = NO_LABEL if o.ignore_index is None else o.ignore_index
    arguments = logits.numpy(force=True), targets.numpy(), ignored, o.reduction == "mean"
    return _result(kernel.label_losses, arguments, logits, targets, NO_GRADIENT, o)


def binary_losses(logits: Tensor, targets: Tensor, o: Any) -> Result | None:
    """Binary logits, with targets of their own dtype."""
    if (
        targets.dtype != torch.float32
        or targets.shape != logits.shape
        or o.pos_weight is not None
        or o.ignore_index is not None
        or not _fits(logits, targets, o)
    ):
        return None
    kernel = kernels.tiny()
    if kernel is None:
        return None
    z, t = logits.numpy(force=True).reshape(-1), targets.numpy(force=True).reshape(-1)
    arguments = z, t, o.reduction == "mean"
    return _result(kernel.binary_losses, arguments, logits, targets, NOTHING, o)


def _fits(logits: Tensor, targets: Tensor, o: Any) -> bool:
    """Is the batch small, contiguous and plain?"""
    return (
        logits.dtype == torch.float32
        and logits.numel() < kernels.SMALLEST
        and o.class_weight is None
        and o.sample_weight is None
        and o.softcap is None
        and o.divisor is None
        and not o.label_smoothing
        and not o.z_loss
        and logits.is_contiguous()
        and targets.is_contiguous()
    )


def _result(
    kernel: Callable[..., Any],
    arguments: tuple[Any, ...],
    logits: Tensor,
    targets: Tensor,
    no_gradient: Array,
    o: Any,
) -> Result | None:
    """Room for the kernel's results, its call, and the reduction."""
    loss = torch.empty_like(targets, dtype=torch.float32) if o.reduction == "none" else None
    slopes = no_gradient
    if o.want_grad:
        grad = torch.empty_like(logits)
        slopes = grad.numpy()
        if slopes.ndim != no_gradient.ndim:
            slopes = slopes.reshape(-1)
    else:
        grad = logits.new_empty((0,))
    total, count = kernel(*arguments, slopes, NOTHING if loss is None else loss.numpy().reshape(-1))
    if count < 0:
        return None
    if loss is None:
        if o.reduction == "mean" and count:
            total /= count
        loss = torch.from_numpy(np.asarray(total, np.float32))
    return loss, grad, float(count)
