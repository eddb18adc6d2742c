"""The interval of skill, 1 - log loss / base rate, by the delta method."""

from __future__ import annotations

import math

import numpy as np

from xent._validation import Array
from xent.scoring.intervals.by_class import ClassMoments
from xent.scoring.intervals.interval import Interval, refused
from xent.scoring.intervals.quantiles import t_quantile
from xent.scoring.intervals.refusals import few_carriers, few_rows
from xent.scoring.intervals.skewed import hall_bounds

METHOD = "delta, Hall"

FEWEST_OF_A_CLASS = 10
"""Rows of the rarer of two classes below which there is no interval."""

SAME = 1e-12
"""A variance this small beside the mean square is one of rounding."""


def skill_interval(
    moments: ClassMoments, level: float = 0.95, *, baseline: Array | None = None
) -> Interval:
    r"""Interval of the skill of predictions over always predicting some shares.

    .. math::
        S = 1 - R, \quad R = \frac{\sum w l}{\sum w h}, \quad h = -\ln q_y, \qquad
        \mathrm{SE} = \sqrt{\frac{n}{n-1} \sum w^2 (l - R h)^2} \Big/ \sum w h

    It is a ratio of sums, also where q are the shares of the labels themselves: these make Σwh the
    smallest, so that their own error changes it only by its square. That part and the skewness are
    corrected as in `hall_bounds`; the degrees of freedom of t are those of Satterthwaite, since the
    variance may come from the few rows of one class.

    Parameters
    ----------
    moments : ClassMoments
        Of the classes that occur. Without infinite losses.
    level : float, default 0.95
        Confidence level.
    baseline : array, optional
        Shares of these classes that are given, such as those of a training set, shape (K,). By
        default they are those of the labels.

    Returns
    -------
    Interval

    Raises
    ------
    ValueError
        If the baseline has another shape.

    Examples
    --------
    >>> from xent.scoring.intervals.by_class import class_moments
    >>> sums = {"wl": [200, 300], "wll": [100, 250], "wlll": [60, 230]}
    >>> found = skill_interval(class_moments(["no", "yes"], [500, 500], 1, sums))
    >>> round(found.low, 3), round(found.high, 3)
    (0.25, 0.307)

    References
    ----------
    Cochran (1977), Sampling Techniques, chapter 6 (ratios). The terms of second order are derived
    in the comments, and simulated in docs/score-coverage.md.
    """
    m = moments
    if baseline is not None and np.shape(baseline) != np.shape(m.w):
        msg = f"baseline has shape {np.shape(baseline)}; expected {np.shape(m.w)}."
        raise ValueError(msg)
    if len(m.rows) < 2:
        return refused("only one class occurs: skill has no interval", METHOD)
    if reason := few_rows(m, FEWEST_OF_A_CLASS):
        return refused(reason, METHOD)
    whole, n = float(m.w.sum()), float(m.rows.sum())
    shares = m.w / whole if baseline is None else np.asarray(baseline, np.float64)
    if not (shares > 0).all():
        name = m.names[int(np.argmin(shares))]
        return refused(f"the baseline gives class '{name}' a share of 0: skill is infinite", METHOD)
    surprise = -np.log(shares)
    base = float(m.w @ surprise)
    ratio = float(m.wl.sum()) / base
    center = ratio * surprise
    squares = float(m.square(center).sum())
    within = m.within
    if within.sum() <= SAME * m.wwll.sum():
        return refused(
            "the rows of each class have the same loss: nothing tells its spread", METHOD
        )
    error = math.sqrt(n / (n - 1) * squares) / base
    skewness = float(m.cube(center).sum()) / squares**1.5
    if reason := few_carriers(skewness, int(n)):
        return refused(reason, METHOD, error)
    lean = m.lean(center)
    bend = skewness / 3 - float(surprise @ lean) / base**2 / error
    shift = skewness / 6
    if baseline is None:
        # With d = q_hat - q, the base rate falls short by Σd²/2q, and the variance changes by
        # -2R Σ lean d/q. Both add a part in T², with the covariance of d and T, to T.
        with_t = (lean - shares * lean.sum()) / (whole * base) / error
        of_share = (m.ww * (1 - 2 * shares) + shares**2 * m.ww.sum()) / whole**2
        factor = ratio * whole / (2 * base * error)
        curved = factor * float((with_t**2 / shares).sum())
        bend += ratio / squares * float((lean * with_t / shares).sum()) - curved
        shift += curved - factor * float((of_share / shares).sum())
    effective = whole**2 / float(m.ww.sum())
    parts = float((within**2 / np.maximum(m.effective - 1, SAME)).sum())
    freedom = squares**2 / (parts + (squares - float(within.sum())) ** 2 / (effective - 1))
    low, high = hall_bounds(ratio, error, t_quantile(level, max(1.0, freedom)), bend, shift)
    return Interval(1 - high, 1 - low, error, METHOD)
