"""The kernel for binary cross-entropy: a block of logits at a time, vectorized.

    loss = a softplus(-z) + b softplus(z),   softplus(z) = max(z, 0) + log1p(exp(-|z|))

where a is the weight of label 1 and b that of label 0: they follow from the target, its smoothing
and the weights of the two labels. A block whose sum is not finite is computed again by
`general_losses`, which handles infinities, NaN and every option.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import overload

from xent._engine.cpu.elementary import (
    exp,
    exp_nonpositive,
    log1p_unit,
    one_like,
    tanh_cap_and_derivative,
)
from xent._engine.cpu.general import safe_product
from xent._engine.cpu.intrinsics import (
    bits,
    fma,
    if_given,
    inner,
    kernel,
    load,
    loop,
    store_as,
    unsigned_max,
)
from xent._engine.cpu.nontemporal import store_block, store_block_nontemporal
from xent._engine.cpu.sums import add_to_sum, block_sum, copy, start_sum

BLOCK = 1024
"""Logits that are computed at a time, and whose losses are added plainly."""


class Coefficients(NamedTuple):
    """What turns a target t into a = one * t + one_shift and b = zero * (1 - t) + zero_shift."""

    one: Any
    one_shift: Any  # not 0 with label smoothing
    zero: Any
    zero_shift: Any
    c: Any  # coefficient of the gradient
    c_low: Any  # its low part


def make_coefficients(positive, negative, smoothing, c, dtype):
    """Make the coefficients in a dtype from the weights of the labels."""
    keep, half = 1 - smoothing, smoothing / 2
    values = (positive * keep, positive * half, negative * keep, negative * half)
    with np.errstate(over="ignore"):
        c_low = c - float(dtype(c))
        return Coefficients(*map(dtype, (*values, c, c_low if np.isfinite(c_low) else 0.0)))


class Options(NamedTuple):
    """All options of a loss."""

    fast: Coefficients  # in the dtype to compute in
    exact: Coefficients  # in float64, for `general_losses`, as all that follows
    pos_weight: Any  # weights for each entry of the last axis; or [1.]
    softcap: float  # 0 for none
    z_loss: float
    general: bool  # must `general_losses` compute every block?


class Scratch(NamedTuple):
    """Scratch memory of one thread: a block, in the dtype to compute in."""

    loss: Any
    grad: Any
    lines: Any  # the gradient as it is stored, for non-temporal stores; or empty


def make_scratch(dtype, stored, nontemporal):
    """Allocate scratch for logits computed in `dtype` and stored in `stored`."""
    lines = np.empty(BLOCK if nontemporal else 0, stored)
    return Scratch(np.empty(BLOCK, dtype), np.empty(BLOCK, dtype), lines)


@inner
def label_weights(t, coefficients):
    """Return a and b of a target."""
    one = one_like(coefficients.one)
    a = fma(coefficients.one, t, coefficients.one_shift)
    return a, fma(coefficients.zero, one - t, coefficients.zero_shift)


@loop
def finite_losses(z, targets, weight, coefficients, loss, grad):
    """Fill the losses of finite logits and, if not None, their gradient.

    Returns the largest bits of the targets. Bits order as unsigned integers: a target is from 0 to
    1 exactly if its bits do not exceed those of 1, since negative numbers have the sign bit set.
    """
    # 0 in the right dtype; NaN if c overflowed, which leaves the block to `general_losses`.
    zero = coefficients.c - coefficients.c
    one = one_like(coefficients.c)
    most = bits(zero)
    for i in range(z.size):
        x, t = load(z[i]), store_as(load(targets[i]), coefficients.c) + zero  # -0 becomes 0
        most = unsigned_max(bits(t), most)
        a, b = label_weights(t, coefficients)
        size = abs(x)
        tail = exp_nonpositive(-size)
        # Weights of the label that the sign of x favours, and of the other one.
        favoured, other = (a, b) if x > 0 else (b, a)
        value = fma(size, other, (a + b) * log1p_unit(tail))
        d = (other - favoured * tail) / (one + tail)  # the derivative by |x|
        d = d if x > 0 else -d
        if weight is not None:
            w = store_as(weight[i], coefficients.c)
            value *= w
            d *= w
        loss[i] = value
        if grad is not None:
            grad[i] = fma(d, coefficients.c, d * coefficients.c_low)
    return most


@loop
def general_losses(z, targets, weight, options, start, loss, grad):
    """Do the same in float64, for any logit and every option; say whether the targets are valid."""
    for i in range(z.size):
        w = 1.0 if weight is None else weight[i]
        value, d = 0.0, 0.0
        if w != 0.0:
            x, derivative = np.float64(load(z[i])), 1.0
            if options.softcap != 0.0:
                x, derivative = tanh_cap_and_derivative(x, options.softcap)
            a, b = label_weights(np.float64(load(targets[i])), options.exact)
            a *= options.pos_weight[(start + i) % options.pos_weight.size]
            tail = exp(-abs(x), 0.0) if x == x else np.nan  # exp does not keep NaN
            log_tail = log1p_unit(tail)
            log_z = max(x, 0.0) + log_tail
            value = safe_product(a, max(-x, 0.0) + log_tail) + safe_product(b, log_z)
            if x != x:
                value = np.nan
            large = 1.0 / (1.0 + tail)
            small = tail * large
            p, q = (large, small) if x > 0 else (small, large)  # q is 1 - p without cancellation
            d = b * p - a * q
            if options.z_loss != 0.0:
                value += options.z_loss * log_z * log_z
                d += safe_product(p, 2.0 * options.z_loss * log_z)
            value *= w
            d *= derivative * w * options.exact.c
        loss[i] = value
        if grad is not None:
            grad[i] = d
    return all_valid(targets)


@loop
def all_valid(targets):
    """Say whether each target is from 0 to 1. Widened, none is rounded into the range."""
    bad = 0
    for i in range(targets.size):
        t = np.float64(load(targets[i]))
        bad |= not (t >= 0.0) & (t <= 1.0)
    return bad == 0


def fit(targets, like):
    """Say whether targets keep their digits in the dtype to compute in: 1 - t must not lose any."""


@overload(fit, inline="always")
def _fit(targets, like):
    if targets.dtype == types.float64 and like == types.float32:
        return lambda targets, like: all_float32(targets)
    return lambda targets, like: True


@loop
def all_float32(targets):
    """Say whether each target is a float32 number."""
    bad = 0
    for i in range(targets.size):
        bad |= np.float64(np.float32(targets[i])) != targets[i]
    return bad == 0


@inner
def block_losses(z, targets, weight, options, start, grad, scratch):
    """Fill a block's losses and gradient; return their sum, and whether the targets are valid."""
    loss, scratch_grad = scratch.loss[: z.size], if_given(grad, scratch.grad[: z.size])
    s, valid = np.nan, True
    if not options.general and fit(targets, options.fast.c):
        most = finite_losses(z, targets, weight, options.fast, loss, scratch_grad)
        s, valid = block_sum(loss), most <= bits(one_like(options.fast.c))
    if not np.isfinite(s):
        valid = general_losses(z, targets, weight, options, start, loss, scratch_grad)
        s = block_sum(loss)
    if grad is not None and valid:  # in place, invalid targets must not cost the logits
        if scratch.lines.size:
            store_block_nontemporal(scratch_grad, grad, scratch.lines)
        else:
            store_block(scratch_grad, grad)
    return s, valid


@inner
def chunk_losses(z, targets, weight, options, grad, losses, sums, number, start, stop, scratch):
    """Compute the losses of the logits from start to stop, which are chunk `number`."""
    start_sum(sums, number)
    for first in range(start, stop, BLOCK):
        last = min(first + BLOCK, stop)
        w, g = weight, grad
        if weight is not None:
            w = weight[first:last]
        if grad is not None:
            g = grad[first:last]
        s, valid = block_losses(z[first:last], targets[first:last], w, options, first, g, scratch)
        if not valid:
            return first
        add_to_sum(sums, number, s)
        if losses is not None:
            copy(scratch.loss, losses[first:last])
    return -1


@kernel
def binary_losses(z, targets, weight, options, grad, losses, sums, chunk, first, last, scratch):
    """Compute the losses of flat logits, in chunks from `first` to `last`.

    `losses` (or None) takes the losses, `sums` the sum of each chunk. Returns the start of a block
    with a target out of range, or -1.
    """
    for number in range(first, last):
        stop = min(number * chunk + chunk, z.size)
        bad = chunk_losses(
            z, targets, weight, options, grad, losses, sums, number, number * chunk, stop, scratch
        )
        if bad >= 0:
            return bad
    return -1
