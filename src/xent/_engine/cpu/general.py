"""The general kernel: any target row and any logits, one row at a time, in float64.

With k the argmax of the row and m = z_k, as in `xent._engine.rows`,

    S = sum over j != k of exp(z_j - m)        A = log-sum-exp = m + log1p(S)
    loss = (sum y) log1p(S) + sum_j y_j (m - z_j)
    grad_j = (sum y) exp(z_j - m) / (1 + S) - y_j
    grad_k = (sum over j != k of y_j - y_k S) / (1 + S)

This computes soft and smoothed targets, softcap and z-loss, and the rows with a class label that do
not suit the fast kernels: NaN, infinities, labels far below the largest logit.

Arguments that may be None are passed one by one, not in a record: Numba removes a branch on
`x is None` only if x is an argument of the function.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from xent._engine.cpu.elementary import exp, log1p, tanh_cap_and_derivative, two_diff, two_sum
from xent._engine.cpu.intrinsics import any_order, fma, inner, kernel, load, loop, store_as
from xent._engine.cpu.stats import store_stats, sum_gaps
from xent._engine.cpu.sums import BLOCK, LANES, sum_chunks, sum_lanes, zero_lanes

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


def row_scratch(classes):
    """Allocate scratch for `partition`: the row's z, e and derivative of softcap, and two lanes."""
    return np.empty(3 * classes + 2 * LANES)


@inner
def partition(x, softcap, scratch):
    """Return what a row's log-sum-exp is made of: m, k, and S with its low part.

    Leaves z, e = exp(z - m) and the derivative of the softcap in the scratch, one after the other.
    e[k] is 0, so that e sums to S.
    """
    width = x.size
    z, e, derivative = scratch[:width], scratch[width : 2 * width], scratch[2 * width : 3 * width]
    total, total_low = scratch[3 * width : 3 * width + LANES], scratch[3 * width + LANES :]
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
def target_at(j, label, probabilities, scale, shift, i):
    """Return y_j: scale times the target, plus the shift that smoothing adds."""
    y = 0.0
    if probabilities is not None:
        y = scale[j] * np.float64(load(probabilities[i, j]))
    elif j == label:
        y = scale[j]
    if shift is not None:
        y += shift[j]
    return y


@loop
def target_sums(z, m, k, label, probabilities, scale, shift, i):
    """Return the sum of y_j over j != k, y_k, and the sum of y_j (m - z_j)."""
    y_k = target_at(k, label, probabilities, scale, shift, i)
    if probabilities is None and shift is None:
        cost = safe_product(scale[label], gap(z[label], m, label == k))
        return scale[label] - y_k, y_k, cost
    others, cost = 0.0, 0.0  # `others` is summed: the total less y_k would cancel
    for j in range(z.size):
        y = target_at(j, label, probabilities, scale, shift, i)
        others = any_order(others, 0.0 if j == k else y)
        cost = any_order(cost, safe_product(y, gap(z[j], m, j == k)))
    return others, y_k, cost


@inner
def gap(z, m, is_max):
    """Return m - z: infinite for a masked class, also if all are masked."""
    if m == -np.inf:
        return np.inf
    return 0.0 if is_max else m - z


@loop
def fill_grad(
    z, e, derivative, s, s_low, k, label, probabilities, scale, shift, p_factor, grad_k, c, softcap,
    grad, i,
):  # fmt: skip
    """Fill row i of the gradient: c times p_factor * e / (1 + S) - y, and c * grad_k at k."""
    inverse, inverse_low = reciprocal_1p(s, s_low)
    factor = p_factor * c
    high = inverse * factor
    low = fma(inverse, factor, -high) + inverse_low * factor
    low = low if math.isfinite(low) else 0.0
    row = grad[i]
    for j in range(z.size):
        g = fma(e[j], high, e[j] * low)
        if probabilities is not None or shift is not None or j == label:
            g -= target_at(j, label, probabilities, scale, shift, i) * c
        g = grad_k * c if j == k else g  # p_k - y_k would cancel
        if softcap != 0.0:
            g *= derivative[j]
        row[j] = store_as(0.0 if z[j] == -np.inf else g, row[j])  # a masked class has no gradient


@inner
def general_row(
    x, label, probabilities, scale, shift, c, z_loss, softcap, scratch, grad, i, stats, stats_row,
):  # fmt: skip
    """Return the loss of a row of logits, unweighted; fill c times its gradient, if wanted.

    The gradient goes to grad[i] and may overwrite x, statistics go to stats[stats_row].
    `probabilities`, if not None, holds the target at row i. `scratch` is from `row_scratch`.
    """
    width = x.size
    z, e, derivative = scratch[:width], scratch[width : 2 * width], scratch[2 * width : 3 * width]
    m, k, s, s_low = partition(x, softcap, scratch)
    log_s = log1p_sum(s, s_low)
    if stats is not None:
        store_stats(stats, stats_row, m, k, s, s_low, sum_gaps(z, e, m))
    others, y_k, cost = target_sums(z, m, k, label, probabilities, scale, shift, i)
    loss = safe_product(others + y_k, log_s) + cost
    z_loss_factor = 0.0
    if z_loss != 0.0:
        log_z = m + log_s
        loss += z_loss * log_z * log_z
        z_loss_factor = 2.0 * z_loss * log_z
    if grad is not None:
        p_factor = others + y_k + z_loss_factor
        grad_k = (others + z_loss_factor - y_k * s) / (1.0 + s)
        fill_grad(
            z, e, derivative, s, s_low, k, label, probabilities, scale, shift, p_factor, grad_k, c,
            softcap, grad, i,
        )  # fmt: skip
    return loss


# Blocks of rows.


@loop
def zero_grad(grad, i):
    """Set row i of the gradient, where there is one, to 0."""
    if grad is not None:
        row = grad[i]
        for j in range(row.size):
            row[j] = store_as(0.0, row[j])


class Scratch(NamedTuple):
    """Scratch memory of one thread."""

    row: Any
    loss: Any  # the losses of a block of rows


def make_scratch(classes):
    """Allocate scratch for rows of `classes` logits."""
    return Scratch(row_scratch(classes), np.empty(BLOCK))


@inner
def block_losses(
    start, n, scratch, x, labels, probabilities, scale, shift, weight, c, z_loss, softcap, grad,
    stats,
):  # fmt: skip
    """Fill the losses of n rows; return the first row whose label is not a class, or -1."""
    for i in range(start, start + n):
        w = 1.0 if weight is None else weight[i]
        label = 0 if labels is None else labels[i]
        if w == 0.0 and stats is None:
            scratch.loss[i - start] = 0.0
            zero_grad(grad, i)
        elif label < 0 or label >= x.shape[1]:
            return i
        else:
            loss = general_row(
                x[i], label, probabilities, scale, shift, w * c, z_loss, softcap, scratch.row, grad,
                i, stats, i,
            )  # fmt: skip
            # Not 0 * loss and 0 * grad: whatever a row of weight 0 holds, NaN too, must not count.
            scratch.loss[i - start] = 0.0 if w == 0.0 else w * loss
            if w == 0.0:
                zero_grad(grad, i)
    return -1


@kernel
def target_losses(
    x, labels, probabilities, scale, shift, weight, c, z_loss, softcap, grad, losses, stats, sums,
    chunk, first, last, scratch,
):  # fmt: skip
    """Compute the losses of rows with any target, in chunks of rows from `first` to `last`.

    Targets are `labels` or `probabilities`, the other being None; y = scale * t + shift. All else
    is as in `many_classes.label_losses`.
    """
    arguments = (
        x, labels, probabilities, scale, shift, weight, c, z_loss, softcap, grad, stats
    )  # fmt: skip
    return sum_chunks(
        block_losses, arguments, x.shape[0], BLOCK, losses, sums, chunk, first, last, scratch
    )
