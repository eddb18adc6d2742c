"""Targets and options -> target rows and coefficients: what is asked of each row of logits.

An engine sees a target row ``y = scale * t + shift`` and a weight per row, and needs to know no
more. The rows are made in array-API operations, so that they can be made on any device and under a
tracer. The checks that read data stand apart; they are left out where numbers cannot be read, and
left to the kernels where those find a wrong target themselves.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeVar

import numpy as np

from xent._options import LossOptions
from xent._validation import FLOATS, NAMES, Names, check_shape, entry, first, report_first

Array = Any
"""An array of any library that follows the array API."""

SUM_TOLERANCE = {"float16": 3e-2, "bfloat16": 3e-2, "float32": 1e-3, "float64": 1e-3}
"""How far a row of probabilities may be from summing to 1 before it is called a mistake."""

ROUNDING = 4
"""ULP of 1 by which mixed labels, a·y + (1 - a)·y', may miss 0 or 1."""


Targets = TypeVar("Targets", "ClassTargets", "BinaryTargets")


class ClassTargets(NamedTuple):
    """Target rows over K classes: ``y = scale * t + shift``, with t one-hot or probabilities.

    Exactly one of `labels` (rows) and `probabilities` (rows, K; class axis last) is set.
    """

    labels: Array | None
    probabilities: Array | None
    scale: Array
    """Weight of each class, less the share of smoothing; (K,)."""
    shift: Array | None
    """What smoothing adds to each class; None where it would be zero."""
    weight: Array | None
    """Weight of each row, 0 where it is ignored; None where every row counts once."""
    total: Any
    """Sum over rows of sample weight times class weight: what a mean divides by."""
    total_rows: Any
    """Sum over rows of the sample weight: what the mean of z-loss divides by."""
    plain: bool = False
    """Are there only labels, each row counting once?"""

    def part(self, index: Any) -> ClassTargets:
        """The targets of some rows."""
        return _part(self, index)

    def flat(self, xp: Any) -> ClassTargets:
        """The same with one axis of rows."""
        labels, soft, weight = self.labels, self.probabilities, self.weight
        if labels is not None and labels.ndim == 1:
            return self  # at once, for small losses
        return self._replace(
            labels=None if labels is None else xp.reshape(labels, (-1,)),
            probabilities=None if soft is None else as_rows(xp, soft),
            weight=None if weight is None else xp.reshape(weight, (-1,)),
        )


class BinaryTargets(NamedTuple):
    """Binary targets t in [0, 1]; loss ``a * softplus(-z) + b * softplus(z)``.

    There ``a = positive * s(t)``, ``b = negative * s(1 - t)`` and
    ``s(t) = (1 - smoothing) t + smoothing / 2``.
    """

    values: Array
    positive: Any
    """A number, or an array over the last axis."""
    negative: Any
    smoothing: float
    weight: Array | None
    total: Any
    total_rows: Any

    def part(self, index: Any) -> BinaryTargets:
        """The targets of some logits."""
        return _part(self, index)


def _part(targets: Targets, index: Any) -> Targets:
    if not index:
        return targets
    parts: dict[str, Any] = {
        name: array[(*index, ...)]
        for name in ("labels", "probabilities", "values", "weight")
        if (array := getattr(targets, name, None)) is not None
    }
    return targets._replace(**parts)


def class_targets(
    targets: Array,
    shape: tuple[int, ...],
    axis: int,
    options: LossOptions,
    *,
    xp: Any = np,
    dtype: Any = np.float64,
    defer_label_check: bool = False,
    readable: bool = True,
) -> ClassTargets:
    """Target rows for logits of the given shape; says exactly what does not fit.

    With `defer_label_check`, whoever reads the labels finds those that are no class, and calls
    `check_labels`. Where numbers are not `readable`, only shapes and dtypes are checked.
    """
    check_class_shapes(targets, shape, axis, options, readable=readable)
    classes = shape[axis]
    smoothing = options.label_smoothing
    class_weight = _weights(options, "class_weight", xp, dtype, readable)
    weight = _weights(options, "sample_weight", xp, dtype, readable)
    labels = probabilities = row_weight = None
    if _is_integer(targets):
        weight, absent = _absent(targets, weight, options.ignore_index, xp, dtype, readable)
        labels = targets if absent is None else xp.where(absent, xp.zeros_like(targets), targets)
        if readable and (class_weight is not None or not defer_label_check):
            check_labels(labels, classes, options.names, xp)
        if class_weight is not None:
            row_weight = take(xp, class_weight, labels)
    else:
        _, absent = _absent(targets, weight, None, xp, dtype, readable)
        if absent is not None:  # whatever an absent row holds
            absent = xp.expand_dims(absent, axis=axis)
            targets = xp.where(absent, xp.full_like(targets, 1 / classes), targets)
        if readable and options.check_sums:
            check_probabilities(targets, axis, options.names, xp)
        probabilities = targets if axis == len(shape) - 1 else xp.moveaxis(targets, axis, -1)
        if class_weight is not None:
            row_weight = cast(xp, probabilities, dtype) @ class_weight
    rows = math.prod(shape) // max(1, classes)
    totals = _totals(xp, rows, weight, row_weight, readable)
    ones = xp.ones(classes, dtype=dtype) if class_weight is None else class_weight
    if _only_z_term(totals[0], options, readable):
        ones = 0 * ones
    return ClassTargets(
        labels,
        probabilities,
        (1 - smoothing) * ones if smoothing else ones,
        (smoothing / classes) * ones if smoothing else None,
        weight,
        *totals,
        labels is not None and weight is None and class_weight is None and not smoothing,
    )


def binary_targets(
    targets: Array,
    shape: tuple[int, ...],
    options: LossOptions,
    *,
    xp: Any = np,
    dtype: Any = np.float64,
    defer_value_check: bool = False,
    readable: bool = True,
) -> BinaryTargets:
    """The same for binary logits; `defer_value_check` leaves the range to `checked_values`."""
    check_binary_shapes(targets, shape, options)
    if xp is not np and _kind(targets) == "bool":  # which the array API does not count with
        targets = cast(xp, targets, xp.int8)
    class_weight = _weights(options, "class_weight", xp, dtype, readable)
    pos_weight = _weights(options, "pos_weight", xp, dtype, readable)
    weight = _weights(options, "sample_weight", xp, dtype, readable)
    weight, absent = _absent(targets, weight, options.ignore_index, xp, dtype, readable)
    if absent is not None:
        targets = xp.where(absent, xp.zeros_like(targets), targets)
    if readable and (class_weight is not None or not defer_value_check):
        targets = checked_values(targets, options.names, xp)
    negative: Any = 1.0
    positive, row_weight = negative, None
    if class_weight is not None:
        negative, positive = _number(class_weight[0], readable), _number(class_weight[1], readable)
        row_weight = negative + (positive - negative) * cast(xp, targets, dtype)
    if pos_weight is not None:
        positive = positive * (pos_weight if pos_weight.ndim else _number(pos_weight, readable))
    totals = _totals(xp, math.prod(shape), weight, row_weight, readable)
    if _only_z_term(totals[0], options, readable):
        positive, negative = 0 * positive, 0.0
    return BinaryTargets(targets, positive, negative, options.label_smoothing, weight, *totals)


def _only_z_term(total: Any, options: LossOptions, readable: bool) -> bool:
    """Do class weights leave no weight to a mean? Smoothed targets have mass there all the same."""
    mean = options.reduction == "mean" and options.divisor is None
    return readable and mean and options.class_weight is not None and not total


def mean_divisors(targets: ClassTargets | BinaryTargets, options: LossOptions) -> tuple[Any, Any]:
    """What the mean of the losses divides by, and what that of z-loss divides by.

    Beside class weights, they are the totals of the row weights with and without these, so that
    class weights do not rescale z-loss.
    """
    if options.divisor is not None:
        return options.divisor, options.divisor
    divided = options.class_weight is not None and options.has_z_term
    divisors = targets.total, targets.total_rows if divided else targets.total
    for divisor in divisors:
        if isinstance(divisor, float):
            check_total(divisor)
    return divisors


def common_divisor(divisor: Any, z_divisor: Any) -> tuple[Any, Any]:
    """One divisor for both means, and the factor of z-loss that makes up for it.

    Where class weights leave no weight at all, it is that of z-loss, whose mean alone is left.
    """
    if divisor is z_divisor:
        return divisor, 1.0
    if isinstance(divisor, float):
        return (divisor, divisor / z_divisor) if divisor else (z_divisor, 1.0)
    xp = divisor.__array_namespace__()
    factor = xp.where(divisor > 0, divisor / z_divisor, xp.ones_like(divisor))
    return xp.where(divisor > 0, divisor, z_divisor * xp.ones_like(divisor)), factor


def cast(xp: Any, array: Array, dtype: Any) -> Array:
    """The array in a dtype, itself if it has it; `astype` came to NumPy's namespace with 2.1."""
    if xp is np:
        return array.astype(dtype, copy=False)
    return xp.astype(array, dtype, copy=False)


def as_rows(xp: Any, array: Array) -> Array:
    """The array with one axis of rows, and its last one."""
    if array.ndim == 2:
        return array
    # Not -1: there may be no rows, or rows of no width.
    return xp.reshape(array, (math.prod(array.shape[:-1]), array.shape[-1]))


def take(xp: Any, values: Array, labels: Array) -> Array:
    """The value of each label's class, in the labels' shape."""
    return xp.reshape(xp.take(values, xp.reshape(labels, (-1,))), labels.shape)


def _weights(options: LossOptions, name: str, xp: Any, dtype: Any, readable: bool) -> Any:
    """Weights in `dtype`, finite and not negative; None where none are given."""
    given = getattr(options, name)
    if given is None:
        return None
    weights = cast(xp, given, dtype)
    if readable:
        bad = ~(xp.isfinite(weights) & (weights >= 0))
        if xp.any(bad):
            rule = "weights must be finite and not negative"
            report_first(bad, weights, getattr(options.names, name), rule)
    return weights


def _absent(
    targets: Array, weight: Any, ignore_index: int | None, xp: Any, dtype: Any, readable: bool
) -> tuple[Any, Any]:
    """Row weights with 0 for ignored rows, and the mask of the rows that are as if absent."""
    if ignore_index is not None and _can_hold(xp, targets, ignore_index):
        ignored = targets == ignore_index
        if not readable or xp.any(ignored):
            one = xp.ones(ignored.shape, dtype=dtype) if weight is None else weight
            weight = xp.where(ignored, xp.zeros_like(one), one)
    if weight is None:
        return None, None
    absent = weight == 0
    return weight, absent if not readable or xp.any(absent) else None


def _can_hold(xp: Any, targets: Array, label: int) -> bool:
    """Can targets of this dtype be the label? Only NumPy compares with what is beyond it."""
    if xp is np or not _is_integer(targets):
        return True
    return bool(xp.iinfo(targets.dtype).min <= label <= xp.iinfo(targets.dtype).max)


def _number(value: Array, readable: bool) -> Any:
    return float(value) if readable else value


def _totals(xp: Any, rows: int, weight: Any, row_weight: Any, readable: bool) -> tuple[Any, Any]:
    """Total of sample weight times class weight of the target, and of sample weight alone."""
    if weight is None and row_weight is None:
        return float(rows), float(rows)
    with np.errstate(over="ignore", under="ignore"):
        whole = float(rows) if weight is None else _number(xp.sum(weight), readable)
        if row_weight is None:
            return whole, whole
        product = row_weight if weight is None else weight * row_weight
        total = _number(xp.sum(product), readable)
        vanished = readable and not total and weight is not None
        if vanished and xp.any((weight > 0) & (row_weight > 0)):
            total = 5e-324  # not nothing, though the product underflows
        return total, whole


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
    integer = _is_integer(targets)
    weightless = options.class_weight is options.sample_weight is None
    if integer and targets.shape == rows and shape[axis] and weightless:
        return  # at once, for small losses
    if shape[axis] == 0:
        msg = f"{names.logits_have} shape {tuple(shape)}: no classes along axis {axis}."
        raise ValueError(msg)
    of_class, why = shape[axis : axis + 1], "one weight per class"
    check_weight_shape(options.class_weight, of_class, "class_weight", why, names)
    check_weight_shape(options.sample_weight, rows, "sample_weight", "one weight per row", names)
    if not (integer or _is_float(targets)):
        raise TypeError(_not_class_targets(targets, names))
    if not integer and options.ignore_index is not None:
        msg = f"ignore_index marks class indices, but {names.targets} holds probabilities. "
        raise ValueError(msg + "Give the rows to ignore sample_weight 0.")
    if integer and targets.shape != rows:
        _wrong_label_shape(targets, shape, rows, names, readable)
    elif not integer and targets.shape != shape:
        _wrong_probability_shape(targets, shape, rows, names, readable)


def check_binary_shapes(targets: Array, shape: tuple[int, ...], options: LossOptions) -> None:
    """The same for binary logits."""
    number = _is_integer(targets) or _is_float(targets)
    weightless = options.class_weight is options.sample_weight is options.pos_weight is None
    if number and weightless and targets.shape == shape:
        return  # at once, for small losses
    names = options.names
    if not (number or _kind(targets) == "bool"):
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
    if array is None or (array.shape == expected and _is_float(array)):
        return
    name = getattr(names, which)
    wide = isinstance(array, np.ndarray) and array.dtype.kind == "f"  # longdouble too
    if not (wide or _is_float(array) or _is_integer(array) or _kind(array) == "bool"):
        msg = f"{name} has dtype {names.dtype(array)}; expected numbers: {why}."
        raise TypeError(msg)
    check_shape(array, expected, name, why)


def _kind(array: Array) -> str:
    """Name of the dtype, without its library's name or a byte order."""
    if isinstance(array, np.ndarray):
        return str(array.dtype.name)
    return str(array.dtype).rpartition(".")[2]


def _is_float(array: Array) -> bool:
    if isinstance(array, np.ndarray) and array.dtype.char in "efd":
        return True  # at once, for small losses: NumPy makes a dtype's name anew on each call
    return _kind(array) in FLOATS


def _is_integer(array: Array) -> bool:
    if isinstance(array, np.ndarray):
        return array.dtype.kind in "iu"
    return _kind(array).removeprefix("u").startswith("int")


def _wrong_label_shape(
    targets: Array, shape: tuple[int, ...], rows: tuple[int, ...], names: Names, readable: bool
) -> None:
    """Class indices have the logits' shape less the class axis."""
    if targets.shape == shape:
        msg = (
            f"{names.targets} holds integers in {names.own_shape} {tuple(shape)}, but class "
            f"indices have shape {tuple(rows)}. "
        )
        if targets.ndim == 1 and readable and _only_0_and_1(targets):
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
    if _kind(targets) == "bool":
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
        msg += f" One logit per row goes to {names.binary_function}, without the class axis."
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
    tolerance = SUM_TOLERANCE[_kind(array)]
    bad = ~((array >= 0) & (array <= 1 + tolerance))
    if xp.any(bad):
        report_first(bad, array, names.targets, "floats are probabilities, from 0 to 1")
    fix = "Divide each row by its sum, or use sample_weight= for the weight of a row."
    if array.ndim == 1 and _only_0_and_1(array):
        fix = f"If each logit is a row of its own, use {names.binary_function}."
    # Half precision is summed in float32 at least, whatever the library would choose.
    wide = xp.float32 if _kind(array) in ("float16", "bfloat16") else None
    sums = array.sum(axis, np.float64) if xp is np else xp.sum(array, axis=axis, dtype=wide)
    check_row_sums(np.asarray(sums), axis, names.targets, tolerance, fix)


def check_row_sums(
    sums: Any, axis: int, name: str, tolerance: float, fix: str, of: str = ""
) -> None:
    """Each row of probabilities sums to 1 within the tolerance, or the worst one is named."""
    off = np.abs(sums - 1)
    if (off > tolerance).any():
        row = tuple(int(i) for i in np.unravel_index(int(off.argmax()), off.shape))
        where = [*map(str, row[:axis]), ":", *map(str, row[axis:])]
        msg = (
            f"{name}[{', '.join(where)}] sums to {sums[row]:.6g}{of}; each row of probabilities "
            f"must sum to 1 (within {tolerance:g}). {fix}"
        )
        raise ValueError(msg)


def checked_values(targets: Array, names: Names = NAMES["xent"], xp: Any = np) -> Array:
    """Binary targets, at 0 or 1 where rounding led beyond; or the first that is wrong is named."""
    with np.errstate(invalid="ignore"):  # bfloat16 warns of NaN
        if xp.all((targets >= 0) & (targets <= 1)):
            return targets
        values = np.asarray(targets)
        if _is_float(targets):
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
    if array[where] < 0 and array.dtype.kind == "i":
        fix = names.ignore.format(label=array[where])
        return msg + f" If {array[where]} marks rows to ignore, {fix}."
    if array[where] > 1 and (array == np.floor(array)).all():
        return msg + f" For more than two classes {names.more_classes}."
    return msg


def check_total(total: float) -> None:
    """The mean divides by the total weight: 0 (no row counts), or a number to divide by."""
    if total and not 1e-300 <= total <= 1e300:
        msg = f"the weights sum to {total:g}; expected 0, or 1e-300 to 1e300. "
        raise ValueError(msg + "Divide them by their mean.")
