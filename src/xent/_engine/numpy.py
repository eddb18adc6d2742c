"""NumPy backend: walks the logits a block of rows at a time.

Large arrays are computed by compiled kernels where there are any, small ones in NumPy, in float64.
Blocks keep the temporaries in cache, whatever the strides of the arrays; nothing of the size of
the logits is allocated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from xent._engine import cpu, rows
from xent._targets import BinaryTargets, ClassTargets, check_labels, checked_values
from xent._validation import Array

BLOCK = 1 << 15
"""Elements of a block: its float64 temporaries fit into a core's cache."""

LINEAR_BLOCK = 1 << 25
"""Logits of a block of `linear_pass`: 128 MiB in float32, about 1000 rows of 32,000 classes."""

STATS = 3
"""Statistics of a row: log-sum-exp, entropy and largest class."""

PIECE = 1 << 20
"""Elements of a strided array that are made contiguous at a time, for a kernel."""

Index = tuple[int | slice, ...]


def checks_targets(logits: Array, out: Any) -> bool:
    """Will the pass over these logits find a wrong target before anything of use is lost?"""
    if isinstance(out, np.ndarray) and np.may_share_memory(out, logits):
        return False
    return cpu.for_size(logits.size) is not None


class RowFunction(Protocol):
    """A function of float64 rows; `exact` where these are the logits' own digits."""

    __name__: str

    def __call__(self, z: Array, *, exact: bool) -> Array: ...


class ElementFunction(Protocol):
    """A function of float64 elements."""

    __name__: str

    def __call__(self, z: Array) -> Array: ...


def cross_entropy_pass(
    logits: Array,
    targets: ClassTargets,
    *,
    scale: float,
    softcap: float | None = None,
    z_loss: float = 0.0,
    grad: Array | None = None,
    losses: Array | None = None,
    stats: Array | None = None,
) -> float:
    """Sum of the row losses; `grad` (times `scale`) and `losses` are filled where given.

    So are `stats`. `logits` and `grad` have the class axis last, `stats` the STATS of a row.
    """
    kernels = cpu.for_size(logits.size)
    if kernels is not None:
        options = {"scale": scale, "softcap": softcap, "z_loss": z_loss}
        outputs = {"grad": grad, "losses": losses, "stats": stats}
        sums, wrong = compiled(kernels.cross_entropy, logits, targets, 1, options, outputs)
        if wrong and targets.labels is not None:
            check_labels(targets.labels, logits.shape[-1])
        return total(sums)
    sums = []
    # One block, of rows, needs no cutting.
    small = logits.ndim == 2 and logits.size <= BLOCK
    with np.errstate(all="ignore"):
        for index in [()] if small else blocks(logits.shape[:-1], logits.shape[-1]):
            z = float_rows(logits[index])
            if stats is not None:  # first: the gradient may overwrite the logits
                put(stats, index, rows.class_stats(z, softcap, exact=logits.dtype == np.float64))
            loss, gradient = rows.class_losses(
                z,
                targets if small and targets.plain else take(targets, index),
                scale,
                softcap,
                z_loss,
                exact=logits.dtype == np.float64,
                want_grad=grad is not None,
            )
            if grad is not None and gradient is not None:
                put(grad, index, gradient)
            if losses is not None:
                put(losses, index, loss)
            sums.append(float(np.add.reduce(loss)))
    return total(sums)


def binary_pass(
    logits: Array,
    targets: BinaryTargets,
    *,
    scale: float,
    softcap: float | None = None,
    z_loss: float = 0.0,
    grad: Array | None = None,
    losses: Array | None = None,
) -> float:
    """Sum of the losses, one per logit; `grad` (times `scale`) and `losses` are filled."""
    kernels = cpu.for_size(logits.size)
    if kernels is not None:
        options: dict[str, Any] = {"scale": scale, "softcap": softcap, "z_loss": z_loss}
        width = 1 if np.ndim(targets.positive) else 0
        outputs = {"grad": grad, "losses": losses}
        sums, wrong = compiled(
            kernels.binary_cross_entropy, logits, targets, width, options, outputs
        )
        if wrong:
            within = replace(targets, values=checked_values(targets.values))
            return binary_pass(logits, within, grad=grad, losses=losses, **options)
        return total(sums)
    shape, width = logits.shape, 1
    if np.ndim(targets.positive):  # one weight per entry of the last axis: keep that axis whole
        shape, width = shape[:-1], shape[-1]
    sums = []
    with np.errstate(all="ignore"):
        for index in blocks(shape, width):
            loss, gradient = rows.binary_losses(
                np.asarray(logits[index]).astype(np.float64),
                take_binary(targets, index),
                scale,
                softcap,
                z_loss,
                want_grad=grad is not None,
            )
            if grad is not None and gradient is not None:
                put(grad, index, gradient)
            if losses is not None:
                put(losses, index, loss)
            sums.append(float(loss.sum()))
    return total(sums)


def compiled(
    kernel: Any,
    logits: Array,
    targets: Any,
    width: int,
    options: dict[str, Any],
    outputs: dict[str, Array | None],
) -> tuple[list[float], bool]:
    """Sums of the parts from a kernel, which takes contiguous arrays; was a target wrong?

    The last `width` axes (0 or 1) stay whole. The outputs that are not None are filled.
    """
    if all(a is None or plain(a) for a in (logits, *outputs.values())):
        sums, wrong = kernel(logits, targets, **outputs, **options)
        return sums, wrong >= 0
    sums = []
    rows_shape = logits.shape[: logits.ndim - width]
    for index in blocks(rows_shape, math.prod(logits.shape[logits.ndim - width :]), PIECE):
        parts = {
            name: None if a is None else np.empty(a[index].shape, a.dtype)
            for name, a in outputs.items()
        }
        z = np.ascontiguousarray(logits[index])
        part, wrong = kernel(z, part_of(targets, index), **parts, **options)
        if wrong >= 0:
            return sums, True
        sums += part
        for name, a in outputs.items():
            if a is not None:
                a[index] = parts[name]
    return sums, False


def plain(array: Array) -> bool:
    """Can a kernel walk the array as it is?"""
    return bool(array.flags.c_contiguous and array.flags.aligned)


def part_of(targets: Any, index: Index) -> Any:
    """The targets of one block, in the block's shape."""
    names = ("labels", "probabilities", "values", "weight")
    held = {name: getattr(targets, name, None) for name in names}
    return replace(targets, **{n: a[index] for n, a in held.items() if a is not None})


def linear_pass(
    inputs: Array,
    weight: Array,
    bias: Array | None,
    targets: ClassTargets,
    *,
    scale: float,
    softcap: float | None,
    z_loss: float,
    grads: tuple[Array, Array, Array | None] | None = None,
    losses: Array | None = None,
) -> float:
    """Sum of the row losses of logits ``inputs @ weight.T + bias``, which live a block at a time.

    `grads` (inputs, weight, bias) are filled where given; those of weight and bias are summed in
    the dtype of the product, at least float32.
    """
    wide: type[np.floating[Any]] = np.float32
    if np.float64 in (inputs.dtype, weight.dtype):
        wide = np.float64
    w: Array = weight.astype(wide, copy=False)
    d_weight: Array = np.zeros(0, wide)
    if grads:
        d_weight = grads[1] if grads[1].dtype == wide else np.empty(w.shape, wide)
        d_weight[...] = 0
    d_bias = np.zeros(len(w))
    buffer: Array = np.empty((0, len(w)), wide)
    sums = []
    with np.errstate(all="ignore"):
        for index in blocks(inputs.shape[:-1], len(w), LINEAR_BLOCK):
            x: Array = flat(inputs[index]).astype(wide, copy=False)
            part = take(targets, index)
            if len(x) > len(buffer):
                buffer = np.empty((len(x), len(w)), wide)
            logits = np.matmul(x, w.T, out=buffer[: len(x)])
            if bias is not None:
                logits += bias.astype(wide, copy=False)
            row_losses = np.empty(len(x))
            loss = cross_entropy_pass(
                logits,
                part,
                scale=scale,
                softcap=softcap,
                z_loss=z_loss,
                grad=logits if grads else None,  # in place: the logits are not needed again
                losses=row_losses,
            )
            sums.append(loss)
            if losses is not None:
                put(losses, index, row_losses)
            if grads:
                flush_subnormals(logits)
                put(grads[0], index, logits @ w)
                add_products(d_weight, logits, present(x, part.weight))
                if bias is not None:
                    d_bias += logits.sum(axis=0, dtype=np.float64)
        if grads:
            if d_weight is not grads[1]:
                grads[1][...] = d_weight
            if grads[2] is not None:
                grads[2][...] = d_bias
    return total(sums)


def flush_subnormals(gradient: Array) -> None:
    """Set entries below the smallest normal number to 0: they slow a matrix product tenfold."""
    kernels = cpu.for_size(gradient.size)
    if kernels is not None:
        kernels.flush_subnormals(gradient)
        return
    tiny = np.finfo(gradient.dtype).tiny
    for index in blocks(gradient.shape[:-1], gradient.shape[-1]):
        block = gradient[index]
        block[np.abs(block) < tiny] = 0.0


def present(x: Array, weight: Array | None) -> Array:
    """Rows with 0 for those of weight 0, whose NaN would outlast a product with 0."""
    if weight is None or np.isfinite(x[weight == 0]).all():
        return x
    return np.where((weight == 0)[:, None], x.dtype.type(0), x)


def add_products(result: Array, gradient: Array, x: Array) -> None:
    """Add gradient.T @ x to the result, some rows of it at a time.

    The products are small enough to stay in cache until they are added.
    """
    step = max(1, PIECE // max(1, x.shape[1]))
    for i in range(0, len(result), step):
        result[i : i + step] += gradient[:, i : i + step].T @ x


def probability_losses(probabilities: Array, targets: ClassTargets, smallest: float) -> Array:
    """Weighted row losses of probabilities given as such (class axis last)."""
    losses = np.empty(probabilities.shape[:-1])
    with np.errstate(all="ignore"):
        for index in blocks(losses.shape, probabilities.shape[-1]):
            p = float_rows(probabilities[index])
            put(losses, index, rows.probability_losses(p, take(targets, index), smallest))
    return losses


def binary_probability_losses(p: Array, targets: BinaryTargets, smallest: float) -> Array:
    """Weighted losses of probabilities of label 1, kept `smallest` away from 0 and 1."""
    losses = np.empty(p.shape)
    with np.errstate(all="ignore"):
        for index in blocks(p.shape, 1):
            block, part = p[index].astype(np.float64), take_binary(targets, index)
            put(losses, index, rows.binary_probability_losses(block, part, smallest))
    return losses


def map_rows(function: RowFunction, logits: Array, result: Array) -> None:
    """Fill `result` with a function of rows (class axis last)."""
    kernels = cpu.for_size(logits.size)
    if kernels is not None:
        map_compiled(getattr(kernels, function.__name__), logits, result, 1)
        return
    exact = logits.dtype == np.float64
    with np.errstate(all="ignore"):
        for index in blocks(logits.shape[:-1], logits.shape[-1]):
            put(result, index, function(float_rows(logits[index]), exact=exact))


def map_elements(function: ElementFunction, logits: Array, result: Array) -> None:
    """Fill `result` with an elementwise function."""
    kernels = cpu.for_size(logits.size)
    if kernels is not None:
        map_compiled(getattr(kernels, function.__name__), logits, result, 0)
        return
    with np.errstate(all="ignore"):
        for index in blocks(logits.shape, 1):
            put(result, index, function(np.asarray(logits[index]).astype(np.float64)))


def map_compiled(kernel: Any, logits: Array, result: Array, width: int) -> None:
    """Fill `result` by a kernel; the last `width` axes of the logits stay whole."""
    if plain(logits) and plain(result):
        kernel(logits, result)
        return
    rows_shape = logits.shape[: logits.ndim - width]
    for index in blocks(rows_shape, math.prod(logits.shape[logits.ndim - width :]), PIECE):
        part = np.empty(result[index].shape, result.dtype)
        kernel(np.ascontiguousarray(logits[index]), part)
        result[index] = part


def blocks(shape: tuple[int, ...], width: int, size: int = BLOCK) -> Iterator[Index]:
    """Indices that cut rows of `width` elements into blocks of about `size` elements.

    They only slice, so that a strided array is never copied but by the block.
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
    return flat(block).astype(np.float64, copy=False)


def flat(block: Array) -> Array:
    """A block as rows, of which there may be none, or of no width."""
    return block.reshape(math.prod(block.shape[:-1]), block.shape[-1])


def put(result: Array, index: Index, values: Array) -> None:
    """Write a block's values, given as flat rows or in the block's shape."""
    result[index] = values.reshape(result[index].shape)


def take(targets: ClassTargets, index: Index) -> ClassTargets:
    """The targets of one block, as flat rows."""
    labels, probabilities, weight = targets.labels, targets.probabilities, targets.weight
    return replace(
        targets,
        labels=None if labels is None else labels[index].reshape(-1),
        probabilities=None if probabilities is None else float_rows(probabilities[index]),
        weight=None if weight is None else weight[index].reshape(-1),
    )


def take_binary(targets: BinaryTargets, index: Index) -> BinaryTargets:
    """The binary targets of one block."""
    weight = None if targets.weight is None else targets.weight[index]
    return replace(targets, values=np.asarray(targets.values[index]), weight=weight)


def total(sums: list[float]) -> float:
    """Sum of the blocks' sums, rounded once."""
    try:
        return math.fsum(sums)
    except OverflowError:
        return math.inf
