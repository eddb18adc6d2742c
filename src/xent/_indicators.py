"""Rows of 0 and 1 as truth: one class of each row, or several labels that may be true at once."""

from __future__ import annotations

import numpy as np

from xent._options import LossOptions
from xent._target_checks import check_weight_shape, given_probabilities, row_entry
from xent._validation import Array, first

INDEPENDENT = "log_loss(y_true.ravel(), y_prob.ravel())"


def read_indicators(
    true: Array, prob: Array, axis: int, options: LossOptions, tolerance: float
) -> tuple[Array, LossOptions, bool] | None:
    """Labels and options of indicators, and whether they are cells: binary labels of their own.

    Rows with a single 1 beside rows of probabilities that sum to 1 are classes, and rows of other
    numbers of ones beside other probabilities are cells. Any other pair is an error. None if the
    truth is no matrix of indicators of the probabilities' shape.
    """
    if true.shape != prob.shape or true.ndim < 2 or true.dtype.kind not in "biu":
        return None
    weight, ignored = options.sample_weight, _ignored(true, options.ignore_index)
    rows = prob.shape[:axis] + prob.shape[axis + 1 :]
    check_weight_shape(weight, rows, "sample_weight", "one weight per row", options.names)
    counts = np.ones(rows, bool) if weight is None else weight != 0
    cells = ~ignored & np.expand_dims(counts, axis)
    if (cells & (true != 0) & (true != 1)).any():
        return None
    counts, ones = cells.any(axis), ((true == 1) & cells).sum(axis)
    several = counts & ((ones != 1) | ~cells.all(axis))
    with np.errstate(invalid="ignore"):  # inf - inf
        sums = prob.sum(axis, np.float64)
        off = counts & ~(np.abs(sums - 1) <= tolerance)
    if prob.shape[axis] == 1 or (several.any() and off.any()) or not counts.any():
        if weight is not None:
            weight = np.broadcast_to(np.expand_dims(weight, axis), prob.shape)
        return true, options.replace(sample_weight=weight), True
    if several.any():
        where = first(several)
        msg = f"{row_entry('y_true', where, axis)} marks {_many(int(ones[where]))} as true, but "
        msg += "each row of y_prob sums to 1, as probabilities of classes that exclude each other "
        msg += "do. Pass one class per row, or for labels that do not exclude each other "
        raise ValueError(msg + f"{INDEPENDENT}.")
    if off.any():
        given_probabilities(np.where(cells, prob, 0))  # raw scores have an error of their own
        where = first(off)
        msg = f"Each row of y_true has a single 1, but {row_entry('y_prob', where, axis)} sums "
        msg += f"to {sums[where]:.6g}. For classes that exclude each other, divide y_prob by the "
        msg += f"sums of its rows; for labels that do not, pass {INDEPENDENT}."
        raise ValueError(msg)
    labels = np.where(counts, (true == 1).argmax(axis), -1)
    return labels, options.replace(ignore_index=-1), False


def _ignored(true: Array, ignore_index: int | None) -> Array:
    return np.zeros(true.shape, bool) if ignore_index is None else true == ignore_index


def _many(labels: int) -> str:
    return "no label" if labels == 0 else f"{labels} labels" if labels > 1 else "1 label"
