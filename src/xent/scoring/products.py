"""Products of numbers and weights, whose exact sums give means and their intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
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

FOURTH = ("wllll",)
FOURTH_WEIGHTED = ("wwwwl", "wwwwll", "wwwwlll", "wwwwllll")
"""Products that a fourth moment needs too; with weights, also `fourth_power` of the weight."""


def products(values: Array, weight: Array | None) -> dict[str, Array]:
    """The products by name, each of them rounded at every multiplication; some may be infinite."""
    with np.errstate(all="ignore"):
        if weight is None:
            square = values * values
            return {"wl": values, "wll": square, "wlll": square * values}
        return products_of_totals(weight * values, weight)


def products_of_totals(first: Array, weight: Array) -> dict[str, Array]:
    """The same where the weight times the number is known: a row's total, and its size."""
    with np.errstate(all="ignore"):
        second, third = first * first, weight * weight * first
        return {
            "wl": first, "wwl": weight * first, "wwll": second,
            "wwwl": third, "wwwll": weight * second, "wwwlll": second * first,
        }  # fmt: skip


def fourth_products(values: Array, weight: Array | None) -> dict[str, Array]:
    """The products of four factors, by name."""
    with np.errstate(all="ignore"):
        if weight is None:
            square = values * values
            return {"wllll": square * square}
        first, square = weight * values, weight * weight
        second = first * first
        return {
            "wwwwl": square * weight * first, "wwwwll": square * second,
            "wwwwlll": weight * second * first, "wwwwllll": second * second,
        }  # fmt: skip


def powers(weight: Array) -> dict[str, Array]:
    """The powers of weights by name."""
    square = weight * weight
    return {"w": weight, "ww": square, "www": square * weight}


def fourth_power(weight: Array) -> dict[str, Array]:
    """The fourth power of weights, by name."""
    square = weight * weight
    return {"wwww": square * square}


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


def moments(rows: int, sums: Mapping[str, int], lost: int, *, sizes: bool = False) -> LossMoments:
    """The moments of so many rows; the mean alone if powers of some of them were lost.

    Weights that are `sizes`, such as lengths of texts, decide how far the rows' totals spread. Then
    a few large ones give most of the error, and it has the fewer degrees of freedom.
    """
    mean, nothing = ratio(sums["wl"], sums.get("w", rows * ONE)), math.nan
    if lost or rows < 2:
        return LossMoments(rows, mean, nothing, nothing, float(rows), nothing)
    if "ww" not in sums:
        plain = moments_of_sums(rows, ONE, sums)
        if "wllll" in sums:
            return replace(plain, error_freedom=_error_freedom(_of_equal_weights(rows, sums)))
        if not sizes or not sums["wlll"]:
            return plain
        # Losses of whole texts are as uneven as their lengths, which may not be known.
        return replace(plain, spread=ratio(sums["wll"] ** 3, sums["wlll"] ** 2 * ONE))
    found = _weighted(rows, mean, sums)
    if "wwww" in sums:
        return replace(found, error_freedom=_error_freedom(sums))
    return _sized(found, sums) if sizes else found


def _of_equal_weights(rows: int, sums: Mapping[str, int]) -> dict[str, int]:
    """The sums of the same rows, by their names if the rows have weights."""
    w, l1, l2, l3, l4 = (rows * ONE, *(sums[name] for name in (*PLAIN, *FOURTH)))
    return {
        "w": w, "ww": w, "wwww": w, "wl": l1, "wwl": l1, "wwll": l2,
        "wwwwl": l1, "wwwwll": l2, "wwwwlll": l3, "wwwwllll": l4,
    }  # fmt: skip


def _error_freedom(sums: Mapping[str, int]) -> float:
    """Twice the squared mean of SE² divided by its variance; see `LossMoments`."""
    w, l1, ww, wwl, wwll = (sums[name] for name in ("w", "wl", "ww", "wwl", "wwll"))
    squares = wwll * w * w - 2 * l1 * w * wwl + l1 * l1 * ww
    if squares << SPREAD < wwll * w * w:
        return math.nan
    fourths = sums["wwwwllll"] * w**4 - 4 * l1 * sums["wwwwlll"] * w**3
    fourths += 6 * l1 * l1 * sums["wwwwll"] * w * w
    fourths += l1**3 * (l1 * sums["wwww"] - 4 * sums["wwwwl"] * w)
    variance = ratio(fourths * ONE, squares * squares) - ratio(sums["wwww"] * ONE, ww * ww)
    return 2 / variance if variance > 0 else math.inf


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


def _sized(m: LossMoments, sums: Mapping[str, int]) -> LossMoments:
    """The same with the error of the jackknife, up to the first power of a row's share.

    Leaving out a row divides its residual r by 1 - w/Σw, so that Σr² becomes Σr² + 2Σwr²/Σw.
    """
    w, l1, ww, www = (sums[name] for name in ("w", "wl", "ww", "www"))
    pulled = sums["wwwll"] * w * w - 2 * l1 * w * sums["wwwl"] + l1 * l1 * www
    whole, second = ratio(w, ONE), m.variance * ratio(ww, ONE)
    squares = second + 2 * max(0.0, ratio(pulled, w**3)) if second > 0 else 0.0
    error = math.sqrt((m.rows - 1) / m.rows * squares) / whole
    return replace(m, error=max(m.error, error), spread=ratio(ww**3, www * www * ONE))
