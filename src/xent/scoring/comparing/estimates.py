"""A mean with all that can be said of its error: interval, p-value, and what would be seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from xent.scoring.comparing.tails import t_tail
from xent.scoring.intervals import (
    Interval,
    LossMoments,
    mean_interval,
    refused,
    t_quantile,
)
from xent.scoring.intervals.skewed import hall_bounds
from xent.scoring.state.clusters import FEWEST

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
    moments: LossMoments, left_out: int, counts: Mapping[str, int] | None = None
) -> Estimate:
    """The mean of independent rows, of which so many have no finite value."""
    m = moments
    reason = mean_interval(m, infinite=left_out, counts=counts).reason
    if reason:
        return Estimate(m.mean, m.error, 1.0, reason=reason)
    skewness = m.third / m.variance**1.5 / math.sqrt(m.effective)
    bend = skewness / 3 - m.pull / m.error
    return Estimate(m.mean, m.error, max(1.0, m.effective - 1), bend, skewness / 6)


def of_clusters(sums: Sequence[tuple[int, int]], left_out: int) -> Estimate:
    r"""The mean of rows that depend on each other within clusters.

    .. math::
        \mathrm{SE}^2 = \frac{G}{G - 1} \sum_c (S_c - \bar x W_c)^2 \Big/ \Big(\sum_c W_c\Big)^2

    with the sum S and the weight W of each of G clusters, and Student's t of G - 1 degrees of
    freedom (Liang & Zeger 1986, doi:10.1093/biomet/73.1.13; arXiv:2411.00640).
    """
    groups, whole = len(sums), sum(w for _, w in sums)
    mean = Fraction(sum(s for s, _ in sums), whole)
    reason = ""
    if left_out:
        reason = mean_interval(LossMoments(0, 0, 0, 0, 0, 0), infinite=left_out).reason
    elif groups < FEWEST:
        reason = f"only {groups} cluster{'s' * (groups != 1)}: an interval needs {FEWEST}"
    if reason:
        return Estimate(float(mean), math.nan, 1.0, method="clusters", reason=reason)
    squares = sum((s - mean * w) ** 2 for s, w in sums)
    error = math.sqrt(float(squares / whole**2 * groups / (groups - 1)))
    if not error:
        reason = f"all {groups} clusters have the same mean: its spread cannot be estimated"
    return Estimate(float(mean), error, groups - 1.0, method="clusters", reason=reason)
