"""Kernels for softmax, log-softmax, log-sum-exp, sigmoid and log-sigmoid, computed in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xent._engine.cpu.decorators import inner, loop
from xent._engine.cpu.elementary import exp, log1p_unit
from xent._engine.cpu.general import log1p_sum, partition, reciprocal_1p, row_scratch_size
from xent._engine.cpu.intrinsics import fma, load, store_as
from xent._engine.cpu.job import HEAD, job_at
from xent._engine.cpu.memory import view, view_rows

BLOCK = 1 << 10
"""The most rows or elements that are computed at a time."""

THREADS_FROM = 1 << 16
"""Elements from which threads pay; `benchmarks/threads.py` measures it for each kernel."""

SOFTMAX, LOG_SOFTMAX, LOGSUMEXP, SIGMOID, LOG_SIGMOID, FLUSH = range(6)


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


def scratch_size(classes: int) -> int:
    """Return the bytes that a thread needs for rows."""
    return HEAD + 8 * row_scratch_size.py_func(classes)


def make_row_kernel(stored: Any) -> Any:
    """Make the kernel for functions of rows, of logits stored in a dtype."""

    def row_function(job_address, start, n, scratch):
        """Fill the result's rows; those of log-sum-exp have one column."""
        job = job_at(job_address)
        width = 1 if job.which == LOGSUMEXP else job.classes
        x = view_rows(job.logits, job.rows, job.classes, stored)
        out = view_rows(job.grad, job.rows, width, stored)
        memory = view(scratch + HEAD, row_scratch_size(job.classes), np.float64)
        for i in range(start, start + n):
            fill_row(job.which, x[i], out[i], memory)
        return 0

    return row_function


def make_element_kernel(stored: Any) -> Any:
    """Make the kernel for functions of elements, of logits stored in a dtype."""

    def element_function(job_address, start, n, scratch):
        """Fill the result's elements."""
        job = job_at(job_address)
        x = view(job.logits, job.rows, stored)[start : start + n]
        out = view(job.grad, job.rows, stored)[start : start + n]
        if job.which == SIGMOID:
            fill_sigmoid(x, out)
        elif job.which == LOG_SIGMOID:
            fill_log_sigmoid(x, out)
        else:
            flush(out, job.c)
        return 0

    return element_function
