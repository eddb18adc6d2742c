"""Log-sum-exp, entropy and likeliest class of rows that a kernel has at hand, in float64.

With m = z_k the largest logit, and S the sum over j != k of exp(z_j - m),

    A = m + log1p(S)
    H = log1p(S) + (sum over j != k of exp(z_j - m) (m - z_j)) / (1 + S)

sums of terms that are never negative. Those of the loss will not do: they are float32's.
"""

from __future__ import annotations

import numpy as np

from xent._engine.cpu.elementary import exp_from, log1p
from xent._engine.cpu.intrinsics import any_order, inner, larger, loaded, loop, ordered
from xent._engine.cpu.label_row import PART

SOME = 64
"""Columns in which the place of the largest logit is looked for at a time."""


@inner
def put(stats, i, m, k, s, s_low, far):
    """Fill the statistics of row i from m, k, S with its low part, and the sum of distances."""
    log_s = log1p(s, s_low)
    stats[i, 0] = m + log_s
    stats[i, 1] = log_s + far / (1.0 + s)
    stats[i, 2] = k


@loop
def distances(z, e, m):
    """Return the sum of e (m - z), where what e leaves out may be infinite."""
    total = 0.0
    for j in range(z.size):
        total = any_order(total, e[j] * (m - z[j]) if e[j] != 0.0 else 0.0)
    return total


@loop
def most_of(x):
    """Return the largest logit as an ordered integer."""
    most = ordered(loaded(x[0]))
    for j in range(x.size):
        most = larger(ordered(loaded(x[j])), most)
    return most


@loop
def holds(x, most):
    """Is a logit given as an ordered integer among these?"""
    found = 0
    for j in range(x.size):
        found |= ordered(loaded(x[j])) == most
    return found


@inner
def place_of(most, x):
    """Return the first place of a logit given as an ordered integer, which is there."""
    start = 0
    while start + SOME < x.size and not holds(x[start : start + SOME], most):
        start += SOME
    while ordered(loaded(x[start])) != most:
        start += 1
    return start


@loop
def moments(x, m):
    """Return the sum of exp(z - m), and of that times m - z."""
    s, far = 0.0, 0.0
    for j in range(x.size):
        e, d = exp_from(loaded(x[j]), m)
        s = any_order(s, e)
        far = any_order(far, e * -d)
    return s, far


@inner
def of_row(x, stats, i):
    """Fill the statistics of a wide row of numbers."""
    most, start = most_of(x[:PART]), 0
    for other in range(PART, x.size, PART):
        here = most_of(x[other : other + PART])
        if here > most:
            most, start = here, other
    k = start + place_of(most, x[start:])
    m = loaded(x[k])
    s, far = moments(x[:k], m)
    more, further = moments(x[k + 1 :], m)
    put(stats, i, np.float64(m), k, s + more, 0.0, far + further)


@loop
def open_rows(n, m, k, s, far):
    """Start the statistics of a block of narrow rows."""
    for i in range(n):
        m[i] = -np.inf
        k[i] = 0
        s[i] = 0.0
        far[i] = 0.0


@loop
def take_largest(column, j, n, m, k):
    """Keep class j, and its logit, where it is the likeliest so far."""
    for i in range(n):
        x, before, place = column[i], m[i], k[i]
        more = x > before
        m[i] = x if more else before
        k[i] = j if more else place


@loop
def add_column(column, j, n, m, k, s, far):
    """Add class j's exp(z - m) and distance, but where it is the likeliest."""
    for i in range(n):
        e, d = exp_from(column[i], m[i])
        e = 0.0 if k[i] == j else e
        s[i] += e
        far[i] += e * -d


@loop
def put_rows(n, m, k, s, far, stats, start):
    """Fill the statistics of a block of narrow rows."""
    for i in range(n):
        put(stats, start + i, np.float64(m[i]), k[i], s[i], 0.0, far[i])
