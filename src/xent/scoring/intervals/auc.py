"""The area under the ROC curve and its interval, from a histogram of the scores."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from xent._validation import Array
from xent.scoring.intervals.interval import Interval, refused
from xent.scoring.intervals.quantiles import t_quantile
from xent.scoring.intervals.refusals import (
    FEWEST_CARRIERS,
    few_carriers,
    told_of_class,
    told_of_weights,
)
from xent.scoring.intervals.skewed import hall_bounds

METHOD = "DeLong, Hall"

FEWEST_OF_A_CLASS = 10
"""Rows of a class below which there is no interval."""

FEWEST_WEIGHTED = 5
"""As `FEWEST_CARRIERS`, where rows have weights: with 3, the intervals were too long."""


class Effective(NamedTuple):
    """Effective numbers of rows with label 0 and 1, (Σw)²/Σw² of each."""

    negatives: float
    positives: float


def auc(negatives: Array, positives: Array) -> float:
    r"""Probability that a row of label 1 has a higher score than one of label 0; ties count half.

    .. math:: \sum_b \frac{P_b}{P} \Big(\sum_{a < b} \frac{N_a}{N} + \frac{N_b}{2N}\Big)

    Parameters
    ----------
    negatives, positives : array
        Rows, or weights, of label 0 and 1 in each bin of the scores, lowest first; shape (B,).

    Returns
    -------
    float
        NaN if a label does not occur.

    Examples
    --------
    >>> import numpy as np
    >>> auc(np.array([2, 1, 0]), np.array([0, 1, 2]))
    0.9444444444444445
    """
    whole = float(positives.sum())
    return float(positives @ _below(negatives)) / whole if whole and negatives.sum() else math.nan


def auc_interval(
    negatives: Array,
    positives: Array,
    level: float = 0.95,
    *,
    effective: Effective | None = None,
    rows: tuple[int, int] | None = None,
    names: tuple[str, str] = ("0", "1"),
) -> Interval:
    r"""DeLong's interval of the AUC, corrected for its skewness.

    .. math::
        \mathrm{SE}^2 = \frac{\operatorname{var} F(s^+)}{P} + \frac{\operatorname{var} G(s^-)}{N}

    F(s) is the share of the rows of label 0 with a lower score, G(s) that of label 1 with a higher
    one; ties count half. The AUC is the mean of either. Degrees of freedom are those of
    Satterthwaite, and Hall's correction that of a sum of two means.

    Parameters
    ----------
    negatives, positives : array
        Rows, or weights, of label 0 and 1 in each bin of the scores, lowest first; shape (B,).
    level : float, default 0.95
        Confidence level.
    effective : Effective, optional
        Effective numbers of rows, if the rows have weights. In a class these are taken as
        independent of the scores.
    rows : tuple of int, optional
        Rows of label 0 and 1, if they have weights.
    names : tuple of str, optional
        Names of the labels, for the reason of a refusal.

    Returns
    -------
    Interval

    Examples
    --------
    >>> import numpy as np
    >>> found = auc_interval(np.array([30, 20, 10]), np.array([5, 10, 15]))
    >>> round(found.low, 3), round(found.high, 3)
    (0.602, 0.822)

    References
    ----------
    DeLong, DeLong & Clarke-Pearson (1988), doi:10.2307/2531595; Hall (1992),
    doi:10.1111/j.2517-6161.1992.tb01876.x.
    """
    n, p = float(negatives.sum()), float(positives.sum())
    of = effective or Effective(n, p)
    counts = rows or (int(n), int(p))
    for name, count, held in zip(names, counts, of, strict=True):
        if count < FEWEST_OF_A_CLASS:
            return refused(told_of_class(count, name, FEWEST_OF_A_CLASS), METHOD)
        if held < FEWEST_OF_A_CLASS:
            reason = told_of_weights(count, held, FEWEST_OF_A_CLASS, f" of class '{name}'")
            return refused(reason, METHOD)
    estimate = auc(negatives, positives)
    off = (1 - _below(positives) - estimate, _below(negatives) - estimate)
    shares = (negatives / n, positives / p)
    parts = [float(s @ x**2) / (k - 1) for s, x, k in zip(shares, off, of, strict=True)]
    squared = sum(parts)
    if not squared > 0:
        how = f"the AUC of {counts[0]:,} and {counts[1]:,} rows is {estimate:g} without any spread"
        return refused(f"{how}: how far it may be off is unknown", METHOD, 0.0)
    error = math.sqrt(squared)
    cubes = sum(float(s @ x**3) / k**2 for s, x, k in zip(shares, off, of, strict=True))
    skewness = cubes / squared**1.5
    least = FEWEST_CARRIERS if effective is None else FEWEST_WEIGHTED
    if reason := few_carriers(skewness, sum(counts), least=least):
        return refused(reason, METHOD, error)
    freedom = squared**2 / sum(v * v / (k - 1) for v, k in zip(parts, of, strict=True))
    quantile = t_quantile(level, max(1.0, freedom))
    low, high = hall_bounds(estimate, error, quantile, skewness / 3, skewness / 6)
    return Interval(max(0.0, low), min(1.0, high), error, METHOD)


def _below(counts: Array) -> Array:
    """Share of these rows below each bin, with half of those in it."""
    return np.asarray((np.cumsum(counts) - counts / 2) / counts.sum())
