"""Losses without weights or other options, by direct kernel calls with the tensors' addresses.

The functions return what `forward` returns, or None if `forward` has to handle the arguments
itself, for example to raise an error.
"""

from __future__ import annotations

from pathlib import Path

import torch

from xent import threads
from xent._engine import buffer_pool, cpu
from xent._options import LossOptions
from xent.torch import _buffer_pool

Tensor = torch.Tensor
Result = tuple[Tensor, Tensor, tuple[float, float]]
STORED = {
    torch.float32: "float32", torch.float64: "float64", torch.bfloat16: "bfloat16",
    torch.float16: "float16",
}  # fmt: skip
SCALARS = {
    dtype: torch.zeros((), dtype=dtype, device="cpu") for dtype in (torch.float32, torch.float64)
}
"""Templates for the memory of losses: faster than allocating by dtype."""


LIMIT = 2**63

OF_TORCH = Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"
threads.share_openmp(str(OF_TORCH), torch.get_num_threads)


def has_no_option(o: LossOptions) -> bool:
    """Are there no options but a label to ignore and the reduction?"""
    weights = o.class_weight is o.sample_weight is o.pos_weight is None
    return weights and o.divisor is None and o.label_only


def label_losses(
    logits: Tensor, targets: Tensor, o: LossOptions, stats: Tensor | None = None
) -> Result | None:
    """Losses of rows with class labels, class axis last; rows may be ignored.

    `stats` is memory for the statistics of the rows.
    """
    if (
        logits.ndim != 2
        or targets.dtype != torch.int64
        or targets.ndim != 1
        or targets.size(0) != logits.size(0)
        or not (o.ignore_index is None or -LIMIT < o.ignore_index < LIMIT)
        or not _fits(logits, targets)
    ):
        return None
    kernels = cpu.for_size(cpu.SMALLEST)
    if kernels is None:  # none can run, or none may
        return None
    rows, classes = logits.shape
    loss, grad = _results(logits, targets, o)
    place, mean = loss.data_ptr(), o.reduction == "mean"
    stored = kernels.STORED_AS[STORED[logits.dtype]]
    plan = kernels.plan_for_labels(stored, classes, logits.numel())
    if stats is not None:
        plan = kernels.with_fields(plan, stats=stats.data_ptr())
    _, wrong, divisor = kernels.execute(
        plan,
        logits.data_ptr(),
        targets.data_ptr(),
        grad.data_ptr(),
        *((place, 0) if o.reduction == "none" else (0, place)),
        rows,
        kernels.NO_LABEL if o.ignore_index is None else int(o.ignore_index),
        o.needs_grad,
        1.0,
        0.0 if mean else 1.0,
    )
    return None if wrong else (loss, grad, (divisor, divisor))


def binary_losses(logits: Tensor, targets: Tensor, o: LossOptions) -> Result | None:
    """Losses of binary logits, with targets of the same dtype."""
    if (
        targets.dtype != logits.dtype
        or targets.shape != logits.shape
        or o.ignore_index is not None
        or targets.is_neg()
        or not _fits(logits, targets)
    ):
        return None
    kernels = cpu.for_size(cpu.SMALLEST)
    if kernels is None:
        return None
    count = logits.numel()
    loss, grad = _results(logits, targets, o)
    place = loss.data_ptr()
    divisor = float(count) if o.reduction == "mean" else 1.0
    _, wrong, _ = kernels.execute(
        kernels.plan_for_binary(kernels.STORED_AS[STORED[logits.dtype]], count),
        logits.data_ptr(),
        targets.data_ptr(),
        grad.data_ptr(),
        *((place, 0) if o.reduction == "none" else (0, place)),
        count,
        kernels.NO_LABEL,
        o.needs_grad,
        1.0 / divisor,
        divisor,
    )
    return None if wrong else (loss, grad, (divisor, divisor))


def _fits(logits: Tensor, targets: Tensor) -> bool:
    """Are both contiguous in memory, plain and not empty?"""
    return (
        logits.is_contiguous()
        and targets.is_contiguous()
        and not logits.is_neg()
        and logits.numel() > 0
        # Zero tensors and recorded tensors have no memory.
        and logits.data_ptr() != 0
        and targets.data_ptr() != 0
    )


def _results(logits: Tensor, targets: Tensor, o: LossOptions) -> tuple[Tensor, Tensor]:
    """Memory for the loss and the gradient."""
    scalar = SCALARS[torch.float64 if logits.dtype == torch.float64 else torch.float32]
    of_rows = o.reduction == "none"
    loss = scalar.new_empty(targets.shape) if of_rows else torch.empty_like(scalar)
    if not o.needs_grad:
        return loss, logits.new_empty((0,))
    # Small gradients are not pooled.
    large = logits.nbytes >= buffer_pool.MIN_BYTES
    return loss, _buffer_pool.empty_like(logits) if large else torch.empty_like(logits)
