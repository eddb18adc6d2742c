"""Log-sum-exp, entropy and likeliest class of rows whose terms a kernel has at hand.

With m = z_k the largest logit, and S the sum over j != k of exp(z_j - m),

    A = m + log1p(S)
    H = log1p(S) + (sum over j != k of exp(z_j - m) (m - z_j)) / (1 + S)

sums of terms that are never negative. The terms of wide and narrow rows are scaled by a power of
two, and are divided by that of k at the end.
"""

from __future__ import annotations

import numpy as np

from xent.backends.kernels.cpu.elementary import log1p
from xent.backends.kernels.cpu.lang import any_order, inner, larger, loaded, loop, ordered
from xent.backends.kernels.cpu.writing import PART

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
def moments(x, terms, m, low):
    """Return the sum of the terms and of their distances; logits are raised to `low` as theirs."""
    s, far = 0.0, 0.0
    for j in range(x.size):
        z, e = loaded(x[j]), np.float64(terms[j])
        z = low if z < low else z
        s = any_order(s, e)
        far = any_order(far, e * (m - np.float64(z)))
    return s, far


@inner
def of_row(x, label, own, low, terms, stats, i):
    """Fill the statistics of a wide row from its terms, to which the label's own is added."""
    most, start = most_of(x[:PART]), 0
    for other in range(PART, x.size, PART):
        here = most_of(x[other : other + PART])
        if here > most:
            most, start = here, other
    k = start + place_of(most, x[start:])
    m = np.float64(loaded(x[k]))
    terms[label] = own
    kept = terms[k]
    terms[k] = 0
    s, far = moments(x, terms, m, low)
    terms[k] = kept
    put(stats, i, m, k, s / np.float64(kept), 0.0, far / np.float64(kept))


@loop
def open_rows(n, m, k, s, far):
    """Start the statistics of a block of narrow rows."""
    for i in range(n):
        m[i] = -np.inf
        k[i] = 0
        s[i] = 0.0
        far[i] = 0.0


@loop
def take_largest(column, terms, j, labels, n, own, m, k, at_k):
    """Keep class j where it is the likeliest so far: its logit, itself, and its term."""
    for i in range(n):
        x, term, mine = column[i], terms[i], own[i]
        before, place, last = m[i], k[i], at_k[i]
        term = mine if labels[i] == j else term
        more = x > before
        m[i] = x if more else before
        k[i] = j if more else place
        at_k[i] = term if more else last


@loop
def add_column(column, terms, j, labels, n, own, low, m, k, s, far):
    """Add the terms of class j and their distances, but where it is the likeliest."""
    for i in range(n):
        x, least, term, mine = column[i], low[i], terms[i], own[i]
        x = least if x < least else x
        term = mine if labels[i] == j else term
        e = 0.0 if k[i] == j else np.float64(term)
        s[i] += e
        far[i] += e * np.float64(m[i] - x)


@loop
def put_rows(n, m, k, at_k, s, far, stats, start):
    """Fill the statistics of a block of narrow rows."""
    for i in range(n):
        whole = np.float64(at_k[i])
        put(stats, start + i, np.float64(m[i]), k[i], s[i] / whole, 0.0, far[i] / whole)
