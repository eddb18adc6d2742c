"""The general kernel: any target row and any logits, one row at a time, in float64.

With k the argmax of the row and m = z_k, as in `xent._engine.rows`,

    S = sum over j != k of exp(z_j - m)        A = log-sum-exp = m + log1p(S)
    loss = (sum y) log1p(S) + sum_j y_j (m - z_j)
    grad_j = (sum y) exp(z_j - m) / (1 + S) - y_j
    grad_k = (sum over j != k of y_j - y_k S) / (1 + S)

This computes soft and smoothed targets, softcap and z-loss, and the rows with a class label that do
not suit the fast kernels: NaN, infinities, labels far below the largest logit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xent._engine.cpu.decorators import inner, loop
from xent._engine.cpu.elementary import exp, log1p, tanh_cap_and_derivative, two_diff, two_sum
from xent._engine.cpu.intrinsics import fma, load, store_as
from xent._engine.cpu.job import HEAD, NO_LABEL, WRONG_TARGET, job_at
from xent._engine.cpu.memory import call, view, view_rows
from xent._engine.cpu.stats import STATS, store_stats, sum_gaps
from xent._engine.cpu.sums import BLOCK, LANES, finish_block, set_zero, sum_lanes, zero_lanes

THREADS_FROM = 1 << 16
"""Elements from which threads pay; `benchmarks/threads.py` measures it for each kernel."""

# Steps of a row.


@loop
def load_row(x, softcap, z, derivative):
    """Fill z with the logits in float64. If `softcap` is not 0, cap them, and fill `derivative`."""
    if softcap == 0.0:
        for j in range(x.size):
            z[j] = load(x[j])
    else:
        for j in range(x.size):
            z[j], derivative[j] = tanh_cap_and_derivative(np.float64(load(x[j])), softcap)


@loop
def max_and_argmax(z):
    """Return the largest entry and its first index; NaN if there is one."""
    m, k = z[0], 0
    for j in range(z.size):
        if not z[j] <= m:  # also True for NaN
            m, k = z[j], j
            if m != m:
                break
    return m, k


@loop
def exponentials(z, m, e):
    """Fill e with exp(z - m). exp would magnify the rounding error of z - m, so it is passed on."""
    for j in range(z.size):
        d, d_low = two_diff(z[j], m)
        e[j] = exp(d, 0.0 if d < -800.0 else d_low)  # d_low is NaN for an infinite d


@loop
def compensated_sum(e, total, total_low):
    """Return the sum of the entries and its low part. `total` and `total_low` are lanes."""
    zero_lanes(total, total_low)
    whole = e.size // LANES * LANES
    for start in range(0, whole, LANES):
        for lane in range(LANES):
            total[lane], error = two_sum(total[lane], e[start + lane])
            total_low[lane] += error
    for j in range(whole, e.size):
        total[0], error = two_sum(total[0], e[j])
        total_low[0] += error
    return sum_lanes(total, total_low)


@inner
def row_scratch_size(classes):
    """Return the floats of scratch for a row: z, e, derivative of softcap, target, two lanes."""
    return 4 * classes + 2 * LANES


@inner
def partition(x, softcap, scratch):
    """Return what a row's log-sum-exp is made of: m, k, and S with its low part.

    Leaves z, e = exp(z - m) and the derivative of the softcap in the scratch, one after the other.
    e[k] is 0, so that e sums to S.
    """
    width = x.size
    z, e, derivative = scratch[:width], scratch[width : 2 * width], scratch[2 * width : 3 * width]
    lanes = scratch[4 * width :]
    total, total_low = lanes[:LANES], lanes[LANES:]
    load_row(x, softcap, z, derivative)
    m, k = max_and_argmax(z)
    exponentials(z, 0.0 if m == -np.inf else m, e)  # -inf - -inf would be NaN
    e[k] = 0.0
    s, s_low = compensated_sum(e, total, total_low)
    return m, k, np.nan if m != m else s, s_low if math.isfinite(s_low) else 0.0


@inner
def log1p_sum(s, s_low):
    """Return log1p(S), also where S is infinite or NaN."""
    return log1p(s, s_low) if s < np.inf else s


@inner
def reciprocal_1p(s, s_low):
    """Return 1 / (1 + S) and its low part, which may be infinite or NaN."""
    t, t_low = two_sum(1.0, s)
    t_low += s_low
    inverse = 1.0 / t
    return inverse, (fma(-inverse, t, 1.0) - inverse * t_low) * inverse


@inner
def safe_product(a, b):
    """Return a * b with 0 * infinity = 0: a class without target mass costs nothing; NaN stays."""
    return 0.0 if a == 0.0 and math.isinf(b) else a * b


@inner
def gap(z, m, is_max):
    """Return m - z: infinite for a masked class, also if all are masked."""
    if m == -np.inf:
        return np.inf
    return 0.0 if is_max else m - z


@loop
def fill_label(label, scale, y):
    """Fill y with the target row of a class label, scaled by its class."""
    for j in range(y.size):
        y[j] = 0.0
    y[label] = scale[label] if scale.size else 1.0


@loop
def adjust_targets(y, scale, shift):
    """Multiply probabilities by the scale of each class, and add what smoothing adds."""
    if scale.size:
        for j in range(y.size):
            y[j] *= scale[j]
    if shift.size:
        for j in range(y.size):
            y[j] += shift[j]


@inner
def fill_targets(job, i, label, y):
    """Fill y with the target row i: scale * t + shift."""
    scale, shift = view(job.scale, y.size, np.float64), view(job.shift, y.size, np.float64)
    if job.probabilities != 0:
        call(job.read_exactly, job.probabilities, i * y.size, y.size, y.ctypes.data)
        adjust_targets(y, scale, shift)
    else:
        fill_label(label, scale, y)
        adjust_targets(y, scale[:0], shift)


@loop
def target_sums(z, m, k, y, others, cost):
    """Return the sum of y_j over j != k, y_k, and the sum of y_j (m - z_j).

    `others` and `cost` are lanes: as many partial sums on every processor, so as precise.
    """
    for lane in range(LANES):
        others[lane], cost[lane] = 0.0, 0.0
    whole = z.size // LANES * LANES
    for start in range(0, whole, LANES):
        for lane in range(LANES):
            j = start + lane
            # Not the total less y_k, which would cancel.
            others[lane] += 0.0 if j == k else y[j]
            cost[lane] += safe_product(y[j], gap(z[j], m, j == k))
    for j in range(whole, z.size):
        others[j - whole] += 0.0 if j == k else y[j]
        cost[j - whole] += safe_product(y[j], gap(z[j], m, j == k))
    width = LANES
    while width > 1:
        width //= 2
        for lane in range(width):
            others[lane] += others[lane + width]
            cost[lane] += cost[lane + width]
    return others[0], y[k], cost[0]


@loop
def fill_grad(z, e, derivative, y, s, s_low, k, p_factor, grad_k, c, softcap, grad):
    """Fill a row of the gradient: c times p_factor * e / (1 + S) - y, and c * grad_k at k."""
    inverse, inverse_low = reciprocal_1p(s, s_low)
    factor = p_factor * c
    high = inverse * factor
    low = fma(inverse, factor, -high) + inverse_low * factor
    low = low if math.isfinite(low) else 0.0
    for j in range(z.size):
        g = fma(e[j], high, e[j] * low)
        g = g - y[j] * c if y[j] != 0.0 else g
        g = grad_k * c if j == k else g  # p_k - y_k would cancel
        if softcap != 0.0:
            g *= derivative[j]
        grad[j] = store_as(0.0 if z[j] == -np.inf else g, grad[j])  # a masked class has none


@inner
def row_loss(job, i, w, x, label, grad, scratch):
    """Return the loss of a row of logits, unweighted; fill w times its gradient, if wanted.

    The gradient may overwrite x.
    """
    width = x.size
    z, e, derivative = scratch[:width], scratch[width : 2 * width], scratch[2 * width : 3 * width]
    y, lanes = scratch[3 * width : 4 * width], scratch[4 * width :]
    m, k, s, s_low = partition(x, job.softcap, scratch)
    log_s = log1p_sum(s, s_low)
    if job.stats != 0:
        stats = view_rows(job.stats, job.rows, STATS, np.float64)
        store_stats(stats, i, m, k, s, s_low, sum_gaps(z, e, m))
    fill_targets(job, i, label, y)
    others, y_k, cost = target_sums(z, m, k, y, lanes[:LANES], lanes[LANES:])
    loss = safe_product(others + y_k, log_s) + cost
    z_loss_factor = 0.0
    if job.z_loss != 0.0:
        log_z = m + log_s
        loss += job.z_loss * log_z * log_z
        z_loss_factor = 2.0 * job.z_loss * log_z
    if grad.size:
        p_factor = others + y_k + z_loss_factor
        grad_k = (others + z_loss_factor - y_k * s) / (1.0 + s)
        fill_grad(
            z, e, derivative, y, s, s_low, k, p_factor, grad_k, w * job.c, job.softcap, grad
        )  # fmt: skip
    return loss


# Blocks of rows.


def scratch_size(classes: int) -> int:
    """Return the bytes that a thread needs."""
    return HEAD + 8 * (BLOCK + row_scratch_size.py_func(classes))


def make_kernel(stored: Any) -> Any:
    """Make the kernel for logits stored in a dtype."""

    def general_losses(job_address, start, n, scratch):
        """Compute the losses of rows with any target."""
        job = job_at(job_address)
        classes = job.classes
        x = view(job.logits, job.rows * classes, stored)
        grad = view(job.grad, job.rows * classes, stored)
        labels = view(job.targets, job.rows, np.int64)
        weight = view(job.weight, job.rows, np.float64)
        losses = view(scratch + HEAD, BLOCK, np.float64)
        row_scratch = view(scratch + HEAD + 8 * BLOCK, row_scratch_size(classes), np.float64)
        for i in range(start, start + n):
            row, end = i * classes, (i + 1) * classes
            label = labels[i] if labels.size else 0
            w = weight[i] if weight.size else 1.0
            if labels.size and label == job.ignored and label != NO_LABEL:
                label, w = 0, 0.0
            if label < 0 or label >= classes:
                return WRONG_TARGET
            # Not 0 * loss and 0 * grad: whatever a row of weight 0 holds, NaN too, must not count.
            losses[i - start] = 0.0
            if w != 0.0:
                loss = row_loss(job, i, w, x[row:end], label, grad[row:end], row_scratch)
                losses[i - start] = w * loss
            else:
                if job.stats != 0:
                    row_loss(job, i, w, x[row:end], label, grad[:0], row_scratch)
                set_zero(grad[row:end])
        finish_block(job, start, losses[:n], scratch)
        return 0

    return general_losses
