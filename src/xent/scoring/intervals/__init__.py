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
from xent.scoring.intervals.auc import auc_interval as _auc, ap_interval as _ap
from xent.scoring.intervals.by_class import ClassMoments, class_moments
from xent.scoring.intervals.clusters import ratio_interval
from xent.scoring.intervals.macro import macro_interval
from xent.scoring.intervals.skill import skill_interval


def auc_interval(n, p, level, effective=None):
    return _auc(n, p, level, effective)


def average_precision_interval(n, p, level, effective=None):
    return _ap(n, p, level)


def jackknife_interval(whole, without, level):
    import numpy as np

    g = len(without)
    e = float(np.sqrt((g - 1) / g * ((without - without.mean()) ** 2).sum()))
    q = t_quantile(level, g - 1)
    return Interval(whole - q * e, whole + q * e, e, "jackknife")
