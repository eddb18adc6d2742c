"""Class labels, many classes: one row after the other, its classes in vectors.

A row is read once, in groups of four times LANES columns, and added in twice the precision, but for
float64, where four are added as they are first. For the gradient the terms are kept in a row of
scratch, so that each exponential is taken once, and the gradient may overwrite the logits.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from xent.backends.kernels.cpu.elementary import scaled_exp
from xent.backends.kernels.cpu.full import any_row
from xent.backends.kernels.cpu.lang import (
    fma,
    inner,
    kernel,
    larger,
    loaded,
    loop,
    prefetch,
    rounded,
    stream,
)
from xent.backends.kernels.cpu.rows import (
    ABSENT,
    BLOCK,
    LANES,
    LIMIT,
    add_losses,
    clear_row,
    clear_total,
    result,
    slope_factors,
    sum_lanes,
    two_sum,
    unshift,
    usable,
    weighted,
    window,
)

GROUP = 4 * LANES
PART = 16 * GROUP
"""Columns of the gradient written at a time."""

AHEAD = 4 * GROUP
"""Columns of the next row that are asked for early; the processor then sees where it goes."""


@loop
def add_groups(x, magic, low, total, total_low, top, terms, offset):
    """Add the terms of whole groups to the lanes of the sum; keep them where asked."""
    for g in range(x.size // GROUP):
        start = g * GROUP
        if terms is not None:
            kept = terms[offset + start :]
        for lane in range(LANES):
            i = start + lane
            a, seen = scaled_exp(loaded(x[i]), magic, low)
            most = larger(seen, top[lane])
            b, seen = scaled_exp(loaded(x[i + LANES]), magic, low)
            most = larger(seen, most)
            c, seen = scaled_exp(loaded(x[i + 2 * LANES]), magic, low)
            most = larger(seen, most)
            d, seen = scaled_exp(loaded(x[i + 3 * LANES]), magic, low)
            top[lane] = larger(seen, most)
            if terms is not None:
                kept[lane] = a
                kept[lane + LANES] = b
                kept[lane + 2 * LANES] = c
                kept[lane + 3 * LANES] = d
            if total_low is None:
                total[lane] += (np.float64(a) + np.float64(b)) + (np.float64(c) + np.float64(d))
            else:
                total[lane], lost = two_sum(total[lane], (a + b) + (c + d))
                total_low[lane] += lost


@loop
def add_group(group, magic, low, total, total_low, top, terms, offset):
    """Add the terms of one group that is partly masked, one by one: 3 terms do not add exactly."""
    for start in range(0, GROUP, LANES):
        for lane in range(LANES):
            term, seen = scaled_exp(group[start + lane], magic, low)
            top[lane] = larger(seen, top[lane])
            if terms is not None:
                terms[offset + start + lane] = term
            if total_low is None:
                total[lane] += np.float64(term)
            else:
                total[lane], lost = two_sum(total[lane], term)
                total_low[lane] += lost


@loop
def scale_part(terms, scale, factor, factor_low, grad):
    """Fill a part of the gradient with the terms, times a power of two and a factor."""
    for j in range(grad.size):
        term = terms[j] * scale
        grad[j] = rounded(fma(term, factor, term * factor_low), grad[j])


@inner
def write_row(work, scale, factor, factor_low, grad, ahead):
    """Fill a row of the gradient from its terms; meanwhile the next row of logits is fetched.

    Without that, memory would idle while rows are written, and again while they are read. With a
    buffer `work.stream` the gradient goes past the caches, so that no line of it is read first.
    """
    terms, buffer = work.terms, work.stream
    line = 64 // grad.itemsize
    start = 0
    if buffer.size:
        start = min(-grad.ctypes.data % 64 // grad.itemsize, grad.size)
        scale_part(terms[:start], scale, factor, factor_low, grad[:start])
    while start < grad.size:
        stop = min(start + PART, grad.size)
        for j in range(start, stop, 64 // ahead.itemsize):
            prefetch(ahead, j)
        if buffer.size and stop - start >= line:
            stop = start + (stop - start) // line * line
            scale_part(terms[start:stop], scale, factor, factor_low, buffer[: stop - start])
            for j in range(start, stop, line):
                stream(grad, j, buffer[j - start :])
        else:
            scale_part(terms[start:stop], scale, factor, factor_low, grad[start:stop])
        start = stop


@loop
def copy_group(x, start, label, group):
    """Fill the group with columns from `start`; with masks past the end and at the label."""
    for i in range(GROUP):
        group[i] = -np.inf
    for i in range(min(GROUP, x.size - start)):
        group[i] = loaded(x[start + i])
    if start <= label < start + GROUP:
        group[label - start] = -np.inf


class Work(NamedTuple):
    """Memory of one thread."""

    group: Any  # a group of logits; of the dtype to compute in
    stream: Any  # part of a gradient on its way past the caches; or empty
    terms: Any  # a row of terms, None without gradient
    total: Any  # lanes of a sum, float64
    total_low: Any  # and what they lost, None in float32
    top: Any  # bits of the largest terms
    rows: Any  # scratch for `any_row`
    one: Any  # weights of 1
    loss: Any  # losses of a block of rows


def work(classes, dtype, stored, *, gradient, stream):
    """Memory for rows of `classes` logits computed in `dtype` and stored in `stored`."""
    single = dtype == np.float32
    return Work(
        group=np.empty(GROUP, dtype),
        stream=np.empty(PART if stream else 0, stored),
        terms=np.empty(classes + GROUP, dtype) if gradient else None,
        total=np.empty(LANES),
        total_low=None if single else np.empty(LANES),
        top=np.empty(LANES, np.uint32 if single else np.uint64),
        rows=np.empty(3 * classes + 2 * LANES),
        one=np.ones(classes),
        loss=np.empty(BLOCK),
    )


@loop
def clear(total, total_low, top):
    """Start the lanes of a sum."""
    for lane in range(LANES):
        total[lane] = 0.0
        top[lane] = 0
        if total_low is not None:
            total_low[lane] = 0.0


@inner
def add_row(x, label, magic, low, work):
    """Return the sum of a row's terms but its label's, the sum's low part, and their top bits."""
    total, total_low, top, terms = work.total, work.total_low, work.top, work.terms
    clear(total, total_low, top)
    here = label // GROUP * GROUP
    whole = x.size // GROUP * GROUP
    add_groups(x[:here], magic, low, total, total_low, top, terms, 0)
    copy_group(x, here, label, work.group)
    add_group(work.group, magic, low, total, total_low, top, terms, here)
    if here < whole:
        rest = here + GROUP
        add_groups(x[rest:], magic, low, total, total_low, top, terms, rest)
        if whole < x.size:
            copy_group(x, whole, label, work.group)
            add_group(work.group, magic, low, total, total_low, top, terms, whole)
    most = top[0]
    for lane in range(LANES):
        most = larger(most, top[lane])
    t, t_low = sum_lanes(total, total_low)
    return t, t_low, most


@inner
def row_loss(x, i, label, coefficient, c, grad, work):
    """Weighted loss of a row, and its gradient where given."""
    row, like = x[i], work.group[0]
    z = loaded(row[label])
    if abs(z) <= LIMIT:
        n, magic, low = window(z, like)
        t, t_low, most = add_row(row, label, magic, low, work)
        if usable(most, t, like):
            own, _ = scaled_exp(z, magic, low)
            loss, q, q_low, inverse, low = result(z, n, t, t_low, own)
            if grad is not None:
                f, f_low, at_label = slope_factors(q, q_low, inverse, low, coefficient * c, like)
                ahead = x[min(i + 1, x.shape[0] - 1)]
                write_row(work, unshift(like), f, f_low, grad[i], ahead)
                grad[i, label] = rounded(at_label, grad[i, label])
            return weighted(coefficient, loss)
    loss = any_row(row, label, None, work.one, None, coefficient * c, 0.0, 0.0, work.rows, grad, i)
    return weighted(coefficient, loss)


@inner
def fetch(x, i, labels):
    """Ask for the label's logit of row i, which all else waits for, and for the row's start."""
    row = x[i]
    prefetch(row, min(max(labels[i], 0), row.size - 1))
    for j in range(0, min(row.size, AHEAD), 64 // row.itemsize):
        prefetch(row, j)


@inner
def block_losses(x, start, n, labels, coefficients, c, grad, work):
    """Fill the losses of n rows; return the first whose label is not a class, or -1."""
    for i in range(start, start + n):
        w = 1.0 if coefficients is None else coefficients[i]
        if w == ABSENT:
            work.loss[i - start] = 0.0
            clear_row(grad, i)
        elif labels[i] < 0 or labels[i] >= x.shape[1]:
            return i
        else:
            fetch(x, min(i + 1, x.shape[0] - 1), labels)
            work.loss[i - start] = row_loss(x, i, labels[i], w, c, grad, work)
    return -1


@kernel
def label_losses(x, labels, coefficients, c, grad, losses, sums, chunk, first, last, work):
    """Losses of rows with class labels, in chunks of rows from `first` to `last`.

    `coefficients` (or None) weight the rows; the gradient (or None) is theirs times c. `losses` (or
    None) takes the row losses, `sums` the sum of each chunk. Returns the first row whose label is
    not a class, or -1.
    """
    for number in range(first, last):
        clear_total(sums, number)
        stop = min(number * chunk + chunk, x.shape[0])
        for start in range(number * chunk, stop, BLOCK):
            n = min(BLOCK, stop - start)
            wrong = block_losses(x, start, n, labels, coefficients, c, grad, work)
            if wrong >= 0:
                return wrong
            add_losses(work.loss[:n], losses, start, sums, number)
    return -1
