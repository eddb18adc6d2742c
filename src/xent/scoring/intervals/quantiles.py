"""Quantiles of the normal distribution and of Student's t, without SciPy."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

from xent.scoring.intervals.interval import check_level

EXACT = 200
"""Degrees of freedom up to which the distribution is summed; beyond, a series is exact to 1e-9."""


def normal_quantile(level: float) -> float:
    """z with P(-z < Z < z) = level, for a standard normal Z: 1.96 at 0.95."""
    return -NormalDist().inv_cdf((1 - check_level(level)) / 2)


@lru_cache(maxsize=4096)
def t_quantile(level: float, freedom: float) -> float:
    """t with P(-t < T < t) = level, for Student's T.

    Parameters
    ----------
    level : float
        Above 0 and below 1.
    freedom : float
        Degrees of freedom, at least 1; up to 200 they are rounded down to an integer.

    Returns
    -------
    float
        For example 2.262 for 9 degrees of freedom and a level of 0.95.

    Raises
    ------
    ValueError
        If the level or the degrees of freedom are out of range.

    Notes
    -----
    Newton's method on the finite sums of Abramowitz & Stegun 26.7.3 and 26.7.4; beyond 200 degrees
    of freedom their expansion 26.7.5.

    Examples
    --------
    >>> round(t_quantile(0.95, 9), 4), round(t_quantile(0.95, 1e6), 4)
    (2.2622, 1.96)
    """
    z = normal_quantile(level)
    if not freedom >= 1:
        msg = f"freedom is {freedom!r}; expected at least 1 degree of freedom."
        raise ValueError(msg)
    if freedom > EXACT:
        return _expanded(z, freedom)
    n = int(freedom)
    t, step = z, 1.0
    # The distribution is concave for t > 0, so the steps from z on never overshoot.
    for _ in range(200):
        step = (level - _within(t, n)) / (2 * _density(t, n))
        t += step
        if abs(step) <= 1e-14 * t:
            break
    return t


def _expanded(z: float, n: float) -> float:
    z2 = z * z
    first = z * (z2 + 1) / 4
    second = z * ((5 * z2 + 16) * z2 + 3) / 96
    third = z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384
    fourth = z * ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) / 92160
    return z + (first + (second + (third + fourth / n) / n) / n) / n


def _within(t: float, n: int) -> float:
    """P(-t < T < t) with n degrees of freedom."""
    angle = math.atan(t / math.sqrt(n))
    cosine, sine = math.cos(angle), math.sin(angle)
    odd = n % 2
    term, total = (cosine, 0.0) if odd else (1.0, 0.0)
    for k in range(2 + odd, n + 1, 2):
        total += term
        term *= (k - 1) / k * cosine * cosine
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


def _density(t: float, n: int) -> float:
    log = math.lgamma((n + 1) / 2) - math.lgamma(n / 2) - math.log(n * math.pi) / 2
    return math.exp(log - (n + 1) / 2 * math.log1p(t * t / n))
