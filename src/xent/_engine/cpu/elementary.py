"""Exponentials and logarithms without branches or tables, so that LLVM can vectorize them.

exp: x = n ln 2 + r with |r| <= ln(2)/2, so exp(x) = 2**n exp(r). The range reduction is exact: n
times the upper part of ln 2, subtracted by one `fma`, leaves no rounding, whatever the size of x.
The terms of a row therefore need no common maximum subtracted, whose rounding exp would turn into a
relative error. A row is scaled by a power of two instead, which is exact.

log1p: 1 + q = 2**k m, and log m comes from s = (m - 1) / (m + 1).

`x_low` beside an x is the low-order part of an unevaluated sum x + x_low (double-double). The
suffix _f marks float32, _d float64. Coefficients are near minimax; tests hold them to the errors
given here.
"""

from __future__ import annotations

import numpy as np

from xent._engine.cpu.decorators import by_dtype, inner
from xent._engine.cpu.intrinsics import add_exponent, bits, fma, split_exponent

LN2 = 0.6931471805599453
LN2_LOW = 2.3190468138462996e-17
LOG2_E = 1.4426950408889634
MAGIC = 6755399441055744.0
"""1.5 * 2**52: adding it rounds a float64 to an integer, left in the lowest bits of the mantissa.

Half as much again as 2**52, so that negative integers have room below it.
"""

F = np.float32
LN2_F, LN2_LOW_F = F(LN2), F(LN2 - float(F(LN2)))
LOG2_E_F, MAGIC_F = F(LOG2_E), F(12582912.0)
ZERO_F, HALF_F, ONE_F, TWO_F = F(0), F(0.5), F(1), F(2)

# exp(r) = 1 + r + r**2 q(r): relative error 2**-28 in float32, 2**-55 in float64. The suffix _S
# marks the short polynomial, which has float32's precision, in float64 numbers.
E2_S, E3_S, E4_S = 0.4999999337301053, 0.16666519525275653, 0.0416684011421883
E5_S, E6_S = 0.00836885098424827, 0.001381431639891801
E2_F, E3_F, E4_F, E5_F, E6_F = F(E2_S), F(E3_S), F(E4_S), F(E5_S), F(E6_S)
E2, E3, E4, E5 = 0.5, 0.16666666666666669, 0.041666666666623824, 0.008333333333330039
E6, E7, E8 = 0.0013888888917367081, 0.00019841269863171557, 2.4801521057868204e-05
E9, E10, E11 = 2.7557268276905696e-06, 2.7620201591031547e-07, 2.5100472505694996e-08

# log((1 + s) / (1 - s)) = 2 s + s**3 p(s**2): relative error 2**-56; of the short form 2**-28.
L0, L1, L2, L3 = 0.666666666666667, 0.3999999999989827, 0.28571428626533335, 0.22222211043822487
L4, L5, L6 = 0.18182895746801428, 0.1533150172120742, 0.1461916477718642
L0_F, L1_F, L2_F = F(0.6666668515139674), F(0.3998873484312968), F(0.2958202252541237)

# exp of numbers <= 0: the result is made 2**64 times as large, so that it stays normal on the way,
# and multiplied down at the end, which rounds it to a subnormal number where it is one. Below
# EXP_MIN the result is 0.
MAGIC_UP, DOWN, EXP_MIN = MAGIC + 64.0, 2.0**-64, -752.0
MAGIC_UP_F, DOWN_F, EXP_MIN_F = MAGIC_F + F(64), F(2.0**-64), F(-131)

SQRT2_MINUS_1 = 0.41421356237309515
SQRT2_MINUS_1_F = F(SQRT2_MINUS_1)


# Error-free sums.


@inner
def two_sum(a, b):
    """Return a + b and its rounding error, exactly (Knuth)."""
    s = a + b
    b_part = s - a
    return s, (a - (s - b_part)) + (b - b_part)


@inner
def two_diff(a, b):
    """Return a - b and its rounding error, exactly."""
    d = a - b
    a_part = a - d
    return d, (a - (d + a_part)) + (a_part - b)


@inner
def _one_f(like):
    return ONE_F


@inner
def _one_d(like):
    return 1.0


@by_dtype(_one_f, _one_d)
def one_like(like):
    """Return 1 in the dtype of `like`. A plain 1.0 would widen float32 arithmetic to float64."""


# Polynomials for reduced arguments.


@inner
def exp_poly_f(r):
    """Return exp(r) for a reduced float32."""
    q = fma(E6_F, r, E5_F)
    q = fma(q, r, E4_F)
    q = fma(q, r, E3_F)
    q = fma(q, r, E2_F)
    q = fma(q, r, ONE_F)
    return fma(q, r, ONE_F)


@inner
def exp_poly_short(r):
    """Return exp(r) for a reduced float64, to float32's precision."""
    q = fma(E6_S, r, E5_S)
    q = fma(q, r, E4_S)
    q = fma(q, r, E3_S)
    q = fma(q, r, E2_S)
    return fma(fma(q, r, 1.0), r, 1.0)


@inner
def expm1_poly(r):
    """Return exp(r) - 1 for a reduced float64."""
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
def log1p_reduced(f, k, correction):
    """Return k log 2 + log(1 + f) + correction for f from -0.3 to 0.42."""
    s = f / (2.0 + f)
    z = s * s
    p = fma(L6, z, L5)
    p = fma(p, z, L4)
    p = fma(p, z, L3)
    p = fma(p, z, L2)
    p = fma(p, z, L1)
    p = fma(p, z, L0)
    # log(1 + f) = f - (f**2/2 - s (f**2/2 + z p)): f itself enters last, and is not rounded before.
    h = 0.5 * f * f
    tail = s * fma(z, p, h)
    return k * LN2 - ((h - (tail + (k * LN2_LOW + correction))) - f)


@inner
def reduce_d(x, magic):
    """Return (t, r, r_low) with x = n ln 2 + r + r_low, n being in the lowest bits of t.

    `magic` is MAGIC, plus any integer to be added to the n in t.
    """
    t = fma(x, LOG2_E, magic)
    n = t - magic
    upper = fma(n, -LN2, x)  # exact
    r = fma(n, -LN2_LOW, upper)
    return t, r, fma(n, -LN2_LOW, upper - r)


# Scaled exponentials.


@inner
def scaled_exp_f(x, magic, x_min):
    x = x_min if x < x_min else x
    t = fma(x, LOG2_E_F, magic)
    n = t - magic
    r = fma(n, -LN2_F, x)
    r = fma(n, -LN2_LOW_F, r)
    return add_exponent(exp_poly_f(r), t), bits(t)


@inner
def scaled_exp_d(x, magic, x_min):
    x = x_min if x < x_min else x
    t, r, r_low = reduce_d(x, magic)  # r_low is worth a quarter of an ulp; a loss may err by two
    return add_exponent(1.0 + (expm1_poly(r) + r_low), t), bits(t)


@by_dtype(scaled_exp_f, scaled_exp_d)
def scaled_exp(x, magic, x_min):
    """Return exp(x) * 2**s, and bits that show if it overflowed; magic is MAGIC + s.

    An x below x_min is replaced by it; the result there is about the smallest normal number. The
    bits grow with the exponent of the result. They exceed every valid value for a NaN and where the
    result is too large, and the result is then meaningless. So one integer maximum per element
    replaces all comparisons of floats: it is looked at once per row.
    """


@inner
def exp_diff_f(z, m):
    z, m = np.float64(z), np.float64(m)
    d = z - m  # exact enough in float64: no rounding error to carry
    d = EXP_MIN if d < EXP_MIN else d
    t = fma(d, LOG2_E, MAGIC_UP)
    return add_exponent(exp_poly_short(fma(t - MAGIC_UP, -LN2, d)), t) * DOWN, d


@inner
def exp_diff_d(z, m):
    d, d_low = two_diff(z, m)
    d = EXP_MIN if d < EXP_MIN else d
    return exp(d, 0.0 if d == EXP_MIN else d_low), d  # d_low may be NaN if z is -inf


@by_dtype(exp_diff_f, exp_diff_d)
def exp_diff(z, m):
    """Return exp(z - m) and z - m for z <= m, in float64, to the precision of z; 0 far below m."""


# Plain exponentials.


@inner
def exp(x, x_low):
    """Return exp(x) * (1 + x_low) for x <= 0, with gradual underflow."""
    x = EXP_MIN if x < EXP_MIN else x
    t, r, r_low = reduce_d(x, MAGIC_UP)
    low = r_low + x_low
    s = expm1_poly(r)
    return add_exponent(1.0 + (s + fma(low, s, low)), t) * DOWN


@inner
def expm1(x):
    """Return exp(x) - 1 for x <= 0."""
    x = -45.0 if x < -45.0 else x  # there the result is -1
    t, r, _ = reduce_d(x, MAGIC)
    power = add_exponent(1.0, t)
    return fma(power, expm1_poly(r), power - 1.0)


@inner
def exp_nonpositive_f(x):
    return scaled_exp_f(x, MAGIC_UP_F, EXP_MIN_F)[0] * DOWN_F


@inner
def exp_nonpositive_d(x):
    return exp(x, 0.0)


@by_dtype(exp_nonpositive_f, exp_nonpositive_d)
def exp_nonpositive(x):
    """Return exp(x) for x <= 0, in the dtype of x, with gradual underflow; for NaN any number."""


@inner
def tanh_cap_and_derivative(z, cap):
    """Return cap * tanh(z / cap) and its derivative; -inf (a mask) and NaN stay what they are."""
    # tanh(u) = -m / (2 + m) with m = expm1(-2u) for u >= 0; no subtraction cancels near u = 0.
    u2 = 2.0 * abs(z / cap)
    m = expm1(-u2)
    value = -cap * m / (2.0 + m)
    value = value if z > 0.0 else -value
    t = exp(-u2, 0.0)
    derivative = 4.0 * t / ((1.0 + t) * (1.0 + t))
    unchanged = z == -np.inf or z != z
    return z if unchanged else value, derivative


# Logarithms.


@inner
def log1p(q, q_low):
    """Return log(1 + q + q_low) for q >= 0."""
    u = 1.0 + q
    k, m = split_exponent(u)
    b = u - 1.0
    u_low = (1.0 - (u - b)) + (q - b)  # the rounding error of 1 + q
    f = q if k == 0.0 else m - 1.0
    # The correction is u_low / u. It is so small that a linear approximation of 1/m is enough.
    inverse = add_exponent(1.457 - 0.5 * m, MAGIC - k)
    correction = q_low * inverse if k == 0.0 else (u_low + q_low) * inverse
    return log1p_reduced(f, k, correction)


@inner
def log1p_fast(q):
    """Return log(1 + q) for q >= 0 without correcting the rounding of 1 + q: error 2**-51."""
    k, m = split_exponent(1.0 + q)
    return log1p_reduced(q if k == 0.0 else m - 1.0, k, 0.0)


@inner
def log1p_unit_f(q):
    above = q > SQRT2_MINUS_1_F  # then log(1 + q) = log 2 + log(1 + f)
    f = HALF_F * (q - ONE_F) if above else q
    s = f / (TWO_F + f)
    z = s * s
    h = HALF_F * f * f
    tail = s * (h + z * fma(fma(L2_F, z, L1_F), z, L0_F))
    return (LN2_F if above else ZERO_F) - ((h - tail) - f)


@inner
def log1p_unit_d(q):
    above = q > SQRT2_MINUS_1
    return log1p_reduced(0.5 * (q - 1.0) if above else q, 1.0 if above else 0.0, 0.0)


@by_dtype(log1p_unit_f, log1p_unit_d)
def log1p_unit(q):
    """Return log(1 + q) for q from 0 to 1, in the dtype of q."""
