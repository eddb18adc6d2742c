"""The interval of a proportion, such as accuracy: Wilson's."""

from __future__ import annotations

import math
from dataclasses import replace

from xent._validation import Array
from xent.scoring.intervals.interval import Interval, refused
from xent.scoring.intervals.mean import LossMoments, few_effective
from xent.scoring.intervals.quantiles import normal_quantile
from xent.scoring.intervals.refusals import ROWS, Units, told, told_of_weights

METHOD = "Wilson"

FEWEST_OF_A_SIDE = 8
"""Effective rows on the rarer side, where weights are known by class, below which there is none."""

FEWEST_ROWS = 10
"""Rows (or effective rows, if weighted) below which there is no interval."""


def proportion_interval(
    share: float,
    rows: int,
    level: float = 0.95,
    *,
    effective: float | None = None,
    units: Units = ROWS,
) -> Interval:
    r"""Wilson's interval of a proportion.

    .. math::
        \frac{\hat p + z^2/2n}{1 + z^2/n} \pm
        \frac{z}{1 + z^2/n} \sqrt{\frac{\hat p (1 - \hat p)}{n} + \frac{z^2}{4n^2}}

    Parameters
    ----------
    share : float
        The proportion, by weight: from 0 to 1.
    rows : int
        Number of rows.
    level : float, default 0.95
        Confidence level.
    effective : float, optional
        Effective number of rows if they have weights.
    units : Units, default ROWS
        What the rows and their weights are called.

    Returns
    -------
    Interval

    Raises
    ------
    ValueError
        If the share or the level is out of range.

    Examples
    --------
    >>> found = proportion_interval(0.9, 100)
    >>> round(found.low, 4), round(found.high, 4)
    (0.8256, 0.9448)
    >>> proportion_interval(0.5, 4).reason
    'only 4 rows: an interval needs 10'

    References
    ----------
    Wilson (1927), doi:10.1080/01621459.1927.10502953; Brown, Cai & DasGupta (2001),
    doi:10.1214/ss/1009213286.
    """
    z = normal_quantile(level)
    if rows < FEWEST_ROWS:
        return refused(told(rows, units.name, FEWEST_ROWS), METHOD)
    n = float(rows) if effective is None else effective
    if not 0 <= share <= 1:
        msg = f"share is {share!r}; expected a proportion from 0 to 1."
        raise ValueError(msg)
    error = math.sqrt(share * (1 - share) / n)
    if n < FEWEST_ROWS:
        return refused(told_of_weights(rows, n, FEWEST_ROWS, units=units), METHOD, error)
    middle = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    whole = 1 + z * z / n
    # Both ends are exact for shares of 0 and 1, but for rounding.
    low = (middle - half) / whole if share > 0 else 0.0
    high = (middle + half) / whole if share < 1 else 1.0
    return Interval(max(0.0, low), min(1.0, high), error, METHOD)


def weighted_proportion_interval(
    right: Array, w: Array, ww: Array, rows: int, level: float = 0.95
) -> Interval:
    r"""Wilson's interval of a proportion of weights, where weights and proportions differ by class.

    .. math::
        n = \frac{\hat p (1 - \hat p)\,(\sum w)^2}{\sum_c \sum_{i \in c} w_i^2 (r_i - \hat p)^2}

    is put in the place of the number of rows. If heavy rows are often wrong, it is less than the
    effective number (Σw)²/Σw², with which the interval would be too short.

    Parameters
    ----------
    right, w, ww : array
        Of each class: weight of the rows that count as right, weight of all, and their Σw²; shape
        (K,). In a class, weight and being right are taken as independent.
    rows : int
        Number of rows.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    Interval

    Examples
    --------
    >>> import numpy as np
    >>> right, w = np.array([80.0, 50.0]), np.array([100.0, 100.0])
    >>> found = weighted_proportion_interval(right, w, np.array([100.0, 1000.0]), 110)
    >>> round(found.low, 3), round(found.high, 3)
    (0.475, 0.792)
    """
    kept = w > 0
    right, w, ww = right[kept], w[kept], ww[kept]
    whole = float(w.sum())
    share = min(1.0, float(right.sum()) / whole)
    for side, name in ((right, "right"), (w - right, "wrong")):
        squares = float((side * ww / w).sum())
        effective = float(side.sum()) ** 2 / squares if squares > 0 else 0.0
        if rows >= FEWEST_ROWS and effective < FEWEST_OF_A_SIDE:
            reason = (
                f"the weights make the {name} rows count like {effective:.1f}: "
                f"an interval needs {FEWEST_OF_A_SIDE}"
            )
            return refused(reason, METHOD)
    spread = float((ww * (right / w * (1 - share) ** 2 + (1 - right / w) * share**2)).sum())
    effective = share * (1 - share) * whole**2 / spread
    return proportion_interval(share, rows, level, effective=effective)


def few_of_a_side(share: float, cells: float, units: Units) -> str:
    """That the weights leave too few cells that are right, or that are wrong; or nothing."""
    side, few = ("right", share * cells) if share < 0.5 else ("wrong", (1 - share) * cells)
    if few >= FEWEST_OF_A_SIDE:
        return ""
    how = f"the {units.weights} make what is {side} count like {few:.1f}"
    return f"{how}: an interval needs {FEWEST_OF_A_SIDE}"


def mean_share_interval(
    share: float, moments: LossMoments, level: float = 0.95, *, units: Units = ROWS
) -> Interval:
    r"""Wilson's interval of a share of cells that are not independent, such as those of one row.

    .. math:: n = \hat p (1 - \hat p) / \mathrm{SE}^2

    is put in the place of the number of cells, with the standard error over rows. Where that is 0,
    since all cells are right, it is the number of rows: as if the cells of a row went together.

    Parameters
    ----------
    share : float
        The proportion: from 0 to 1.
    moments : LossMoments
        Of each row's share of cells that are right.
    level : float, default 0.95
        Confidence level.
    units : Units, default ROWS
        What the rows and their weights are called.

    Returns
    -------
    Interval

    Examples
    --------
    >>> import numpy as np
    >>> from xent.scoring.intervals.mean import moments_of
    >>> shares = np.repeat([0.5, 1.0], [20, 80])
    >>> found = mean_share_interval(0.9, moments_of(shares))
    >>> round(found.low, 3), round(found.high, 3)
    (0.854, 0.933)

    References
    ----------
    Korn & Graubard (1998), Confidence intervals for proportions with small expected number of
    positive counts estimated from survey data.
    """
    if moments.rows < FEWEST_ROWS:
        return refused(told(moments.rows, units.name, FEWEST_ROWS), METHOD)
    if reason := few_effective(moments, units):
        return refused(reason, METHOD, moments.error)
    cells = moments.effective
    if moments.error > 0:
        cells = share * (1 - share) / moments.error**2
        if moments.effective < moments.rows and (reason := few_of_a_side(share, cells, units)):
            return refused(reason, METHOD, moments.error)
    if cells < FEWEST_ROWS:
        reason = told_of_weights(moments.rows, cells, FEWEST_ROWS, units=units)
        return refused(reason, METHOD, moments.error)
    found = proportion_interval(share, moments.rows, level, effective=cells, units=units)
    return replace(found, error=moments.error)
