"""Softmax, its logarithm, log-sum-exp, sigmoid; in float64 whatever is stored."""

from __future__ import annotations

import math

import numpy as np

from xent._engine.cpu.elementary import exp, log1p, log1p_of_decay
from xent._engine.cpu.general import exponentials, largest, load, sum_twice
from xent._engine.cpu.intrinsics import fma, inner, kernel, loaded, loop, rounded
from xent._engine.cpu.label_row import LANES, two_sum

SOFTMAX, LOG_SOFTMAX, LOGSUMEXP = 0, 1, 2


def work(classes):
    """Memory of one thread."""
    return np.empty(3 * classes + 2 * LANES)


@inner
def parts(x, scratch):
    """Return m = z_k, k, S and its low part; leave z and exp(z - m), 0 at k, in scratch."""
    width = x.size
    z, e = scratch[:width], scratch[width : 2 * width]
    high, low = scratch[3 * width : 3 * width + LANES], scratch[3 * width + LANES :]
    load(x, 0.0, z, z)
    m, k = largest(z)
    exponentials(z, 0.0 if m == -np.inf else m, e)
    e[k] = 0.0
    s, s_low = sum_twice(e, high, low)
    return m, k, np.nan if m != m else s, s_low if math.isfinite(s_low) else 0.0


@loop
def put_shares(e, m, k, s, s_low, row):
    """Fill the softmax: e / (1 + S), and at k what is left for it."""
    t, t_low = two_sum(1.0, s)
    inverse = 1.0 / t
    low = (fma(-inverse, t, 1.0) - inverse * (t_low + s_low)) * inverse
    low = low if math.isfinite(low) else 0.0
    for j in range(row.size):
        row[j] = rounded(fma(e[j], inverse, e[j] * low), row[j])
    row[k] = rounded(0.0 if m == -np.inf else inverse + low, row[k])


@loop
def put_logs(z, m, k, log_s, row):
    """Fill the log-softmax: two terms that are never positive."""
    for j in range(row.size):
        row[j] = rounded((z[j] - m) - log_s, row[j])
    at_k = -log_s
    if m == -np.inf:
        at_k = m
        for j in range(row.size):
            row[j] = rounded(m, row[j])
    row[k] = rounded(at_k, row[k])


@kernel
def of_rows(which, x, result, first, last, work):
    """Fill `result` with a function of the rows; log-sum-exp has a column of it for each row."""
    width = x.shape[1]
    for i in range(first, last):
        m, k, s, s_low = parts(x[i], work)
        row = result[i]
        if which == SOFTMAX:
            put_shares(work[width : 2 * width], m, k, s, s_low, row)
        else:
            log_s = log1p(s, s_low) if s < np.inf else s
            if which == LOG_SOFTMAX:
                put_logs(work[:width], m, k, log_s, row)
            else:
                row[0] = rounded(m + log_s, row[0])


@kernel
def sigmoids(x, result, first, last, work):
    """Fill `result` with the sigmoid."""
    fill_sigmoids(x[first:last], result[first:last])


@kernel
def log_sigmoids(x, result, first, last, work):
    """Fill `result` with the sigmoid's logarithm."""
    fill_log_sigmoids(x[first:last], result[first:last])


@kernel
def flush(x, tiny, first, last, work):
    """Set what is below the smallest normal number to 0."""
    flush_part(x[first:last], tiny)


@loop
def flush_part(x, tiny):
    for i in range(x.size):
        value = x[i]
        x[i] = value if not abs(value) < tiny else value - value


@loop
def fill_sigmoids(x, result):
    for i in range(x.size):
        z = np.float64(loaded(x[i]))
        tail = exp(-abs(z), 0.0)
        p = (1.0 if z >= 0 else tail) / (1.0 + tail)
        result[i] = rounded(p if z == z else z, result[i])


@loop
def fill_log_sigmoids(x, result):
    for i in range(x.size):
        z = np.float64(loaded(x[i]))
        value = (z if z < 0 else 0.0) - log1p_of_decay(exp(-abs(z), 0.0))
        result[i] = rounded(value if z == z else z, result[i])
