"""A mean with all that can be said of its error: interval, p-value, and what would be seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xent.scoring.comparing.tails import t_tail
from xent.scoring.intervals import (
    Interval,
    LossMoments,
    mean_interval,
    refused,
    t_quantile,
)
from xent.scoring.intervals.clusters import METHOD, ratio_interval
from xent.scoring.intervals.skewed import hall_bounds
from xent.scoring.state import ratio

POWER = 0.8
"""With which probability a difference is to be seen."""


@dataclass(frozen=True)
class Estimate:
    """A mean, and the distribution of its error as Student's t, corrected for skewness."""

    mean: float
    error: float
    freedom: float
    bend: float = 0.0
    shift: float = 0.0
    """As `hall_bounds` takes them."""
    method: str = "Hall"
    reason: str = ""
    """Why nothing is said of the error."""

    def interval(self, level: float) -> Interval:
        """The interval at a confidence level."""
        if self.reason:
            return refused(self.reason, self.method, self.error)
        quantile = t_quantile(level, self.freedom)
        low, high = hall_bounds(self.mean, self.error, quantile, self.bend, self.shift)
        return Interval(low, high, self.error, self.method)

    def above(self, value: float) -> float:
        """One-sided p-value of the mean being this value or more; NaN if it is not known.

        It is below α exactly where the upper bound of the interval at level 1 - 2α is below it.
        """
        return math.nan if self.reason else t_tail(-self._transformed(value), self.freedom)

    def below(self, value: float) -> float:
        """One-sided p-value of the mean being this value or less."""
        return math.nan if self.reason else t_tail(self._transformed(value), self.freedom)

    def two_sided(self) -> float:
        """P-value of the mean being 0: below 1 - level exactly if the interval is without 0."""
        return math.nan if self.reason else min(1.0, 2 * min(self.above(0), self.below(0)))

    def seen(self, level: float) -> float:
        """The smallest distance from 0 that a test at the level sees with probability `POWER`."""
        if self.reason:
            return math.nan
        quantiles = t_quantile(level, self.freedom) + t_quantile(2 * POWER - 1, self.freedom)
        return quantiles * self.error

    def _transformed(self, value: float) -> float:
        """The studentised distance of the mean from a value, nearly normal by Hall's correction."""
        t = (self.mean - value) / self.error
        return t + self.bend * t * t + self.shift + self.bend**2 * t**3 / 3


def of_rows(
    moments: LossMoments, lost: tuple[int, int], counts: Mapping[str, int] | None = None
) -> Estimate:
    """The mean of independent rows; of so many the powers, or the value itself, are not finite."""
    m = moments
    reason = _lost(*lost) or mean_interval(m, counts=counts).reason
    if reason:
        return Estimate(math.nan if lost[1] else m.mean, m.error, 1.0, reason=reason)
    bend = m.skewness / 3 - m.pull / m.error
    return Estimate(m.mean, m.error, max(1.0, m.effective - 1), bend, m.skewness / 6)


def _lost(powers: int, values: int) -> str:
    """Why there is no interval where the powers of some values, or these themselves, are lost."""
    if values:
        rows = "1 row has" if values == 1 else f"{values:,} rows have"
        return f"{rows} an infinite loss: the mean has no interval"
    if powers:
        rows = "1 row has a loss" if powers == 1 else f"{powers:,} rows have losses"
        return f"{rows} whose powers are too large to sum"
    return ""


def of_clusters(
    sums: Sequence[tuple[int, int]], lost: tuple[int, int], counts: Mapping[str, int] | None = None
) -> Estimate:
    """The mean of rows that depend on each other within clusters, as `ratio_interval` has it.

    Parameters
    ----------
    sums : sequence of tuple of int
        Exact sum and weight of each cluster, in the same unit.
    lost : tuple of int
        Rows of which the powers, or the value itself, are not finite.
    counts : mapping, optional
        Rows of each class by its name.

    Examples
    --------
    >>> sums = [(c * c, 1 + c % 3) for c in range(20)]
    >>> found = of_clusters(sums, (0, 0))
    >>> round(found.mean, 4), round(found.error, 4), round(found.freedom, 2)
    (63.3333, 14.6357, 16.09)
    """
    top, whole = sum(s for s, _ in sums), sum(w for _, w in sums)
    mean = ratio(top, whole)
    tops = np.array([ratio(s, whole) for s, _ in sums])
    share = np.array([ratio(w, whole) for _, w in sums])
    reason = _lost(0, lost[1]) or ratio_interval(tops, share, counts=counts).reason
    if reason:
        return Estimate(math.nan if lost[1] else mean, math.nan, 1.0, method=METHOD, reason=reason)
    # Deviations as parts of the whole weight, by exact sums; each divided by its leverage.
    off = np.array([ratio(s * whole - top * w, whole * whole) for s, w in sums]) / (1 - share)
    n, squares = len(sums), float(off @ off)
    error = math.sqrt((n - 1) / n * squares)
    skewness = float((off**3).sum()) / squares**1.5
    bend = skewness / 3 - float(share @ off) / error
    freedom = max(1.0, 1 / float(share @ share) - 1)
    return Estimate(mean, error, freedom, bend, skewness / 6, METHOD)
