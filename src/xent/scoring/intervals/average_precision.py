"""Average precision and its interval, from a histogram of the scores."""

from __future__ import annotations

import math

import numpy as np

from xent._validation import Array
from xent.scoring.intervals.clusters import logit_bounds
from xent.scoring.intervals.interval import Interval, refused
from xent.scoring.intervals.quantiles import t_quantile
from xent.scoring.intervals.refusals import told_of_class

METHOD = "infinitesimal jackknife, logit"

FEWEST_OF_A_CLASS = 10
"""Rows of a class below which there is no interval."""


def average_precision(negatives: Array, positives: Array) -> float:
    r"""Mean over the rows of label 1 of the precision at their score.

    .. math:: \sum_b \frac{P_b}{P} \frac{T_b}{T_b + F_b}

    with the rows T and F of label 1 and 0 in bin b or a higher one, as scikit-learn defines it.

    Parameters
    ----------
    negatives, positives : array
        Rows, or weights, of label 0 and 1 in each bin of the scores, lowest first; shape (B,).

    Returns
    -------
    float
        NaN if label 1 does not occur.

    Examples
    --------
    >>> import numpy as np
    >>> average_precision(np.array([2, 1, 0]), np.array([0, 1, 2]))
    0.9166666666666666
    """
    whole = float(positives.sum())
    precision = _at_or_above(positives) / _both(negatives, positives)
    return float(positives @ precision) / whole if whole else math.nan


def average_precision_interval(
    negatives: Array,
    positives: Array,
    level: float = 0.95,
    *,
    weighted: bool = False,
    names: tuple[str, str] = ("0", "1"),
) -> Interval:
    r"""Interval of average precision, by the infinitesimal jackknife.

    What one more row at score s adds to P times the figure, to first order, is

    .. math::
        \text{label 1: } \frac{T(s)}{T(s) + F(s)} - \mathrm{AP}
            + \sum_{s_i \le s} \frac{F_i}{(T_i + F_i)^2}, \qquad
        \text{label 0: } - \sum_{s_i \le s} \frac{T_i}{(T_i + F_i)^2}

    summed over the rows i of label 1. The sum of their squares, over P², is the squared error. Each
    of these rows also counts among its own T, which makes the figure too high by about the mean of
    (1 - T/P) F/(T + F)²; the interval lies around the figure less that, and is symmetric in its
    logit.

    Parameters
    ----------
    negatives, positives : array
        Rows of label 0 and 1 in each bin of the scores, lowest first; shape (B,).
    level : float, default 0.95
        Confidence level.
    weighted : bool, default False
        Are they weights? Then there is no interval: the histogram does not hold their squares.
    names : tuple of str, optional
        Names of the labels, for the reason of a refusal.

    Returns
    -------
    Interval

    Examples
    --------
    >>> import numpy as np
    >>> found = average_precision_interval(np.array([30, 20, 10]), np.array([5, 10, 15]))
    >>> round(found.low, 3), round(found.high, 3)
    (0.341, 0.663)

    References
    ----------
    Efron (1982), The Jackknife, the Bootstrap and Other Resampling Plans, chapter 6; derived here,
    and simulated in docs/score-coverage.md.
    """
    if weighted:
        return refused("the rows have weights, for which no interval is known to hold", METHOD)
    for name, count in zip(names, (int(negatives.sum()), int(positives.sum())), strict=True):
        if count < FEWEST_OF_A_CLASS:
            return refused(told_of_class(count, name, FEWEST_OF_A_CLASS), METHOD)
    whole = float(positives.sum())
    true, both = _at_or_above(positives), _both(negatives, positives)
    false = both - true
    estimate = float(positives @ (true / both)) / whole
    of_true = true / both - estimate + np.cumsum(positives * false / both**2)
    of_false = -np.cumsum(positives * true / both**2)
    squared = float(positives @ of_true**2 + negatives @ of_false**2) / whole**2
    error = math.sqrt(whole / (whole - 1) * squared)
    center = estimate - float(positives @ ((1 - true / whole) * false / both**2)) / whole
    if not error > 0 or not 0 < center < 1:
        how = f"the average precision of {int(whole):,} rows of class '{names[1]}' is {estimate:g}"
        return refused(f"{how}: how far it may be off is unknown", METHOD, error)
    half = t_quantile(level, whole - 1) * error
    return Interval(*logit_bounds(estimate, center, half), error, METHOD)


def _at_or_above(counts: Array) -> Array:
    return np.asarray(np.cumsum(counts[::-1])[::-1], np.float64)


def _both(negatives: Array, positives: Array) -> Array:
    """Rows at or above each bin; 1 where there is none, which no row then divides by."""
    both = _at_or_above(negatives) + _at_or_above(positives)
    return np.asarray(np.where(both > 0, both, 1.0))
