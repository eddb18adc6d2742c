"""Intervals of figures, and tests: pure functions, each refused where it would mislead."""

from __future__ import annotations

from xent.scoring.intervals.auc import Effective, auc, auc_interval
from xent.scoring.intervals.average_precision import average_precision, average_precision_interval
from xent.scoring.intervals.by_class import ClassMoments, class_moments
from xent.scoring.intervals.clusters import (
    jackknife_interval,
    ratio_estimate,
    ratio_interval,
)
from xent.scoring.intervals.difference import difference_estimate
from xent.scoring.intervals.estimate import Estimate
from xent.scoring.intervals.interval import Interval, refused
from xent.scoring.intervals.macro import macro_interval
from xent.scoring.intervals.mcnemar import mcnemar
from xent.scoring.intervals.mean import LossMoments, mean_interval, moments_of, moments_of_sums
from xent.scoring.intervals.multiple import holm
from xent.scoring.intervals.paired import paired_interval
from xent.scoring.intervals.proportion import (
    mean_share_interval,
    proportion_interval,
    weighted_proportion_interval,
)
from xent.scoring.intervals.quantiles import normal_quantile, t_quantile
from xent.scoring.intervals.refusals import ROWS, Units
from xent.scoring.intervals.skill import Shares, ratio_of_losses, skill_interval

__all__ = [
    "ROWS",
    "ClassMoments",
    "Effective",
    "Estimate",
    "Interval",
    "LossMoments",
    "Shares",
    "Units",
    "auc",
    "auc_interval",
    "average_precision",
    "average_precision_interval",
    "class_moments",
    "difference_estimate",
    "holm",
    "jackknife_interval",
    "macro_interval",
    "mcnemar",
    "mean_interval",
    "mean_share_interval",
    "moments_of",
    "moments_of_sums",
    "normal_quantile",
    "paired_interval",
    "proportion_interval",
    "ratio_estimate",
    "ratio_interval",
    "ratio_of_losses",
    "refused",
    "skill_interval",
    "t_quantile",
    "weighted_proportion_interval",
]
