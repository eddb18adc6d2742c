"""The interval of the macro loss, the mean of the classes' mean losses."""

from __future__ import annotations

import math

import numpy as np

from xent.scoring.intervals.by_class import ClassMoments
from xent.scoring.intervals.interval import Interval, refused
from xent.scoring.intervals.quantiles import t_quantile
from xent.scoring.intervals.refusals import few_carriers, told_of_class, told_of_weights
from xent.scoring.intervals.skewed import hall_bounds

METHOD = "Hall, Welch"

FEWEST_OF_A_CLASS = 5
"""Rows of any class below which there is no interval."""


def macro_interval(moments: ClassMoments, level: float = 0.95) -> Interval:
    r"""Interval of the mean of the classes' mean losses, each class counted once.

    .. math::
        M = \frac{1}{K} \sum_c \bar l_c, \qquad
        \mathrm{SE}^2 = \frac{1}{K^2} \sum_c \mathrm{SE}_c^2

    with Hall's correction for the skewness of the sum, and the degrees of freedom of Welch.

    Parameters
    ----------
    moments : ClassMoments
        Of the classes that occur. Without infinite losses.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    Interval
        In nats.

    Examples
    --------
    >>> from xent.scoring.intervals.by_class import class_moments
    >>> sums = {"wl": [200, 30], "wll": [100, 25], "wlll": [60, 23]}
    >>> found = macro_interval(class_moments(["no", "yes"], [500, 50], 1, sums))
    >>> round(found.low, 3), round(found.high, 3)
    (0.445, 0.554)

    References
    ----------
    Welch (1947), doi:10.1093/biomet/34.1-2.28; Hall (1992),
    doi:10.1111/j.2517-6161.1992.tb01876.x.
    """
    m = moments
    few = int(np.argmin(m.effective))
    if m.rows[few] < FEWEST_OF_A_CLASS:
        return refused(told_of_class(int(m.rows[few]), m.names[few], FEWEST_OF_A_CLASS), METHOD)
    if m.effective[few] < FEWEST_OF_A_CLASS:
        of = f" of class '{m.names[few]}'"
        reason = told_of_weights(int(m.rows[few]), m.effective[few], FEWEST_OF_A_CLASS, of)
        return refused(reason, METHOD)
    means = m.wl / m.w
    squared = m.rows / (m.rows - 1) * m.within / m.w**2
    total = float(squared.sum())
    if not total > 0:
        return refused("all rows of a class have the same loss: its spread is unknown", METHOD, 0.0)
    error = math.sqrt(total) / len(means)
    skewness = float((m.cube(means) / m.w**3).sum()) / total**1.5
    if reason := few_carriers(skewness, int(m.rows.sum())):
        return refused(reason, METHOD, error)
    pull = float((squared * m.lean(means) / m.w**2).sum()) / total**1.5
    freedom = total**2 / float((squared**2 / (m.effective - 1)).sum())
    low, high = hall_bounds(
        float(means.mean()),
        error,
        t_quantile(level, max(1.0, freedom)),
        skewness / 3 - pull,
        skewness / 6,
    )
    return Interval(low, high, error, METHOD)
