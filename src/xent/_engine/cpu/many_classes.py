"""The kernel for class labels and many classes: one row at a time, vectorized over the classes.

A row is read once, a tile at a time: its terms are computed, then added. Terms that are float32 are
added in float64; float64 terms are added in lanes with compensation, after groups of four that are
added plainly. For the gradient the terms are kept in a row of scratch, so each exponential is
computed once, and the gradient may overwrite the logits.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from xent._engine.cpu.decorators import any_order, if_double, inner, loop
from xent._engine.cpu.elementary import scaled_exp, two_sum
from xent._engine.cpu.intrinsics import load, prefetch, unsigned_max
from xent._engine.cpu.job import HEAD, ROWS_LEFT, WRONG_TARGET, bits_of, computed_as, job_at
from xent._engine.cpu.label_row import (
    ABSENT,
    LABEL_LIMIT,
    general_loss,
    grad_factors,
    in_range,
    label_loss,
    load_rows,
    row_scale,
    unshift,
    weighted,
)
from xent._engine.cpu.memory import view, view_rows
from xent._engine.cpu.nontemporal import LINE, flush_tail, prefetch_columns, store_grad
from xent._engine.cpu.stats import STATS, row_stats
from xent._engine.cpu.sums import BLOCK, GROUP, LANES, TILE, finish_block, sum_lanes, zero_lanes

THREADS_FROM = 3 << 16
"""Elements from which threads pay; `benchmarks/threads.py` measures it for each kernel."""

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
    loss: Any  # losses, coefficients and labels of a block of rows
    coefficient: Any
    label: Any


# Places in scratch memory, in bytes.
LAST_GROUP = HEAD
PENDING = LAST_GROUP + 8 * GROUP
MAX_BITS = PENDING + 64
TOTAL = MAX_BITS + 64
TOTAL_LOW = TOTAL + 8 * LANES
LOSS = TOTAL_LOW + 8 * LANES
COEFFICIENT = LOSS + 8 * BLOCK
LABEL = COEFFICIENT + 8 * BLOCK
LINES = LABEL + 8 * BLOCK
TERMS = LINES + 8 * (LINE + TILE + GROUP)


def scratch_size(classes: int) -> int:
    """Return the bytes that a thread needs."""
    return TERMS + 8 * (classes + TILE + GROUP)


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
    """Return the weighted loss of a row; fill its gradient and statistics, if wanted.

    NaN if the row does not suit this kernel.
    """
    row, like = x[i], scratch.last_group[0]
    z = load(row[label])
    if not abs(z) <= LABEL_LIMIT:  # also True for NaN
        return np.nan
    n, magic, x_min = row_scale(z, like)
    has_grad = grad.shape[0] > 0
    t, t_low, max_bits, label_term = sum_row(row, label, magic, x_min, scratch, has_grad)
    if not in_range(max_bits, t, like):
        return np.nan
    loss, q, q_low, inverse, inverse_low = label_loss(z, n, t, t_low, label_term)
    if stats.shape[0]:  # before the gradient, which may overwrite the logits
        row_stats(row, stats, i)
    if has_grad:
        factor, factor_low, label_grad = grad_factors(
            q, q_low, inverse, inverse_low, coefficient * c, like
        )
        next_row = x[min(i + 1, x.shape[0] - 1)]
        store_grad(
            scratch, unshift(like), factor, factor_low, grad, flat, i, label, label_grad, next_row
        )
    return weighted(coefficient, loss)


@inner
def prefetch_row(x, i, label):
    """Prefetch the label's logit of row i, which all else waits for, and the row's start."""
    prefetch(x[i], label)
    prefetch_columns(x[i], 0, PREFETCHED)


def make_kernel(stored: Any) -> Any:
    """Make the kernel for logits stored in a dtype."""
    computed, bits_dtype = computed_as(stored), bits_of(stored)

    def label_losses(job_address, start, n, scratch_address):
        """Compute the losses of rows with class labels."""
        job = job_at(job_address)
        rows, classes = job.rows, job.classes
        x = view_rows(job.logits, rows, classes, stored)
        grad = view_rows(job.grad, rows, classes, stored)
        flat = view(job.grad, rows * classes, stored)
        stats = view_rows(job.stats, rows, STATS, np.float64)
        last_group = view(scratch_address + LAST_GROUP, GROUP, computed)
        total_low = view(scratch_address + TOTAL_LOW, LANES, np.float64)
        buffer_size = (LINE + TILE + GROUP) if job.nontemporal != 0 else 0
        scratch = Scratch(
            last_group=last_group,
            line_buffer=view(scratch_address + LINES, buffer_size, stored),
            pending=view(scratch_address + PENDING, 2, np.int64),
            terms=view(scratch_address + TERMS, classes + TILE + GROUP, computed),
            total=view(scratch_address + TOTAL, LANES, np.float64),
            total_low=if_double(total_low, last_group[0]),
            max_bits=view(scratch_address + MAX_BITS, 1, bits_dtype),
            loss=view(scratch_address + LOSS, BLOCK, np.float64),
            coefficient=view(scratch_address + COEFFICIENT, BLOCK, np.float64),
            label=view(scratch_address + LABEL, BLOCK, np.int64),
        )
        scratch.pending[0] = scratch.pending[1] = 0
        if not load_rows(job, start, n, scratch.label, scratch.coefficient):
            return WRONG_TARGET
        for place in range(n):
            i, w, label = start + place, scratch.coefficient[place], scratch.label[place]
            next_place = min(place + 1, n - 1)
            prefetch_row(x, start + next_place, scratch.label[next_place])
            loss = np.nan
            if w != ABSENT:
                loss = row_loss(x, i, label, w, job.c, grad, flat, stats, scratch)
            if loss != loss:
                if job.general == 0:
                    return ROWS_LEFT
                flush_tail(scratch, flat, i * classes)
                loss = general_loss(job_address, job, i, scratch_address)
            scratch.loss[place] = loss
        flush_tail(scratch, flat, (start + n) * classes)
        finish_block(job, start, scratch.loss[:n], scratch_address)
        return 0

    return label_losses
