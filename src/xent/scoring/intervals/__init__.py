"""Intervals of figures, and tests: pure functions, each refused where it would mislead."""

from __future__ import annotations

from xent.scoring.intervals.interval import Interval, refused
from xent.scoring.intervals.mcnemar import mcnemar
from xent.scoring.intervals.mean import LossMoments, mean_interval, moments_of, moments_of_sums
from xent.scoring.intervals.multiple import holm
from xent.scoring.intervals.proportion import proportion_interval
from xent.scoring.intervals.quantiles import normal_quantile, t_quantile

__all__ = [
    "Interval",
    "LossMoments",
    "holm",
    "mcnemar",
    "mean_interval",
    "moments_of",
    "moments_of_sums",
    "normal_quantile",
    "proportion_interval",
    "refused",
    "t_quantile",
]
