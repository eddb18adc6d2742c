"""How likely a value of Student's t is to be exceeded, without SciPy."""

from __future__ import annotations

import math

EXACT = 200
"""Degrees of freedom up to which they are rounded down, as those of `t_quantile` are."""

LARGE = 1e7
"""Degrees of freedom from which on a normal z is found by the first term of its expansion."""

SMALLEST = 1e-300


def t_tail(t: float, freedom: float) -> float:
    r"""The probability that Student's T exceeds t.

    .. math:: P(T > t) = \tfrac12 I_x(\nu/2, 1/2), \quad x = \nu / (\nu + t^2), \quad t \ge 0

    Parameters
    ----------
    t : float
        Any number; an infinite one has probability 0 or 1.
    freedom : float
        Degrees of freedom ν, at least 1.

    Returns
    -------
    float

    Examples
    --------
    >>> round(t_tail(2.2622, 9), 4), round(t_tail(-1.96, 1e9), 4)
    (0.025, 0.975)

    References
    ----------
    Abramowitz & Stegun 26.7.1, 26.5.8 and 26.7.5.
    """
    n = float(int(freedom)) if freedom <= EXACT else freedom
    if math.isinf(t):
        return float(t < 0)
    if n > LARGE:
        z = abs(t) - abs(t) * (t * t + 1) / (4 * n)
        upper = math.erfc(z / math.sqrt(2)) / 2
    else:
        x = n / (n + t * t)
        upper = _incomplete_beta(n / 2, 0.5, x, t * t / (n + t * t)) / 2
    return upper if t >= 0 else 1 - upper


def _incomplete_beta(a: float, b: float, x: float, rest: float) -> float:
    """The regularised incomplete beta function I_x(a, b); `rest` is 1 - x."""
    if x <= 0 or rest <= 0:
        return float(x > 0)
    log = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log + a * math.log(x) + b * math.log(rest))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1 - front * _fraction(b, a, rest) / b


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method."""

    def kept(value: float) -> float:
        return value if abs(value) > SMALLEST else SMALLEST

    c, d = 1.0, 1 / kept(1 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d, c = 1 / kept(1 + even * d), kept(1 + even / c)
        result *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d, c = 1 / kept(1 + odd * d), kept(1 + odd / c)
        result *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return result
