"""Exponential and logarithms in additions, multiplications and divisions alone.

Each of these operations rounds correctly, on every machine, in NumPy and in compiled code. So the
same source, called with arrays or compiled for one number, gives the same bits everywhere. (NumPy's
own exp and log take other code on other processors, and NumPy has no fused multiply-add.)

`where`, `bits_of` and `float_of` are what NumPy and compiled code do differently; `scoring.py` has
the compiled ones. Results have relative errors of about one unit in the last place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
"""log 2 in two parts; the first has 33 bits, so that its product with an exponent is exact."""
MAGIC = 6755399441055744.0
"""1.5 * 2**52: adding it rounds to an integer, left in the lowest bits of the mantissa."""

LOG_HALF = -0.6931471805599453
"""The logarithm of a probability at which both labels are equally likely."""

KEYS = 4096
"""Bins of a histogram of predictions, over their logits: half of them are below 0."""
FIRST_KEY, KEY_BITS = (1023 - 32) << 6, 46
"""Odds of 2**-32 are in the first bin; 64 bins double the odds."""

LEAST, DOWN = -752.0, 2.0**-64
"""exp underflows to 0 there; results are made 2**64 times as large on the way, to stay normal."""
ROOT_HALF = 0x3FE6A09E667F3BCD
"""The bits of sqrt(1/2)."""
SUBNORMAL, UP = 2.0**-1022, 2.0**54

# exp(r) = 1 + r + r**2 q(r) for |r| <= log(2)/2: relative error 2**-55.
E2, E3, E4, E5 = 0.5, 0.16666666666666669, 0.041666666666623824, 0.008333333333330039
E6, E7, E8 = 0.0013888888917367081, 0.00019841269863171557, 2.4801521057868204e-05
E9, E10, E11 = 2.7557268276905696e-06, 2.7620201591031547e-07, 2.5100472505694996e-08

# log((1 + s) / (1 - s)) = 2 s + s**3 p(s**2): relative error 2**-56.
L0, L1, L2, L3 = 0.666666666666667, 0.3999999999989827, 0.28571428626533335, 0.22222211043822487
L4, L5, L6 = 0.18182895746801428, 0.1533150172120742, 0.1461916477718642


def where(condition: Any, yes: Any, no: Any) -> Any:
    """Select between two values that are both computed."""
    return np.where(condition, yes, no)


def bits_of(x: Any) -> Any:
    """Bits of float64 numbers as integers."""
    return np.asarray(x).view(np.int64)


def float_of(bits: Any) -> Any:
    """Float64 numbers of these bits."""
    return np.asarray(bits).view(np.float64)


def two_sum(a: Any, b: Any) -> Any:
    """Return a + b and its rounding error, exactly (Knuth)."""
    s = a + b
    b_part = s - a
    return s, (a - (s - b_part)) + (b - b_part)


def two_diff(a: Any, b: Any) -> Any:
    """Return a - b and its rounding error, exactly."""
    d = a - b
    a_part = a - d
    return d, (a - (d + a_part)) + (a_part - b)


def _reduced(x: Any) -> Any:
    """Return n, r, its low part and exp(r) - 1 for x = n log 2 + r."""
    n = (x * LOG2_E + MAGIC) - MAGIC
    upper = x - n * LN2_HIGH  # exact
    lower = n * LN2_LOW
    r = upper - lower
    q = E10 + E11 * r
    q = E9 + q * r
    q = E8 + q * r
    q = E7 + q * r
    q = E6 + q * r
    q = E5 + q * r
    q = E4 + q * r
    q = E3 + q * r
    q = E2 + q * r
    return n, (upper - r) - lower, r + (r * r) * q


def _power(n: Any) -> Any:
    """Return 2**n for an integer n that is a float, from -1022 to 1023."""
    return float_of((bits_of(n + (MAGIC + 1023.0)) & 0xFFF) << 52)


def exp(x: Any, x_low: Any) -> Any:
    """Return exp(x) (1 + x_low) for x <= 0, with gradual underflow."""
    x = where(x < LEAST, LEAST, x)
    n, r_low, s = _reduced(x)
    low = r_low + x_low
    return ((1.0 + (s + (low + s * low))) * _power(n + 64.0)) * DOWN


def one_minus_exp(x: Any) -> Any:
    """Return 1 - exp(x) for x <= 0, without cancellation, and its low part."""
    n, r_low, s = _reduced(where(x < -45.0, -45.0, x))  # there the result is 1
    power = _power(n)
    return two_diff(1.0 - power, power * (s + (r_low + s * r_low)))


def log_reduced(f: Any, k: Any, correction: Any) -> Any:
    """Return k log 2 + log(1 + f) + correction for f from -0.3 to 0.42."""
    s = f / (2.0 + f)
    z = s * s
    p = L5 + L6 * z
    p = L4 + p * z
    p = L3 + p * z
    p = L2 + p * z
    p = L1 + p * z
    p = L0 + p * z
    # log(1 + f) = f - (f**2/2 - s (f**2/2 + z p)): f itself enters last, and is not rounded before.
    h = (0.5 * f) * f
    tail = s * (h + z * p)
    return k * LN2_HIGH - ((h - (tail + (k * LN2_LOW + correction))) - f)


def split(u: Any) -> Any:
    """Return the normal u > 0 as k and m: u = 2**k m with m in [0.707, 1.414)."""
    raw = bits_of(u)
    k = (raw - ROOT_HALF) >> 52
    return k * 1.0, float_of(raw - (k << 52))


def minus_log(p: Any, rest: Any, p_low: Any) -> Any:
    """Return -log(p + p_low) for p from 0 to 1, given 1 - p without the rounding of p."""
    small = p < SUBNORMAL
    k, m = split(where(p > 0.0, where(small, p * UP, p), 1.0))
    near = k == 0.0
    f = where(near, 0.0 - rest, m - 1.0)
    correction = where(near, 0.0, p_low / where(small, 1.0, p))
    value = 0.0 - log_reduced(f, where(small, k - 54.0, k), correction)
    return where(p > 0.0, value, np.inf)


def log1p(q: Any, q_low: Any) -> Any:
    """Return log(1 + q + q_low) for finite q >= 0."""
    u, u_low = two_sum(1.0, q)
    k, m = split(u)
    near = k == 0.0
    return log_reduced(where(near, q, m - 1.0), k, where(near, q_low, u_low + q_low) / u)


def log1p_unit(q: Any) -> Any:
    """Return log(1 + q) for q from 0 to 1."""
    above = q > 0.41421356237309515
    return log_reduced(where(above, 0.5 * (q - 1.0), q), where(above, 1.0, 0.0), 0.0)


# Losses.


def binary_logit(z: Any, label: Any) -> Any:
    """Return the loss of a binary logit, the probability of the other label, and exp(-|z|)."""
    size = abs(z)
    t = exp(0.0 - size, 0.0)
    right = (z > 0.0) == (label == 1)
    return where(right, 0.0, size) + log1p_unit(t), where(right, t, 1.0) / (1.0 + t), t


def binary_probability(p: Any, label: Any) -> Any:
    """Do the same for a probability of label 1; the last is the odds of the unlikelier label."""
    one, rest = label == 1, 1.0 - p
    low = where(one, 0.0, (1.0 - rest) - p)
    other = where(one, rest, p)
    return minus_log(where(one, p, rest), other, low), other, odds(p, rest)


def binary_log_probability(log_p: Any, label: Any) -> Any:
    """Do the same for the logarithm of a probability, which rounding may have put above 0."""
    log_p = where(log_p > 0.0, 0.0, log_p)
    p = exp(log_p, 0.0)
    rest, low = one_minus_exp(log_p)
    one = label == 1
    loss = where(one, 0.0 - log_p, minus_log(rest, p, low))
    return loss, where(one, rest, p), odds(p, rest)


def exp_of_class(z: Any, most: Any) -> Any:
    """Return exp(z - most), also for infinite logits."""
    d, d_low = two_diff(z, where(most > -np.inf, most, 0.0))
    return exp(d, where(d > LEAST, d_low, 0.0))


def class_logit(most: Any, own: Any, s: Any, s_low: Any, right: Any) -> Any:
    """Return the loss of a label's logit, and the odds of the likeliest class or their inverse.

    `most` is the largest logit, and s the sum of exp(z - most) over the other classes.
    """
    gap = where(right & (most > -np.inf), 0.0, where(own > -np.inf, most - own, np.inf))
    loss = log1p(s, s_low) + gap
    return loss, where(s < 1.0, s, 1.0 / where(s < 1.0, 1.0, s))


def class_brier(most: Any, own: Any, s: Any, squares: Any, right: Any) -> Any:
    """Return the Brier score of logits, given the sum of exp(z - most)**2 like `s`.

    The label's own probability is left out of the sum of squares, not subtracted from it.
    """
    sure = right & (most > -np.inf)
    e = exp_of_class(own, most)
    other = where(sure, s, (1.0 - e) + s)
    rest = where(sure, squares, (1.0 - e * e) + squares)
    whole = 1.0 + s
    return (other * other + rest) / (whole * whole)


def half_of(count: int) -> int:
    """Return the number of columns to which the others are added: a power of two."""
    half = 1
    while 2 * half < count:
        half *= 2
    return half


def odds(p: Any, rest: Any) -> Any:
    """Return the lesser of p / (1 - p) and its inverse, given 1 - p."""
    less = p < rest
    return where(less, p, rest) / where(less, rest, p)


def key_of(t: Any, positive: Any) -> Any:
    """Return the bin of a prediction, given the lesser of its odds and their inverse."""
    place = (bits_of(t) >> KEY_BITS) - FIRST_KEY
    place = where(place < 0, 0, place)
    place = where(place < KEYS // 2, place, KEYS // 2 - 1)
    return where(positive, KEYS - 1 - place, place)
