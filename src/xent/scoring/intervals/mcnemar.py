"""The exact test of McNemar: do two models differ in accuracy on the same rows?"""

from __future__ import annotations

import math


def mcnemar(only_first: int, only_second: int) -> float:
    r"""Two-sided p-value, from the rows where exactly one of two models is right.

    .. math:: p = \min\Big(1,\ 2^{1-n} \sum_{i=0}^{\min(b, c)} \binom{n}{i}\Big), \qquad n = b + c

    If both are right equally often, b is binomial with n trials and probability 1/2. This is the
    exact test, not the mid-p one: its error is at most the level, at any n.

    Parameters
    ----------
    only_first, only_second : int
        Rows that the first model alone predicts rightly, and the second alone: b and c.

    Returns
    -------
    float
        1 if both are equal, or 0.

    Raises
    ------
    ValueError
        If a count is negative.

    Examples
    --------
    >>> round(mcnemar(10, 2), 6), mcnemar(0, 0)
    (0.038574, 1.0)

    References
    ----------
    McNemar (1947), doi:10.1007/BF02295996; Fagerland, Lydersen & Laake (2013),
    doi:10.1186/1471-2288-13-91.
    """
    if only_first < 0 or only_second < 0:
        msg = f"counts of rows are {only_first} and {only_second}; expected 0 or more."
        raise ValueError(msg)
    n, k = only_first + only_second, min(only_first, only_second)
    if 2 * k >= n - 1:  # the middle terms count twice
        return 1.0
    # The largest term, by its logarithm, times the sum of the others' ratios to it.
    log = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + (1 - n) * math.log(2)
    total, ratio = 1.0, 1.0
    for i in range(k, 0, -1):
        ratio *= i / (n - i + 1)
        total += ratio
        if ratio < 1e-17 * total:
            break
    return min(1.0, math.exp(log) * total)
