"""Expected and maximum calibration error over bins of equal width."""

from __future__ import annotations

import numpy as np

from xent._validation import Array
from xent.scoring.calibration.outcomes import Outcomes

BINS = 15


def gaps(outcomes: Outcomes, happened: Array, bins: int = BINS) -> tuple[Array, Array]:
    """Sum of the residuals and weight of each bin [j/15, (j+1)/15), the last with its end.

    `happened` may have several sets of what came true, of shape (d, m); the sums then have shape
    (d, bins).
    """
    place = np.minimum((outcomes.p * bins).astype(np.intp), bins - 1)
    ends = np.searchsorted(place, np.arange(bins + 1))  # cells are in ascending order
    residual = happened - outcomes.all * outcomes.p
    sums = np.concatenate([np.zeros((*residual.shape[:-1], 1)), residual.cumsum(axis=-1)], axis=-1)
    weights = np.concatenate([[0.0], outcomes.all.cumsum()])
    return np.diff(sums[..., ends], axis=-1), np.diff(weights[ends])


def ece(outcomes: Outcomes, happened: Array | None = None, bins: int = BINS) -> Array:
    """Expected calibration error: Σ_bins |Σ w(y − p)| / Σ w.

    For comparison only: it depends on the bins, and is above 0 for perfect predictions.

    Parameters
    ----------
    outcomes : Outcomes
        Predictions and what came true.
    happened : array of shape (m,) or (d, m), optional
        Other weights of what came true.
    bins : int
        How many bins of equal width.

    Examples
    --------
    >>> found = ece(Outcomes.of_rows(np.array([0.0, 0.0, 4.0]), np.array([1, 0, 1])))
    >>> round(float(found), 4)
    0.006

    References
    ----------
    Guo, Pleiss, Sun & Weinberger (2017), arXiv:1706.04599.
    """
    sums, _ = gaps(outcomes, outcomes.happened if happened is None else happened, bins)
    return np.asarray(np.abs(sums).sum(axis=-1) / outcomes.total)


def largest(outcomes: Outcomes, happened: Array | None = None, bins: int = BINS) -> Array:
    """Maximum calibration error: the largest |mean y − mean p| of a bin that has rows."""
    sums, weights = gaps(outcomes, outcomes.happened if happened is None else happened, bins)
    some = weights > 0
    return np.asarray((np.abs(sums[..., some]) / weights[some]).max(axis=-1))
