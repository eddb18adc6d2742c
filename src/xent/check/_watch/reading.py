"""Values of the arrays that a loop passes on, read without waiting for a device at each step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xent._validation import Array, class_axis
from xent.check.frameworks import framework_of

MOST_ROWS = 251
"""Rows that are read of a batch. A prime number: a step through the rows of (texts, tokens) that
divides the length of a text would always meet the same position."""

MOST_ELEMENTS = 1 << 17
"""Logits that are read of a batch, but for the fewest rows."""

FEWEST_ROWS = 16

KEPT_BYTES = 1 << 20
"""Logits up to this size are kept until their loss is read, so that a NaN can be traced to rows."""


def is_immediate(value: Any) -> bool:
    """Can the value be read at once, without waiting for a device to finish its work?"""
    kind = type(value).__module__.partition(".")[0]
    if kind == "torch":
        return bool(value.device.type == "cpu")
    return kind not in ("jax", "jaxlib")


def as_array(value: Any) -> Any:
    """A list as an array; an array of any library as it is."""
    return value if hasattr(value, "shape") else np.asarray(value)


def number(loss: Any) -> float:
    """The loss as a number; the mean of row losses."""
    if isinstance(loss, (float, int)):
        return float(loss)
    if math.prod(loss.shape) == 1:
        return float(loss.item())
    return float(to_numpy(loss).mean(dtype=np.float64))


def held(loss: Any) -> Any:
    """The loss to be read later: without its graph, and safe from changes in place."""
    return loss.detach().clone() if hasattr(loss, "detach") else loss


def is_small(logits: Any) -> bool:
    """Are the logits few enough to be kept for a while?"""
    return logits is not None and math.prod(logits.shape) * 4 <= KEPT_BYTES


def row_count(logits: Any, axis: int) -> int:
    """Number of rows, by the shape alone."""
    size = int(math.prod(logits.shape))
    return size // max(1, int(logits.shape[axis])) if logits.ndim > 1 else size


def rows(logits: Any, targets: Any, axis: int, *, most: int = MOST_ROWS) -> tuple[Any, Any, Array]:
    """Some rows of a batch as NumPy arrays with the class axis last, and which rows they are."""
    if logits.ndim > 1:
        axis = class_axis(logits, axis)
        width = int(logits.shape[axis])
        most = min(most, max(FEWEST_ROWS, MOST_ELEMENTS // max(1, width)))
        same = tuple(targets.shape) == tuple(logits.shape)
        if not same and tuple(targets.shape) != _without(logits.shape, axis):
            return to_numpy(logits), to_numpy(targets), np.arange(0)  # whose error says what to do
        logits = flat(logits, axis)
        targets = flat(targets, axis) if same else targets.reshape(-1)
    elif logits.shape != targets.shape:
        return to_numpy(logits), to_numpy(targets), np.arange(0)
    total = int(logits.shape[0]) if logits.ndim else 1
    if total <= most or not logits.ndim:
        return to_numpy(logits), to_numpy(targets), np.arange(total)
    index = np.arange(most) * total // most
    return to_numpy(logits[index]), to_numpy(targets[index]), index


def to_numpy(value: Any) -> Array:
    """An array of any library as NumPy's."""
    return framework_of(value).to_numpy(value)


def _without(shape: Any, axis: int) -> tuple[int, ...]:
    return tuple(shape[:axis]) + tuple(shape[axis + 1 :])


def flat(array: Any, axis: int) -> Any:
    """Rows with the class axis last."""
    axis = class_axis(array, axis)
    if axis != array.ndim - 1:
        order = [*range(axis), *range(axis + 1, array.ndim), axis]
        array = array.permute(order) if hasattr(array, "permute") else array.transpose(order)
    return array.reshape(-1, array.shape[-1])
