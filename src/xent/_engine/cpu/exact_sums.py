"""Kernels that add numbers, and powers of them, without rounding: see `score_job.py`."""

from __future__ import annotations

import numpy as np

from xent._engine.cpu.bits import bits_of
from xent._engine.cpu.decorators import any_order, inner, loop
from xent._engine.cpu.memory import record_at, view
from xent._engine.cpu.score_job import CHUNK, LIMBS, MOMENT_JOB, SUM_JOB


@inner
def _add_exactly(value, limbs):
    """Add a finite number to an integer of many limbs, which carry later."""
    raw = bits_of(value)
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


@inner
def _parts(value):
    """A number cut at each unit, and the rest; all of it is rest if it is not below the limit."""
    fits = abs(value) < LIMIT
    r = value if fits else 0.0
    a = (r + CUTS[0]) - CUTS[0]
    r -= a
    b = (r + CUTS[1]) - CUTS[1]
    r -= b
    c = (r + CUTS[2]) - CUTS[2]
    r -= c
    return a, b, c, r if fits else value


@loop
def _cut(values, rest):
    """Return three sums of the values, and store what is not in them."""
    a_sum, b_sum, c_sum, left = 0.0, 0.0, 0.0, 0
    for i in range(values.size):
        a, b, c, r = _parts(values[i])
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
        one = of[i] != 0
        a, b, c, r = _parts(values[i])
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
