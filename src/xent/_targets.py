"""Targets and options -> target rows and coefficients: what is asked of each row of logits.

An engine sees a target row ``y = scale * t + shift`` and a weight per row, and needs to know no
more. The rows are made in array-API operations, so that they can be made on any device and under a
tracer. Checks that read data are left out where numbers cannot be read, and left to the kernels
where those find a wrong target themselves.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeVar

import numpy as np

from xent._options import LossOptions
from xent._target_checks import (
    check_binary_shapes,
    check_cancellation,
    check_class_shapes,
    check_labels,
    check_probabilities,
    check_total,
    check_weights,
    checked_values,
    dtype_name,
    is_integer,
)

Array = Any
"""An array of any library that follows the array API."""

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
    if is_integer(targets):
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
    totals = _totals(xp, rows, weight, row_weight, options, readable)
    ones = _ones(xp, (classes,), dtype, targets) if class_weight is None else class_weight
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
    if xp is not np and dtype_name(targets) == "bool":  # which the array API does not count with
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
    totals = _totals(xp, math.prod(shape), weight, row_weight, options, readable)
    if _only_z_term(totals[0], options, readable):
        positive, negative = 0 * positive, 0.0
    return BinaryTargets(targets, positive, negative, options.label_smoothing, weight, *totals)


def _only_z_term(total: Any, options: LossOptions, readable: bool) -> bool:
    """Do class weights leave no weight to a mean? Smoothed targets have mass there all the same."""
    return readable and _divides(options) and options.class_weight is not None and not total


def _divides(options: LossOptions) -> bool:
    """Is the loss a mean that divides by the total weight?"""
    return options.reduction == "mean" and options.divisor is None


def mean_divisors(targets: ClassTargets | BinaryTargets, options: LossOptions) -> tuple[Any, Any]:
    """What the mean of the losses divides by, and what that of z-loss divides by.

    Beside class weights, they are the totals of the row weights with and without these, so that
    class weights do not rescale z-loss.
    """
    if options.divisor is not None:
        return options.divisor, options.divisor
    differ = options.class_weight is not None and options.has_z_term
    divisors = targets.total, targets.total_rows if differ else targets.total
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
    """Weights in `dtype`, checked; None where none are given."""
    given = getattr(options, name)
    if given is None:
        return None
    weights = cast(xp, given, dtype)
    if readable:
        check_weights(weights, name, options.names, xp)
    return weights


def _absent(
    targets: Array, weight: Any, ignore_index: int | None, xp: Any, dtype: Any, readable: bool
) -> tuple[Any, Any]:
    """Row weights with 0 for ignored rows, and the mask of the rows that are as if absent."""
    if ignore_index is not None and _can_hold(xp, targets, ignore_index):
        ignored = targets == ignore_index
        if not readable or xp.any(ignored):
            one = _ones(xp, ignored.shape, dtype, targets) if weight is None else weight
            weight = xp.where(ignored, xp.zeros_like(one), one)
    if weight is None:
        return None, None
    absent = weight == 0
    return weight, absent if not readable or xp.any(absent) else None


def _can_hold(xp: Any, targets: Array, label: int) -> bool:
    """Can targets of this dtype be the label? Only NumPy compares with what is beyond it."""
    if xp is np or not is_integer(targets):
        return True
    return bool(xp.iinfo(targets.dtype).min <= label <= xp.iinfo(targets.dtype).max)


def _ones(xp: Any, shape: tuple[int, ...], dtype: Any, like: Array) -> Array:
    """Ones on an array's device; a tracer has none."""
    if xp is np:
        return np.ones(shape, dtype)
    return xp.ones(shape, dtype=dtype, device=getattr(like, "device", None))


def _number(value: Array, readable: bool) -> Any:
    return float(value) if readable else value


def _totals(
    xp: Any, rows: int, weight: Any, row_weight: Any, options: LossOptions, readable: bool
) -> tuple[Any, Any]:
    """Total of sample weight times class weight of the target, and of sample weight alone."""
    if weight is None and row_weight is None:
        return 1.0 * rows, 1.0 * rows  # symbolic, if the rows are
    with np.errstate(over="ignore", under="ignore"):
        whole = 1.0 * rows if weight is None else _number(xp.sum(weight), readable)
        if row_weight is None:
            return whole, whole
        product = row_weight if weight is None else weight * row_weight
        total = _number(xp.sum(product), readable)
        if readable and not total:
            if _divides(options):
                check_cancellation(product, options.names, xp)
            if weight is not None and xp.any((weight != 0) & (row_weight != 0)):
                total = 5e-324  # not nothing, though the product underflows
        return total, whole
