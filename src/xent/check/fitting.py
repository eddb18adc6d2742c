"""Which formula do measured numbers follow, and with what factor?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from xent._validation import Array
from xent.check.factors import near
from xent.check.formulas import Formula, Meant


@dataclass(frozen=True)
class Match:
    """Measured numbers are `scale` times a formula."""

    formula: Formula
    scale: float


@dataclass(frozen=True)
class Measured:
    """Numbers at entries (row, column), and how far from a formula they may be.

    They may differ by `error`, their own, and by `relative` of the formula's numbers.
    """

    row: Array
    column: Array
    value: Array
    error: Array
    relative: float

    def at(self, gradient: Array) -> Array:
        """A gradient at the entries."""
        return np.asarray(gradient[self.row, self.column])

    def only(self, mask: Array) -> Measured:
        """Some of the entries."""
        return Measured(
            self.row[mask], self.column[mask], self.value[mask], self.error[mask], self.relative
        )

    def follows(self, gradient: Array) -> float | None:
        """The factor of the gradient that gives these numbers, or None."""
        return self.factor_of(self.at(gradient))

    def factor_of(self, wanted: Array) -> float | None:
        """The factor of numbers at the same entries that gives these, or None."""
        known = np.isfinite(self.value) & np.isfinite(wanted)
        size = np.abs(wanted[known])
        largest = size.max(initial=0.0)
        if not largest:
            return None
        value, target, error = self.value[known], wanted[known], self.error[known]
        big = size >= 0.05 * largest
        scale = float(np.median(value[big] / target[big]))
        if not scale or not np.isfinite(scale):
            return None
        # A factor that the errors alone could make up says nothing.
        sure = (np.abs(value[big]) > 4 * error[big]).any()
        return scale if sure and self.agrees(wanted, scale) else None

    def agrees(self, wanted: Array, scale: float, largest: float = 0.0) -> bool:
        """Can these be the wanted numbers times the factor, for all that their errors tell?

        Small numbers may differ by more than their own share, going by the largest of all.
        """
        with np.errstate(invalid="ignore"):
            size = np.abs(wanted)
            largest = max(largest, size[np.isfinite(size)].max(initial=0.0))
            size = np.maximum(size, 0.01 * largest)
            off = np.abs(self.value - scale * wanted) - self.error
            return not bool((off > self.relative * abs(scale) * size).any())

    def by_row(self, gradient: Array) -> tuple[Array, Array, Array]:
        """Rows, the factor of each, NaN where its formula is too small, and the factor's error."""
        v = self.at(gradient)
        known = np.isfinite(self.value) & np.isfinite(v)
        row, x, v, e = self.row[known], self.value[known], v[known], self.error[known]
        rows, place = np.unique(row, return_inverse=True)
        square = np.bincount(place, v * v)
        with np.errstate(all="ignore"):
            factor = np.bincount(place, x * v) / square
            doubt = np.bincount(place, np.abs(e * v)) / square
        factor[square <= 1e-6 * square.max(initial=0.0)] = np.nan
        return rows, factor, doubt


def first_match(
    measured: Measured, formulas: Iterable[Formula], scales: Iterable[float] = ()
) -> Match | None:
    """The first formula that the numbers follow, at one of the scales if any does."""
    first = None
    for formula in formulas:
        scale = measured.follows(formula.gradient)
        if scale is not None:
            match = Match(formula, scale)
            if not scales or any(near(scale, s) for s in scales):
                return match
            first = first or match
    return first


def smoothing(measured: Measured, meant: Meant) -> tuple[float, Match] | None:
    """Label smoothing that nobody spoke of: a gradient is linear in it."""
    if meant.options.get("label_smoothing"):
        return None
    plain = measured.at(meant.gradient())
    slope = measured.at(meant.changed(label_smoothing=1.0).gradient()) - plain
    known = np.isfinite(measured.value) & np.isfinite(plain) & np.isfinite(slope)
    basis = np.stack([plain[known], slope[known]], axis=1)
    # A row's entries sum to 0: one of them is known by the others.
    bound = 0 if meant.kind == "binary" else len(np.unique(measured.row[known]))
    if len(basis) - bound < 3 or np.linalg.cond(basis) > 1e4:
        return None
    (scale, product), *_ = np.linalg.lstsq(basis, measured.value[known], rcond=None)
    share = float(product / scale) if scale else 0.0
    if not 1e-4 < share <= 1:
        return None
    mixed = meant.changed(label_smoothing=min(share, 1.0))
    found = first_match(measured, [Formula("", mixed.gradient())])
    return None if found is None else (share, found)


def class_weights(measured: Measured, meant: Meant) -> Array | None:
    """Class weights that nobody spoke of, up to a common factor: one for all rows of a label."""
    labels = meant.labels
    if labels is None or "class_weight" in meant.options:
        return None
    rows, factor, doubt = measured.by_row(meant.gradient())
    told = np.isfinite(factor) & ~meant.ignored[rows] & (doubt <= 0.05 * np.abs(factor))
    rows, factor = rows[told], factor[told]
    classes = 2 if meant.kind == "binary" else meant.logits.shape[1]
    weights, confirmed = np.full(classes, np.nan), []
    for label in np.unique(labels[rows]):
        of_label = factor[labels[rows] == label]
        weights[label] = np.median(of_label)
        if np.ptp(of_label) > 10 * measured.relative * abs(weights[label]):
            return None
        if len(of_label) > 1:
            confirmed.append(weights[label])
    # Two classes of two rows each, at least, or it may be the rows that differ.
    if np.nanmin(weights, initial=1) <= 0 or len(confirmed) < 2:
        return None
    if np.ptp(confirmed) <= 1e-3 * max(confirmed):
        return None
    weights = np.where(np.isfinite(weights), weights, 1.0)
    weighted = meant.changed(class_weight=weights).gradient()
    return weights if measured.follows(weighted) is not None else None


@dataclass(frozen=True)
class Clip:
    """Rows whose numbers fall short of the formula, the more the less probable their class."""

    rows: Array
    floor: float
    hard: bool


def clipping(measured: Measured, meant: Meant, scales: Iterable[float]) -> Clip | None:
    """A floor under the true class's probability, seen by what it does to the rows below it."""
    if meant.labels is None:
        return None
    gradient = meant.gradient()
    rows, factor, doubt = measured.by_row(gradient)
    usual = np.isfinite(factor) & ~meant.ignored[rows]
    plain = meant.changed(class_weight=None, sample_weight=None, pos_weight=None,
                          label_smoothing=None, z_loss=None)  # fmt: skip
    p = np.where(meant.ignored, np.nan, np.exp(-plain.losses()))
    largest = np.abs(gradient[np.isfinite(gradient)]).max(initial=0.0)
    for scale in scales:
        share, told = np.full(len(p), np.nan), usual & (doubt <= 0.05 * scale)
        share[rows[told]] = factor[told] / scale
        for clip, kept in (_hard(p, share), _soft(p, share)):
            full = measured.at(gradient)
            left = measured.at(gradient * kept[:, None])
            # Where it is unsure whether a row is clipped, it is something in between.
            between = np.clip(measured.value / scale, np.minimum(full, 0), np.maximum(full, 0))
            left = np.where(np.isnan(left), between, left)
            if clip and measured.agrees(left, scale, largest=largest):
                return clip
    return None


def _hard(p: Array, share: Array) -> tuple[Clip | None, Array]:
    """Nothing is left of the rows below some probability (and perhaps above another), all else is.

    The share that is left of a row is NaN where too little of it was seen to tell.
    """
    told, gone = ~np.isnan(share), np.abs(share) < 1e-3
    below = gone & (p < 0.5)
    if not below.any():
        return None, share
    top = p[below].max()
    above = ~gone & (p > top)
    if not above.any() or (told & ~below & (p < top)).any():
        return None, share
    if below.sum() + (above & told).sum() < 2:
        return None, share
    unsure = ~told & (p > top) & (p < p[above & told].min(initial=1))
    left = np.where(gone | (p <= top), 0.0, np.where(unsure, np.nan, 1.0))
    return Clip(np.flatnonzero(below), float(p[above].min()), hard=True), left


def _soft(p: Array, share: Array) -> tuple[Clip | None, Array]:
    """Of each row p / (p + floor) is left, as by log(p + floor)."""
    part = (share > 1e-3) & (share < 0.999)
    if not part.any() or (share < 0.999).sum() < 2:
        return None, share
    clearest = np.abs(np.log(share[part]) - np.log1p(-share[part])).argmin()
    floor = float((p[part] * (1 / share[part] - 1))[clearest])
    return Clip(np.flatnonzero(share < 0.5), floor, hard=False), p / (p + floor)


def permutation(measured: Measured, meant: Meant, scales: Iterable[float]) -> Match | None:
    """Columns of the gradient, or labels of the loss, in another order."""
    shape = meant.logits.shape
    if len(measured.row) != shape[0] * shape[1] or shape[1] < 3 or meant.labels is None:
        return None
    x = np.zeros(shape)
    x[measured.row, measured.column] = np.nan_to_num(measured.value)
    right = meant.gradient()
    order = _assigned(np.abs(_cosines(x, right)))
    if order is not None:
        turned = np.empty_like(right)
        turned[:, order] = right
        detail = "column " + ", ".join(f"{j} stands at {k}" for j, k in _few(order))
        found = first_match(measured, [Formula("classes permuted", turned, detail)])
        if found is not None:
            return found
    labels = np.where(meant.ignored, 0, meant.labels)
    for scale in scales:
        missing = x / scale - meant.probabilities  # less 1 at the label that was used
        sums = np.zeros((shape[1], shape[1]))
        np.add.at(sums, labels[~meant.ignored], missing[~meant.ignored])
        order = _assigned(-sums)
        if order is None:
            continue
        moved = np.where(meant.ignored, meant.labels, order[labels])
        detail = "label " + ", ".join(f"{j} is read as {k}" for j, k in _few(order))
        gradient = meant.changed(targets=moved).gradient()
        found = first_match(measured, [Formula("classes permuted", gradient, detail)])
        if found is not None:
            return found
    return None


def _cosines(x: Array, y: Array) -> Array:
    """How alike the columns of y and of x are: rows for y, columns for x."""
    with np.errstate(all="ignore"):
        x, y = (a / np.sqrt((a * a).sum(axis=0)) for a in (x, y))
        return np.asarray(np.nan_to_num(y.T @ x))


def _assigned(likeness: Array) -> Array | None:
    """The column most alike to each row, if that is a permutation, and not the usual order."""
    order = np.argmax(likeness, axis=1)
    usual = np.arange(len(order))
    empty = ~likeness.any(axis=1)  # a label that does not occur may stand for what is left over
    if empty.any():
        left = np.setdiff1d(usual, order[~empty])
        if len(left) == empty.sum():
            order[empty] = left
    permuted = len(np.unique(order)) == len(order) and (order != usual).any()
    return order if permuted else None


def _few(order: Array) -> list[tuple[int, int]]:
    pairs = [(j, int(k)) for j, k in enumerate(order) if j != k]
    return pairs[:4]
