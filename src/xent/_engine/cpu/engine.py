"""The compiled kernels as an engine: strided arrays are made contiguous a piece at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xent._engine import Outputs, cpu
from xent._engine.numpy import ELEMENTWISE, allocated, blocks, result_of, total
from xent._options import LossOptions
from xent._target_checks import check_labels, checked_values
from xent._targets import BinaryTargets, ClassTargets
from xent._validation import Array

PIECE = 1 << 20
"""Elements of a strided array that are made contiguous at a time."""


def accepts(logits: Any) -> bool:
    """Large NumPy arrays, where the kernels can run."""
    return isinstance(logits, np.ndarray) and cpu.for_size(logits.size) is not None


def finds_wrong_targets() -> bool:
    """Kernels look at each target as they read it."""
    return True


def cross_entropy(
    logits: Array, targets: ClassTargets, options: LossOptions, scale: float, want: Outputs
) -> tuple[float, Outputs]:
    """Sum of the row losses; see `Engine`."""
    out = allocated(want, logits, logits.shape[:-1])
    loss_sum, wrong = _in_pieces("cross_entropy", logits, targets, 1, options, scale, out)
    if wrong and targets.labels is not None:
        check_labels(targets.labels, logits.shape[-1], options.names)
    return loss_sum, out


def binary_cross_entropy(
    logits: Array, targets: BinaryTargets, options: LossOptions, scale: float, want: Outputs
) -> tuple[float, Outputs]:
    """Sum of the losses, one per logit; see `Engine`."""
    out = allocated(want, logits, logits.shape)
    width = 1 if np.ndim(targets.positive) else 0
    function = "binary_cross_entropy"
    loss_sum, wrong = _in_pieces(function, logits, targets, width, options, scale, out)
    if wrong:
        # Raises, or moves targets that are 0 or 1 but for rounding.
        targets = targets._replace(values=checked_values(targets.values, options.names))
        loss_sum, _ = _in_pieces(function, logits, targets, width, options, scale, out)
    return loss_sum, out


def evaluate(function: str, logits: Array) -> Array:
    """A function of rows or of elements; see `Engine`."""
    kernels: Any = cpu.load()
    result = result_of(function, logits)
    if _plain(logits):
        kernels.evaluate(function, logits, result)
        return result
    for index in _pieces(logits, 0 if function in ELEMENTWISE else 1):
        part = np.empty(result[index].shape, result.dtype)
        kernels.evaluate(function, np.ascontiguousarray(logits[index]), part)
        result[index] = part
    return result


def _in_pieces(
    name: str,
    logits: Array,
    targets: Any,
    width: int,
    options: LossOptions,
    scale: float,
    out: Outputs,
) -> tuple[float, bool]:
    """Sum of the parts from a kernel, and: was a target wrong?

    The last `width` axes stay whole.
    """
    kernel = getattr(cpu.load(), name)
    if all(a is None or _plain(a) for a in (logits, *out)):
        result: tuple[float, bool] = kernel(logits, targets, options, scale, out)
        return result
    sums = []
    for index in _pieces(logits, width):
        part = Outputs(*(None if a is None else np.empty(a[index].shape, a.dtype) for a in out))
        z = np.ascontiguousarray(logits[index])
        part_sum, wrong = kernel(z, targets.part(index), options, scale, part)
        if wrong:
            return part_sum, True
        sums.append(part_sum)
        for whole, piece in zip(out, part, strict=True):
            if whole is not None:
                whole[index] = piece
    return total(sums), False


def _plain(array: Array) -> bool:
    """Can a kernel walk the array as it is?"""
    return bool(array.flags.c_contiguous and array.flags.aligned)


def _pieces(logits: Array, width: int) -> Any:
    rows = logits.ndim - width
    pieces: Any = blocks(logits.shape[:rows], math.prod(logits.shape[rows:]), PIECE)
    return pieces
