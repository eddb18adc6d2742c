"""The NumPy engine: goes through the logits a block of rows at a time, in float64.

Blocks keep the temporaries in cache, whatever the strides of the arrays; nothing of the size of the
logits is allocated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from xent._engine import Outputs, buffer_pool, rows
from xent._options import LossOptions
from xent._targets import BinaryTargets, ClassTargets, as_rows
from xent._validation import Array

BLOCK = 1 << 15
"""Elements of a block: its float64 temporaries fit into a core's cache."""

STATS = 3
"""Statistics of a row: log-sum-exp, entropy and likeliest class."""

Index = tuple[int | slice, ...]


def accepts(logits: Any) -> bool:
    """NumPy computes every NumPy array."""
    return isinstance(logits, np.ndarray)


def finds_wrong_targets() -> bool:
    """Indexing with a wrong label would fail or take another class."""
    return False


def cross_entropy(
    logits: Array, targets: ClassTargets, options: LossOptions, scale: float, want: Outputs
) -> tuple[float, Outputs]:
    """Sum of the row losses; see `Engine`."""
    out = allocated(want, logits, logits.shape[:-1])
    exact = logits.dtype == np.float64
    sums = []
    # A single block of rows needs no splitting.
    small = logits.ndim == 2 and logits.size <= BLOCK
    with np.errstate(all="ignore"):
        for index in [()] if small else blocks(logits.shape[:-1], logits.shape[-1]):
            z = float_rows(logits[index])
            if out.stats is not None:  # first: the gradient may overwrite the logits
                put(out.stats, index, rows.class_stats(z, options, exact=exact))
            loss, gradient = rows.class_losses(
                z,
                targets if small and targets.plain else targets.part(index).flat(np),
                options,
                scale,
                exact=exact,
                want_grad=out.grad is not None,
            )
            if gradient is not None:
                put(out.grad, index, gradient)
            if out.losses is not None:
                put(out.losses, index, loss)
            sums.append(float(np.add.reduce(loss)))
    return total(sums), out


def binary_cross_entropy(
    logits: Array, targets: BinaryTargets, options: LossOptions, scale: float, want: Outputs
) -> tuple[float, Outputs]:
    """Sum of the losses, one per logit; see `Engine`."""
    out = allocated(want, logits, logits.shape)
    shape, width = logits.shape, 1
    if np.ndim(targets.positive):  # one weight per entry of the last axis: keep that axis whole
        shape, width = shape[:-1], shape[-1]
    sums = []
    with np.errstate(all="ignore"):
        for index in blocks(shape, width):
            loss, gradient = rows.binary_losses(
                np.asarray(logits[index]).astype(np.float64),
                targets.part(index),
                options,
                scale,
                want_grad=out.grad is not None,
            )
            if gradient is not None:
                put(out.grad, index, gradient)
            if out.losses is not None:
                put(out.losses, index, loss)
            sums.append(float(loss.sum()))
    return total(sums), out


def evaluate(function: str, logits: Array) -> Array:
    """A function of rows or of elements; see `Engine`."""
    compute = getattr(rows, function)
    result = result_of(function, logits)
    with np.errstate(all="ignore"):
        if function in ELEMENTWISE:
            for index in blocks(logits.shape, 1):
                put(result, index, compute(np.asarray(logits[index]).astype(np.float64)))
        else:
            exact = logits.dtype == np.float64
            for index in blocks(logits.shape[:-1], logits.shape[-1]):
                put(result, index, compute(float_rows(logits[index]), exact=exact))
    return result


ELEMENTWISE = ("sigmoid", "log_sigmoid")


def result_of(function: str, logits: Array) -> Array:
    """Memory for the result of `evaluate`."""
    shape = logits.shape[:-1] if function == "logsumexp" else logits.shape
    return buffer_pool.empty(shape, logits.dtype)


def allocated(want: Outputs, logits: Array, losses: tuple[int, ...]) -> Outputs:
    """Memory for what is wanted: row losses are float32 for half precision."""
    if want.grad is True:
        want = want._replace(grad=buffer_pool.empty(logits.shape, logits.dtype))
    if want.losses is True:
        double = logits.dtype == np.float64
        dtype = np.float64 if double else np.float32
        want = want._replace(losses=buffer_pool.empty(losses, dtype))
    if want.stats is True:
        want = want._replace(stats=np.empty((*losses, STATS)))
    return want


def probability_losses(probabilities: Array, targets: ClassTargets, smallest: float) -> Array:
    """Weighted row losses of probabilities given as such (class axis last)."""
    losses = np.empty(probabilities.shape[:-1])
    with np.errstate(all="ignore"):
        for index in blocks(losses.shape, probabilities.shape[-1]):
            p, part = float_rows(probabilities[index]), targets.part(index).flat(np)
            put(losses, index, rows.probability_losses(p, part, smallest))
    return losses


def binary_probability_losses(p: Array, targets: BinaryTargets, smallest: float) -> Array:
    """Weighted losses of probabilities of label 1, kept `smallest` away from 0 and 1."""
    losses = np.empty(p.shape)
    with np.errstate(all="ignore"):
        for index in blocks(p.shape, 1):
            block, part = p[index].astype(np.float64), targets.part(index)
            put(losses, index, rows.binary_probability_losses(block, part, smallest))
    return losses


def blocks(shape: tuple[int, ...], width: int, size: int = BLOCK) -> Iterator[Index]:
    """Indices that split rows of `width` elements into blocks of about `size` elements.

    They are only slices, so a strided array is copied one block at a time.
    """
    if not shape:
        yield ()
        return
    inner = math.prod(shape[1:]) * width
    if inner > size and len(shape) > 1:
        for i in range(shape[0]):
            for rest in blocks(shape[1:], width, size):
                yield (i, *rest)
        return
    step = max(1, size // max(1, inner))
    for i in range(0, shape[0], step):
        yield (slice(i, min(i + step, shape[0])),)


def float_rows(block: Array) -> Array:
    """A block as float64 rows; never written to, since it may be the caller's memory."""
    rows_of_block: Array = as_rows(np, block).astype(np.float64, copy=False)
    return rows_of_block


def put(result: Array, index: Index, values: Array) -> None:
    """Write a block's values, given as flat rows or in the block's shape."""
    result[index] = values.reshape(result[index].shape)


def total(sums: list[float]) -> float:
    """Sum of the blocks' sums, rounded once."""
    try:
        return math.fsum(sums)
    except OverflowError:
        return math.inf
