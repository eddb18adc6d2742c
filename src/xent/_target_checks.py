"""Checks of targets and weights: their shapes and dtypes, which every array has, and their numbers.

What fails is told with what arrived, what was expected, and how to fix it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xent import _plausible
from xent._options import LossOptions
from xent._validation import FLOATS, NAMES, Names, check_shape, entry, first, report_first

Array = Any
"""An array of any library that follows the array API."""

SUM_TOLERANCE = {"float16": 3e-2, "bfloat16": 3e-2, "float32": 1e-3, "float64": 1e-3}
"""How far a row of probabilities may be from summing to 1 before it is called a mistake."""

ROUNDING = 4
"""ULP of 1 by which mixed labels, a·y + (1 - a)·y', may miss 0 or 1."""


# Checks of shapes and dtypes, which every array has.


def check_class_shapes(
    targets: Array,
    shape: tuple[int, ...],
    axis: int,
    options: LossOptions,
    *,
    readable: bool = True,
) -> None:
    """Targets and weights have the dtypes and shapes that these logits ask for."""
    names = options.names
    rows = shape[:axis] + shape[axis + 1 :]
    integer = is_integer(targets)
    weightless = options.class_weight is options.sample_weight is None
    if integer and targets.shape == rows and shape[axis] and weightless:
        return  # at once, for small losses
    if shape[axis] == 0:
        msg = f"{names.logits_have} shape {tuple(shape)}: no classes along axis {axis}."
        raise ValueError(msg)
    of_class, why = shape[axis : axis + 1], "one weight per class"
    check_weight_shape(options.class_weight, of_class, "class_weight", why, names)
    check_weight_shape(options.sample_weight, rows, "sample_weight", "one weight per row", names)
    if not (integer or is_float(targets)):
        raise TypeError(_not_class_targets(targets, names))
    if not integer and options.ignore_index is not None:
        msg = f"ignore_index marks class indices, but {names.targets} holds probabilities. "
        raise ValueError(msg + names.ignore_soft)
    if integer and targets.shape != rows:
        _wrong_label_shape(targets, shape, rows, names, readable)
    elif not integer and targets.shape != shape:
        _wrong_probability_shape(targets, shape, rows, names, readable)


def check_binary_shapes(targets: Array, shape: tuple[int, ...], options: LossOptions) -> None:
    """The same for binary logits."""
    number = is_integer(targets) or is_float(targets)
    weightless = options.class_weight is options.sample_weight is options.pos_weight is None
    if number and weightless and targets.shape == shape:
        return  # at once, for small losses
    names = options.names
    if not (number or dtype_name(targets) == "bool"):
        found = f"{names.targets} has dtype {names.dtype(targets)}"
        msg = f"{found}; expected 0 and 1, booleans, or probabilities."
        if not names.tensors:  # which hold no strings
            msg += f" Encode labels first, for example {names.targets} == 'yes'."
        raise TypeError(msg)
    why = f"one {names.target} per {names.score}, {names.own_shape}"
    check_shape(targets, shape, names.targets, why)
    why = "the weights of label 0 and label 1"
    check_weight_shape(options.class_weight, (2,), "class_weight", why, names)
    why = f"one weight per {names.score}"
    check_weight_shape(options.sample_weight, shape, "sample_weight", why, names)
    pos_weight = options.pos_weight
    if pos_weight is not None:
        one, several = "one weight for label 1", "one number, or one per entry of the last axis"
        expected, why = (shape[-1:], several) if pos_weight.ndim else ((), one)
        check_weight_shape(pos_weight, expected, "pos_weight", why, names)


def check_weight_shape(
    array: Any, expected: tuple[int, ...], which: str, why: str, names: Names
) -> None:
    """Weights are numbers of the expected shape."""
    if array is None or (array.shape == expected and is_float(array)):
        return
    name = getattr(names, which)
    wide = isinstance(array, np.ndarray) and array.dtype.kind == "f"  # longdouble too
    if not (wide or is_float(array) or is_integer(array) or dtype_name(array) == "bool"):
        msg = f"{name} has dtype {names.dtype(array)}; expected numbers: {why}."
        raise TypeError(msg)
    check_shape(array, expected, name, why)


def dtype_name(array: Array) -> str:
    """Name of the dtype, without its library's name or a byte order."""
    if isinstance(array, np.ndarray):
        return str(array.dtype.name)
    return str(array.dtype).rpartition(".")[2]


def is_float(array: Array) -> bool:
    if isinstance(array, np.ndarray) and array.dtype.char in "efd":
        return True  # at once, for small losses: NumPy makes a dtype's name anew on each call
    return dtype_name(array) in FLOATS


def is_integer(array: Array) -> bool:
    if isinstance(array, np.ndarray):
        return array.dtype.kind in "iu"
    return dtype_name(array).removeprefix("u").startswith("int")


def _wrong_label_shape(
    targets: Array, shape: tuple[int, ...], rows: tuple[int, ...], names: Names, readable: bool
) -> None:
    """Class indices have the logits' shape less the class axis."""
    if targets.shape == shape:
        msg = (
            f"{names.targets} holds integers in {names.own_shape} {tuple(shape)}, but class "
            f"indices have shape {tuple(rows)}. "
        )
        if readable and not _only_0_and_1(targets):
            raise ValueError(msg.rstrip())
        if targets.ndim == 1 and readable:
            msg += f"If each logit is a row of its own, use {names.binary_function}. "
        raise ValueError(msg + f"If they are one-hot rows, pass {names.to_float(names.targets)}.")
    why = f"one class index per row, {names.of_logits} shape less the class axis"
    others = [a for a in range(len(shape)) if targets.shape == shape[:a] + shape[a + 1 :]]
    if others and names.pass_axis is not None:
        fix = names.pass_axis.format(axis=others[0])
        why += f". Their shape fits if the classes run along axis {others[0]}: {fix}"
    check_shape(targets, rows, names.targets, why)


def _wrong_probability_shape(
    targets: Array, shape: tuple[int, ...], rows: tuple[int, ...], names: Names, readable: bool
) -> None:
    """Probabilities have the logits' shape."""
    if targets.shape == rows and (not readable or _whole(targets)):
        msg = (
            f"{names.targets} holds floats of shape {tuple(rows)}, one per row. If they are class "
            f"labels, pass {names.to_int(names.targets)}; probabilities have {names.own_shape} "
            f"{tuple(shape)}."
        )
        raise ValueError(msg)
    why = f"floats are probabilities and have {names.own_shape}; class labels are integers"
    check_shape(targets, shape, names.targets, why)


def _not_class_targets(targets: Array, names: Names) -> str:
    name = names.targets
    msg = f"{name} has dtype {names.dtype(targets)}; expected integers (class indices) or floats "
    msg += "(probabilities)."
    if dtype_name(targets) == "bool":
        return msg + (
            f" Pass {names.to_int(name)} for labels 0 and 1, {names.to_float('')} for one-hot rows."
        )
    kind = getattr(targets.dtype, "kind", "other")  # a letter, if it is NumPy's
    if kind == "O" and targets.ndim == 0:
        return f"{name} is {targets.item()!r:.60}; expected an array or a list of class indices."
    if kind in "USO":
        return msg + f" Encode labels with numpy.unique({name}, return_inverse=True)[1]."
    return msg + f" Pass {names.to_int(name)}."


def _only_0_and_1(array: Array) -> bool:
    values = np.asarray(array)
    return bool(((values == 0) | (values == 1)).all())


def _whole(array: Array) -> bool:
    """Do floats look like class labels: whole numbers, none negative?"""
    values = np.asarray(array, np.float64)
    finite = values[np.isfinite(values)]
    return bool(finite.size and (finite == np.floor(finite)).all() and (finite >= 0).all())


# Checks that read data.


def check_weights(weights: Array, which: str, names: Names, xp: Any) -> None:
    """Every weight is finite and, unless the caller takes negative ones, not negative."""
    fine, rule = xp.isfinite(weights), "weights must be finite"
    if not names.negative_weights:
        fine, rule = fine & (weights >= 0), rule + " and not negative"
    if not xp.all(fine):
        report_first(~fine, weights, getattr(names, which), rule)


def check_labels(labels: Array, classes: int, names: Names = NAMES["xent"], xp: Any = np) -> None:
    """Every label is a class, or the first that is none is named."""
    if 0 in labels.shape:
        return
    # As unsigned numbers negative labels are the largest, so one pass finds every wrong one.
    one_pass = xp is np and labels.dtype == np.int64
    if one_pass and np.maximum.reduce(labels.view(np.uint64), None) < classes:
        return
    low, high = int(xp.min(labels)), int(xp.max(labels))
    if low >= 0 and high < classes:
        return
    where = first((labels < 0) | (labels >= classes))
    found = int(labels[where])
    msg = (
        f"{entry(names.targets, where)} is {found}, but {names.logits_have} {classes} "
        f"{'class' if classes == 1 else 'classes'} (0 to {classes - 1})."
    )
    if classes == 1:
        msg += f" {names.one_column}"
    elif low >= 1 and high == classes:
        msg += " If your labels start at 1, subtract 1."
    elif found < 0 or found == 255:  # the mark of segmentation maps
        msg += f" If {found} marks rows to ignore, {names.ignore.format(label=found)}."
    else:
        msg += f" Check the labels, and that {names.of_logits} class axis is the one you mean."
    raise ValueError(msg)


def check_probabilities(array: Array, axis: int, names: Names, xp: Any = np) -> None:
    """Float targets: no entry negative, each row summing to 1."""
    if not math.prod(array.shape):
        return
    tolerance = SUM_TOLERANCE[dtype_name(array)]
    bad = ~((array >= 0) & (array <= 1 + tolerance))
    if xp.any(bad):
        report_first(bad, array, names.targets, "floats are probabilities, from 0 to 1")
    fix = "Divide each row by its sum, or use sample_weight= for the weight of a row."
    if _only_0_and_1(array):
        fix = f"If several labels may be true at once, {names.several_labels}."
        if array.ndim == 1:
            fix = f"If each logit is a row of its own, use {names.binary_function}."
    # Half precision is summed in float32 at least, whatever the library would choose.
    wide = xp.float32 if dtype_name(array) in ("float16", "bfloat16") else None
    sums = array.sum(axis, np.float64) if xp is np else xp.sum(array, axis=axis, dtype=wide)
    check_row_sums(np.asarray(sums), axis, names.targets, tolerance, fix)


def given_probabilities(prob: Any) -> Any:
    """Probabilities, at 0 or 1 where rounding led beyond; or the first that is wrong is named."""
    inside = (prob >= 0) & (prob <= 1)
    if inside.all():
        return prob
    slack = _plausible.rounding(dtype_name(prob))
    bad = ~((prob >= -slack) & (prob <= 1 + slack))
    rule = "a probability lies between 0 and 1"
    if (bad & ~np.isnan(prob)).any():
        rule += "; for raw scores use cross_entropy or binary_cross_entropy"
    report_first(bad, prob, "y_prob", rule)
    return prob.clip(0, 1)


def check_row_sums(
    sums: Any, axis: int, name: str, tolerance: float, fix: str, of: str = ""
) -> None:
    """Each row of probabilities sums to 1 within the tolerance, or the worst one is named."""
    off = np.abs(sums - 1)
    if (off > tolerance).any():
        row = first(off == off.max())
        msg = (
            f"{row_entry(name, row, axis)} sums to {sums[row]:.6g}{of}; each row of probabilities "
            f"must sum to 1 (within {tolerance:g}). {fix}"
        )
        raise ValueError(msg)


def row_entry(name: str, row: tuple[int, ...], axis: int) -> str:
    """`y_prob[2, :]`: a row along the class axis."""
    return f"{name}[{', '.join([*map(str, row[:axis]), ':', *map(str, row[axis:])])}]"


def checked_values(targets: Array, names: Names = NAMES["xent"], xp: Any = np) -> Array:
    """Binary targets, at 0 or 1 where rounding led beyond; or the first that is wrong is named."""
    with np.errstate(invalid="ignore"):  # bfloat16 warns of NaN
        if xp.all((targets >= 0) & (targets <= 1)):
            return targets
        values = np.asarray(targets)
        if is_float(targets):
            within = values.clip(0, 1)
            bad = ~(abs(values - within) <= ROUNDING * np.spacing(values.dtype.type(1)))
            if not bad.any():
                return xp.asarray(within)
        else:
            bad = ~((values >= 0) & (values <= 1))
        raise ValueError(_not_binary(values, bad, names))


def _not_binary(array: Any, bad: Any, names: Names) -> str:
    name, where = names.targets, first(bad)
    msg = f"{entry(name, where)} is {array[where]}; expected 0, 1, or a probability between them."
    values = set(np.unique(array).tolist()) if array.size < 10_000_000 else set()
    if values <= {-1, 1}:
        return msg + f" For labels -1 and +1 pass ({name} + 1) / 2."
    if values <= {1, 2}:
        return msg + " If your labels start at 1, subtract 1."
    found = array[where]
    marks = found < 0 or (values == {0, 1, found} and found > 8)
    if marks and array.dtype.kind in "iu":
        fix = names.ignore.format(label=found)
        return msg + f" If {found} marks rows to ignore, {fix}."
    if values == {0, found} and found > 2:
        return msg + f" If it is a mask of 0 and {found:g}, pass {name} > 0."
    if len(values) > 2 and max(values) == 255:
        return msg + f" If it is an 8-bit image, pass {name} / 255."
    if found > 1 and (array == np.floor(array)).all():
        return msg + f" For more than two classes {names.more_classes}."
    return msg


def check_cancellation(weights: Array, names: Names, xp: Any) -> None:
    """Weights of rows that sum to 0, which a mean divides by, are all 0: nothing counts."""
    if xp.any(weights != 0):
        msg = f"{names.class_weight} sums to 0 over the labels that count, and a mean divides by "
        msg += "that sum; expected a nonzero one. Pass reduction='sum' and divide the loss "
        raise ValueError(msg + "yourself, for example by the number of rows.")


def check_total(total: float) -> None:
    """The mean divides by the total weight: 0 (no row counts), or a number to divide by."""
    if total and not 1e-300 <= abs(total) <= 1e300:
        msg = f"the weights sum to {total:g}; expected 0, or 1e-300 to 1e300. "
        raise ValueError(msg + "Divide them by their mean.")
