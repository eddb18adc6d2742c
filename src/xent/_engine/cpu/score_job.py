"""Records that the kernels of `score` read, and how sums and bins are laid out in memory."""

from __future__ import annotations

import numpy as np

SCORE_JOB = np.dtype(
    [
        (name, np.int64)
        for name in (
            "rows",
            "classes",
            "by_columns",  # are the scores of a class beside each other?
            "block",  # rows that are computed at a time
            # Addresses:
            "scores",  # float64
            "labels",  # int64, like all that follows but for losses, Brier scores and scratch
            "losses",
            "keys",  # bins of the histogram
            "predicted",
            "groups",  # twice the label, and 1 more if it is the likeliest class
            "brier",  # float64
            "scratch",  # 2 * block * classes + 2 * block float64 numbers
        )
    ]
)
SUM_JOB = np.dtype(
    [(name, np.int64) for name in ("size", "groups", "values", "of", "limbs", "scratch")]
)
"""Sums of values by group: `of` has the group of each value, and is 0 if there is one group."""

MOMENT_JOB = np.dtype(
    [
        (name, np.int64)
        for name in (
            "size",
            "groups",
            "all_by_group",  # are all products summed by group, and not the first one alone?
            "values",
            "weight",  # 0 if each is 1
            "of",  # the group of each value; 0 if there is one group
            "limbs",
            "scratch",  # 6 * CHUNK float64 numbers
        )
    ]
)
"""Sums of products of values and weights by group: those in `MOMENTS`, one after another."""

MOMENTS = ("wl", "wll", "wlll", "wwl", "wwll")
"""Products of the weight w and the value l, such as a loss; without weights the first three."""

LIMBS = 66
"""Integers of 32 bits, in int64, that hold any sum of float64 numbers, in units of 2**-1074."""

CHUNK = 1024
"""Values that are split and added at a time."""
