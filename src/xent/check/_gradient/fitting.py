"""Find the formula that measured numbers follow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from xent._format import counted
from xent._validation import Array
from xent.check._gradient.factors import near
from xent.check._gradient.formulas import Formula
from xent.check._gradient.reference import Reference

MANY = 1 << 15
"""Entries of which some are fitted first."""


@dataclass(frozen=True)
class Measured:
    """Numbers at entries (row, column), and how much they may differ from a formula.

    They may differ by `error`, their own error, plus `relative` times the formula's numbers.
    """

    row: Array
    column: Array
    value: Array
    error: Array
    relative: float

    def where(self, chosen: Array) -> Measured:
        """Some of them."""
        row, column = self.row[chosen], self.column[chosen]
        return replace(
            self, row=row, column=column, value=self.value[chosen], error=self.error[chosen]
        )

    def at(self, gradient: Array) -> Array:
        """A gradient at the entries."""
        return np.asarray(gradient[self.row, self.column])

    def factor_of(self, formula: Array) -> float | None:
        """The factor by which these are a formula's numbers at the same entries, or None."""
        known = np.isfinite(self.value) & np.isfinite(formula)
        size = np.abs(formula[known])
        largest = size.max(initial=0.0)
        if not largest:
            return None
        value, target, error = self.value[known], formula[known], self.error[known]
        # The median of the ratios, since clipped or masked rows must not distort the factor; and of
        # large numbers only, since the ratios of small ones are mostly error.
        big = size >= 0.05 * largest
        scale = float(np.median(value[big] / target[big]))
        if not scale or not np.isfinite(scale):
            return None
        # Numbers within their own error of 0 follow any formula with a small enough factor.
        significant = (np.abs(value[big]) > 4 * error[big]).any()
        return scale if significant and self.agrees(formula, scale) else None

    def agrees(self, formula: Array, scale: float, largest: float = 0.0) -> bool:
        """Are these the formula's numbers times the factor, within their errors?

        Numbers below 1/100 of the largest may differ by as much as one of that size.
        """
        size = np.abs(formula)
        largest = max(largest, size[np.isfinite(size)].max(initial=0.0))
        size = np.maximum(size, 0.01 * largest)
        off = np.abs(self.value - scale * formula) - self.error
        return not bool((off > self.relative * abs(scale) * size).any())

    def by_row(self, gradient: Array) -> tuple[Array, Array, Array]:
        """Rows, the least-squares factor of each, and the factor's error.

        The factor is NaN for rows in which the formula's numbers are too small.
        """
        v = self.at(gradient)
        known = np.isfinite(self.value) & np.isfinite(v)
        row, x, v, e = self.row[known], self.value[known], v[known], self.error[known]
        rows, place = np.unique(row, return_inverse=True)
        square = np.bincount(place, v * v)
        factor = np.bincount(place, x * v) / square
        doubt = np.bincount(place, np.abs(e * v)) / square
        factor[square <= 1e-6 * square.max(initial=0.0)] = np.nan
        return rows, factor, doubt


def first_match(
    measured: Measured, formulas: Iterable[Formula], scales: Iterable[float] = ()
) -> Formula | None:
    """The first formula that the numbers follow, if possible with a factor among the scales."""
    first = None
    for formula in formulas:
        scale = measured.factor_of(measured.at(formula.gradient))
        if scale is not None:
            match = replace(formula, scale=scale)
            if not scales or any(near(scale, s) for s in scales):
                return match
            first = first or match
    return first


def fit_smoothing(measured: Measured, reference: Reference) -> tuple[float, Formula] | None:
    """Label smoothing that was not requested, by least squares: the gradient is linear in it."""
    if reference.options.get("label_smoothing"):
        return None
    if len(measured.row) > MANY:
        # What does not fit some of the entries does not fit all.
        rows = measured.row % (len(measured.row) // MANY + 1) == 0
        if _smoothing_of(measured.where(rows), reference) is None:
            return None
    return _smoothing_of(measured, reference)


def _smoothing_of(measured: Measured, reference: Reference) -> tuple[float, Formula] | None:
    plain = measured.at(reference.gradient())
    slope = measured.at(reference.changed(label_smoothing=1.0).gradient()) - plain
    known = np.isfinite(measured.value) & np.isfinite(plain) & np.isfinite(slope)
    basis = np.stack([plain[known], slope[known]], axis=1)
    # The entries of a row sum to 0, so each row has one equation fewer than entries. Two unknowns
    # need three equations, or anything would fit.
    bound = 0 if reference.task == "binary" else len(np.unique(measured.row[known]))
    if len(basis) - bound < 3 or np.linalg.cond(basis) > 1e4:
        return None
    (scale, product), *_ = np.linalg.lstsq(basis, measured.value[known], rcond=None)
    share = float(product / scale) if scale else 0.0
    if not 1e-4 < share <= 1:
        return None
    mixed = reference.changed(label_smoothing=min(share, 1.0))
    match = first_match(measured, [Formula("", mixed.gradient())])
    return None if match is None else (share, match)


def fit_class_weights(measured: Measured, reference: Reference) -> Array | None:
    """Class weights that were not requested: one factor for all rows with the same label.

    They are known up to a common factor.
    """
    labels = reference.labels
    if labels is None or "class_weight" in reference.options:
        return None
    rows, factor, doubt = measured.by_row(reference.gradient())
    known = np.isfinite(factor) & ~reference.ignored[rows] & (doubt <= 0.05 * np.abs(factor))
    rows, factor = rows[known], factor[known]
    classes = 2 if reference.task == "binary" else reference.logits.shape[1]
    weights, confirmed = np.full(classes, np.nan), []
    for label in np.unique(labels[rows]):
        of_label = factor[labels[rows] == label]
        weights[label] = np.median(of_label)
        if np.ptp(of_label) > 10 * measured.relative * abs(weights[label]):
            return None
        if len(of_label) > 1:
            confirmed.append(weights[label])
    # At least two classes need two rows each; otherwise the factors may depend on the row.
    if np.nanmin(weights, initial=1) <= 0 or len(confirmed) < 2:
        return None
    if np.ptp(confirmed) <= 1e-3 * max(confirmed):
        return None
    weights = np.where(np.isfinite(weights), weights, 1.0)
    weighted = Formula("", reference.changed(class_weight=weights).gradient())
    return weights if first_match(measured, [weighted]) else None


def order_of(fitted: Array, weight: Array, classes: Array) -> Array | None:
    """Order in which weights are those of the classes, up to a factor; None if it is the usual one.

    Weights were fitted only for the given classes.
    """
    for first in weight:
        scaled = fitted * first / fitted[classes[0]]
        left, order = list(range(len(weight))), np.full(len(weight), -1)
        for j in classes.tolist():
            same = [k for k in left if near(scaled[j], weight[k])]
            if not same:
                break
            order[j] = j if j in same else same[0]
            left.remove(order[j])
        else:
            order[order < 0] = left
            return order if (weight[order] != weight)[classes].any() else None
    return None


def fit_clipping(measured: Measured, reference: Reference, scales: Iterable[float]) -> str | None:
    """What a floor under the true class's probability does to the rows below it, if there is one.

    The less probable the class, the less remains of its row's gradient.
    """
    if reference.labels is None:
        return None
    gradient = reference.gradient()
    rows, factor, doubt = measured.by_row(gradient)
    usual = np.isfinite(factor) & ~reference.ignored[rows]
    p = np.where(reference.ignored, np.nan, reference.label_probabilities)
    largest = np.abs(gradient[np.isfinite(gradient)]).max(initial=0.0)
    for scale in scales:
        share, known = np.full(len(p), np.nan), usual & (doubt <= 0.05 * scale)
        share[rows[known]] = factor[known] / scale
        for clip, kept in (_hard(p, share), _soft(p, share)):
            full = measured.at(gradient)
            left = measured.at(gradient * kept[:, None])
            # If it is unclear whether a row is clipped, its numbers may be anything in between.
            between = np.clip(measured.value / scale, np.minimum(full, 0), np.maximum(full, 0))
            left = np.where(np.isnan(left), between, left)
            if clip and measured.agrees(left, scale, largest=largest):
                return clip
    return None


def _hard(p: Array, share: Array) -> tuple[str, Array]:
    """max(p, floor): rows below some probability have no gradient; the others have all of theirs.

    `share` is the fraction of each row's gradient that remains, NaN if it is unknown.
    """
    known, gone = ~np.isnan(share), np.abs(share) < 1e-3
    below = gone & (p < 0.5)
    if not below.any():
        return "", share
    top = p[below].max()
    above = ~gone & (p > top)
    if above.sum() < 2 or (known & ~below & (p < top)).any():
        return "", share
    # Where no row is known to be left alone, as in an accuracy, the others must be nearly certain.
    if not (above & known).any() and (gone & ~below & (p < 0.99)).any():
        return "", share
    # A clip may have an upper bound too, so rows without gradient count as clipped at any p.
    unsure = ~known & (p > top) & (p < p[above & known].min(initial=1))
    left = np.where(gone | (p <= top), 0.0, np.where(unsure, np.nan, 1.0))
    rows = counted(int(below.sum()), "row")
    text = f"is constant in {rows} whose true class has a probability of {top:.3g} or less."
    return text, left


def _soft(p: Array, share: Array) -> tuple[str, Array]:
    """log(p + floor): the fraction p / (p + floor) of each row's gradient remains."""
    part = (share > 1e-3) & (share < 0.999)
    if not part.any() or (share < 0.999).sum() < 2:
        return "", share
    # The row with a share nearest 1/2 gives the best estimate: near 0 and 1 it hardly changes.
    clearest = np.abs(np.log(share[part]) - np.log1p(-share[part])).argmin()
    floor = float((p[part] * (1 / share[part] - 1))[clearest])
    rows = counted(int((share < 0.5).sum()), "row")
    text = f"is too small in {rows}, as if {floor:.3g} were added to the probability."
    return text, p / (p + floor)


def permuted(
    measured: Measured, reference: Reference, scales: Iterable[float]
) -> Iterator[Formula]:
    """Columns of the gradient, or labels of the loss, in the order that fits best."""
    shape, labels = reference.logits.shape, reference.labels
    if len(measured.row) != shape[0] * shape[1] or shape[1] < 3 or labels is None:
        return
    x = np.zeros(shape)
    x[measured.row, measured.column] = np.nan_to_num(measured.value)
    right = reference.gradient()
    order = _best_order(np.abs(_cosines(x, right)))
    if order is not None:
        moved = np.empty_like(right)
        moved[:, order] = right
        yield Formula("classes permuted", moved, f"column {_moves(order, 'is at')}")
    counted_rows = ~reference.ignored
    known = np.where(counted_rows, labels, 0)
    for scale in scales:
        # x = scale (p - y), so this is -y for the labels that were actually used.
        used = x / scale - reference.probabilities
        sums = np.zeros((shape[1], shape[1]))
        np.add.at(sums, known[counted_rows], used[counted_rows])
        order = _best_order(-sums)
        if order is not None:
            read = np.where(counted_rows, order[known], labels)
            gradient = reference.changed(targets=read).gradient()
            yield Formula("classes permuted", gradient, f"label {_moves(order, 'is read as')}")


def _cosines(x: Array, y: Array) -> Array:
    """Cosine between every column of y (rows of the result) and every column of x."""
    x, y = (a / np.sqrt((a * a).sum(axis=0)) for a in (x, y))
    return np.asarray(np.nan_to_num(y.T @ x))


def _best_order(likeness: Array) -> Array | None:
    """The column most similar to each row, if that is a permutation other than the identity."""
    order = np.argmax(likeness, axis=1)
    usual = np.arange(len(order))
    empty = ~likeness.any(axis=1)  # a label that does not occur may have any remaining column
    if empty.any():
        left = np.setdiff1d(usual, order[~empty])
        if len(left) == empty.sum():
            order[empty] = left
    permuted = len(np.unique(order)) == len(order) and (order != usual).any()
    return order if permuted else None


def _moves(order: Array, verb: str) -> str:
    """The first classes that change places."""
    moves = [f"{j} {verb} {k}" for j, k in enumerate(order.tolist()) if j != k]
    return ", ".join(moves[:4])
