"""Log loss of predicted probabilities: cross-entropy as a metric, in scikit-learn's order."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import numpy as np

from xent._engine.compute import with_arrays
from xent._engine.numpy import binary_probability_losses, probability_losses
from xent._engine.numpy import total as fsum
from xent._indicators import read_indicators
from xent._libraries import library_of
from xent._options import LossOptions
from xent._target_checks import SUM_TOLERANCE, check_row_sums, check_total, given_probabilities
from xent._targets import binary_targets, class_targets
from xent._validation import (
    Array,
    Reduction,
    as_floats,
    check_number,
    class_axis,
    class_last,
    entry,
    first,
    to_numpy,
)

P = ParamSpec("P")


def _for_any_library(metric: Callable[P, Any]) -> Callable[P, Any]:
    """The metric of NumPy arrays, for the arrays of any library."""

    @wraps(metric)
    def for_its_library(y_true: Any, y_prob: Any, **options: Any) -> Any:
        return library_of(y_prob).metric(metric, y_true, y_prob, options)

    return for_its_library  # type: ignore[return-value]


@_for_any_library
def log_loss(
    y_true: Any,
    y_prob: Any,
    *,
    axis: int = -1,
    labels: Any = None,
    class_weight: Any = None,
    sample_weight: Any = None,
    ignore_index: int | None = None,
    clip: float | None = None,
    tolerance: float | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Log loss of predicted probabilities, in nats.

    .. math:: \ell = -\sum_j y_j \log p_j

    Parameters
    ----------
    y_true : array_like
        Labels. With `y_prob` of the same 1-d shape: 0, 1, booleans or probabilities of label 1.
        Otherwise class indices of `y_prob`'s shape less the class axis, or rows of
        probabilities of its shape. Integers or booleans of its shape are one-hot rows, or mark
        labels of which several may be true at once (see Notes). Other labels (strings, -1 and 1,
        ...) go with `labels`; strings without it are taken in sorted order, if there are as many
        as classes.
    y_prob : array_like or torch.Tensor, shape (N,) or (..., K)
        Probabilities of label 1, or rows of class probabilities that sum to 1 within 0.001.
        They are never renormalised. What is beyond 0 or 1 by no more than 1e-6, or half
        precision's rounding, counts as 0 or 1.
    axis : int, default -1
        The class axis of `y_prob`.
    labels : sequence, optional
        The label of each column of `y_prob`, in the columns' own order; for a 1-d `y_prob` the
        labels of the negative and the positive class. Labels need not all occur.
    class_weight, sample_weight, ignore_index
        As for `cross_entropy`; with several labels per row as for `binary_cross_entropy`, but
        `sample_weight` has a weight for each row, and `ignore_index` marks single entries. (The
        options that act on logits belong to the losses.)
    clip : float in (0, 0.5], optional
        Raise probabilities to at least `clip` (and lower a 1-d `y_prob` to at most 1 - `clip`).
        By default nothing is clipped: a probability of 0 for the true class costs +inf.
    tolerance : float, optional
        How far a row may be from summing to 1; by default 0.001, or 0.03 in half precision.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the total weight. "none" gives a loss per row, or per entry of
        `y_prob` where several labels may be true at once.

    Returns
    -------
    float64, or ndarray of float64 for reduction="none"
        The log loss; for tensors a float64 tensor, without gradient.

    Raises
    ------
    TypeError, ValueError
        Saying what arrived, what was expected, and the likely fix; also if there are no rows, or
        no row has weight: a metric of nothing is undefined.

    Notes
    -----
    Computed and summed in float64 whatever the dtype of `y_prob`; log(1 - p) as log1p(-p).

    Integers or booleans of `y_prob`'s shape are read as classes if each row has a single 1 and the
    rows of `y_prob` sum to 1. They are read as labels that do not exclude each other if some row
    has no 1 or several, and the rows of `y_prob` do not all sum to 1: the loss is then the mean
    binary loss of all entries, ``log_loss(y_true.ravel(), y_prob.ravel())``. Otherwise they may
    mean either, which is an error.

    Examples
    --------
    >>> import xent
    >>> print(xent.log_loss([1, 0], [0.9, 0.2]).round(4))
    0.1643
    >>> print(xent.log_loss(["dog"], [[0.1, 0.9]], labels=["cat", "dog"]).round(4))
    0.1054
    >>> print(xent.log_loss([1, 0], [0.0, 0.2], reduction="none").round(4))
    [   inf 0.2231]
    >>> print(xent.log_loss([[1, 1], [0, 0]], [[0.9, 0.8], [0.2, 0.1]]).round(4))
    0.1643

    References
    ----------
    Good (1952), Rational Decisions, doi:10.1111/j.2517-6161.1952.tb00104.x.
    """
    options = LossOptions(
        class_weight=class_weight,
        sample_weight=sample_weight,
        ignore_index=ignore_index,
        reduction=reduction,
        caller="log_loss",
    ).checked()
    names = options.names
    prob = as_floats(y_prob, names.logits, names.targets)
    if tolerance is None:
        tolerance = SUM_TOLERANCE[prob.dtype.name]
    tolerance = check_number(tolerance, "tolerance", 0, 1)
    smallest = 0.0 if clip is None else check_number(clip, "clip", 0, 0.5, above=True)

    true = to_numpy(y_true, names.targets)
    if y_true is None:
        msg = "y_true is None; expected the labels."
        raise TypeError(msg)
    if not true.size:
        msg = "y_true is empty; the log loss of no rows is undefined. Pass at least one row."
        raise ValueError(msg)
    binary = prob.ndim == true.ndim and prob.ndim < 2
    if not binary or prob.ndim:
        axis = class_axis(prob, axis, names)
    classes = 2 if binary else prob.shape[axis]
    true, ignore_index = _encoded(true, labels, classes, ignore_index)
    options = with_arrays(options.replace(ignore_index=ignore_index), prob)
    if labels is None and (read := read_indicators(true, prob, axis, options, tolerance)):
        true, options, binary = read
    if binary:
        pair = binary_targets(true, prob.shape, options)
        total, prob = pair.total, given_probabilities(_present(prob, pair.weight, 0))
        losses = binary_probability_losses(prob, pair, smallest)
    else:
        rows = class_targets(true, prob.shape, axis, options)
        total, weight = rows.total, rows.weight
        weight = None if weight is None else np.expand_dims(weight, axis)
        prob = given_probabilities(_present(prob, weight, 1 / classes))
        fix = "Divide by the row's sum, or take softmax if these are raw scores."
        if classes == 1:
            fix = "If these are probabilities of label 1, pass y_prob[:, 0]."
        sums = prob.sum(axis, np.float64)
        check_row_sums(sums, axis, names.logits, tolerance, fix)
        losses = probability_losses(class_last(prob, axis), rows, smallest)
    if reduction == "mean":
        check_total(total)
    if not total > 0:
        msg = "Every row is ignored or has weight 0; the log loss of no rows is undefined."
        raise ValueError(msg)
    if reduction == "none":
        return losses[()]
    loss_sum = fsum([float(losses.sum())])
    return np.float64(loss_sum if reduction == "sum" else loss_sum / total)


def _present(prob: Array, weight: Array | None, harmless: float) -> Array:
    """Probabilities with a harmless one in rows of weight 0, which may hold anything."""
    if weight is None or not (weight == 0).any():
        return prob
    return np.where(weight == 0, prob.dtype.type(harmless), prob)


def _encoded(
    true: Array, labels: Any, classes: int, ignore_index: int | None
) -> tuple[Array, int | None]:
    """Class indices of labels of any kind, in the order of `labels`, and what marks ignored rows.

    That mark is a label, which as an index might be a class: the indices have -1 instead.
    """
    if labels is None:
        if true.dtype.kind not in "USOT":
            return true, ignore_index
        true = _text(true)
        order = np.unique(true)
        if len(order) != classes:
            shown = ", ".join(map(repr, order[:5].tolist())) + ", ..." * (len(order) > 5)
            count = "1 label" if len(order) == 1 else f"{len(order)} different labels"
            msg = f"y_true holds {count} ({shown}), but y_prob has {classes} classes. "
            msg += "Name the classes in the columns' order: labels=[...]."
            raise ValueError(msg)
    else:
        order = to_numpy(labels, "labels")
        if order.dtype.kind in "SOT" or true.dtype.kind in "SOT":
            order, true = _text(order), _text(true)
    if order.ndim != 1 or len(order) != classes:
        msg = f"labels has shape {order.shape}, but y_prob has {classes} classes: "
        msg += "expected one label each."
        raise ValueError(msg)
    if len(np.unique(order)) != classes:
        msg = f"labels {order.tolist()} contain duplicates."
        raise ValueError(msg)
    if (order.dtype.kind == "U") != (true.dtype.kind == "U"):
        own, other = order.dtype, true.dtype
        msg = f"labels has dtype {own}, but y_true has {other}; expected the same kind."
        raise TypeError(msg)
    by_value = np.argsort(order)
    place = np.searchsorted(order, true, sorter=by_value).clip(max=classes - 1)
    codes = by_value[place]
    ignored = False if ignore_index is None else true == ignore_index
    unknown = (order[codes] != true) & ~np.asarray(ignored)
    if unknown.any():
        where = first(unknown)
        what = f"{entry('y_true', where)} is {true[where].item()!r}"
        msg = f"{what}, which is not among labels {order.tolist()}."
        raise ValueError(msg)
    return np.where(ignored, -1, codes), None if ignore_index is None else -1


def _text(array: Array) -> Array:
    """Return labels as strings of one dtype, whatever they were kept in (pandas: objects)."""
    return np.array(array.tolist(), dtype=str) if array.dtype.kind == "T" else array.astype(str)
