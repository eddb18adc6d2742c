"""A mean with all that can be said of its error: interval, p-value, and what would be seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

from xent.scoring.intervals.interval import Interval, refused
from xent.scoring.intervals.quantiles import t_quantile
from xent.scoring.intervals.skewed import hall_bounds
from xent.scoring.intervals.tails import t_tail

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
