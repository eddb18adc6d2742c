"""Labels, weights, smoothing and ignored rows -> the target rows and coefficients of the loss.

Every option that changes *what is asked of* a row, rather than its logits, ends here: a backend
sees a target row ``y = scale * t + shift`` and a coefficient per row, and needs to know no more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from xent._validation import (
    FLOATS,
    Array,
    check_number,
    check_shape,
    check_weights,
    class_last,
    entry,
    first,
    report_first,
    to_numpy,
)

#: How far a row of probabilities may be from summing to 1 before it is called a mistake.
SUM_TOLERANCE = {"float16": 3e-2, "bfloat16": 3e-2, "float32": 1e-3, "float64": 1e-3}

#: Units of the last place of 1 by which mixed labels, a·y + (1 - a)·y', may miss 0 or 1.
ROUNDING = 4


@dataclass(frozen=True, slots=True)
class ClassTargets:
    """Target rows over K classes: ``y = scale * t + shift``, with t one-hot or probabilities.

    Exactly one of `labels` (rows) and `probabilities` (rows, K; class axis last) is set.
    `shift` is None where it would be zero, `weight` (rows) None where every row counts once.
    `total` is the total weight, by which a mean divides.
    """

    labels: Array | None
    probabilities: Array | None
    scale: Array
    shift: Array | None
    weight: Array | None
    total: float
    plain: bool = False
    """Are there only labels, each row counting once?"""


@dataclass(frozen=True, slots=True)
class BinaryTargets:
    """Binary targets t in [0, 1]; loss ``a * softplus(-z) + b * softplus(z)``.

    There ``a = positive * s(t)``, ``b = negative * s(1 - t)`` and
    ``s(t) = (1 - smoothing) t + smoothing / 2``.

    `positive` may be an array over the last axis. `weight` and `total` as in ClassTargets.
    """

    values: Array
    positive: Any
    negative: float
    smoothing: float
    weight: Array | None
    total: float


def class_targets(
    targets: Any,
    shape: tuple[int, ...],
    axis: int,
    *,
    class_weight: Any = None,
    sample_weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    labels_later: bool = False,
    unchecked: bool = False,
) -> ClassTargets:
    """Check targets against logits of the given shape; say exactly what does not fit.

    With `labels_later`, that labels are classes is left to whoever reads them, and to
    `check_labels`. With `unchecked`, probabilities may sum to anything.
    """
    rows = shape[:axis] + shape[axis + 1 :]
    classes = shape[axis]
    if classes == 0:
        msg = f"the logits have shape {shape}: no classes along axis {axis}."
        raise ValueError(msg)
    smoothing = check_number(label_smoothing, "label_smoothing", 0, 1)
    weights = np.ones(classes)
    if class_weight is not None:
        why = "one weight per class"
        weights = check_weights(class_weight, (classes,), "class_weight", why)
    weight = None
    if sample_weight is not None:
        weight = check_weights(sample_weight, rows, "sample_weight", "one weight per row")

    array = to_numpy(targets, "targets")
    if array.size == 0 and isinstance(targets, (list, tuple)):
        array = array.astype(np.int64)
    labels = probabilities = None
    if array.dtype.kind in "iu":
        _check_label_shape(array, shape, rows)
        weight, absent = _absent(weight, ignored_rows(array, ignore_index))
        labels = array if absent is None else np.where(absent, array.dtype.type(0), array)
        if not labels_later or class_weight is not None:
            check_labels(labels, classes)
        row_weight = None if class_weight is None else weights[labels]
    elif array.dtype.name in FLOATS:
        if ignore_index is not None:
            msg = (
                "ignore_index marks class indices, but targets holds probabilities. "
                "Give the rows to ignore sample_weight 0."
            )
            raise ValueError(msg)
        _check_probability_shape(array, shape, rows)
        _, absent = _absent(weight, None)
        if absent is not None:  # whatever an absent row holds
            array = np.where(np.expand_dims(absent, axis), array.dtype.type(1 / classes), array)
        if not unchecked:
            _check_probabilities(array, axis)
        probabilities = class_last(array, axis)
        row_weight = None
        if class_weight is not None:
            row_weight = probabilities.astype(np.float64, copy=False) @ weights
    else:
        raise TypeError(_not_class_targets(array))
    return ClassTargets(
        labels=labels,
        probabilities=probabilities,
        scale=(1 - smoothing) * weights,
        shift=(smoothing / classes) * weights if smoothing else None,
        weight=weight,
        total=_total(rows, weight, row_weight),
        plain=labels is not None and weight is None and class_weight is None and not smoothing,
    )


def binary_targets(
    targets: Any,
    shape: tuple[int, ...],
    *,
    class_weight: Any = None,
    sample_weight: Any = None,
    pos_weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    values_later: bool = False,
) -> BinaryTargets:
    """Check binary targets against logits of the given shape.

    With `values_later`, that targets are from 0 to 1 is left to whoever reads them, and to
    `checked_values`.
    """
    smoothing = check_number(label_smoothing, "label_smoothing", 0, 1)
    negative, positive = 1.0, 1.0
    if class_weight is not None:
        why = "the weights of label 0 and label 1"
        negative, positive = check_weights(class_weight, (2,), "class_weight", why).tolist()
    weight = None
    if sample_weight is not None:
        weight = check_weights(sample_weight, shape, "sample_weight", "one weight per logit")

    array = to_numpy(targets, "targets")
    if array.dtype.kind not in "biu" and array.dtype.name not in FLOATS:
        msg = (
            f"targets has dtype {array.dtype}; expected 0 and 1, booleans, or probabilities. "
            "Encode labels first, for example targets == 'yes'."
        )
        raise TypeError(msg)
    check_shape(array, shape, "targets", "one target per logit, the logits' own shape")
    weight, absent = _absent(weight, ignored_rows(array, ignore_index))
    if absent is not None:
        array = np.where(absent, array.dtype.type(0), array)
    if not values_later or class_weight is not None:
        array = checked_values(array)
    row_weight = None
    if class_weight is not None:
        row_weight = negative + (positive - negative) * array.astype(np.float64)
    scale: Any = positive
    if pos_weight is not None:
        scale = positive * _pos_weight(pos_weight, shape)
    total = _total(shape, weight, row_weight)
    return BinaryTargets(array, scale, negative, smoothing, weight, total)


def checked_values(targets: Array) -> Array:
    """Binary targets, at 0 or 1 where rounding led beyond; or the first that is wrong is named."""
    with np.errstate(invalid="ignore"):  # bfloat16 warns of NaN
        bad = ~((targets >= 0) & (targets <= 1))
        if bad.any() and targets.dtype.name in FLOATS:
            within = targets.clip(0, 1)
            bad = ~(abs(targets - within) <= ROUNDING * np.spacing(targets.dtype.type(1)))
            targets = targets if bad.any() else within
        if bad.any():
            raise ValueError(_not_binary(targets, bad))
    return targets


def check_row_sums(probabilities: Array, axis: int, name: str, tolerance: float, fix: str) -> None:
    """Each row of probabilities sums to 1 within the tolerance, or the worst one is named."""
    sums = probabilities.sum(axis=axis, dtype=np.float64)
    off = np.abs(sums - 1)
    if (off > tolerance).any():
        row = tuple(int(i) for i in np.unravel_index(int(off.argmax()), off.shape))
        where = list(row)
        index = ", ".join([*map(str, where[:axis]), ":", *map(str, where[axis:])])
        msg = (
            f"{name}[{index}] sums to {sums[row]:.6g}; each row of probabilities must sum to 1 "
            f"(within {tolerance:g}). {fix}"
        )
        raise ValueError(msg)


def ignored_rows(array: Array, ignore_index: int | None) -> Array | None:
    """Mask of the ignored rows, None where there are none."""
    if ignore_index is None:
        return None
    if isinstance(ignore_index, bool) or not isinstance(ignore_index, (int, np.integer)):
        msg = f"ignore_index is {ignore_index!r}; expected an integer."
        raise TypeError(msg)
    mask: Array = np.asarray(array == ignore_index)
    return mask if mask.any() else None


def check_total(total: float) -> None:
    """The mean divides by the total weight: 0 (no row counts), or a number to divide by."""
    if total and not 1e-300 <= total <= 1e300:
        msg = f"the weights sum to {total:g}; expected 0, or 1e-300 to 1e300. "
        msg += "Divide them by their mean."
        raise ValueError(msg)


def _absent(weight: Array | None, ignored: Array | None) -> tuple[Array | None, Array | None]:
    """Row weights with 0 for ignored rows, and the mask of the rows that are as if absent."""
    if ignored is not None:
        weight = np.where(ignored, 0.0, 1.0 if weight is None else weight)
    if weight is None:
        return None, None
    absent = np.asarray(weight == 0)
    return weight, absent if absent.any() else None


def _total(rows: tuple[int, ...], weight: Array | None, row_weight: Array | None) -> float:
    """Total weight of the rows: sum of sample weight times class weight of the target."""
    if weight is None and row_weight is None:
        return float(math.prod(rows))
    with np.errstate(over="ignore", under="ignore"):
        if weight is None or row_weight is None:
            return float(np.sum(np.asarray(row_weight if weight is None else weight)))
        product = weight * row_weight
        total = float(np.sum(product))
        if not total and ((weight > 0) & (row_weight > 0)).any():
            return 5e-324  # not nothing, though the product underflows
        return total


def check_target_shape(array: Array, shape: tuple[int, ...]) -> None:
    """Targets go with logits of the shape, class axis last."""
    check = _check_label_shape if array.dtype.kind in "iu" else _check_probability_shape
    check(array, shape, shape[:-1])


def _check_label_shape(array: Array, shape: tuple[int, ...], rows: tuple[int, ...]) -> None:
    """Class indices have the logits' shape less the class axis."""
    if array.shape == rows:
        return
    if array.shape == shape:
        msg = (
            f"targets holds integers in the logits' own shape {shape}, but class indices have "
            f"shape {rows}. "
        )
        if array.ndim == 1 and np.isin(array, (0, 1)).all():
            msg += "If each logit is a row of its own, use binary_cross_entropy. "
        raise ValueError(msg + "If they are one-hot rows, pass targets.astype(float).")
    why = "one class index per row, the logits' shape less the class axis"
    others = [a for a in range(len(shape)) if array.shape == shape[:a] + shape[a + 1 :]]
    if others:
        why += (
            f". Their shape fits if the classes run along axis {others[0]}: pass axis={others[0]}"
        )
    check_shape(array, rows, "targets", why)


def check_labels(labels: Array, classes: int) -> None:
    """Every label is a class, or the first that is none is named."""
    if labels.size and (int(labels.min()) < 0 or int(labels.max()) >= classes):
        raise ValueError(_out_of_range(labels, classes))


def _out_of_range(array: Array, classes: int) -> str:
    bad = (array < 0) | (array >= classes)
    where = first(bad)
    msg = (
        f"{entry('targets', where)} is {array[where]}, but the logits have {classes} "
        f"{'class' if classes == 1 else 'classes'} (0 to {classes - 1})."
    )
    low, high = int(array.min()), int(array.max())
    if classes == 1:
        return msg + " One logit per row goes to binary_cross_entropy, without the class axis."
    if low >= 1 and high == classes:
        return msg + " If your labels start at 1, subtract 1."
    if array[where] < 0 or array[where] == 255:  # the mark of segmentation maps
        return msg + f" If {array[where]} marks rows to ignore, pass ignore_index={array[where]}."
    return msg + " Check the labels, and that the logits' class axis is the one you mean."


def _whole(array: Array) -> bool:
    """Do floats look like class labels: whole numbers, none negative?"""
    finite = array[np.isfinite(array)]
    return bool(finite.size and (finite == np.floor(finite)).all() and (finite >= 0).all())


def _check_probability_shape(array: Array, shape: tuple[int, ...], rows: tuple[int, ...]) -> None:
    """Probabilities have the logits' shape."""
    if array.shape == shape:
        return
    if array.shape == rows and _whole(array):
        msg = (
            f"targets holds floats of shape {array.shape}, one per row. If they are class "
            "labels, pass targets.astype(int); probabilities have the logits' own shape "
            f"{shape}."
        )
        raise ValueError(msg)
    why = "floats are probabilities and have the logits' own shape; class labels are integers"
    check_shape(array, shape, "targets", why)


def _check_probabilities(array: Array, axis: int) -> None:
    """Float targets: no entry negative, each row summing to 1."""
    if not array.size:
        return
    rule = "floats are probabilities, from 0 to 1"
    tolerance = SUM_TOLERANCE[array.dtype.name]
    report_first(~((array >= 0) & (array <= 1 + tolerance)), array, "targets", rule)
    fix = "Divide each row by its sum, or use sample_weight= for the weight of a row."
    if array.ndim == 1 and np.isin(array, (0, 1)).all():
        fix = "If each logit is a row of its own, use binary_cross_entropy."
    check_row_sums(array, axis, "targets", tolerance, fix)


def _not_class_targets(array: Array) -> str:
    msg = f"targets has dtype {array.dtype}; expected integers (class indices) or floats "
    msg += "(probabilities). "
    if array.dtype.kind == "O" and array.ndim == 0:
        return f"targets is {array.item()!r:.60}; expected an array or a list of class indices."
    if array.dtype.kind == "b":
        return msg + "Pass targets.astype(int) for labels 0 and 1, .astype(float) for one-hot rows."
    if array.dtype.kind in "USO":
        return msg + "Encode labels with numpy.unique(targets, return_inverse=True)[1]."
    return msg + "Pass targets.astype(int)."


def _not_binary(array: Array, bad: Array) -> str:
    where = first(bad)
    msg = f"{entry('targets', where)} is {array[where]}; "
    msg += "expected 0, 1, or a probability between them."
    values = set(np.unique(array).tolist()) if array.size < 10_000_000 else set()
    if values <= {-1, 1}:
        return msg + " For labels -1 and +1 pass (targets + 1) / 2."
    if values <= {1, 2}:
        return msg + " If your labels start at 1, subtract 1."
    if array[where] < 0 and array.dtype.kind == "i":
        return msg + f" If {array[where]} marks rows to ignore, pass ignore_index={array[where]}."
    if array[where] > 1 and (array == np.floor(array)).all():
        return msg + " For more than two classes use cross_entropy."
    return msg


def _pos_weight(value: Any, shape: tuple[int, ...]) -> Any:
    """Check a number, or one weight per label where the last axis runs over labels."""
    if np.ndim(value) == 0:
        return check_weights(value, (), "pos_weight", "one weight for label 1").item()
    last = shape[-1:]
    return check_weights(value, last, "pos_weight", "one number, or one per entry of the last axis")
