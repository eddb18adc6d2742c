"""The interval of a mean loss: Hall's, from exact sums of powers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from xent._validation import Array
from xent.scoring.intervals.interval import Interval, refused
from xent.scoring.intervals.quantiles import t_quantile
from xent.scoring.intervals.refusals import few_of_a_class, told
from xent.scoring.intervals.skewed import hall_bounds

METHOD = "Hall"

FEWEST_ROWS = 10
"""Rows (or effective rows, if weighted) below which there is no interval."""

FEWEST_CARRIERS = 5.0
"""A mean whose skewness is that of fewer rare rows than this has no interval."""


@dataclass(frozen=True)
class LossMoments:
    """What an interval of a mean needs to know of the rows. Losses in nats."""

    rows: int
    mean: float
    variance: float
    """Central second moment, by weight: Σw(l - mean)²/Σw."""
    third: float
    """Central third moment, by weight: Σw(l - mean)³/Σw."""
    effective: float
    """Effective number of rows, (Σw)²/Σw²; `rows` if each has the same weight."""
    error: float
    """Standard error of the mean."""
    pull: float = 0.0
    """Σw²(l - mean)/(Σw)²: above 0 if heavy rows have high losses."""


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
    w = np.ones(n) if weight is None else weight / weight.sum() * n
    mean = float(losses @ w) / n if n else math.nan
    off = losses - mean
    squares = float(w @ w)
    return LossMoments(
        n,
        mean,
        float(w @ off**2) / n if n else math.nan,
        float(w @ off**3) / n if n else math.nan,
        n * n / squares if n else 0.0,
        math.sqrt(n / (n - 1) * float((w * off) @ (w * off))) / n if n > 1 else math.nan,
        0.0 if weight is None else float((w * w) @ off) / (n * n),
    )


def moments_of_sums(rows: int, one: int, sums: Mapping[str, int]) -> LossMoments:
    """The same from exact sums, without cancellation: each number is rounded once.

    Parameters
    ----------
    rows : int
        Number of rows.
    one : int
        What stands for 1 in the sums.
    sums : mapping
        `w`, `wl`, `wll`, `wlll`, and `ww`, `wwl`, `wwll` if the rows have weights: sums of products
        of weight w and loss l as integers. Without weights `w` may be missing.

    Raises
    ------
    KeyError
        If some but not all of the weighted sums are there.

    Examples
    --------
    >>> m = moments_of_sums(3, 10**6, {"wl": 900000, "wll": 410000, "wlll": 225000})
    >>> round(m.mean, 6), round(m.error, 6), m.effective
    (0.3, 0.152753, 3.0)
    """
    if not rows:
        return LossMoments(0, math.nan, math.nan, math.nan, 0.0, math.nan)
    weighted = "ww" in sums
    w = sums["w"] if weighted else rows * one
    l1, l2, l3 = sums["wl"], sums["wll"], sums["wlll"]
    second = l2 * w - l1 * l1
    third = l3 * w * w - 3 * l2 * l1 * w + 2 * l1**3
    if weighted:
        ww, wwl, wwll = sums["ww"], sums["wwl"], sums["wwll"]
        spread = (wwll * w * w - 2 * l1 * w * wwl + l1 * l1 * ww) * one
        effective = w * w / (ww * one)
        pull = (wwl * w - l1 * ww) * one / w**3
    else:
        spread, effective, pull = second * w * one, float(rows), 0.0
    spread = max(spread, 0)  # products are rounded, so those of equal losses may leave less
    error = math.sqrt(spread * rows / (w**4 * (rows - 1))) if rows > 1 else math.nan
    return LossMoments(rows, l1 / w, second / w**2, third / w**3, effective, error, pull)


def mean_interval(
    moments: LossMoments,
    level: float = 0.95,
    *,
    infinite: int = 0,
    counts: Mapping[str, int] | None = None,
) -> Interval:
    r"""Hall's interval of the mean of losses, or of differences of losses.

    .. math::
        \bar l - \mathrm{SE} \cdot \frac{\sqrt[3]{1 + 3a(\pm t - b)} - 1}{a}, \qquad
        a = \frac{\gamma}{3\sqrt{n}} - \frac{\sum w^2 (l - \bar l)}{(\sum w)^2\,\mathrm{SE}},
        \quad b = \frac{\gamma}{6\sqrt{n}}

    with the skewness γ, the effective number of rows n, and the quantile t of Student's t.

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
    error, n = moments.error, moments.effective
    if reason := _refusal(moments, infinite, counts):
        return refused(reason, METHOD, error)
    skewness = moments.third / moments.variance**1.5 / math.sqrt(n)
    low, high = hall_bounds(
        moments.mean,
        error,
        t_quantile(level, max(1.0, n - 1)),
        skewness / 3 - moments.pull / error,
        skewness / 6,
    )
    return Interval(low, high, error, METHOD)


def _refusal(m: LossMoments, infinite: int, counts: Mapping[str, int] | None) -> str:
    if infinite:
        rows = "1 row has" if infinite == 1 else f"{infinite:,} rows have"
        return f"{rows} an infinite loss: the mean has no interval"
    if m.rows < FEWEST_ROWS:
        return told(m.rows, "row", FEWEST_ROWS)
    if few := few_of_a_class(counts or {}):
        return few
    if not m.error > 0 or not m.variance > 0:
        return f"all {m.rows:,} rows have the same loss: its spread cannot be estimated"
    if m.effective < FEWEST_ROWS:
        return (
            f"the weights make {m.rows:,} rows count like {m.effective:.1f}: "
            f"an interval needs {FEWEST_ROWS}"
        )
    carriers = m.effective * m.variance**3 / m.third**2 if m.third else math.inf
    if carriers < FEWEST_CARRIERS:
        return (
            f"the loss depends on about {carriers:.1f} rows of {m.rows:,}: "
            f"an interval needs {FEWEST_CARRIERS:.0f}"
        )
    return ""
