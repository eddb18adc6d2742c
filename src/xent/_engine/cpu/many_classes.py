"""Class labels, many classes: one row after the other, its classes in vectors.

A row is read once, a part at a time: its terms are taken, and then added in twice the precision,
but for float64, where four are added as they are first. For the gradient the terms are kept in a
row of scratch, so that each exponential is taken once, and the gradient may overwrite the logits.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from xent._engine.cpu.elementary import scaled_exp
from xent._engine.cpu.general import any_row
from xent._engine.cpu.intrinsics import any_order, inner, kernel, larger, loaded, loop, prefetch
from xent._engine.cpu.label_row import (
    ABSENT,
    BLOCK,
    GROUP,
    LANES,
    LIMIT,
    PART,
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
from xent._engine.cpu.nontemporal import settle, write_row
from xent._engine.cpu.stats import of_row

AHEAD = 4 * GROUP
"""Columns of the next row that are asked for early; the processor then sees where it goes."""


@loop
def take_terms(x, magic, low, terms, top):
    """Fill the terms of whole groups, and the bits of the largest of all so far.

    That they are added apart lets LLVM take a float32 as half as wide as a float64.
    """
    most = top[0]
    for i in range(x.size):
        terms[i], seen = scaled_exp(loaded(x[i]), magic, low)
        most = larger(seen, most)
    top[0] = most


@loop
def add_terms(terms, total, total_low):
    """Add the terms of whole groups to the lanes of the sum."""
    if total_low is None:
        s = 0.0
        for i in range(terms.size):
            s = any_order(s, np.float64(terms[i]))
        total[0] += s
    else:
        for start in range(0, terms.size, GROUP):
            group = terms[start:]
            for lane in range(LANES):
                a, b = group[lane] + group[lane + LANES], group[lane + 2 * LANES]
                total[lane], lost = two_sum(total[lane], a + (b + group[lane + 3 * LANES]))
                total_low[lane] += lost


@loop
def add_one_by_one(terms, total, total_low):
    """The same for a group that is partly masked: 3 terms do not add exactly."""
    for start in range(0, GROUP, LANES):
        for lane in range(LANES):
            total[lane], lost = two_sum(total[lane], terms[start + lane])
            total_low[lane] += lost


@inner
def add_part(terms, size, label, total, total_low):
    """Add the terms of part of a row, whose last group is filled with masks."""
    whole = size // GROUP * GROUP
    here = label // GROUP * GROUP
    if total_low is None:
        add_terms(terms[: whole + GROUP if whole < size else whole], total, None)
        return
    if 0 <= here < whole:
        add_terms(terms[:here], total, total_low)
        add_one_by_one(terms[here:], total, total_low)
        add_terms(terms[here + GROUP : whole], total, total_low)
    else:
        add_terms(terms[:whole], total, total_low)
    if whole < size:
        add_one_by_one(terms[whole:], total, total_low)


@loop
def copy_group(x, group):
    """Fill the group with what is less than one, and masks behind."""
    for i in range(GROUP):
        group[i] = -np.inf
    for i in range(x.size):
        group[i] = loaded(x[i])


class Work(NamedTuple):
    """Memory of one thread."""

    group: Any  # a group of logits; of the dtype to compute in
    stream: Any  # part of a gradient on its way past the caches; or empty
    held: Any  # where in it what is not yet written starts and ends
    terms: Any  # a row of terms, or a part of it where they are not kept
    total: Any  # lanes of a sum, float64
    total_low: Any  # and what they lost, None in float32
    top: Any  # bits of the largest term
    rows: Any  # scratch for `any_row`
    one: Any  # weights of 1
    loss: Any  # losses of a block of rows


def work(classes, dtype, stored, *, keep, stream):
    """Memory for rows of `classes` logits computed in `dtype` and stored in `stored`."""
    single = dtype == np.float32
    return Work(
        group=np.empty(GROUP, dtype),
        stream=np.empty(64 + PART + GROUP if stream else 0, stored),
        held=np.zeros(2, np.int64),
        terms=np.empty((classes if keep else min(classes, PART)) + GROUP, dtype),
        total=np.empty(LANES),
        total_low=None if single else np.empty(LANES),
        top=np.empty(1, np.uint32 if single else np.uint64),
        rows=np.empty(3 * classes + 2 * LANES),
        one=np.ones(classes),
        loss=np.empty(BLOCK),
    )


@loop
def clear(total, total_low):
    """Start the lanes of a sum."""
    for lane in range(LANES):
        total[lane] = 0.0
        if total_low is not None:
            total_low[lane] = 0.0


@inner
def add_row(x, label, magic, low, work, keep):
    """Return the sum of a row's terms but its label's, its low part, their top bits, that term.

    All terms are kept where wanted, the label's as 0.
    """
    total, total_low, top, terms = work.total, work.total_low, work.top, work.terms
    clear(total, total_low)
    top[0] = 0
    own = terms[0]
    for start in range(0, x.size, PART):
        part = terms[start:] if keep else terms
        size = min(PART, x.size - start)
        whole = size // GROUP * GROUP
        take_terms(x[start : start + whole], magic, low, part, top)
        if whole < size:
            copy_group(x[start + whole : start + size], work.group)
            take_terms(work.group, magic, low, part[whole:], top)
        here = label - start
        if 0 <= here < size:
            own = part[here]
            part[here] = 0
        add_part(part, size, here, total, total_low)
    t, t_low = sum_lanes(total, total_low)
    return t, t_low, top[0], own


@inner
def row_loss(x, i, label, coefficient, c, grad, flat, stats, work):
    """Weighted loss of a row, and its gradient and statistics where given."""
    row, like = x[i], work.group[0]
    z = loaded(row[label])
    if abs(z) <= LIMIT:
        n, magic, lowest = window(z, like)
        t, t_low, most, own = add_row(row, label, magic, lowest, work, grad is not None)
        if usable(most, t, like):
            loss, q, q_low, inverse, low = result(z, n, t, t_low, own)
            if stats is not None:
                of_row(row, stats, i)
            if grad is not None:
                f, f_low, at_label = slope_factors(q, q_low, inverse, low, coefficient * c, like)
                ahead = x[min(i + 1, x.shape[0] - 1)]
                write_row(work, unshift(like), f, f_low, grad, flat, i, label, at_label, ahead)
            return weighted(coefficient, loss)
    settle(work, flat, i * x.shape[1])
    loss = any_row(
        row, label, None, work.one, None, coefficient * c, 0.0, 0.0, work.rows, grad, i, stats, i
    )
    return weighted(coefficient, loss)


@inner
def fetch(x, i, labels):
    """Ask for the label's logit of row i, which all else waits for, and for the row's start."""
    row = x[i]
    prefetch(row, min(max(labels[i], 0), row.size - 1))
    for j in range(0, min(row.size, AHEAD), 64 // row.itemsize):
        prefetch(row, j)


@inner
def block_losses(x, start, n, labels, coefficients, c, grad, flat, stats, work):
    """Fill the losses of n rows; return the first whose label is not a class, or -1."""
    for i in range(start, start + n):
        w = 1.0 if coefficients is None else coefficients[i]
        if w == ABSENT:
            work.loss[i - start] = 0.0
            settle(work, flat, i * x.shape[1])
            if stats is not None:
                row_loss(x, i, labels[i], 1.0, c, None, None, stats, work)
            clear_row(grad, i)
        elif labels[i] < 0 or labels[i] >= x.shape[1]:
            return i
        else:
            fetch(x, min(i + 1, x.shape[0] - 1), labels)
            work.loss[i - start] = row_loss(x, i, labels[i], w, c, grad, flat, stats, work)
    return -1


@kernel
def label_losses(
    x, labels, coefficients, c, grad, flat, losses, stats, sums, chunk, first, last, work
):
    """Losses of rows with class labels, in chunks of rows from `first` to `last`.

    `coefficients` (or None) weight the rows; the gradient (or None) is theirs times c, and `flat`
    the same seen flat. `losses` (or None) takes the row losses, `stats` (or None) what `stats.put`
    puts there, `sums` the sum of each chunk. Returns the first row whose label is not a class, or
    -1.
    """
    stop = 0
    for number in range(first, last):
        clear_total(sums, number)
        stop = min(number * chunk + chunk, x.shape[0])
        for start in range(number * chunk, stop, BLOCK):
            n = min(BLOCK, stop - start)
            wrong = block_losses(x, start, n, labels, coefficients, c, grad, flat, stats, work)
            if wrong >= 0:
                return wrong
            add_losses(work.loss[:n], losses, start, sums, number)
    settle(work, flat, stop * x.shape[1])
    return -1
