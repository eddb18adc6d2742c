"""The kernel for class labels and many classes: one row at a time, vectorized over the classes.

A row is read once, a tile at a time: its terms are computed, then added. Terms that are float32 are
added in float64; float64 terms are added in lanes with compensation, after groups of four that are
added plainly. For the gradient the terms are kept in a row of scratch, so each exponential is
computed once, and the gradient may overwrite the logits.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from xent._engine.cpu.elementary import scaled_exp, two_sum
from xent._engine.cpu.general import general_row, row_scratch, zero_grad
from xent._engine.cpu.intrinsics import (
    any_order,
    inner,
    kernel,
    load,
    loop,
    prefetch,
    unsigned_max,
)
from xent._engine.cpu.label_row import (
    ABSENT,
    LABEL_LIMIT,
    grad_factors,
    in_range,
    label_loss,
    row_scale,
    unshift,
    weighted,
)
from xent._engine.cpu.nontemporal import LINE, flush_tail, prefetch_columns, store_grad
from xent._engine.cpu.stats import row_stats
from xent._engine.cpu.sums import BLOCK, GROUP, LANES, TILE, sum_chunks, sum_lanes, zero_lanes

PREFETCHED = 4 * GROUP
"""Columns of the next row to prefetch. From there, the processor prefetches by itself."""


class Scratch(NamedTuple):
    """Scratch memory of one thread."""

    last_group: Any  # the last group of a row, padded; of the dtype to compute in
    line_buffer: Any  # part of a gradient, for non-temporal stores; or empty
    pending: Any  # first and last index of what the buffer has still to write
    terms: Any  # the terms of a row; of a tile if they are not kept
    total: Any  # lanes of a sum, in float64
    total_low: Any  # their low parts; None in float32, where float64 is precise enough
    max_bits: Any  # bits of the largest term
    general_row: Any  # for `general_row`
    ones: Any  # class weights of 1
    loss: Any  # losses of a block of rows


def make_scratch(classes, dtype, stored, keep_terms, nontemporal):
    """Allocate scratch for rows of `classes` logits computed in `dtype` and stored in `stored`."""
    single = dtype == np.float32
    return Scratch(
        last_group=np.empty(GROUP, dtype),
        line_buffer=np.empty(LINE + TILE + GROUP if nontemporal else 0, stored),
        pending=np.zeros(2, np.int64),
        terms=np.empty((classes if keep_terms else min(classes, TILE)) + GROUP, dtype),
        total=np.empty(LANES),
        total_low=None if single else np.empty(LANES),
        max_bits=np.empty(1, np.uint32 if single else np.uint64),
        general_row=row_scratch(classes),
        ones=np.ones(classes),
        loss=np.empty(BLOCK),
    )


# The sum of a row.


@loop
def exp_terms(x, magic, x_min, terms, max_bits):
    """Fill the terms of whole groups, and update the largest bits.

    The terms are added in another loop: a loop has as many lanes as its widest type allows, so
    float64 sums in this one would halve those of float32.
    """
    most = max_bits[0]
    for i in range(x.size):
        terms[i], seen = scaled_exp(load(x[i]), magic, x_min)
        most = unsigned_max(seen, most)
    max_bits[0] = most


@loop
def add_groups(terms, total, total_low):
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
                total[lane], error = two_sum(total[lane], a + (b + group[lane + 3 * LANES]))
                total_low[lane] += error


@loop
def add_masked_group(terms, total, total_low):
    """Add a group with masked entries term by term.

    Four equal terms add without rounding, three do not, and a row of equal logits should cost log K
    to the last digit.
    """
    for start in range(0, GROUP, LANES):
        for lane in range(LANES):
            total[lane], error = two_sum(total[lane], terms[start + lane])
            total_low[lane] += error


@inner
def add_tile(terms, size, label, total, total_low):
    """Add the terms of a tile, whose last group may be padded with masks.

    The label's index is relative to the tile, and may be outside it.
    """
    whole = size // GROUP * GROUP
    label_group = label // GROUP * GROUP
    if total_low is None:
        add_groups(terms[: whole + GROUP if whole < size else whole], total, None)
        return
    if 0 <= label_group < whole:
        add_groups(terms[:label_group], total, total_low)
        add_masked_group(terms[label_group:], total, total_low)
        add_groups(terms[label_group + GROUP : whole], total, total_low)
    else:
        add_groups(terms[:whole], total, total_low)
    if whole < size:
        add_masked_group(terms[whole:], total, total_low)


@loop
def pad_group(x, group):
    """Fill the group with what is less than one, and masks behind it."""
    for i in range(GROUP):
        group[i] = -np.inf
    for i in range(x.size):
        group[i] = load(x[i])


@inner
def sum_row(x, label, magic, x_min, scratch, keep_terms):
    """Return the sum of a row's terms without the label's, its low part, their largest bits, and
    the label's term. Keep all terms if wanted, the label's as 0.
    """
    total, total_low = scratch.total, scratch.total_low
    max_bits, terms = scratch.max_bits, scratch.terms
    zero_lanes(total, total_low)
    max_bits[0] = 0
    label_term = terms[0]
    for start in range(0, x.size, TILE):
        tile = terms[start:] if keep_terms else terms
        size = min(TILE, x.size - start)
        whole = size // GROUP * GROUP
        exp_terms(x[start : start + whole], magic, x_min, tile, max_bits)
        if whole < size:
            pad_group(x[start + whole : start + size], scratch.last_group)
            exp_terms(scratch.last_group, magic, x_min, tile[whole:], max_bits)
        here = label - start
        if 0 <= here < size:
            label_term = tile[here]
            tile[here] = 0  # the loss is log1p of a sum without it
        add_tile(tile, size, here, total, total_low)
    t, t_low = sum_lanes(total, total_low)
    return t, t_low, max_bits[0], label_term


# Rows and blocks of rows.


@inner
def row_loss(x, i, label, coefficient, c, grad, flat, stats, scratch):
    """Return the weighted loss of a row; fill its gradient and statistics, if wanted."""
    row, like = x[i], scratch.last_group[0]
    z = load(row[label])
    if abs(z) <= LABEL_LIMIT:  # False for NaN
        n, magic, x_min = row_scale(z, like)
        t, t_low, max_bits, label_term = sum_row(
            row, label, magic, x_min, scratch, grad is not None
        )
        if in_range(max_bits, t, like):
            loss, q, q_low, inverse, inverse_low = label_loss(z, n, t, t_low, label_term)
            if stats is not None:  # before the gradient, which may overwrite the logits
                row_stats(row, stats, i)
            if grad is not None:
                factor, factor_low, label_grad = grad_factors(
                    q, q_low, inverse, inverse_low, coefficient * c, like
                )
                next_row = x[min(i + 1, x.shape[0] - 1)]
                store_grad(
                    scratch, unshift(like), factor, factor_low, grad, flat, i, label, label_grad,
                    next_row,
                )  # fmt: skip
            return weighted(coefficient, loss)
    flush_tail(scratch, flat, i * x.shape[1])
    loss = general_row(
        row, label, None, scratch.ones, None, coefficient * c, 0.0, 0.0, scratch.general_row, grad,
        i, stats, i,
    )  # fmt: skip
    return weighted(coefficient, loss)


@inner
def prefetch_row(x, i, labels):
    """Prefetch the label's logit of row i, which all else waits for, and the row's start."""
    row = x[i]
    prefetch(row, min(max(labels[i], 0), row.size - 1))
    prefetch_columns(row, 0, PREFETCHED)


@inner
def block_losses(start, n, scratch, x, labels, coefficients, c, grad, flat, stats):
    """Fill the losses of n rows; return the first row whose label is not a class, or -1."""
    for i in range(start, start + n):
        w = 1.0 if coefficients is None else coefficients[i]
        if w == ABSENT:
            scratch.loss[i - start] = 0.0
            flush_tail(scratch, flat, i * x.shape[1])
            if stats is not None:
                row_loss(x, i, labels[i], 1.0, c, None, None, stats, scratch)
            zero_grad(grad, i)
        elif labels[i] < 0 or labels[i] >= x.shape[1]:
            return i
        else:
            prefetch_row(x, min(i + 1, x.shape[0] - 1), labels)
            scratch.loss[i - start] = row_loss(x, i, labels[i], w, c, grad, flat, stats, scratch)
    return -1


@kernel
def label_losses(
    x, labels, coefficients, c, grad, flat, losses, stats, sums, chunk, first, last, scratch
):
    """Compute the losses of rows with class labels, in chunks of rows from `first` to `last`.

    The losses of rows are multiplied by `coefficients` (or None), and their gradient, if `grad` is
    not None, by c as well. `flat` is `grad` as one axis. `losses` (or None) takes the losses of
    rows, `stats` (or None) what `stats.store_stats` stores, `sums` the sum of each chunk. Returns
    the first row whose label is not a class, or -1.
    """
    rows, classes = x.shape
    arguments = (x, labels, coefficients, c, grad, flat, stats)
    bad = sum_chunks(
        block_losses, arguments, rows, BLOCK, losses, sums, chunk, first, last, scratch
    )
    if bad < 0:
        flush_tail(scratch, flat, min(last * chunk, rows) * classes)
    return bad
