"""Binary cross-entropy: element by element, in vectors.

    loss = a softplus(-z) + b softplus(z),   softplus(z) = max(z, 0) + log1p(exp(-|z|))

where a and b are made of the target, of its smoothing and of the weights of the two labels. A
block whose sum is not finite is done anew by `careful`, which knows infinities, NaN and every
option.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import overload

from xent._engine.cpu.elementary import capped, decay, exp, log1p_of_decay
from xent._engine.cpu.general import times
from xent._engine.cpu.intrinsics import (
    any_order,
    bits,
    fma,
    inner,
    kernel,
    larger,
    loaded,
    loop,
    rounded,
    stream,
)
from xent._engine.cpu.label_row import clear_total, two_sum, type_one

BLOCK = 1024


class Options(NamedTuple):
    """What makes a and b of a target t: a = of_one * t + more_one, b the same of 1 - t."""

    of_one: Any
    more_one: Any  # more than 0 with smoothing
    of_zero: Any
    more_zero: Any
    c: Any  # coefficient of the gradient
    c_low: Any  # what rounding it lost


def options(targets_positive, negative, smoothing, c, dtype):
    """Options in a dtype."""
    keep, half = 1 - smoothing, smoothing / 2
    values = (targets_positive * keep, targets_positive * half, negative * keep, negative * half)
    with np.errstate(over="ignore"):
        rest = c - float(dtype(c))
        return Options(*map(dtype, (*values, c, rest if np.isfinite(rest) else 0.0)))


class Rest(NamedTuple):
    """What only `careful` knows, in float64."""

    options: Any  # Options in float64
    pos_weight: Any  # for each entry of the last axis; or [1.]
    softcap: float  # 0 for none
    z_loss: float
    all: bool  # is every block for `careful`?


class Work(NamedTuple):
    """Memory of one thread: a block, of the dtype to compute in."""

    loss: Any
    slope: Any
    stream: Any  # of the stored dtype; or empty, for a gradient through the caches


def work(dtype, stored, *, stream):
    """Memory for logits computed in `dtype` and stored in `stored`."""
    return Work(
        np.empty(BLOCK, dtype), np.empty(BLOCK, dtype), np.empty(BLOCK if stream else 0, stored)
    )


@loop
def in_range(targets):
    """Is each target from 0 to 1, in its own digits?"""
    wrong = 0
    for i in range(targets.size):
        t = np.float64(loaded(targets[i]))
        wrong |= not (t >= 0.0) & (t <= 1.0)
    return wrong == 0


@inner
def masses(t, options):
    """Return a and b of a target."""
    a = fma(options.of_one, t, options.more_one)
    return a, fma(options.of_zero, type_one(options.of_one) - t, options.more_zero)


@loop
def plain_losses(z, targets, weight, options, loss):
    """Fill the losses of finite logits. Return the largest bits of the targets."""
    most, zero = bits(options.c - options.c), options.c - options.c
    for i in range(z.size):
        x, t = loaded(z[i]), rounded(loaded(targets[i]), options.c) + zero  # so that -0 is 0
        most = larger(bits(t), most)
        a, b = masses(t, options)
        size = abs(x)
        value = fma(size, b if x > 0 else a, (a + b) * log1p_of_decay(decay(-size)))
        loss[i] = value if weight is None else value * rounded(weight[i], options.c)
    return most


@loop
def plain_slopes(z, targets, weight, options, loss, slope):
    """The same, and their gradient."""
    most, zero = bits(options.c - options.c), options.c - options.c
    one = type_one(options.c)
    for i in range(z.size):
        x, t = loaded(z[i]), rounded(loaded(targets[i]), options.c) + zero  # so that -0 is 0
        most = larger(bits(t), most)
        a, b = masses(t, options)
        size = abs(x)
        tail = decay(-size)
        against, favour = (b, a) if x > 0 else (a, b)
        value = fma(size, against, (a + b) * log1p_of_decay(tail))
        d = (against - favour * tail) / (one + tail)  # the slope on the side of x
        d = d if x > 0 else -d
        if weight is not None:
            w = rounded(weight[i], options.c)
            value *= w
            d *= w
        loss[i] = value
        slope[i] = fma(d, options.c, d * options.c_low)
    return most


@loop
def careful(z, targets, weight, rest, start, loss, slope):
    """The same in float64, with any logit and every option. Is each target from 0 to 1?"""
    for i in range(z.size):
        w = 1.0 if weight is None else weight[i]
        value, d = 0.0, 0.0
        if w != 0.0:
            x, bend = np.float64(loaded(z[i])), 1.0
            if rest.softcap != 0.0:
                x, bend = capped(x, rest.softcap)
            a, b = masses(np.float64(loaded(targets[i])), rest.options)
            a *= rest.pos_weight[(start + i) % rest.pos_weight.size]
            tail = exp(-abs(x), 0.0) if x == x else np.nan
            log_tail = log1p_of_decay(tail)
            log_z = max(x, 0.0) + log_tail
            value = times(a, max(-x, 0.0) + log_tail) + times(b, log_z)
            if x != x:
                value = np.nan
            large = 1.0 / (1.0 + tail)
            small = tail * large
            p, q = (large, small) if x > 0 else (small, large)
            d = b * p - a * q
            if rest.z_loss != 0.0:
                value += rest.z_loss * log_z * log_z
                d += times(p, 2.0 * rest.z_loss * log_z)
            value *= w
            d *= bend * w * rest.options.c
        loss[i] = value
        if slope is not None:
            slope[i] = d
    return in_range(targets)


@loop
def put(slope, grad):
    """Copy slopes as the gradient stores them."""
    for i in range(grad.size):
        grad[i] = rounded(slope[i], grad[i])


@inner
def put_past(slope, grad, buffer):
    """The same past the caches, by whole lines where they begin on 64 bytes."""
    line = 64 // grad.itemsize
    first = min(-grad.ctypes.data % 64 // grad.itemsize, grad.size)
    last = first + (grad.size - first) // line * line
    put(slope[:first], grad[:first])
    put(slope[first:last], buffer[first:last])
    for i in range(first, last, line):
        stream(grad, i, buffer[i:])
    put(slope[last:], grad[last:])


@loop
def total(loss):
    """Sum of a block's losses in float64."""
    s = 0.0
    for i in range(loss.size):
        s = any_order(s, np.float64(loss[i]))
    return s


def fits(targets, like):
    """Are targets in float64 float32 numbers, where that is what is computed in?"""
    raise NotImplementedError


@overload(fits, inline="always")
def _fits(targets, like):
    if targets.dtype == types.float64 and like == types.float32:
        return lambda targets, like: all_single(targets)
    return lambda targets, like: True


@loop
def all_single(targets):
    """Is each target a float32 number?"""
    wrong = 0
    for i in range(targets.size):
        wrong |= np.float64(np.float32(targets[i])) != targets[i]
    return wrong == 0


@inner
def block_losses(z, targets, weight, options, rest, start, grad, work):
    """Fill a block's losses and gradient. Return their sum, and: are the targets from 0 to 1?"""
    n = z.size
    loss, slope = work.loss[:n], work.slope[:n]
    s, fine = np.nan, True
    if not rest.all and fits(targets, options.c):
        if grad is None:
            most = plain_losses(z, targets, weight, options, loss)
        else:
            most = plain_slopes(z, targets, weight, options, loss, slope)
        s, fine = total(loss), most <= bits(type_one(options.c))
    if not np.isfinite(s):
        if grad is None:
            fine = careful(z, targets, weight, rest, start, loss, None)
        else:
            fine = careful(z, targets, weight, rest, start, loss, slope)
        s = total(loss)
    if grad is not None and fine:
        if work.stream.size:
            put_past(slope, grad, work.stream)
        else:
            put(slope, grad)
    return s, fine


@loop
def keep(loss, losses):
    """Copy losses to where they are asked for."""
    for i in range(loss.size):
        losses[i] = loss[i]


@kernel
def losses_of(z, targets, weight, options, rest, grad, losses, sums, chunk, first, last, work):
    """Losses of flat logits, in chunks from `first` to `last`; all else as in the other kernels.

    Returns the first place of a block with a target out of range, or -1.
    """
    for number in range(first, last):
        clear_total(sums, number)
        stop = min(number * chunk + chunk, z.size)
        for start in range(number * chunk, stop, BLOCK):
            end = min(start + BLOCK, stop)
            w = weight
            if weight is not None:
                w = weight[start:end]
            if grad is None:
                s, fine = block_losses(
                    z[start:end], targets[start:end], w, options, rest, start, None, work
                )
            else:
                s, fine = block_losses(
                    z[start:end], targets[start:end], w, options, rest, start, grad[start:end], work
                )
            if not fine:
                return start
            sums[number, 0], lost = two_sum(sums[number, 0], s)
            sums[number, 1] += lost if np.isfinite(lost) else 0.0
            if losses is not None:
                keep(work.loss[: end - start], losses[start:end])
    return -1
