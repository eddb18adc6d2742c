"""The interval of skill, 1 - log loss / base rate, by the delta method."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from xent._validation import Array
from xent.scoring.intervals.by_class import ClassMoments
from xent.scoring.intervals.interval import Interval, refused
from xent.scoring.intervals.quantiles import t_quantile
from xent.scoring.intervals.refusals import ROWS, Units, few_carriers, few_rows
from xent.scoring.intervals.skewed import hall_bounds

METHOD = "delta, Hall"

FEWEST_OF_A_CLASS = 10
"""Rows of the rarer of two classes below which there is no interval."""

SAME = 1e-12
"""A variance this small beside the mean square is one of rounding."""


MOST_SHORT = 0.5
"""In standard errors: how far the error of the shares may lower the base rate on average.

Where the losses of rows are nearly those of the base rate, the error of the shares is all there is.
"""

NEARLY_BASE = "the predictions hardly differ from the base rate: what is left is its own error"


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
    one_each = np.arange(len(m.rows))[:, None]
    own = Shares.of(m, one_each, len(m.rows))
    shares = own.values if baseline is None else np.asarray(baseline, np.float64)
    if not (shares > 0).all():
        name = m.names[int(np.argmin(shares))]
        return refused(f"the baseline gives class '{name}' a share of 0: skill is infinite", METHOD)
    if m.within.sum() <= SAME * m.wwll.sum():
        return refused(
            "the rows of each class have the same loss: nothing tells its spread", METHOD
        )
    return ratio_of_losses(m, -np.log(shares), level, own if baseline is None else None)


class Shares(NamedTuple):
    """The shares of which a base rate is made, as estimated from the rows themselves.

    With one label per row they are those of the classes. Where several labels may be true, each
    label has two: of being true, and of not being so.
    """

    values: Array
    """Shape (C,)."""
    whole: Array
    """The weight of the rows that have one of the label's shares, shape (C,)."""
    places: Array
    """For each group of equal rows, its shares; -1 where a label is missing; (groups, labels)."""

    @classmethod
    def of(cls, m: ClassMoments, places: Array, count: int) -> Shares:
        """The shares of groups of rows; each is a place below the count."""
        made = cls(np.empty(count), np.empty(count), places)
        whole = made.by_label(m.w)
        return made._replace(values=made.sums(m.w) / whole, whole=whole)

    def sums(self, amounts: Array) -> Array:
        """The sum over the groups that have each share."""
        kept = self.places >= 0
        each = np.broadcast_to(amounts[:, None], self.places.shape)[kept]
        return np.bincount(self.places[kept], each, len(self.values))

    def by_label(self, amounts: Array) -> Array:
        """For each share, the sum over the groups that have any share of the same label."""
        found = np.ones(len(self.values))
        for column in self.places.T:
            kept = column >= 0
            found[column[kept]] = amounts[kept].sum()
        return found

    @property
    def surprise(self) -> Array:
        """The loss of always predicting the shares, in each group."""
        kept = self.places >= 0
        values = np.where(kept, self.values[self.places], 1.0)
        return np.asarray(-np.log(values).sum(axis=1))


def ratio_of_losses(
    m: ClassMoments,
    surprise: Array,
    level: float = 0.95,
    shares: Shares | None = None,
    units: Units = ROWS,
) -> Interval:
    """Interval of 1 minus the ratio of the sums of losses l and of base losses h.

    Parameters
    ----------
    m : ClassMoments
        Of groups of rows that have the same base loss.
    surprise : array
        The base loss of each group, shape (groups,).
    level : float, default 0.95
        Confidence level.
    shares : Shares, optional
        If the base losses are made of shares of the rows themselves, which err with them.
    units : Units, default ROWS
        What the rows and their weights are called.

    Returns
    -------
    Interval
    """
    whole, n = float(m.w.sum()), float(m.rows.sum())
    base = float(m.w @ surprise)
    ratio = float(m.wl.sum()) / base
    center = ratio * surprise
    squares = float(m.square(center).sum())
    if not squares > SAME * float(m.wwll.sum()):
        all_same = "the losses are the same part of the base rate in all"
        return refused(f"{all_same} {int(n):,} {units.name}s: its spread is unknown", METHOD)
    within = m.within
    error = math.sqrt(n / (n - 1) * squares) / base
    skewness = float(m.cube(center).sum()) / squares**1.5
    if reason := few_carriers(skewness, int(n), f"{units.name}s"):
        return refused(reason, METHOD, error)
    lean = m.lean(center)
    bend = skewness / 3 - float(surprise @ lean) / base**2 / error
    shift = skewness / 6
    if shares is not None:
        # With d = q_hat - q, the base rate falls short by Σd²/2q, and the variance changes by
        # -2R Σ lean d/q. Both add a part in T², with the covariance of d and T, to T.
        q, of = shares.values, shares.whole
        leans = shares.sums(lean)
        with_t = (leans - q * shares.by_label(lean)) / (of * base) / error
        of_share = (shares.sums(m.ww) * (1 - 2 * q) + q**2 * shares.by_label(m.ww)) / of**2
        occurs = q > 0
        inverse = np.where(occurs, 1 / np.where(occurs, q, 1), 0.0)
        factor = ratio / (2 * base * error)
        curved = factor * float((of * with_t**2 * inverse).sum())
        bend += ratio / squares * float((leans * with_t * inverse).sum()) - curved
        short = factor * float((of * of_share * inverse).sum())
        if short > MOST_SHORT:
            return refused(NEARLY_BASE, METHOD, error)
        shift += curved - short
    effective = whole**2 / float(m.ww.sum())
    parts = float((within**2 / np.maximum(m.effective - 1, SAME)).sum())
    freedom = squares**2 / (parts + (squares - float(within.sum())) ** 2 / (effective - 1))
    low, high = hall_bounds(ratio, error, t_quantile(level, max(1.0, freedom)), bend, shift)
    if not low <= ratio <= high:
        return refused(NEARLY_BASE, METHOD, error)
    return Interval(1 - high, 1 - low, error, METHOD)
