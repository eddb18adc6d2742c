"""The interval of a proportion, such as accuracy: Wilson's."""

from __future__ import annotations

import math

from xent.scoring.intervals.interval import Interval, refused
from xent.scoring.intervals.quantiles import normal_quantile
from xent.scoring.intervals.refusals import told

METHOD = "Wilson"

FEWEST_ROWS = 10
"""Rows (or effective rows, if weighted) below which there is no interval."""


def proportion_interval(
    share: float, rows: int, level: float = 0.95, *, effective: float | None = None
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
        return refused(told(rows, "row", FEWEST_ROWS), METHOD)
    n = float(rows) if effective is None else effective
    if not 0 <= share <= 1:
        msg = f"share is {share!r}; expected a proportion from 0 to 1."
        raise ValueError(msg)
    error = math.sqrt(share * (1 - share) / n)
    if n < FEWEST_ROWS:
        reason = (
            f"the weights make {rows:,} rows count like {n:.1f}: an interval needs {FEWEST_ROWS}"
        )
        return refused(reason, METHOD, error)
    middle = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    whole = 1 + z * z / n
    return Interval(
        max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole), error, METHOD
    )
