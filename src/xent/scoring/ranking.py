"""How well scores put rows of label 1 above those of label 0, given both in the scores' order."""

from __future__ import annotations

import math

import numpy as np

from xent._validation import Array


def roc_auc(zeros: Array, ones: Array) -> float:
    """Area under the ROC curve; equal scores count half.

    Parameters
    ----------
    zeros, ones : array of shape (m,)
        Weights of label 0 and of label 1 at each score, from the lowest score on.

    Returns
    -------
    float
        From 0 to 1; NaN without rows of both labels.

    Examples
    --------
    >>> roc_auc(np.array([2.0, 1, 0]), np.array([0.0, 1, 1]))
    0.9166666666666666
    """
    pairs = zeros.sum() * ones.sum()
    if not pairs > 0:
        return math.nan
    below = np.cumsum(zeros) - zeros / 2
    return float(ones @ below / pairs)


def average_precision(zeros: Array, ones: Array) -> float:
    """Mean of the precision at the score of each row of label 1, without interpolation.

    Parameters are those of `roc_auc`.

    Returns
    -------
    float
        From 0 to 1; NaN without rows of label 1.

    Examples
    --------
    >>> average_precision(np.array([2.0, 1, 0]), np.array([0.0, 1, 1]))
    0.8333333333333333
    """
    whole = ones.sum()
    if not whole > 0:
        return math.nan
    above = np.cumsum(ones[::-1])[::-1]
    all_above = above + np.cumsum(zeros[::-1])[::-1]
    precision = np.divide(above, all_above, out=np.zeros(len(ones)), where=all_above > 0)
    return float(ones @ precision / whole)
