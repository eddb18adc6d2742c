"""Any target row and any logits: one row after the other, in float64, seen from its largest logit.

With k the argmax and m = z_k, as in `xent._engine.rows`,

    S = sum over j != k of exp(z_j - m)        A = log-sum-exp = m + log1p(S)
    loss = (sum y) log1p(S) + sum_j y_j (m - z_j)
    grad_j = (sum y) exp(z_j - m) / (1 + S) - y_j
    grad_k = (sum over j != k of y_j - y_k S) / (1 + S)

Here pass soft and smoothed targets, softcap and z-loss; and the rows with a label that the fast
kernels leave: NaN, infinities, labels far below the largest logit.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from xent._engine.cpu.elementary import capped, exp, log1p
from xent._engine.cpu.intrinsics import any_order, fma, inner, kernel, loaded, loop, rounded
from xent._engine.cpu.label_row import (
    BLOCK,
    LANES,
    add_losses,
    clear_row,
    clear_total,
    sum_lanes,
    two_sum,
)
from xent._engine.cpu.stats import distances, put


@loop
def load(x, softcap, z, slope):
    """Fill z with the logits in float64; capped, and their slope, where `softcap` is not 0."""
    if softcap == 0.0:
        for j in range(x.size):
            z[j] = loaded(x[j])
    else:
        for j in range(x.size):
            z[j], slope[j] = capped(np.float64(loaded(x[j])), softcap)


@loop
def largest(z):
    """Return the largest entry and its first place; NaN where there is one."""
    m, k = z[0], 0
    for j in range(z.size):
        if not z[j] <= m:
            m, k = z[j], j
            if m != m:
                break
    return m, k


@loop
def exponentials(z, m, e):
    """Fill e with exp(z - m), the rounding of the difference carried along."""
    for j in range(z.size):
        d = z[j] - m
        back = z[j] - d
        lost = (z[j] - (d + back)) + (back - m)
        e[j] = exp(d, 0.0 if d < -800.0 else lost)


@loop
def sum_twice(e, high, low):
    """Return the sum of the entries and its rounding error; `high` and `low` are lanes."""
    for lane in range(LANES):
        high[lane] = 0.0
        low[lane] = 0.0
    whole = e.size // LANES * LANES
    for start in range(0, whole, LANES):
        for lane in range(LANES):
            high[lane], lost = two_sum(high[lane], e[start + lane])
            low[lane] += lost
    for j in range(whole, e.size):
        high[0], lost = two_sum(high[0], e[j])
        low[0] += lost
    return sum_lanes(high, low)


@inner
def times(a, b):
    """Product with 0 * infinity = 0: a class without target mass costs nothing; NaN stays."""
    return 0.0 if a == 0.0 and math.isinf(b) else a * b


@inner
def target(j, label, probabilities, scale, shift, i):
    """Return y_j: scale times the target, plus the shift of smoothing."""
    y = 0.0
    if probabilities is not None:
        y = scale[j] * np.float64(loaded(probabilities[i, j]))
    elif j == label:
        y = scale[j]
    if shift is not None:
        y += shift[j]
    return y


@loop
def masses(z, m, k, label, probabilities, scale, shift, i):
    """Return the sum of y off k, y_k, and the sum of y_j (m - z_j)."""
    y_k = target(k, label, probabilities, scale, shift, i)
    if probabilities is None and shift is None:
        cost = times(scale[label], distance(z[label], m, label == k))
        return scale[label] - y_k, y_k, cost
    off, cost = 0.0, 0.0
    for j in range(z.size):
        y = target(j, label, probabilities, scale, shift, i)
        off = any_order(off, 0.0 if j == k else y)
        cost = any_order(cost, times(y, distance(z[j], m, j == k)))
    return off, y_k, cost


@inner
def distance(z, m, same):
    """Return m - z: infinite for a masked class, also where all are masked."""
    if m == -np.inf:
        return np.inf
    return 0.0 if same else m - z


@loop
def slopes(
    z,
    e,
    slope,
    s,
    s_low,
    k,
    label,
    probabilities,
    scale,
    shift,
    of_p,
    at_k,
    c,
    softcap,
    grad,
    i,
):
    """Fill the gradient: of_p * e / (1 + S) - y, `at_k` at k, times the coefficient c."""
    t, t_low = two_sum(1.0, s)
    t_low += s_low
    inverse = 1.0 / t
    inverse_low = (fma(-inverse, t, 1.0) - inverse * t_low) * inverse
    factor = of_p * c
    high = inverse * factor
    low = fma(inverse, factor, -high) + inverse_low * factor
    low = low if math.isfinite(low) else 0.0
    row = grad[i]
    for j in range(z.size):
        g = fma(e[j], high, e[j] * low)
        if probabilities is not None or shift is not None or j == label:
            g -= target(j, label, probabilities, scale, shift, i) * c
        g = at_k * c if j == k else g
        if softcap != 0.0:
            g *= slope[j]
        row[j] = rounded(0.0 if z[j] == -np.inf else g, row[j])


@inner
def any_row(
    x, label, probabilities, scale, shift, c, z_loss, softcap, scratch, grad, i, stats, place
):
    """Loss of a row of logits, unweighted; its gradient times c in grad[i], where `grad` is given.

    Its statistics go to stats[place]. `probabilities`, where given, holds its target row at i.
    `scratch` holds three rows, and two of LANES more. The gradient may overwrite x.
    """
    width = x.size
    z, e, slope = scratch[:width], scratch[width : 2 * width], scratch[2 * width : 3 * width]
    high, low = scratch[3 * width : 3 * width + LANES], scratch[3 * width + LANES :]
    load(x, softcap, z, slope)
    m, k = largest(z)
    exponentials(z, 0.0 if m == -np.inf else m, e)
    e[k] = 0.0
    s, s_low = sum_twice(e, high, low)
    s = np.nan if m != m else s
    s_low = s_low if math.isfinite(s_low) else 0.0
    log_s = log1p(s, s_low) if s < np.inf else s
    if stats is not None:
        put(stats, place, m, k, s, s_low, distances(z, e, m))
    off, y_k, cost = masses(z, m, k, label, probabilities, scale, shift, i)
    loss = times(off + y_k, log_s) + cost
    extra = 0.0
    if z_loss != 0.0:
        log_z = m + log_s
        loss += z_loss * log_z * log_z
        extra = 2.0 * z_loss * log_z
    if grad is not None:
        of_p = off + y_k + extra
        at_k = (off + extra - y_k * s) / (1.0 + s)
        slopes(
            z,
            e,
            slope,
            s,
            s_low,
            k,
            label,
            probabilities,
            scale,
            shift,
            of_p,
            at_k,
            c,
            softcap,
            grad,
            i,
        )
    return loss


class Work(NamedTuple):
    """Memory of one thread."""

    scratch: Any
    loss: Any  # losses of a block of rows


def work(classes):
    """Memory for rows of `classes` logits."""
    return Work(np.empty(3 * classes + 2 * LANES), np.empty(BLOCK))


@inner
def block_losses(
    x, start, n, labels, probabilities, scale, shift, weight, c, z_loss, softcap, grad, stats,
    work,
):  # fmt: skip
    """Fill the losses of n rows; return the first whose label is not a class, or -1."""
    for i in range(start, start + n):
        w = 1.0 if weight is None else weight[i]
        label = 0 if labels is None else labels[i]
        if w == 0.0 and stats is None:
            work.loss[i - start] = 0.0
            clear_row(grad, i)
        elif label < 0 or label >= x.shape[1]:
            return i
        else:
            loss = any_row(
                x[i], label, probabilities, scale, shift, w * c, z_loss, softcap, work.scratch,
                grad, i, stats, i,
            )  # fmt: skip
            work.loss[i - start] = 0.0 if w == 0.0 else w * loss
            if w == 0.0:
                clear_row(grad, i)
    return -1


@kernel
def soft(
    x, labels, probabilities, scale, shift, weight, c, z_loss, softcap, grad, losses, stats, sums,
    chunk, first, last, work,
):  # fmt: skip
    """Losses of rows with any target, in chunks of rows from `first` to `last`.

    Targets are `labels` or `probabilities`, the other being None; y = scale * t + shift. The rest
    is as in `wide.label_losses`.
    """
    for number in range(first, last):
        clear_total(sums, number)
        stop = min(number * chunk + chunk, x.shape[0])
        for start in range(number * chunk, stop, BLOCK):
            n = min(BLOCK, stop - start)
            wrong = block_losses(
                x, start, n, labels, probabilities, scale, shift, weight, c, z_loss, softcap, grad,
                stats, work,
            )  # fmt: skip
            if wrong >= 0:
                return wrong
            add_losses(work.loss[:n], losses, start, sums, number)
    return -1
