"""Kernels for softmax, log-softmax, log-sum-exp, sigmoid and log-sigmoid, computed in float64."""

from __future__ import annotations

import math

import numpy as np

from xent._engine.cpu.elementary import exp, log1p_unit
from xent._engine.cpu.general import log1p_sum, partition, reciprocal_1p
from xent._engine.cpu.intrinsics import fma, inner, kernel, load, loop, store_as

SOFTMAX, LOG_SOFTMAX, LOGSUMEXP, SIGMOID, LOG_SIGMOID = range(5)


@loop
def fill_softmax(e, m, k, s, s_low, out):
    """Fill the softmax: e / (1 + S), and 1 / (1 + S) at k; 0 if every class is masked."""
    inverse, low = reciprocal_1p(s, s_low)
    low = low if math.isfinite(low) else 0.0
    for j in range(out.size):
        out[j] = store_as(fma(e[j], inverse, e[j] * low), out[j])  # rounded once
    out[k] = store_as(0.0 if m == -np.inf else inverse + low, out[k])


@loop
def fill_log_softmax(z, m, k, log_s, out):
    """Fill the log-softmax: the sum of two terms that are never positive."""
    for j in range(out.size):
        out[j] = store_as((z[j] - m) - log_s, out[j])
    at_k = -log_s  # z_k - m is 0, but for infinities
    if m == -np.inf:  # every class is masked, and z - m is NaN
        at_k = m
        for j in range(out.size):
            out[j] = store_as(m, out[j])
    out[k] = store_as(at_k, out[k])


@inner
def fill_row(which, x, out, scratch):
    """Fill `out` with one of the functions of the row x."""
    m, k, s, s_low = partition(x, 0.0, scratch)
    z, e = scratch[: x.size], scratch[x.size : 2 * x.size]
    if which == SOFTMAX:
        fill_softmax(e, m, k, s, s_low, out)
        return
    log_s = log1p_sum(s, s_low)
    if which == LOG_SOFTMAX:
        fill_log_softmax(z, m, k, log_s, out)
    else:
        out[0] = store_as(m + log_s, out[0])


@loop
def fill_sigmoid(x, out):
    for i in range(x.size):
        z = np.float64(load(x[i]))
        tail = exp(-abs(z), 0.0)
        p = (1.0 if z >= 0 else tail) / (1.0 + tail)  # tail <= 1: no overflow on either side
        out[i] = store_as(p if z == z else z, out[i])  # exp does not keep NaN


@loop
def fill_log_sigmoid(x, out):
    for i in range(x.size):
        z = np.float64(load(x[i]))
        value = (z if z < 0 else 0.0) - log1p_unit(exp(-abs(z), 0.0))
        out[i] = store_as(value if z == z else z, out[i])


@loop
def flush(x, smallest_normal):
    for i in range(x.size):
        value = x[i]
        x[i] = value if not abs(value) < smallest_normal else value - value


@kernel
def row_function(which, x, out, first, last, scratch):
    """Fill rows of `out` with a function of the rows of x; log-sum-exp fills one column."""
    for i in range(first, last):
        fill_row(which, x[i], out[i], scratch)


@kernel
def element_function(which, x, out, first, last, scratch):
    """Fill `out` with a function of each element of x."""
    if which == SIGMOID:
        fill_sigmoid(x[first:last], out[first:last])
    else:
        fill_log_sigmoid(x[first:last], out[first:last])


@kernel
def flush_subnormals(x, smallest_normal, first, last, scratch):
    """Set what is below the smallest normal number to 0."""
    flush(x[first:last], smallest_normal)
