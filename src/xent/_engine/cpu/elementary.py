"""Exponential and logarithm, as straight lines of arithmetic that LLVM turns into vectors.

exp: x = n ln 2 + r with |r| <= ln(2)/2, so exp(x) = 2**n exp(r). The reduction is exact: n times
the upper part of ln 2, subtracted by one `fma`, leaves no rounding, whatever the size of x. So the
terms of a row need no common subtrahend, whose rounding exp would turn into a relative error: a row
is scaled by a power of two instead, which costs no digits.

log1p: 1 + q = 2**k m, and log m from s = (m - 1) / (m + 1).

Coefficients are near minimax; tests hold them to the errors given here.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload

from xent._engine.cpu.intrinsics import add_exponent, bits, fma, inner, split

LN2 = 0.6931471805599453
LN2_LOW = 2.3190468138462996e-17
LOG2_E = 1.4426950408889634
ROUNDER = 6755399441055744.0
"""1.5 * 2**52: adding it leaves an integer in the lowest bits of a float64."""

F = np.float32
LN2_F, LN2_LOW_F = F(LN2), F(LN2 - float(F(LN2)))
LOG2_E_F, ROUNDER_F = F(LOG2_E), F(12582912.0)
ONE_F = F(1)

# exp(r) = 1 + r + r**2 q(r): relative error 2**-28 in float32, 2**-55 in float64.
E2_S, E3_S, E4_S = 0.4999999337301053, 0.16666519525275653, 0.0416684011421883
E5_S, E6_S = 0.00836885098424827, 0.001381431639891801
E2_F, E3_F, E4_F, E5_F, E6_F = F(E2_S), F(E3_S), F(E4_S), F(E5_S), F(E6_S)
E2, E3, E4, E5 = 0.5, 0.16666666666666669, 0.041666666666623824, 0.008333333333330039
E6, E7, E8 = 0.0013888888917367081, 0.00019841269863171557, 2.4801521057868204e-05
E9, E10, E11 = 2.7557268276905696e-06, 2.7620201591031547e-07, 2.5100472505694996e-08

# log((1 + s) / (1 - s)) = 2 s + s**3 p(s**2): relative error 2**-56; of the short form 2**-28.
L0, L1, L2, L3 = 0.666666666666667, 0.3999999999989827, 0.28571428626533335, 0.22222211043822487
L4, L5, L6 = 0.18182895746801428, 0.1533150172120742, 0.1461916477718642
L0_S, L1_S, L2_S = 0.6666668515139674, 0.3998873484312968, 0.2958202252541237


@inner
def exp_tail_f(r):
    """Return exp(r) of a small float32."""
    q = fma(E6_F, r, E5_F)
    q = fma(q, r, E4_F)
    q = fma(q, r, E3_F)
    q = fma(q, r, E2_F)
    q = fma(q, r, ONE_F)
    return fma(q, r, ONE_F)


@inner
def exp_rest(r):
    """Return exp(r) - 1 of a small float64."""
    q = fma(E11, r, E10)
    q = fma(q, r, E9)
    q = fma(q, r, E8)
    q = fma(q, r, E7)
    q = fma(q, r, E6)
    q = fma(q, r, E5)
    q = fma(q, r, E4)
    q = fma(q, r, E3)
    q = fma(q, r, E2)
    return fma(r * r, q, r)


@inner
def exp_short(r):
    """Return exp(r) of a small float64, good to float32."""
    q = fma(E6_S, r, E5_S)
    q = fma(q, r, E4_S)
    q = fma(q, r, E3_S)
    q = fma(q, r, E2_S)
    return fma(fma(q, r, 1.0), r, 1.0)


def scaled_exp(x, magic, low):
    """Return exp(x) * 2**s, and bits that show if it left the range; magic is rounder(x) + s.

    x is raised to `low` at least, where the result is the smallest normal number or so. The bits
    exceed `ceiling(x)` for a NaN, and where the result would be too large; it is then of no use.
    """
    raise NotImplementedError


@overload(scaled_exp, inline="always")
def _scaled_exp(x, magic, low):
    if x == types.float32:
        return lambda x, magic, low: scaled_exp_f(x, magic, low)
    return lambda x, magic, low: scaled_exp_d(x, magic, low)


@inner
def scaled_exp_f(x, magic, low):
    x = low if x < low else x
    t = fma(x, LOG2_E_F, magic)
    n = t - magic
    r = fma(n, -LN2_F, x)
    r = fma(n, -LN2_LOW_F, r)
    return add_exponent(exp_tail_f(r), t), bits(t)


@inner
def scaled_exp_d(x, magic, low):
    x = low if x < low else x
    t = fma(x, LOG2_E, magic)
    n = t - magic
    upper = fma(n, -LN2, x)
    r = fma(n, -LN2_LOW, upper)
    lost = fma(n, -LN2_LOW, upper - r)  # a quarter of an ULP, where a loss has two to spend
    return add_exponent(1.0 + (exp_rest(r) + lost), t), bits(t)


def exp_from(z, m):
    """Return exp(z - m) and z - m for z <= m, in float64, good to the dtype of z; 0 far below m."""
    raise NotImplementedError


@overload(exp_from, inline="always")
def _exp_from(z, m):
    if z == types.float32:
        return lambda z, m: exp_from_f(np.float64(z), np.float64(m))
    return lambda z, m: exp_from_d(z, m)


@inner
def exp_from_f(z, m):
    d = z - m
    d = LEAST if d < LEAST else d
    t = fma(d, LOG2_E, UP)
    return add_exponent(exp_short(fma(t - UP, -LN2, d)), t) * DOWN, d


@inner
def exp_from_d(z, m):
    d = z - m
    back = z - d
    lost = (z - (d + back)) + (back - m)
    d = LEAST if d < LEAST else d
    return exp(d, 0.0 if d == LEAST else lost), d


UP, DOWN, LEAST = ROUNDER + 64.0, 2.0**-64, -752.0


@inner
def exp(x, low):
    """Return exp(x) * (1 + low) for x <= 0, gradually down to the smallest number."""
    x = LEAST if x < LEAST else x
    t = fma(x, LOG2_E, UP)
    n = t - UP
    upper = fma(n, -LN2, x)
    r = fma(n, -LN2_LOW, upper)
    lost = fma(n, -LN2_LOW, upper - r) + low
    s = exp_rest(r)
    return add_exponent(1.0 + (s + fma(lost, s, lost)), t) * DOWN


@inner
def expm1(x):
    """Return exp(x) - 1 for x <= 0."""
    x = -45.0 if x < -45.0 else x
    t = fma(x, LOG2_E, ROUNDER)
    n = t - ROUNDER
    r = fma(n, -LN2, x)
    r = fma(n, -LN2_LOW, r)
    power = add_exponent(1.0, t)
    return fma(power, exp_rest(r), power - 1.0)


@inner
def capped(z, cap):
    """Return cap * tanh(z / cap) and its derivative; -inf stays a mask, and NaN what it is."""
    size = 2.0 * abs(z / cap)
    m = expm1(-size)
    value = -cap * m / (2.0 + m)
    value = value if z > 0.0 else -value
    t = exp(-size, 0.0)
    slope = 4.0 * t / ((1.0 + t) * (1.0 + t))
    kept = z == -np.inf or z != z
    return z if kept else value, slope


@inner
def log1p(q, low):
    """Return log(1 + q + low) for q >= 0 and a low part of q."""
    u = 1.0 + q
    k, m = split(u)
    b = u - 1.0
    lost = (1.0 - (u - b)) + (q - b)
    f = q if k == 0.0 else m - 1.0
    # What rounding 1 + q lost, over 1 + q; a rough 1/m will do, since it is that small.
    inverse = add_exponent(1.457 - 0.5 * m, ROUNDER - k)
    rest = low * inverse if k == 0.0 else (lost + low) * inverse
    return log1p_part(f, k, rest)


@inner
def log1p_once(q):
    """Return log(1 + q) for q >= 0, with the rounding of 1 + q left as it is: good to 2**-51."""
    k, m = split(1.0 + q)
    return log1p_part(q if k == 0.0 else m - 1.0, k, 0.0)


@inner
def log1p_part(f, k, rest):
    """Return k log 2 + log(1 + f) + rest for f from -0.3 to 0.42."""
    s = f / (2.0 + f)
    z = s * s
    p = fma(L6, z, L5)
    p = fma(p, z, L4)
    p = fma(p, z, L3)
    p = fma(p, z, L2)
    p = fma(p, z, L1)
    p = fma(p, z, L0)
    h = 0.5 * f * f
    tail = s * fma(z, p, h)
    return k * LN2 - ((h - (tail + (k * LN2_LOW + rest))) - f)


ROOT2_LESS_1 = 0.41421356237309515
HALF_F, TWO_F, ZERO_F, ROOT2_LESS_1_F = F(0.5), F(2), F(0), F(ROOT2_LESS_1)
L0_F, L1_F, L2_F = F(L0_S), F(L1_S), F(L2_S)
UP_F, DOWN_F, LEAST_F = ROUNDER_F + F(64), F(2.0**-64), F(-131)


def decay(x):
    """Return exp(x) for x <= 0, gradually down to the smallest number; NaN is not kept."""
    raise NotImplementedError


def log1p_of_decay(q):
    """Return log(1 + q) for q from 0 to 1."""
    raise NotImplementedError


@overload(decay, inline="always")
def _decay(x):
    if x == types.float32:
        return lambda x: decay_f(x)
    return lambda x: exp(x, 0.0)


@overload(log1p_of_decay, inline="always")
def _log1p_of_decay(q):
    if q == types.float32:
        return lambda q: log1p_of_decay_f(q)
    return lambda q: log1p_of_decay_d(q)


@inner
def decay_f(x):
    return scaled_exp_f(x, UP_F, LEAST_F)[0] * DOWN_F


@inner
def log1p_of_decay_f(q):
    big = q > ROOT2_LESS_1_F  # then log(1 + q) = log 2 + log(1 + f)
    f = HALF_F * (q - ONE_F) if big else q
    s = f / (TWO_F + f)
    z = s * s
    h = HALF_F * f * f
    tail = s * (h + z * fma(fma(L2_F, z, L1_F), z, L0_F))
    return (LN2_F if big else ZERO_F) - ((h - tail) - f)


@inner
def log1p_of_decay_d(q):
    big = q > ROOT2_LESS_1
    return log1p_part(0.5 * (q - 1.0) if big else q, 1.0 if big else 0.0, 0.0)
