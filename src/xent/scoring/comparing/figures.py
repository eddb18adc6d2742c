"""The figures of a comparison, computed from its state."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from xent.scoring.comparing.estimates import of_clusters, of_differences, of_rows
from xent.scoring.comparing.groups import most_cells
from xent.scoring.comparing.schema import Places
from xent.scoring.comparing.state import CompareState
from xent.scoring.figure import negated
from xent.scoring.intervals import Estimate, Interval, holm, mcnemar, paired_interval
from xent.scoring.intervals.clusters import unknown
from xent.scoring.intervals.refusals import of_two
from xent.scoring.report import Score
from xent.scoring.state.clustered_slices import TOO_MANY, Sliced

ROUNDING = 1e-12
"""In nats: the root mean square of differences that rounding may have made."""


@dataclass(frozen=True)
class ModelFigures:
    """One model on the rows that all models have."""

    name: str
    loss: float
    """Log loss in nats; infinite if that of a row is."""
    loss_interval: Interval
    accuracy: float
    accuracy_interval: Interval
    infinite: int
    """Rows whose true class was given a probability of 0."""
    constant: bool
    """Has each row the same scores?"""

    @classmethod
    def of(cls, name: str, score: Score, *, constant: bool) -> ModelFigures:
        """Those of the model's score."""
        return cls(
            name, score.loss, score.loss_interval, score.accuracy, score.accuracy_interval,
            score.infinite, constant,
        )  # fmt: skip


@dataclass(frozen=True)
class PairFigures:
    """Two models on the same rows. Differences are the first one's figure less the second's."""

    first: str
    second: str
    difference: float
    """Of the log losses, in nats; NaN if a loss is infinite."""
    interval: Interval
    p: float
    """Two-sided, of no difference."""
    corrected: float
    """The p-value by Holm's correction over all pairs."""
    detectable: float
    """The smallest difference that would have been seen with a power of 80 %."""
    lower: tuple[int, int]
    """Rows in which the first one's loss is lower, and those in which the second one's is."""
    equal: int
    """Rows with the same loss."""
    accuracy_difference: float
    accuracy_interval: Interval
    right_alone: tuple[int, int]
    """Rows in which only the first one is right, and those in which only the second one is."""
    mcnemar: float
    """P-value of the exact test; NaN where rows are not independent."""
    infinite: tuple[int, int]
    """Rows with an infinite loss, of each."""
    not_worse: tuple[float, float] = (math.nan, math.nan)
    """With a margin: corrected p-values of the first one, or the second, being worse by it."""
    bounds: tuple[float, float] = (math.nan, math.nan)
    """With a margin: by how much the first one, or the second, may be worse: one-sided bounds."""

    rounding: bool = False
    """Do the losses differ by no more than numbers are rounded by?"""

    @property
    def tested(self) -> bool:
        """Is there a p-value, so that it counts in Holm's correction?"""
        return self.p == self.p

    @property
    def same(self) -> bool:
        """Is the loss the same in each row?"""
        return self.lower == (0, 0)


@dataclass(frozen=True)
class SliceFigures:
    """A pair of models on the rows with one value of a column."""

    value: str
    first: str
    second: str
    rows: int
    difference: float
    interval: Interval
    p: float
    corrected: float
    """By Holm's correction over all values of all columns, and all pairs."""

    @property
    def turned(self) -> SliceFigures:
        """The second model beside the first."""
        return replace(
            self, first=self.second, second=self.first, difference=-self.difference,
            interval=negated(self.interval),
        )  # fmt: skip


class Figures:
    """The figures of a state at a confidence level, and with a margin if one is given."""

    def __init__(self, state: CompareState, level: float, margin: float | None) -> None:
        self.state, self.level, self.margin = state, level, margin
        self.schema, self.places = state.schema, Places(state.schema)

    @cached_property
    def pairs(self) -> list[PairFigures]:
        """Of each pair, with Holm's correction over all of them."""
        estimates = [
            of_differences(self._estimate(self.places.difference(i)))
            for i in range(self.places.pairs)
        ]
        # The first step of Holm's correction: what is seen at it is so whatever the others are.
        tested = sum(each.two_sided() == each.two_sided() for each in estimates)
        strict = 1 - (1 - self.level) / max(1, tested)
        pairs = [self._pair(i, each, strict) for i, each in enumerate(estimates)]
        corrected = holm([pair.p for pair in pairs])
        pairs = [replace(pair, corrected=p) for pair, p in zip(pairs, corrected, strict=True)]
        if self.margin is None:
            return pairs
        worse = [p for each in estimates
                 for p in (each.above(self.margin), each.below(-self.margin))]  # fmt: skip
        if len(pairs) > 1:  # of a single pair, only one of both can be true
            worse = holm(worse)
        bounds = [each.interval(2 * self.level - 1) for each in estimates]
        return [
            replace(pair, not_worse=(worse[2 * i], worse[2 * i + 1]),
                    bounds=(bounds[i].high, -bounds[i].low))
            for i, pair in enumerate(pairs)
        ]  # fmt: skip

    def _pair(self, i: int, estimate: Estimate, strict: float) -> PairFigures:
        totals, (a, b) = self.state.totals, self.schema.pairs[i]
        lower, alone = totals.wins[i].tolist(), totals.alone[i].tolist()
        right = of_differences(self._estimate(self.places.right_difference(i)))
        depends = self.schema.cluster is not None or self.schema.weighted
        infinite = int(totals.infinite[a]), int(totals.infinite[b])
        p = estimate.two_sided()
        m = totals.moments(self.places.difference(i))
        lost = totals.left_out[self.places.difference(i)]
        rounding = not lost and m.variance + m.mean**2 < ROUNDING**2
        return PairFigures(
            self.schema.models[a], self.schema.models[b],
            estimate.mean, estimate.interval(self.level),
            p, p, estimate.seen(strict), (lower[0], lower[1]), totals.rows - sum(lower),
            right.mean, right.interval(self.level) if depends else self._paired(*alone),
            (alone[0], alone[1]), math.nan if depends else mcnemar(*alone), infinite,
            rounding=rounding,
        )  # fmt: skip

    def _paired(self, first: int, second: int) -> Interval:
        return paired_interval(first, second, self.state.totals.rows, self.level)

    def slices(self, column: str) -> list[SliceFigures]:
        """Of each value of a column and each pair, with Holm's correction over all columns."""
        return self._slices[column]

    @cached_property
    def _slices(self) -> dict[str, list[SliceFigures]]:
        slices = self.state.slices
        found = {
            column: [
                self._slice(column, value, i)
                for value in slices.values(column)
                for i in range(self.places.pairs)
            ]
            for column in self.schema.by
        }
        corrected = iter(holm([each.p for cells in found.values() for each in cells]))
        return {
            column: [replace(each, corrected=next(corrected)) for each in cells]
            for column, cells in found.items()
        }

    def _slice(self, column: str, value: str, pair: int) -> SliceFigures:
        a, b = (self.schema.models[i] for i in self.schema.pairs[pair])
        found = self.state.slices.of(column, value, pair)
        counts = of_two(self.schema.classes, found.rows, found.ones)
        estimate = of_rows(found.moments, found.lost, counts)
        if self.schema.cluster is not None:
            estimate = self._of_sliced(column, value, pair, estimate, (0, found.lost[1]), counts)
        estimate = of_differences(estimate)
        p, interval = estimate.two_sided(), estimate.interval(self.level)
        return SliceFigures(value, a, b, found.rows, estimate.mean, interval, p, p)

    def _of_sliced(
        self,
        column: str,
        value: str,
        pair: int,
        estimate: Estimate,
        lost: tuple[int, int],
        counts: Mapping[str, int],
    ) -> Estimate:
        """Over the clusters that occur in a slice."""
        if (found := self._sliced[column]) is None:
            return unknown(estimate.mean, TOO_MANY.format(most_cells(self.schema)))
        each = found[value]
        sums = list(zip(each.sums[pair], each.w, strict=True))
        return of_clusters(sums, lost, counts)

    @cached_property
    def _sliced(self) -> dict[str, dict[str, Sliced] | None]:
        """Sums by cluster of each value of the columns; None of a column with too many."""
        return {name: each.by_value() for name, each in self.state.clusters.slices.items()}

    def _estimate(self, value: int) -> Estimate:
        totals = self.state.totals
        lost = int(totals.left_out[value]), int(totals.undefined[value])
        if self.schema.cluster is not None:
            return of_clusters(self.state.clusters.of(value), lost, self.counts)
        return of_rows(totals.moments(value), lost, self.counts)

    @property
    def counts(self) -> dict[str, int]:
        """Rows of each class."""
        counts = self.state.totals.classes.tolist()
        return dict(zip(self.schema.classes, counts, strict=True))


def best(models: Sequence[ModelFigures]) -> ModelFigures:
    """The model with the lowest log loss; the first of several."""
    return min(models, key=lambda each: each.loss)
