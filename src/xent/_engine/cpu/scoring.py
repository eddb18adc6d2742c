"""Kernels that score rows: losses, the likeliest classes and bins of predictions.

The arithmetic is that of `portable.py`, compiled, so the bits are those of NumPy with the same
source. Nothing here depends on the rows beside a row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import overload

from xent._engine.cpu import portable
from xent._engine.cpu.bits import bits_of, float_of
from xent._engine.cpu.decorators import INNER_OPTIONS, inner, loop
from xent._engine.cpu.memory import record_at, view
from xent._engine.cpu.score_job import SCORE_JOB


def _compiled(function: Any, *implementation: Any) -> None:
    """Let kernels call a function of `portable.py`, by default as it is written there."""
    (written,) = implementation or (function,)
    overload(function, jit_options=INNER_OPTIONS, strict=False)(lambda *arguments: written)


_compiled(portable.where, lambda condition, yes, no: yes if condition else no)
_compiled(portable.bits_of, lambda x: bits_of(x))
_compiled(portable.float_of, lambda bits: float_of(bits))
for _name in (
    "two_sum", "two_diff", "_reduced", "_power", "exp", "one_minus_exp", "log_reduced", "split",
    "minus_log", "log1p", "log1p_unit", "binary_logit", "binary_probability",
    "binary_log_probability", "odds", "key_of", "exp_of_class", "class_logit", "class_brier",
    "half_of",
):  # fmt: skip
    _compiled(getattr(portable, _name))


# Binary scores.


def _binary_kernel(parts_of, even):
    @loop
    def score(scores, labels, losses, keys, predicted, groups, brier):
        for i in range(scores.size):
            x, label = scores[i], labels[i]
            losses[i], other, t = parts_of(x, label)
            brier[i] = other * other
            likeliest = 1 if x > even else 0
            predicted[i] = likeliest
            groups[i] = 2 * label + (1 if likeliest == label else 0)
            keys[i] = 2 * portable.key_of(t, x > even) + label

    def kernel(address):
        job = record_at(address, SCORE_JOB)
        n = job.rows
        score(
            view(job.scores, n, np.float64),
            view(job.labels, n, np.int64),
            view(job.losses, n, np.float64),
            view(job.keys, n, np.int64),
            view(job.predicted, n, np.int64),
            view(job.groups, n, np.int64),
            view(job.brier, n, np.float64),
        )
        return 0

    return kernel


binary_logits = _binary_kernel(portable.binary_logit, 0.0)
binary_probabilities = _binary_kernel(portable.binary_probability, 0.5)
binary_log_probabilities = _binary_kernel(portable.binary_log_probability, portable.LOG_HALF)


# Logits of classes: some rows at a time, in columns.


@loop
def _transpose(x, classes, columns, rows):
    for i in range(rows):
        for j in range(classes):
            columns[j * rows + i] = x[i * classes + j]


@loop
def _copy(source, target):
    for i in range(target.size):
        target[i] = source[i]


@loop
def _start(column, most, first):
    for i in range(column.size):
        most[i] = column[i]
        first[i] = 0


@loop
def _update(column, j, most, first):
    for i in range(column.size):
        x, m, k = column[i], most[i], first[i]
        larger = x > m
        most[i] = x if larger else m
        first[i] = j if larger else k


@loop
def _exponentials(column, low, j, most, first, squares):
    for i in range(column.size):
        e = portable.exp_of_class(column[i], most[i])
        e = 0.0 if first[i] == j else e
        column[i] = e
        low[i] = 0.0
        squares[i] += e * e


@loop
def _add(a, a_low, b, b_low):
    for i in range(a.size):
        s, error = portable.two_sum(a[i], b[i])
        a[i], a_low[i] = s, (a_low[i] + b_low[i]) + error


@loop
def _finish(most, own, s, s_low, labels, losses, keys, predicted, groups, brier):
    for i in range(most.size):
        right = predicted[i] == labels[i]
        groups[i] = 2 * labels[i] + (1 if right else 0)
        losses[i], t = portable.class_logit(most[i], own[i], s[i], s_low[i], right)
        keys[i] = 2 * portable.key_of(t, s[i] < 1.0) + (1 if right else 0)
        brier[i] = portable.class_brier(most[i], own[i], s[i], brier[i], right)


@inner
def _class_block(job, start, rows):
    """Score the rows of a block."""
    classes, size = job.classes, job.classes * rows
    scores = view(job.scores, job.rows * classes, np.float64)
    scratch = view(job.scratch, 2 * size + 2 * rows, np.float64)
    columns, lows, rest = scratch[:size], scratch[size : 2 * size], scratch[2 * size :]
    most, own = rest[:rows], rest[rows:]
    labels = view(job.labels + 8 * start, rows, np.int64)
    predicted = view(job.predicted + 8 * start, rows, np.int64)
    if job.by_columns != 0:
        for j in range(classes):
            here = scores[j * job.rows + start : j * job.rows + start + rows]
            _copy(here, columns[j * rows : (j + 1) * rows])
    else:
        here = scores[start * classes : start * classes + size]
        _transpose(here, classes, columns, rows)
    brier = view(job.brier + 8 * start, rows, np.float64)
    for i in range(rows):
        own[i] = columns[labels[i] * rows + i]
        brier[i] = 0.0
    _start(columns[:rows], most, predicted)
    for j in range(1, classes):
        _update(columns[j * rows : (j + 1) * rows], j, most, predicted)
    for j in range(classes):
        span = slice(j * rows, (j + 1) * rows)
        _exponentials(columns[span], lows[span], j, most, predicted, brier)
    count = classes
    while count > 1:  # halves, as in `class_sums` of NumPy
        half = portable.half_of(count)
        far, end = half * rows, count * rows
        _add(columns[: end - far], lows[: end - far], columns[far:end], lows[far:end])
        count = half
    _finish(
        most, own, columns[:rows], lows[:rows], labels,
        view(job.losses + 8 * start, rows, np.float64), view(job.keys + 8 * start, rows, np.int64),
        predicted, view(job.groups + 8 * start, rows, np.int64), brier,
    )  # fmt: skip


def class_logits(address):
    job = record_at(address, SCORE_JOB)
    for start in range(0, job.rows, job.block):
        _class_block(job, start, min(job.block, job.rows - start))
    return 0


# Probabilities of classes.


@loop
def _square(column, j, labels, squares):
    for i in range(column.size):
        p = column[i]
        p = 1.0 if p > 1.0 else p
        p = 0.0 if p < 0.0 or labels[i] == j else p
        squares[i] += p * p


@loop
def _square_of_log(column, j, labels, squares):
    for i in range(column.size):
        x = column[i]
        p = portable.exp(0.0 if x > 0.0 else x, 0.0)
        p = 0.0 if labels[i] == j else p
        squares[i] += p * p


def _class_kernel(square):
    def kernel(address):
        """Fill `predicted`, and `brier` with the squares of all but the labels' probabilities."""
        job = record_at(address, SCORE_JOB)
        n, classes = job.rows, job.classes
        scores = view(job.scores, n * classes, np.float64)
        for start in range(0, n, job.block):
            rows = min(job.block, n - start)
            columns, first, step = scores, start, n
            if job.by_columns == 0:
                columns = view(job.scratch + 8 * job.block, rows * classes, np.float64)
                first, step = 0, rows
                here = scores[start * classes : (start + rows) * classes]
                _transpose(here, classes, columns, rows)
            most = view(job.scratch, rows, np.float64)
            labels = view(job.labels + 8 * start, rows, np.int64)
            predicted = view(job.predicted + 8 * start, rows, np.int64)
            brier = view(job.brier + 8 * start, rows, np.float64)
            _start(columns[first : first + rows], most, predicted)
            for i in range(rows):
                brier[i] = 0.0
            for j in range(classes):
                column = columns[j * step + first : j * step + first + rows]
                _update(column, j, most, predicted)
                square(column, j, labels, brier)
        return 0

    return kernel


class_probabilities = _class_kernel(_square)
class_log_probabilities = _class_kernel(_square_of_log)
