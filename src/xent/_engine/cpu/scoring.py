"""Kernels that score rows: losses, the likeliest classes, bins of predictions, and exact sums.

The arithmetic is that of `portable.py`, compiled, so the bits are those of NumPy with the same
source. Nothing here depends on the rows beside a row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from xent._engine.cpu import portable
from xent._engine.cpu.decorators import INNER_OPTIONS, any_order, inner, loop
from xent._engine.cpu.memory import record_at, view
from xent._engine.cpu.score_job import CHUNK, LIMBS, MOMENT_JOB, SCORE_JOB, SUM_JOB


@intrinsic
def _bits(typing, x):
    def build(_, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), build


@intrinsic
def _float(typing, x):
    def build(_, builder, signature, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), build


def _compiled(function: Any, *implementation: Any) -> None:
    """Let kernels call a function of `portable.py`, by default as it is written there."""
    (written,) = implementation or (function,)
    overload(function, jit_options=INNER_OPTIONS, strict=False)(lambda *arguments: written)


_compiled(portable.where, lambda condition, yes, no: yes if condition else no)
_compiled(portable.bits_of, lambda x: _bits(x))
_compiled(portable.float_of, lambda bits: _float(bits))
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


# Exact sums.


@inner
def _add_exactly(value, limbs):
    """Add a finite number to an integer of many limbs, which carry later."""
    raw = _bits(value)
    exponent, fraction = (raw >> 52) & 0x7FF, raw & 0xFFFFFFFFFFFFF
    if exponent > 0:
        fraction |= 1 << 52
        exponent -= 1
    place, shift = exponent >> 5, exponent & 31
    low = (fraction & 0xFFFFFFFF) << shift  # 63 bits at most
    high = (fraction >> 32) << shift  # 52 bits at most
    sign = -1 if raw < 0 else 1
    limbs[place] += sign * (low & 0xFFFFFFFF)
    limbs[place + 1] += sign * ((low >> 32) + (high & 0xFFFFFFFF))
    limbs[place + 2] += sign * (high >> 32)


# Three units, far apart: a number below LIMIT is cut at each of them, and what is cut off adds
# without rounding, since a sum of CHUNK of them has no more than 53 bits. The rest is mostly 0.
LIMIT = 2.0**16
CUTS = (1.5 * 2.0 ** (52 - 26), 1.5 * 2.0 ** (52 - 68), 1.5 * 2.0 ** (52 - 110))


@loop
def _cut(values, rest):
    """Return three sums of the values, and store what is not in them."""
    a_sum, b_sum, c_sum, left = 0.0, 0.0, 0.0, 0
    for i in range(values.size):
        value = values[i]
        fits = abs(value) < LIMIT
        r = value if fits else 0.0
        a = (r + CUTS[0]) - CUTS[0]
        r -= a
        b = (r + CUTS[1]) - CUTS[1]
        r -= b
        c = (r + CUTS[2]) - CUTS[2]
        r -= c
        r = r if fits else value
        a_sum, b_sum, c_sum = any_order(a_sum, a), any_order(b_sum, b), any_order(c_sum, c)
        rest[i] = r
        left |= r != 0.0
    return a_sum, b_sum, c_sum, left


@loop
def _cut_both(values, of, rest):
    """Do the same for all values, and for those of group 1."""
    a_sum, b_sum, c_sum, left = 0.0, 0.0, 0.0, 0
    a_one, b_one, c_one = 0.0, 0.0, 0.0
    for i in range(values.size):
        value, one = values[i], of[i] != 0
        fits = abs(value) < LIMIT
        r = value if fits else 0.0
        a = (r + CUTS[0]) - CUTS[0]
        r -= a
        b = (r + CUTS[1]) - CUTS[1]
        r -= b
        c = (r + CUTS[2]) - CUTS[2]
        r -= c
        r = r if fits else value
        a_sum, b_sum, c_sum = any_order(a_sum, a), any_order(b_sum, b), any_order(c_sum, c)
        a_one = any_order(a_one, a if one else 0.0)
        b_one = any_order(b_one, b if one else 0.0)
        c_one = any_order(c_one, c if one else 0.0)
        rest[i] = r
        left |= r != 0.0
    return a_sum, b_sum, c_sum, a_one, b_one, c_one, left


@inner
def _add_chunk(values, rest, limbs):
    a, b, c, left = _cut(values, rest)
    _add_exactly(a, limbs)
    _add_exactly(b, limbs)
    _add_exactly(c, limbs)
    if left != 0:
        for i in range(values.size):
            if rest[i] != 0.0:
                _add_exactly(rest[i], limbs)


@inner
def _add_chunk_of_two(values, of, rest, limbs):
    a, b, c, a_one, b_one, c_one, left = _cut_both(values, of, rest)
    zero, one = limbs[:LIMBS], limbs[LIMBS:]
    _add_exactly(a - a_one, zero)  # without rounding
    _add_exactly(b - b_one, zero)
    _add_exactly(c - c_one, zero)
    _add_exactly(a_one, one)
    _add_exactly(b_one, one)
    _add_exactly(c_one, one)
    if left != 0:
        for i in range(values.size):
            if rest[i] != 0.0:
                start = of[i] * LIMBS
                _add_exactly(rest[i], limbs[start : start + LIMBS])


@inner
def _add_by_group(values, of, groups, rest, limbs):
    if groups == 1:
        _add_chunk(values, rest, limbs)
    elif groups == 2:
        _add_chunk_of_two(values, of, rest, limbs)
    else:
        for i in range(values.size):
            if values[i] != 0.0:
                start = of[i] * LIMBS
                _add_exactly(values[i], limbs[start : start + LIMBS])


def sums(address):
    job = record_at(address, SUM_JOB)
    n, groups = job.size, job.groups
    values, of = view(job.values, n, np.float64), view(job.of, n, np.int64)
    limbs = view(job.limbs, groups * LIMBS, np.int64)
    rest = view(job.scratch, CHUNK, np.float64)
    for start in range(0, n, CHUNK):
        stop = min(start + CHUNK, n)
        _add_by_group(values[start:stop], of[start:stop], groups, rest[: stop - start], limbs)
    return 0


@loop
def _products(x, square, cube):
    for i in range(x.size):
        square[i], cube[i] = x[i] * x[i], (x[i] * x[i]) * x[i]


@loop
def _weighted_products(x, weight, wl, wll, wlll, wwl, wwll):
    for i in range(x.size):
        w = weight[i]
        y = w * x[i]
        wl[i], wll[i], wlll[i] = y, y * x[i], (y * x[i]) * x[i]
        wwl[i], wwll[i] = w * y, y * y


def moments(address):
    job = record_at(address, MOMENT_JOB)
    n, groups = job.size, job.groups
    others = groups if job.all_by_group != 0 else 1
    values, weights = view(job.values, n, np.float64), view(job.weight, n, np.float64)
    of = view(job.of, n, np.int64)
    count = 3 if weights.size == 0 else 5
    limbs = view(job.limbs, (groups + (count - 1) * others) * LIMBS, np.int64)
    first, later = limbs[: groups * LIMBS], limbs[groups * LIMBS :]
    scratch = view(job.scratch, 6 * CHUNK, np.float64)
    for start in range(0, n, CHUNK):
        size = min(CHUNK, n - start)
        x, rest = values[start : start + size], scratch[:size]
        mine = of[start : start + size]
        a, b = scratch[CHUNK : CHUNK + size], scratch[2 * CHUNK : 2 * CHUNK + size]
        if weights.size == 0:
            _products(x, a, b)
            _add_by_group(x, mine, groups, rest, first)
        else:
            weight = weights[start : start + size]
            c, d = scratch[3 * CHUNK : 3 * CHUNK + size], scratch[4 * CHUNK : 4 * CHUNK + size]
            e = scratch[5 * CHUNK : 5 * CHUNK + size]
            _weighted_products(x, weight, e, a, b, c, d)
            _add_by_group(e, mine, groups, rest, first)
        for number in range(count - 1):
            product = scratch[(number + 1) * CHUNK : (number + 1) * CHUNK + size]
            here = later[number * others * LIMBS : (number + 1) * others * LIMBS]
            _add_by_group(product, mine, others, rest, here)
    return 0
