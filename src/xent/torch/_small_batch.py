"""A small batch without options, which is over before the general way has looked at them.

What is given back is what `forward` gives back; None where that has to look itself, be it for an
error.
"""

from __future__ import annotations

from typing import Any

import torch

from xent._engine import cpu
from xent._options import LossOptions

Tensor = torch.Tensor
Result = tuple[Tensor, Tensor, tuple[float, float]]
SCALAR = torch.zeros((), dtype=torch.float32, device="cpu")
NO_LABEL = -(2**63)


def label_losses(logits: Tensor, targets: Tensor, o: LossOptions) -> Result | None:
    """Rows with class labels, ignored ones among them."""
    if (
        logits.ndim != 2
        or targets.dtype != torch.int64
        or targets.ndim != 1
        or targets.size(0) != logits.size(0)
        or o.axis != 1
        or not (o.ignore_index is None or _is_label(o.ignore_index))
        or not _fits(logits, targets, o)
    ):
        return None
    ignored = NO_LABEL if o.ignore_index is None else o.ignore_index
    return _result("label_losses", logits, targets, o, *logits.shape, ignored)


def binary_losses(logits: Tensor, targets: Tensor, o: LossOptions) -> Result | None:
    """Binary logits, with targets of their own dtype."""
    if (
        targets.dtype != torch.float32
        or targets.shape != logits.shape
        or o.pos_weight is not None
        or o.ignore_index is not None
        or targets.is_neg()
        or not _fits(logits, targets, o)
    ):
        return None
    return _result("binary_losses", logits, targets, o, logits.numel())


def _is_label(number: Any) -> bool:
    return type(number) is int and -(2**63) <= number < 2**63


def _fits(logits: Tensor, targets: Tensor, o: LossOptions) -> bool:
    """Is the batch small and plain, its numbers one after the other in memory?"""
    return (
        logits.dtype == torch.float32
        and logits.numel() < cpu.SMALLEST
        and o.class_weight is None
        and o.sample_weight is None
        and o.divisor is None
        and o.label_only
        and logits.is_contiguous()
        and targets.is_contiguous()
        and not logits.is_neg()
    )


def _result(
    function: str, logits: Tensor, targets: Tensor, o: LossOptions, *sizes: int
) -> Result | None:
    """Memory for the results of the kernel, and its call."""
    if cpu.for_size(cpu.SMALLEST) is None:  # no kernel can run, or none may
        return None
    from xent._engine.cpu import small_batch

    rows = o.reduction == "none"
    loss = logits.new_empty(targets.shape) if rows else torch.empty_like(SCALAR)
    grad = torch.empty_like(logits) if o.needs_grad else logits.new_empty((0,))
    z, y = logits.data_ptr(), targets.data_ptr()
    if not (z and y) and logits.numel():  # tensors that are zero, or recorded, without memory
        return None
    place = loss.data_ptr()
    where = (place, 0) if rows else (0, place)
    count: int = getattr(small_batch, function)(
        z, y, grad.data_ptr(), *where, *sizes, o.reduction == "mean"
    )
    return None if count < 0 else (loss, grad, (float(count), float(count)))
