"""The kernel for binary cross-entropy: a block of logits at a time, vectorized.

    loss = a softplus(-z) + b softplus(z),   softplus(z) = max(z, 0) + log1p(exp(-|z|))

where a is the weight of label 1 and b that of label 0: they follow from the target, its smoothing
and the weights of the two labels. A block whose sum is not finite is computed again by
`exact_losses`, which handles infinities, NaN and every option.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from xent._engine.cpu.decorators import inner, loop
from xent._engine.cpu.elementary import (
    exp,
    exp_nonpositive,
    log1p_unit,
    one_like,
    tanh_cap_and_derivative,
)
from xent._engine.cpu.general import safe_product
from xent._engine.cpu.intrinsics import bits, fma, load, store_as, unsigned_max
from xent._engine.cpu.job import HEAD, WRONG_TARGET, computed_as, job_at
from xent._engine.cpu.memory import call, view
from xent._engine.cpu.nontemporal import store_block, store_block_nontemporal
from xent._engine.cpu.sums import block_sum, finish_block

THREADS_FROM = 1 << 17
"""Elements from which threads pay; `benchmarks/threads.py` measures it for each kernel."""

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


@inner
def coefficients_of(job, like):
    """Return the coefficients in the dtype of `like`."""
    c = store_as(job.c, like)
    c_low = job.c - c
    return Coefficients(
        store_as(job.one, like), store_as(job.one_shift, like), store_as(job.zero, like),
        store_as(job.zero_shift, like), c, store_as(c_low if np.isfinite(c_low) else 0.0, like),
    )  # fmt: skip


# Scratch memory holds seven blocks: losses, gradient and targets in the dtype to compute in, the
# gradient as it is stored, and losses, gradient and targets in float64.
COLUMN = 8 * BLOCK


def scratch_size(classes: int) -> int:
    """Return the bytes that a thread needs."""
    return HEAD + 7 * COLUMN


@inner
def label_weights(t, coefficients):
    """Return a and b of a target."""
    one = one_like(coefficients.one)
    a = fma(coefficients.one, t, coefficients.one_shift)
    return a, fma(coefficients.zero, one - t, coefficients.zero_shift)


@loop
def finite_losses(z, targets, weight, coefficients, losses, grad):
    """Fill the losses of finite logits and, if not None, their gradient.

    Returns the largest bits of the targets. Bits order as unsigned integers: a target is from 0 to
    1 exactly if its bits do not exceed those of 1, since negative numbers have the sign bit set.
    """
    # 0 in the right dtype; NaN if c overflowed, which leaves the block to `exact_losses`.
    zero = coefficients.c - coefficients.c
    one = one_like(coefficients.c)
    most = bits(zero)
    for i in range(z.size):
        x, t = load(z[i]), targets[i] + zero  # -0 becomes 0
        most = unsigned_max(bits(t), most)
        a, b = label_weights(t, coefficients)
        size = abs(x)
        tail = exp_nonpositive(-size)
        # Weights of the label that the sign of x favours, and of the other one.
        favoured, other = (a, b) if x > 0 else (b, a)
        value = fma(size, other, (a + b) * log1p_unit(tail))
        if weight is not None:
            value *= store_as(weight[i], coefficients.c)
        losses[i] = value
        if grad is not None:
            d = (other - favoured * tail) / (one + tail)  # the derivative by |x|
            d = d if x > 0 else -d
            if weight is not None:
                d *= store_as(weight[i], coefficients.c)
            grad[i] = fma(d, coefficients.c, d * coefficients.c_low)
    return most


@loop
def exact_losses(z, targets, weight, job, coefficients, pos_weight, start, losses, grad):
    """Do the same in float64, for any logit and every option; say whether the targets are valid."""
    bad = 0
    for i in range(z.size):
        t = targets[i]
        bad |= not (t >= 0.0) & (t <= 1.0)
        w = weight[i] if weight.size else 1.0
        value, d = 0.0, 0.0
        if w != 0.0:
            x, derivative = np.float64(load(z[i])), 1.0
            if job.softcap != 0.0:
                x, derivative = tanh_cap_and_derivative(x, job.softcap)
            a, b = label_weights(t, coefficients)
            if pos_weight.size:
                a *= pos_weight[(start + i) % pos_weight.size]
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
            if job.z_loss != 0.0:
                value += job.z_loss * log_z * log_z
                d += safe_product(p, 2.0 * job.z_loss * log_z)
            value *= w
            d *= derivative * w * job.c
        losses[i] = value
        grad[i] = d
    return bad == 0


@loop
def fit_float32(weight):
    """Say whether weights are well inside the range of float32."""
    bad = 0
    for i in range(weight.size):
        w = abs(weight[i])
        bad |= not (w == 0.0) | (w > 1e-30) & (w < 1e30)
    return bad == 0


@inner
def fast_losses(z, targets, weight, coefficients, losses, grad, has_grad):
    """Call `finite_losses` for what is given and wanted."""
    if weight.size:
        return finite_losses(z, targets, weight, coefficients, losses, grad)
    if has_grad:
        return finite_losses(z, targets, None, coefficients, losses, grad)
    return finite_losses(z, targets, None, coefficients, losses, None)


@inner
def store_block_grad(values, grad, lines, nontemporal):
    """Store the gradient of a block."""
    if nontemporal:
        store_block_nontemporal(values, grad, lines)
    else:
        store_block(values, grad)


def make_kernel(stored: Any) -> Any:
    """Make the kernel for logits stored in a dtype."""
    computed, is_double = computed_as(stored), stored == np.float64

    def binary_losses(job_address, start, n, scratch_address):
        """Compute the losses of binary logits."""
        job = job_at(job_address)
        z = view(job.logits, job.rows, stored)[start : start + n]
        grad = view(job.grad, job.rows, stored)[start : start + n]
        weight = view(job.weight, job.rows, np.float64)[start : start + n]
        at = scratch_address + HEAD
        losses, block_grad = view(at, n, computed), view(at + COLUMN, n, computed)
        read, lines = view(at + 2 * COLUMN, n, computed), view(at + 3 * COLUMN, n, stored)
        coefficients = coefficients_of(job, one_like(losses[0]))
        one, targets, lost, s = one_like(losses[0]), read, 0, np.nan
        if job.exact == 0:
            if job.read == 0:
                targets = view(job.targets, job.rows, computed)[start : start + n]
            else:
                lost = call(job.read, job.targets, start, n, read.ctypes.data)
            if lost == 0 and (is_double or fit_float32(weight)):
                most = fast_losses(
                    z, targets, weight, coefficients, losses, block_grad, job.grad != 0
                )
                s = block_sum(losses)
                if np.isfinite(s):
                    if most > bits(one):
                        return WRONG_TARGET
                    if job.grad != 0:
                        store_block_grad(block_grad, grad, lines, job.nontemporal != 0)
                    finish_block(job, start, losses, scratch_address)
                    return 0
        exact, exact_grad = (
            view(at + 4 * COLUMN, n, np.float64),
            view(at + 5 * COLUMN, n, np.float64),
        )
        exact_targets = view(at + 6 * COLUMN, n, np.float64)
        call(job.read_exactly, job.targets, start, n, exact_targets.ctypes.data)
        pos_weight = view(job.scale, job.scale_size, np.float64)
        valid = exact_losses(
            z, exact_targets, weight, job, coefficients_of(job, 1.0), pos_weight, start, exact,
            exact_grad,
        )  # fmt: skip
        if not valid:
            return WRONG_TARGET
        if job.grad != 0:
            store_block(exact_grad, grad)
        finish_block(job, start, exact, scratch_address)
        return 0

    return binary_losses
