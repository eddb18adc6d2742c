"""From arrays and targets to kernels: dtypes, chunks of rows, threads, and the sum of the sums."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from xent import threads
from xent._engine.cpu import binary, few_classes, functions, general, many_classes, transpose
from xent._engine.cpu.compiling import prepare
from xent._targets import BinaryTargets, ClassTargets
from xent._validation import Array

CHUNK = 1 << 17
"""Elements of a chunk: what a thread takes at the least, and whose losses are summed apart."""

STORED = {"float16": np.int16, "bfloat16": np.uint16}
"""What half precision travels as; see `lang`."""


def stored(array: Array) -> Array:
    """View an array as the kernels take it; copy it only if it is not contiguous."""
    array = np.ascontiguousarray(array)
    kind = STORED.get(array.dtype.name)
    array = array if kind is None else array.view(kind)
    return array if array.flags.writeable else np.asarray(_Unlocked(array))


class _Unlocked:
    """Memory of a read-only array, as if not so: Numba would compile a kernel of its own for it.

    Kernels write to gradients and losses only, which are not read-only.
    """

    def __init__(self, array: Array) -> None:
        interface = array.__array_interface__
        self.__array_interface__ = {**interface, "data": (interface["data"][0], False)}
        self.kept = array


def arithmetic(array: Array) -> type[np.floating[Any]]:
    """Return the dtype to compute in."""
    return np.float64 if array.dtype == np.float64 else np.float32


def coefficients(targets: ClassTargets) -> Array | None:
    """Return what a row's loss is multiplied with, -1 where it is absent; None for 1 in all."""
    weight, labels = targets.weight, targets.labels
    by_class = None if (targets.scale == 1).all() or labels is None else targets.scale[labels]
    if weight is None:
        return None if by_class is None else stored(by_class).reshape(-1)
    whole = weight if by_class is None else weight * by_class
    return stored(np.where(weight == 0, -1.0, whole)).reshape(-1)


def cross_entropy(
    logits: Array,
    targets: ClassTargets,
    *,
    scale: float,
    softcap: float | None,
    z_loss: float,
    grad: Array | None,
    losses: Array | None,
    stats: Array | None = None,
) -> tuple[list[float], int]:
    """Fill `grad`, `losses` and `stats`; return sums of parts, and the first wrong row or -1.

    Wrong is a label that is no class. All arrays are C-contiguous, with the class axis last.
    """
    classes = logits.shape[-1]
    x = stored(logits).reshape(-1, classes)
    out = None if grad is None else stored(grad).reshape(-1, classes)
    per_row = (
        None if losses is None else losses.reshape(-1),
        None if stats is None else stats.reshape(-1, stats.shape[-1]),
    )
    if targets.labels is not None and targets.shift is None and softcap is None and not z_loss:
        return _labels(x, targets, targets.labels, scale, arithmetic(logits), out, per_row)
    options = (scale, float(z_loss), float(softcap or 0))
    arguments = (x, *_soft_targets(targets, classes), *options, out, *per_row)
    return spread(
        general.soft, arguments, len(x), chunk_of(len(x), classes), partial(general.work, classes)
    )


def _labels(
    x: Array,
    targets: ClassTargets,
    labels: Array,
    scale: float,
    kind: type[np.floating[Any]],
    out: Array | None,
    per_row: tuple[Array | None, Array | None],
) -> tuple[list[float], int]:
    """Rows with class labels and weights at the most: narrow or many_classes."""
    size, classes = x.shape
    chunk = chunk_of(size, classes)
    labels = stored(labels.astype(np.int64, copy=False)).reshape(-1)
    common = (labels, coefficients(targets), scale)
    if classes > few_classes.MOST:
        streamed = out is not None and not np.may_share_memory(x, out)
        memory = partial(
            many_classes.work,
            classes,
            kind,
            x.dtype,
            keep=out is not None,
            stream=streamed,
        )
        flat = None if out is None else out.reshape(-1)
        return spread(
            many_classes.label_losses, (x, *common, out, flat, *per_row), size, chunk, memory
        )
    arguments = (
        x, x.reshape(-1), transpose.pairs(x), *common, None if out is None else out.reshape(-1),
        transpose.pairs(x if out is None else out), *per_row,
    )  # fmt: skip
    return spread(
        few_classes.label_losses, arguments, size, chunk, partial(few_classes.work, classes, kind)
    )


def _soft_targets(targets: ClassTargets, classes: int) -> tuple[Any, ...]:
    """Labels or probabilities, what makes a target row of them, and the rows' weights."""
    labels, soft, weight = targets.labels, targets.probabilities, targets.weight
    return (
        None if labels is None else stored(labels.astype(np.int64, copy=False)).reshape(-1),
        None if soft is None else stored(soft).reshape(-1, classes),
        targets.scale,
        targets.shift,
        None if weight is None else stored(weight).reshape(-1),
    )


def binary_cross_entropy(
    logits: Array,
    targets: BinaryTargets,
    *,
    scale: float,
    softcap: float | None,
    z_loss: float,
    grad: Array | None,
    losses: Array | None,
) -> tuple[list[float], int]:
    """The same for binary logits; the place is one near a target out of range."""
    z = stored(logits).reshape(-1)
    out = None if grad is None else stored(grad).reshape(-1)
    kind = arithmetic(logits)
    values = np.ascontiguousarray(targets.values).reshape(-1)
    if values.dtype.kind == "b":
        values = values.view(np.uint8)
    elif values.dtype.kind in "iu":
        values = values.astype(np.int64, copy=False)
    pos_weight = np.ones(1) if np.ndim(targets.positive) == 0 else targets.positive
    positive = targets.positive if np.ndim(targets.positive) == 0 else 1.0
    options = (positive, targets.negative, targets.smoothing, scale)
    everywhere = bool(softcap or z_loss or np.ndim(targets.positive))
    everywhere |= kind == np.float32 and not _single(targets.weight)
    rest = binary.Rest(
        binary.options(*options, np.float64), stored(np.asarray(pos_weight)),
        float(softcap or 0), float(z_loss), everywhere,
    )  # fmt: skip
    weight = None if targets.weight is None else stored(targets.weight).reshape(-1)
    arguments = (
        z, stored(values), weight, binary.options(*options, kind), rest, out,
        None if losses is None else losses.reshape(-1),
    )  # fmt: skip
    streamed = out is not None and not np.may_share_memory(z, out)
    memory = partial(binary.work, kind, z.dtype, stream=streamed)
    return spread(binary.losses_of, arguments, z.size, CHUNK, memory)


def _single(weight: Array | None) -> bool:
    """Are weights well inside the range of float32?"""
    if weight is None:
        return True
    return bool(((weight == 0) | (weight > 1e-30) & (weight < 1e30)).all())


def softmax(logits: Array, result: Array) -> None:
    """Fill `result` with the softmax of rows."""
    _of_rows(functions.SOFTMAX, logits, result)


def log_softmax(logits: Array, result: Array) -> None:
    """Fill `result` with the log-softmax of rows."""
    _of_rows(functions.LOG_SOFTMAX, logits, result)


def logsumexp(logits: Array, result: Array) -> None:
    """Fill `result` with the log-sum-exp of rows."""
    _of_rows(functions.LOGSUMEXP, logits, result)


def sigmoid(logits: Array, result: Array) -> None:
    """Fill `result` with the sigmoid."""
    _of_elements(functions.sigmoids, logits, result)


def log_sigmoid(logits: Array, result: Array) -> None:
    """Fill `result` with the logarithm of the sigmoid."""
    _of_elements(functions.log_sigmoids, logits, result)


def flush_subnormals(array: Array) -> None:
    """Set entries below the smallest normal number to 0."""
    arguments = (array.reshape(-1), np.finfo(array.dtype).tiny)
    _each(functions.flush, arguments, array.size, CHUNK, lambda: None)


def _of_rows(which: int, logits: Array, result: Array) -> None:
    classes = logits.shape[-1]
    x = stored(logits).reshape(-1, classes)
    arguments = (which, x, stored(result).reshape(len(x), -1))
    memory = partial(functions.work, classes)
    _each(functions.of_rows, arguments, len(x), chunk_of(len(x), classes), memory)


def _of_elements(kernel: Any, logits: Array, result: Array) -> None:
    arguments = (stored(logits).reshape(-1), stored(result).reshape(-1))
    _each(kernel, arguments, logits.size, CHUNK, lambda: None)


def _each(
    kernel: Any, arguments: tuple[Any, ...], size: int, chunk: int, memory: Callable[[], Any]
) -> None:
    """Run a kernel that sums nothing over chunks of a range."""
    prepare(kernel, (*arguments, 0, 0, memory()))

    def task(start: int) -> None:
        kernel(*arguments, start, min(start + chunk, size), memory())

    threads.run([partial(task, start) for start in range(0, size, chunk)])


def chunk_of(rows: int, classes: int) -> int:
    """Rows of a chunk: whole blocks of the kernels, where there are so many."""
    some = max(1, CHUNK // classes)
    return some if some < 256 or rows <= some else some // 256 * 256


def spread(
    kernel: Any, arguments: tuple[Any, ...], size: int, chunk: int, memory: Callable[[], Any]
) -> tuple[list[float], int]:
    """Run a kernel over chunks of rows, on the threads there are."""
    chunks = -(-size // chunk)
    sums = np.zeros((chunks, 2))
    wrong: list[int] = []
    prepare(kernel, (*arguments, sums, chunk, 0, 0, memory()))
    # A few pieces for each thread, since threads are not equally fast.
    pieces = min(chunks, 8 * threads.get_num_threads()) if chunks > 1 else 1

    def task(number: int) -> None:
        first, last = chunks * number // pieces, chunks * (number + 1) // pieces
        bad = kernel(*arguments, sums, chunk, first, last, memory())
        if bad >= 0:
            wrong.append(bad)

    threads.run([partial(task, number) for number in range(pieces)])
    return sums.reshape(-1).tolist(), min(wrong, default=-1)


def warm(dtype: str) -> None:
    """Compile the kernels of class labels and of binary targets for logits of a dtype."""
    options: Any = {"scale": 1.0, "softcap": None, "z_loss": 0.0, "losses": None}
    kind = STORED.get(dtype, dtype)  # kernels see only the bits of half precision

    def logits(*shape: int) -> Array:
        return np.zeros(shape, kind)

    for classes in (2, few_classes.MOST + 1):
        labels = ClassTargets(np.zeros(1, np.int64), None, np.ones(classes), None, None, 1.0)
        for grad in (None, logits(1, classes)):
            cross_entropy(logits(1, classes), labels, grad=grad, **options)
    targets = BinaryTargets(
        np.zeros(1, "f4" if dtype != "float64" else "f8"), 1.0, 1.0, 0.0, None, 1.0
    )
    for grad in (None, logits(1)):
        binary_cross_entropy(logits(1), targets, grad=grad, **options)
