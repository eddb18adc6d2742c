"""Statistics of rows: log-sum-exp, entropy and the most likely class, in float64.

With m = z_k the largest logit, and S the sum over j != k of exp(z_j - m),

    A = m + log1p(S)
    H = log1p(S) + (sum over j != k of exp(z_j - m) (m - z_j)) / (1 + S)

where no term is negative. These sums are taken anew from the logits, which are in the cache then:
the loss has its sums in float32.
"""

from __future__ import annotations

import numpy as np

from xent._engine.cpu.decorators import any_order, inner, loop
from xent._engine.cpu.elementary import exp_diff, log1p
from xent._engine.cpu.intrinsics import load, ordered_bits, unsigned_max
from xent._engine.cpu.sums import TILE

STATS = 3
"""Statistics of a row."""

SEARCH_STEP = 64
"""Columns that are searched for the largest logit at a time."""


@inner
def store_stats(stats, i, m, k, s, s_low, gaps):
    """Fill the statistics of row i from m, k, S with its low part, and the sum in H."""
    log_s = log1p(s, s_low)
    stats[i, 0] = m + log_s
    stats[i, 1] = log_s + gaps / (1.0 + s)
    stats[i, 2] = k


@loop
def sum_gaps(z, e, m):
    """Return the sum of e (m - z); where e is 0, the gap may be infinite and does not count."""
    total = 0.0
    for j in range(z.size):
        total = any_order(total, e[j] * (m - z[j]) if e[j] != 0.0 else 0.0)
    return total


# Many classes: one row at a time. The maximum is taken of integers (see `ordered_bits`), its index
# is looked for in a second pass over one tile.


@loop
def max_ordered_bits(x):
    """Return the largest logit as an ordered integer."""
    most = ordered_bits(load(x[0]))
    for j in range(x.size):
        most = unsigned_max(ordered_bits(load(x[j])), most)
    return most


@loop
def contains(x, value):
    """Say whether a logit, given as an ordered integer, is among these."""
    found = 0
    for j in range(x.size):
        found |= ordered_bits(load(x[j])) == value
    return found


@inner
def first_index(value, x):
    """Return the first index of a logit, given as an ordered integer, that is in x."""
    start = 0
    while start + SEARCH_STEP < x.size and not contains(x[start : start + SEARCH_STEP], value):
        start += SEARCH_STEP
    while ordered_bits(load(x[start])) != value:
        start += 1
    return start


@loop
def exp_and_gap_sums(x, m):
    """Return the sum of exp(z - m), and of exp(z - m) (m - z)."""
    s, gaps = 0.0, 0.0
    for j in range(x.size):
        e, d = exp_diff(load(x[j]), m)
        s = any_order(s, e)
        gaps = any_order(gaps, e * -d)
    return s, gaps


@inner
def row_stats(x, stats, i):
    """Fill the statistics of row i, whose logits are x, all numbers."""
    most, start = max_ordered_bits(x[:TILE]), 0
    for tile in range(TILE, x.size, TILE):
        here = max_ordered_bits(x[tile : tile + TILE])
        if here > most:
            most, start = here, tile
    k = start + first_index(most, x[start:])
    m = load(x[k])
    s, gaps = exp_and_gap_sums(x[:k], m)
    s_after, gaps_after = exp_and_gap_sums(x[k + 1 :], m)
    store_stats(stats, i, np.float64(m), k, s + s_after, 0.0, gaps + gaps_after)


# Few classes: a block of rows, one column for each class.


@loop
def start_columns(n, m, k, s, gaps):
    """Set the maximum and the sums of n rows to those of no class."""
    for i in range(n):
        m[i] = -np.inf
        k[i] = 0
        s[i] = 0.0
        gaps[i] = 0.0


@loop
def update_max(column, j, n, m, k):
    """Set the rows' maximum and argmax to class j where its logit is larger."""
    for i in range(n):
        x, old_m, old_k = column[i], m[i], k[i]
        larger = x > old_m  # the first of equal logits stays
        m[i] = x if larger else old_m
        k[i] = j if larger else old_k


@loop
def add_column(column, j, n, m, k, s, gaps):
    """Add the terms of class j to the rows' sums, except where it is the argmax."""
    for i in range(n):
        e, d = exp_diff(column[i], m[i])
        e = 0.0 if k[i] == j else e
        s[i] += e
        gaps[i] += e * -d


@loop
def store_columns(n, m, k, s, gaps, stats, start):
    """Fill the statistics of n rows from `start`."""
    for i in range(n):
        store_stats(stats, start + i, np.float64(m[i]), k[i], s[i], 0.0, gaps[i])
