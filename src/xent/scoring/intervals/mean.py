"""The interval of a mean loss: Hall's, from exact sums of powers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xent._validation import Array
from xent.scoring.intervals.interval import Interval, refused
from xent.scoring.intervals.quantiles import t_quantile
from xent.scoring.intervals.refusals import (
    ROWS,
    Units,
    few_carriers,
    few_of_a_class,
    infinite_losses,
    told,
    told_of_weights,
)
from xent.scoring.intervals.skewed import hall_bounds

METHOD = "Hall"

FEWEST_ROWS = 10
"""Rows (or effective rows, if weighted) below which there is no interval."""

EVEN = 0.5
"""Sizes are even enough, however few rows there are, if so many of them make the error."""

SPREAD = 43
"""A variance below 2**-43 of the mean square may come from the rounding of squares: it is none."""


@dataclass(frozen=True)
class LossMoments:
    """What an interval of a mean needs to know of the rows. Losses in nats."""

    rows: int
    mean: float
    variance: float
    """Central second moment: Σw²(l - mean)²/Σw²."""
    third: float
    """Central third moment; with weights, Σw³(l - mean)³ √effective / (Σw²)^(3/2)."""
    effective: float
    """Effective number of rows, (Σw)²/Σw²; `rows` if each has the same weight."""
    error: float
    """Standard error of the mean."""
    pull: float = 0.0
    """Σw²(l - mean)/(Σw)²: above 0 if heavy rows have high losses."""
    spread: float | None = None
    """(Σw²)³/(Σw³)², if weights are sizes: of how many rows the error is made; at most effective.

    The residuals of a large row are as much larger, and the degrees of freedom are those of Σw²r².
    """
    error_freedom: float | None = None
    """Degrees of freedom of the squared error by the fourth moment, if that is known.

    2 / (Σw⁴(l - mean)⁴ / (Σw²(l - mean)²)² - Σw⁴/(Σw²)²): 2n/(kurtosis - 1) for equal weights.
    """

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the error."""
        return (self.effective if self.spread is None else min(self.spread, self.effective)) - 1

    @property
    def skewness(self) -> float:
        """Of the mean, of which that of the losses is √effective times as large."""
        if not self.variance > 0:
            return math.nan
        return self.third / self.variance / math.sqrt(self.variance * self.effective)


def moments_of(losses: Array, weight: Array | None = None) -> LossMoments:
    r"""Moments of losses in arrays.

    .. math:: \mathrm{SE} = \sqrt{\frac{n}{n-1} \sum_i w_i^2 (l_i - \bar l)^2} \Big/ \sum_i w_i

    Parameters
    ----------
    losses : array
        Finite numbers, or differences of losses, shape (n,).
    weight : array, optional
        Numbers above 0, shape (n,).

    Examples
    --------
    >>> import numpy as np
    >>> m = moments_of(np.array([0.1, 0.2, 0.6]))
    >>> round(m.mean, 6), round(m.error, 6), m.effective
    (0.3, 0.152753, 3.0)
    """
    n = len(losses)
    if n < 2:
        return _of_one(n, float(losses[0]) if n else math.nan)
    w = np.ones(n) if weight is None else weight / weight.sum() * n
    mean = float(losses @ w) / n
    off = w * (losses - mean)
    squares, heavy = float(off @ off), float(w @ w)
    return LossMoments(
        n,
        mean,
        squares / heavy,
        float((off**3).sum()) * n / heavy**2,
        n * n / heavy,
        math.sqrt(n / (n - 1) * squares) / n,
        float(w @ off) / (n * n),
    )


def moments_of_sums(
    rows: int | Sequence[int], one: int, sums: Mapping[str, int | Sequence[int]]
) -> LossMoments:
    """The same from exact sums of rounded products, without cancellation between the sums.

    Parameters
    ----------
    rows : int, or int of each class
        Number of rows.
    one : int
        What stands for 1 in the sums.
    sums : mapping
        `wl`, `wll`, `wlll`, and if the rows have weights `w`, `ww`, `wwl`, `wwll`: sums of products
        of weight w and loss l as integers, over all rows or over those of each class. By class the
        skewness is right for weights that differ by class; of the weights in a class it is assumed
        that they are independent of the losses, and log-normal.

    Examples
    --------
    >>> m = moments_of_sums(3, 10**6, {"wl": 900000, "wll": 410000, "wlll": 225000})
    >>> round(m.mean, 6), round(m.error, 6), m.effective
    (0.3, 0.152753, 3.0)
    """
    lists = {name: _listed(amount) for name, amount in sums.items()}
    counts = _listed(rows)
    n = sum(counts)
    weighted = "ww" in lists
    if min(map(len, lists.values())) < len(counts):
        counts, lists = [n], {name: [sum(amounts)] for name, amounts in lists.items()}
    if not weighted:
        lists |= {"w": [one * count for count in counts], "wwl": lists["wl"], "wwll": lists["wll"]}
        lists["ww"] = lists["w"]
    w, l1, ww, wwl, wwll = (sum(lists[name]) for name in ("w", "wl", "ww", "wwl", "wwll"))
    if n < 2:
        return _of_one(n, l1 / w if n else math.nan)
    # Each product has as many factors in every term, so that all are in the same unit.
    squares = wwll * w * w - 2 * l1 * w * wwl + l1 * l1 * ww
    if squares << SPREAD < wwll * w * w:
        squares = 0
    thirds = (
        third * w**3 - 3 * l1 * second * w * w + 3 * l1 * l1 * first * w - l1**3 * weight
        for weight, first, second, third in zip(
            *(lists[name] for name in ("w", "wl", "wll", "wlll")), strict=True
        )
    )
    if weighted:
        cubes = sum(
            count * (lists["ww"][j] / lists["w"][j]) ** 3 * _ratio(third, lists["w"][j] * w**3)
            for j, (count, third) in enumerate(zip(counts, thirds, strict=True))
            if count
        )
    else:
        cubes = _ratio(sum(thirds), w**3 * one)
    return LossMoments(
        n,
        l1 / w,
        _ratio(squares, ww * w * w),
        cubes * (w / one) / (ww / one) ** 2,
        w * w / (ww * one),
        math.sqrt(_ratio(squares * one * n, w**4 * (n - 1))),
        (wwl * w - l1 * ww) * one / w**3,
    )


def _ratio(amount: int, by: int) -> float:
    """Rounded once; infinite beyond float64, as cubes of losses of 1e110 are."""
    try:
        return amount / by
    except OverflowError:
        return math.inf if amount > 0 else -math.inf


def _of_one(rows: int, mean: float) -> LossMoments:
    return LossMoments(rows, mean, math.nan, math.nan, float(rows), math.nan)


def _listed(amount: int | Sequence[int]) -> Sequence[int]:
    return [amount] if isinstance(amount, int) else amount


def mean_interval(
    moments: LossMoments,
    level: float = 0.95,
    *,
    infinite: int = 0,
    counts: Mapping[str, int] | None = None,
    units: Units = ROWS,
) -> Interval:
    r"""Hall's interval of the mean of losses, or of differences of losses.

    .. math::
        \bar l - \mathrm{SE} \cdot \frac{\sqrt[3]{1 + 3a(\pm t - b)} - 1}{a}, \qquad
        a = \frac{\gamma}{3\sqrt{n}} - \frac{\sum w^2 (l - \bar l)}{(\sum w)^2\,\mathrm{SE}},
        \quad b = \frac{\gamma}{6\sqrt{n}}

    with the skewness γ/√n of the mean, that is Σw³(l - mean)³ / (Σw²(l - mean)²)^(3/2), and the
    quantile t of Student's t with one degree of freedom less than there are effective rows, or
    `spread` ones if the weights are sizes.

    Parameters
    ----------
    moments : LossMoments
        Of the rows whose loss is finite, as `moments_of` or `moments_of_sums` give them.
    level : float, default 0.95
        Confidence level.
    infinite : int, default 0
        Rows whose loss is infinite; one is enough for there to be no interval.
    counts : mapping, optional
        Rows of each class by its name, to refuse an interval where one is too rare.
    units : Units, default ROWS
        What the rows and their weights are called.

    Returns
    -------
    Interval
        In nats.

    Raises
    ------
    ValueError
        If the level is not between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> losses = np.arange(1, 101) ** 2 / 1e4
    >>> found = mean_interval(moments_of(losses))
    >>> round(found.low, 4), round(float(losses.mean()), 4), round(found.high, 4)
    (0.281, 0.3383, 0.4014)
    >>> mean_interval(moments_of(losses[:3])).reason
    'only 3 rows: an interval needs 10'

    References
    ----------
    Hall (1992), doi:10.1111/j.2517-6161.1992.tb01876.x. The term with w² is that of a ratio: there
    the squared error is estimated with a mean that errs together with it.
    """
    error = moments.error
    if reason := _refusal(moments, infinite, counts, units):
        return refused(reason, METHOD, error)
    low, high = hall_bounds(
        moments.mean,
        error,
        t_quantile(level, moments.freedom),
        moments.skewness / 3 - moments.pull / error,
        moments.skewness / 6,
    )
    return Interval(low, high, error, METHOD)


def _refusal(m: LossMoments, infinite: int, counts: Mapping[str, int] | None, units: Units) -> str:
    name = units.name
    if infinite:
        return infinite_losses(infinite, name)
    if m.rows < FEWEST_ROWS:
        return told(m.rows, name, FEWEST_ROWS)
    if few := few_of_a_class(counts or {}):
        return few
    if not m.error > 0:
        return f"all {m.rows:,} {name}s have the same loss: its spread is unknown"
    return few_effective(m, units) or few_carriers(m.skewness, m.rows, f"{name}s")


def few_effective(m: LossMoments, units: Units = ROWS) -> str:
    """That weights or sizes leave too few effective rows, or that a few decide the error."""
    if m.effective < FEWEST_ROWS:
        return told_of_weights(m.rows, m.effective, FEWEST_ROWS, units=units)
    if m.spread is not None and m.spread < min(units.fewest, EVEN * m.rows):
        few = f"a few large {units.name}s decide its error, as if there were {m.spread:.1f}"
        return f"{few}: an interval needs {units.fewest}"
    return ""
