"""What wide and narrow kernels share: a row of logits seen from its label.

With y the label, everything a hard label needs is one sum of positive terms,

    q = sum over j != y of exp(z_j - z_y)       loss = log1p(q)
    p_j = exp(z_j - z_y) / (1 + q)              p_y - 1 = -q / (1 + q)

so nothing cancels, however confident the row. Terms are kept as exp(z_j) * 2**s with s chosen for
the row: that rounds nothing, where subtracting z_y would. T is their sum without the label's, and

    q = T / (exp(z_y) 2**s)
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload

from xent._engine.cpu.elementary import (
    LN2,
    LN2_F,
    LN2_LOW,
    LOG2_E,
    LOG2_E_F,
    ROUNDER,
    ROUNDER_F,
    F,
    exp_rest,
    exp_short,
    log1p,
    log1p_once,
)
from xent._engine.cpu.intrinsics import any_order, fma, inner, loop, rounded

# The label's own term is about 2**SHIFT. Terms up to 2**TOP are summed as they are; below the
# smallest normal number they are that number. The room between is all that a loss can show.
SHIFT_F, TOP_F, BOTTOM_F = F(60), F(122), F(-60 - 125)
SHIFT_D, TOP_D, BOTTOM_D = 400.0, 1000.0, -400.0 - 1021.0

LIMIT = 16384.0
"""Logits of labels beyond this go the long way; up to it their exponent fits the rounder."""

ABSENT = -1.0
"""Coefficient of a row that counts for nothing, whatever it holds."""


def window(z, like):
    """For a label's logit: n, and the `magic` and `low` of `scaled_exp` for its row."""
    raise NotImplementedError


@overload(window, inline="always")
def _window(z, like):
    if like == types.float32:
        return lambda z, like: window_f(z)
    return lambda z, like: window_d(z)


@inner
def window_f(z):
    n = fma(z, LOG2_E_F, ROUNDER_F) - ROUNDER_F
    return n, ROUNDER_F + (SHIFT_F - n), (n + BOTTOM_F) * LN2_F


@inner
def window_d(z):
    n = fma(z, LOG2_E, ROUNDER) - ROUNDER
    return n, ROUNDER + (SHIFT_D - n), (n + BOTTOM_D) * LN2


def usable(most, t, like):
    """Did no term leave the range (by the bits `most`), and is their sum t not all lowest terms?"""
    raise NotImplementedError


_CEILING_F = np.float32(ROUNDER_F + TOP_F).view(np.uint32)
_CEILING_D = np.float64(ROUNDER + TOP_D).view(np.uint64)
_FLOOR_F, _FLOOR_D = 2.0**-60, 2.0**-900


@overload(usable, inline="always")
def _usable(most, t, like):
    if like == types.float32:
        return lambda most, t, like: most <= _CEILING_F and t >= _FLOOR_F
    return lambda most, t, like: most <= _CEILING_D and t >= _FLOOR_D


def unshift(like):
    """Return 2**-SHIFT for the dtype."""
    raise NotImplementedError


_UNSHIFT_F, _UNSHIFT_D = F(2.0) ** -SHIFT_F, 2.0**-SHIFT_D


@overload(unshift, inline="always")
def _unshift(like):
    if like == types.float32:
        return lambda like: _UNSHIFT_F
    return lambda like: _UNSHIFT_D


def result(z, n, t, t_low, own):
    """From a label's logit, its n, T with its low part, and the label's own term: the row's loss,
    q, and 2**n exp(-z), the last two each with a low part. In float32 there are no low parts.
    """
    raise NotImplementedError


@overload(result, inline="always")
def _result(z, n, t, t_low, own):
    if z == types.float32:
        return lambda z, n, t, t_low, own: result_f(
            np.float64(z), np.float64(n), t, np.float64(own)
        )
    return lambda z, n, t, t_low, own: result_d(z, n, t, t_low)


@inner
def result_f(z, n, t, own):
    inverse = exp_short(fma(n, LN2, -z))
    # By its own float32 term where that is not the largest part: what all terms have in common of
    # their rounding then cancels, and a row of equal logits costs log K to the last digit.
    off = fma(own * 2.0**-60, inverse, -1.0)
    shared = fma(-off, 1.0 - off, 1.0)
    inverse *= shared if t >= own else 1.0
    q = t * inverse * 2.0**-60
    return log1p_once(q), q, 0.0, inverse, 0.0


@inner
def result_d(z, n, t, t_low):
    r = fma(n, -LN2, z)
    upper = fma(n, -LN2_LOW, r)
    r_low = fma(n, -LN2_LOW, r - upper)
    s = exp_rest(-upper)
    inverse = 1.0 + s
    low = ((1.0 - inverse) + s) - r_low * inverse
    product = t * inverse
    error = fma(t, inverse, -product) + (t * low + t_low * inverse)
    q, q_low = product * _UNSHIFT_D, error * _UNSHIFT_D
    return log1p(q, q_low), q, q_low, inverse, low


def slope_factors(q, q_low, inverse, low, c, like):
    """For a row of coefficient c: factor of the unshifted terms, its low part, label's gradient."""
    raise NotImplementedError


@overload(slope_factors, inline="always")
def _slope_factors(q, q_low, inverse, low, c, like):
    if like == types.float32:
        return lambda q, q_low, inverse, low, c, like: slope_factors_f(q, inverse, c)
    return lambda q, q_low, inverse, low, c, like: slope_factors_d(q, q_low, inverse, low, c)


@inner
def slope_factors_f(q, inverse, c):
    share = c / (1.0 + q)
    factor = share * inverse
    upper = F(factor)
    lower = F(factor - np.float64(upper)) if abs(upper) < np.inf else F(0)
    return upper, lower, F(-share * q)


@inner
def slope_factors_d(q, q_low, inverse, low, c):
    t, t_low = two_sum(1.0, q)
    t_low += q_low
    over_t = 1.0 / t
    product = c * inverse
    product_low = fma(c, inverse, -product) + c * low
    factor = product * over_t
    factor_low = (fma(-factor, t, product) + (product_low - factor * t_low)) * over_t
    share = q * over_t
    share_low = (fma(-share, t, q) + (q_low - share * t_low)) * over_t
    return factor, factor_low, -(c * share + c * share_low)


def type_one(like):
    """Return 1 in the dtype."""
    raise NotImplementedError


@overload(type_one, inline="always")
def _type_one(like):
    one = F(1) if like == types.float32 else 1.0
    return lambda like: one


@inner
def weighted(coefficient, loss):
    """Coefficient times loss, with 0 * infinity = 0."""
    return 0.0 if coefficient == 0.0 and loss == np.inf else coefficient * loss


LANES = 16
GROUP = 4 * LANES
PART = 16 * GROUP
"""Columns of a wide row that are added, and worked on, at a time."""


@inner
def sum_lanes(high, low):
    """Return the sum of LANES numbers with their low parts (or None), and its rounding error.

    By halves, so that it is four sums deep. Overwrites the lanes.
    """
    rest = 0.0
    width = LANES
    while width > 1:
        width //= 2
        for lane in range(width):
            high[lane], lost = two_sum(high[lane], high[lane + width])
            if low is None:
                rest += lost
            else:
                low[lane] += low[lane + width] + lost
    return high[0], rest if low is None else low[0]


@inner
def two_sum(a, b):
    """Return a + b, and what its rounding lost."""
    s = a + b
    other = s - a
    return s, (a - (s - other)) + (b - other)


@loop
def clear_row(grad, i):
    """Set the gradient of an absent row to 0."""
    if grad is not None:
        row = grad[i]
        for j in range(row.size):
            row[j] = rounded(0.0, row[j])


BLOCK = 256
"""Rows whose losses are summed at a time, in any order: all other sums are twice as precise."""


@inner
def clear_total(sums, number):
    """Start the sum of a chunk of rows."""
    sums[number, 0] = 0.0
    sums[number, 1] = 0.0


@loop
def add_losses(loss, losses, start, sums, number):
    """Add the losses of at most BLOCK rows to their chunk's sum, and write them where asked."""
    s = 0.0
    for i in range(loss.size):
        s = any_order(s, loss[i])
    total, lost = two_sum(sums[number, 0], s)
    sums[number, 0] = total
    sums[number, 1] += lost if np.isfinite(lost) else 0.0
    if losses is not None:
        for i in range(loss.size):
            losses[start + i] = loss[i]


@inner
def first_wrong(labels, classes, start):
    """Return the first row from `start` whose label is not a class."""
    while 0 <= labels[start] < classes:
        start += 1
    return start
