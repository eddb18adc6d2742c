"""Intervals of ratios of sums over clusters of rows, which are not independent within one."""

from __future__ import annotations

import math

import numpy as np

from xent._validation import Array
from xent.scoring.intervals.interval import Interval, refused
from xent.scoring.intervals.quantiles import t_quantile
from xent.scoring.intervals.refusals import told
from xent.scoring.intervals.skewed import hall_bounds

METHOD = "clustered Hall"

FEWEST_CLUSTERS = 10
"""Clusters below which there is no interval."""


def ratio_interval(tops: Array, bottoms: Array, level: float = 0.95) -> Interval:
    E = None
    keep = bottoms > 0
    tops, bottoms = tops[keep].astype(np.float64), bottoms[keep].astype(np.float64)
    g = len(tops)
    if g < FEWEST_CLUSTERS:
        return refused(told(g, "cluster", FEWEST_CLUSTERS), METHOD)
    whole = bottoms.sum()
    estimate = tops.sum() / whole
    off = tops - estimate * bottoms
    squares = off @ off
    if not squares > 0:
        return refused("zero", METHOD, 0.0)
    error = math.sqrt(g / (g - 1) * squares) / whole
    skew = float((off**3).sum() / squares**1.5)
    pull = float(bottoms @ off) / whole**2 / error
    low, high = hall_bounds(
        float(estimate), error, t_quantile(level, g - 1), skew / 3 - pull, skew / 6
    )
    return Interval(low, high, error, METHOD)
