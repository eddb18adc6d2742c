"""Call the kernels: convert arrays, choose a kernel, split rows into chunks for the threads."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from xent import threads
from xent._engine import Outputs
from xent._engine.buffer_pool import keep_scratch, take_scratch
from xent._engine.cpu import binary, few_classes, functions, general, many_classes, transpose
from xent._engine.cpu.compiling import prepare
from xent._engine.cpu.label_row import ABSENT
from xent._engine.numpy import ELEMENTWISE
from xent._options import LossOptions
from xent._targets import BinaryTargets, ClassTargets, binary_targets, class_targets
from xent._validation import Array

CHUNK = 1 << 17
"""Elements of a chunk: the least that a thread takes, with a sum of its own.

Chunks depend on the shape alone, so the sums, and their bits, do not depend on the threads.
"""

NO_SCRATCH: tuple[Any, ...] = (lambda: None,)

STORED_AS = {"float16": np.int16, "bfloat16": np.uint16}
"""The dtype in which half precision is passed to kernels; see `intrinsics`."""


# Arguments.


def as_stored(array: Array) -> Array:
    """View an array in the dtype that kernels take; copy it only if it is not contiguous."""
    array = np.ascontiguousarray(array)
    if array.dtype.char not in "fdl?":  # by its letter first: `name` is made anew on each call
        kind = STORED_AS.get(array.dtype.name)
        array = array if kind is None else array.view(kind)
    return array if array.flags.writeable else np.asarray(_Writeable(array))


class _Writeable:
    """The memory of a read-only array as a writeable one.

    Numba would compile every kernel again for read-only arrays. Kernels write only to gradients,
    losses and statistics, which are never read-only.
    """

    def __init__(self, array: Array) -> None:
        interface = array.__array_interface__
        self.__array_interface__ = {**interface, "data": (interface["data"][0], False)}
        self.array = array  # keeps the memory alive


def compute_dtype(array: Array) -> type[np.floating[Any]]:
    """Return the dtype to compute in."""
    return np.float64 if array.dtype == np.float64 else np.float32


def as_rows(array: Array | None, classes: int) -> Array | None:
    """View an array (or None) as stored rows."""
    return None if array is None else as_stored(array).reshape(-1, classes)


def as_flat(array: Array | None) -> Array | None:
    """View an array (or None) as one stored axis."""
    return None if array is None else as_stored(array).reshape(-1)


def as_labels(labels: Array | None) -> Array | None:
    """View labels (or None) as one axis of int64."""
    return None if labels is None else as_flat(labels.astype(np.int64, copy=False))


def coefficients(targets: ClassTargets) -> Array | None:
    """Return the coefficients of row losses: ABSENT for rows of weight 0; None if all are 1."""
    if targets.plain:
        return None
    weight, labels = targets.weight, targets.labels
    class_weight = None if (targets.scale == 1).all() or labels is None else targets.scale[labels]
    if weight is None:
        return as_flat(class_weight)
    product = weight if class_weight is None else weight * class_weight
    return as_flat(np.where(weight == 0, ABSENT, product))


# Losses.


def cross_entropy(
    logits: Array, targets: ClassTargets, options: LossOptions, scale: float, out: Outputs
) -> tuple[list[float], int]:
    """Fill the outputs; return partial sums of the loss, and a bad row or -1.

    A bad row has a label that is no class. All arrays are C-contiguous, with the class axis last.
    """
    classes = logits.shape[-1]
    x, grad = as_stored(logits).reshape(-1, classes), as_rows(out.grad, classes)
    per_row = (
        None if out.losses is None else out.losses.reshape(-1),
        None if out.stats is None else out.stats.reshape(-1, out.stats.shape[-1]),
    )
    if targets.labels is not None and options.label_only:
        return _label_losses(x, targets, scale, compute_dtype(logits), grad, per_row)
    arguments = (
        x, as_labels(targets.labels), as_rows(targets.probabilities, classes), targets.scale,
        targets.shift, as_flat(targets.weight), scale, float(options.z_loss),
        float(options.softcap or 0), grad, *per_row,
    )  # fmt: skip
    scratch = (general.make_scratch, classes)
    chunk = chunk_rows(len(x), classes)
    return sum_on_threads(general.target_losses, arguments, len(x), chunk, scratch)


def _label_losses(
    x: Array,
    targets: ClassTargets,
    scale: float,
    dtype: type[np.floating[Any]],
    out: Array | None,
    per_row: tuple[Array | None, Array | None],
) -> tuple[list[float], int]:
    """Compute rows with class labels and no option but weights."""
    rows, classes = x.shape
    common = (as_labels(targets.labels), coefficients(targets), scale)
    flat = None if out is None else out.reshape(-1)
    arguments: tuple[Any, ...]
    scratch: tuple[Any, ...]
    if classes > few_classes.MAX_CLASSES:
        kernel, arguments = many_classes.label_losses, (x, *common, out, flat, *per_row)
        has_grad, nontemporal = out is not None, _is_separate(out, x)
        scratch = (many_classes.make_scratch, classes, dtype, x.dtype, has_grad, nontemporal)
    else:
        words = transpose.pair_words(x)
        # Without a gradient its words are not used; they only must have the type.
        grad_words = words if out is None else transpose.pair_words(out)
        kernel = few_classes.label_losses
        arguments = (x, x.reshape(-1), words, *common, flat, grad_words, *per_row)
        scratch = (few_classes.make_scratch, classes, dtype)
    return sum_on_threads(kernel, arguments, rows, chunk_rows(rows, classes), scratch)


def _is_separate(grad: Array | None, logits: Array) -> bool:
    """Say whether there is a gradient that does not overwrite the logits.

    Only then do non-temporal stores save anything: lines of logits are in the cache.
    """
    return grad is not None and not np.may_share_memory(logits, grad)


def binary_cross_entropy(
    logits: Array, targets: BinaryTargets, options: LossOptions, scale: float, out: Outputs
) -> tuple[list[float], int]:
    """Do the same for binary logits; the index returned is one near a target out of range."""
    z, grad = as_stored(logits).reshape(-1), as_flat(out.grad)
    dtype = compute_dtype(logits)
    values = np.ascontiguousarray(targets.values).reshape(-1)
    if values.dtype.kind == "b":
        values = values.view(np.uint8)
    elif values.dtype.kind in "iu":
        values = values.astype(np.int64, copy=False)
    arguments = (
        z, as_stored(values), as_flat(targets.weight),
        _binary_options(targets, options, scale, dtype), grad,
        None if out.losses is None else out.losses.reshape(-1),
    )  # fmt: skip
    scratch = (binary.make_scratch, dtype, z.dtype, _is_separate(grad, z))
    return sum_on_threads(binary.binary_losses, arguments, z.size, CHUNK, scratch)


def _binary_options(
    targets: BinaryTargets, options: LossOptions, scale: float, dtype: type[np.floating[Any]]
) -> binary.Options:
    """Make the options of the binary kernel."""
    per_entry = bool(np.ndim(targets.positive))  # weights for each entry of the last axis
    positive, pos_weight = (1.0, targets.positive) if per_entry else (targets.positive, np.ones(1))
    label_weights = (positive, targets.negative, targets.smoothing, scale)
    general = bool(options.softcap or options.z_loss or per_entry)
    general |= dtype == np.float32 and not _fit_float32(targets.weight)
    return binary.Options(
        fast=binary.make_coefficients(*label_weights, dtype),
        exact=binary.make_coefficients(*label_weights, np.float64),
        pos_weight=as_stored(np.asarray(pos_weight)),
        softcap=float(options.softcap or 0),
        z_loss=float(options.z_loss),
        general=general,
    )


def _fit_float32(weight: Array | None) -> bool:
    """Say whether weights are well inside the range of float32."""
    if weight is None:
        return True
    return bool(((weight == 0) | (weight > 1e-30) & (weight < 1e30)).all())


# Functions.


def evaluate(function: str, logits: Array, result: Array) -> None:
    """Fill `result` with a function of rows or elements, by the function's name."""
    which = getattr(functions, function.upper())
    if function in ELEMENTWISE:
        arguments = (which, as_flat(logits), as_flat(result))
        map_on_threads(functions.element_function, arguments, logits.size, CHUNK, NO_SCRATCH)
        return
    classes = logits.shape[-1]
    x = as_stored(logits).reshape(-1, classes)
    chunk, scratch = chunk_rows(len(x), classes), (general.row_scratch, classes)
    arguments = (which, x, as_stored(result).reshape(len(x), -1))
    map_on_threads(functions.row_function, arguments, len(x), chunk, scratch)


def flush_subnormals(array: Array) -> None:
    """Set entries below the smallest normal number to 0."""
    arguments = (array.reshape(-1), np.finfo(array.dtype).tiny)
    map_on_threads(functions.flush_subnormals, arguments, array.size, CHUNK, NO_SCRATCH)


# Chunks and threads.


def chunk_rows(rows: int, classes: int) -> int:
    """Return the rows of a chunk; a multiple of the kernels' blocks, if there are enough."""
    chunk = max(1, CHUNK // classes)
    return chunk if chunk < 256 or rows <= chunk else chunk // 256 * 256


def map_on_threads(
    kernel: Any, arguments: tuple[Any, ...], size: int, chunk: int, scratch: tuple[Any, ...]
) -> None:
    """Run a kernel that sums nothing over the chunks of a range."""

    def task(start: int, stop: int) -> None:
        memory = take_scratch(scratch)
        kernel(*arguments, start, stop, memory)
        keep_scratch(scratch, memory)

    if size > chunk:
        prepare(kernel, arguments, partial(task, 0, 0))
    starts = range(0, size, chunk)
    threads.run([partial(task, start, min(start + chunk, size)) for start in starts])


def sum_on_threads(
    kernel: Any, arguments: tuple[Any, ...], size: int, chunk: int, scratch: tuple[Any, ...]
) -> tuple[list[float], int]:
    """Run a loss kernel over chunks of rows; return its partial sums, and a bad row or -1."""
    chunks = -(-size // chunk)
    sums = np.zeros((chunks, 2))
    bad_rows: list[int] = []

    def task(first: int, last: int) -> None:
        memory = take_scratch(scratch)
        bad = kernel(*arguments, sums, chunk, first, last, memory)
        if bad >= 0:
            bad_rows.append(bad)  # the scratch memory may hold an unfinished row
        else:
            keep_scratch(scratch, memory)

    if chunks == 1:
        task(0, 1)
        return sums[0].tolist(), min(bad_rows, default=-1)
    prepare(kernel, arguments, partial(task, 0, 0))
    # Several pieces for each thread, since threads are not equally fast.
    pieces = min(chunks, 8 * threads.get_num_threads())
    ends = [chunks * number // pieces for number in range(pieces + 1)]

    threads.run([partial(task, *ends[number : number + 2]) for number in range(pieces)])
    return sums.reshape(-1).tolist(), min(bad_rows, default=-1)


# Warm-up.


def warm(dtype: str) -> None:
    """Compile the kernels for class labels and for binary targets, for logits of a dtype."""
    stored = STORED_AS.get(dtype, dtype)  # kernels see only the bits of half precision
    options = LossOptions()
    for shape in ((1, 2), (1, few_classes.MAX_CLASSES + 1)):
        labels = class_targets(np.zeros(1, np.int64), shape, 1, options)
        for grad in (None, np.zeros(shape, stored)):
            cross_entropy(np.zeros(shape, stored), labels, options, 1.0, Outputs(grad))
    values = np.zeros(1, "f4" if dtype != "float64" else "f8")
    targets = binary_targets(values, (1,), options)
    for slopes in (None, np.zeros(1, stored)):
        binary_cross_entropy(np.zeros(1, stored), targets, options, 1.0, Outputs(slopes))
