"""Exact sums of powers of numbers with a sign, of which means and intervals are computed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from xent._validation import Array
from xent.scoring.intervals import LossMoments, moments_of_sums
from xent.scoring.intervals.mean import SPREAD
from xent.scoring.state.exact import ONE, ratio

PLAIN = ("wl", "wll", "wlll")
WEIGHTED = ("wl", "wwl", "wwll", "wwwl", "wwwll", "wwwlll")
"""Products of a number l and the weight w of its row, of which there are sums."""

WEIGHTS = ("w", "ww", "www")
"""Powers of the weight, of which there are sums, too."""


def products(values: Array, weight: Array | None) -> dict[str, Array]:
    """The products by name, each of them rounded at every multiplication; some may be infinite."""
    with np.errstate(all="ignore"):
        if weight is None:
            square = values * values
            return {"wl": values, "wll": square, "wlll": square * values}
        first = weight * values
        second, third = first * first, weight * weight * first
        return {
            "wl": first, "wwl": weight * first, "wwll": second,
            "wwwl": third, "wwwll": weight * second, "wwwlll": second * first,
        }  # fmt: skip


def powers(weight: Array) -> dict[str, Array]:
    """The powers of weights by name."""
    square = weight * weight
    return {"w": weight, "ww": square, "www": square * weight}


def usable(made: Mapping[str, Array]) -> tuple[Array, Array] | None:
    """Rows whose value is finite, and rows of which all products are; None if all rows are both.

    The value itself is summed of the former, so that a mean is of all rows.
    """
    # One that is not finite makes the sum so; sums of finite numbers may overflow, too.
    with np.errstate(all="ignore"):
        if all(np.isfinite(each.sum()) for each in made.values()):
            return None
    fits = np.isfinite(np.stack(list(made.values()))).all(axis=0)
    return np.isfinite(made["wl"]), fits


def kept(name: str, rows: tuple[Array, Array] | None) -> Any:
    """Which rows of a product are summed: an index."""
    if rows is None:
        return slice(None)
    return rows[0] if name == "wl" else rows[1]


def moments(rows: int, sums: Mapping[str, int], lost: int) -> LossMoments:
    """The moments of so many rows; the mean alone if powers of some of them were lost."""
    mean, nothing = ratio(sums["wl"], sums.get("w", rows * ONE)), math.nan
    if lost or rows < 2:
        return LossMoments(rows, mean, nothing, nothing, float(rows), nothing)
    return _weighted(rows, mean, sums) if "ww" in sums else moments_of_sums(rows, ONE, sums)


def _weighted(rows: int, mean: float, sums: Mapping[str, int]) -> LossMoments:
    """With weights, whose cubes give the skewness of the mean; see `LossMoments`."""
    w, l1, ww, wwl, www = (sums[name] for name in ("w", "wl", "ww", "wwl", "www"))
    # Each product has as many factors in every term, so that all are in the same unit.
    squares = sums["wwll"] * w * w - 2 * l1 * w * wwl + l1 * l1 * ww
    if squares << SPREAD < sums["wwll"] * w * w:
        squares = 0
    cubes = sums["wwwlll"] * w**3 - 3 * l1 * sums["wwwll"] * w * w
    cubes += 3 * l1 * l1 * sums["wwwl"] * w - l1**3 * www
    second, heavy = ratio(squares, w * w * ONE), ratio(ww, ONE)
    effective = ratio(w * w, ww * ONE)
    return LossMoments(
        rows,
        mean,
        second / heavy,
        ratio(cubes, w**3 * ONE) * math.sqrt(effective) / heavy**1.5,
        effective,
        math.sqrt(rows / (rows - 1) * second) / ratio(w, ONE),
        ratio((wwl * w - l1 * ww) * ONE, w**3),
    )
