"""Exact sums of powers of numbers with a sign, of which means and intervals are computed."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from xent._validation import Array
from xent.scoring.intervals import LossMoments, moments_of_sums
from xent.scoring.state.exact import ONE, ratio

PLAIN = ("wl", "wll", "wlll")
WEIGHTED = (*PLAIN, "wwl", "wwll")
"""Products of a number l and the weight w of its row, of which there are sums."""


def products(values: Array, weight: Array | None) -> dict[str, Array]:
    """The products by name, each of them rounded at every multiplication; some may be infinite."""
    with np.errstate(all="ignore"):
        if weight is None:
            square = values * values
            return {"wl": values, "wll": square, "wlll": square * values}
        first = weight * values
        second = first * values
        return {
            "wl": first, "wll": second, "wlll": second * values,
            "wwl": weight * first, "wwll": first * first,
        }  # fmt: skip


def usable(made: Mapping[str, Array]) -> dict[str, Array] | None:
    """Which rows of each product are summed; None if all of them are.

    Of the first power, those that are finite, so that a mean is of all rows; of the others, those
    of which all powers are.
    """
    # One that is not finite makes the sum so; sums of finite numbers may overflow, too.
    with np.errstate(all="ignore"):
        if all(np.isfinite(each.sum()) for each in made.values()):
            return None
    fits = np.isfinite(np.stack(list(made.values()))).all(axis=0)
    return {**dict.fromkeys(made, fits), "wl": np.isfinite(made["wl"])}


def moments(rows: int, sums: Mapping[str, int], lost: int) -> LossMoments:
    """The moments of so many rows; the mean alone if powers of some of them were lost."""
    if not lost:
        return moments_of_sums(rows, ONE, sums)
    mean = ratio(sums["wl"], sums.get("w", rows * ONE))
    nothing = math.nan
    return LossMoments(rows, mean, nothing, nothing, nothing, nothing)
