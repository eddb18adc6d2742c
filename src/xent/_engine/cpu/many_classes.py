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
    finish_rows,
    general_loss,
    in_range,
    load_rows,
    row_scale,
    unshift,
)
from xent._engine.cpu.memory import view, view_rows
from xent._engine.cpu.nontemporal import LINE, flush_tail, prefetch_columns, store_grad
from xent._engine.cpu.stats import STATS, row_stats
from xent._engine.cpu.sums import (
    BLOCK,
    GROUP,
    LANES,
    TILE,
    finish_block,
    set_zero,
    sum_lanes,
    zero_lanes,
)

THREADS_FROM = 3 << 16
"""Elements from which threads pay; `benchmarks/threads.py` measures it for each kernel."""

PREFETCHED = 4 * GROUP
"""Columns of the next row to prefetch. From there, the processor prefetches by itself."""


GROUP_ROWS = 16
"""Rows, at most, whose sums become losses together, one in each lane of a vector."""

GROUP_TERMS = 1 << 10
"""Terms that are kept of a group of rows: they stay in the cache until the gradient is written."""


class Scratch(NamedTuple):
    """Scratch memory of one thread."""

    last_group: Any  # the last columns of a row, padded; of the dtype to compute in
    line_buffer: Any  # part of a gradient, for non-temporal stores; or empty
    pending: Any  # first and last index of what the buffer has still to write
    total: Any  # lanes of a sum, in float64
    total_low: Any  # their low parts; None in float32, where float64 is precise enough
    max_bits: Any  # bits of the largest term


# Places in scratch memory, in bytes.
LAST_GROUP = HEAD
PENDING = LAST_GROUP + 8 * GROUP
MAX_BITS = PENDING + 64
TOTAL = MAX_BITS + 64
TOTAL_LOW = TOTAL + 8 * LANES
LOSS = TOTAL_LOW + 8 * LANES
COEFFICIENT = LOSS + 8 * BLOCK
LABEL = COEFFICIENT + 8 * BLOCK
COLUMN = LABEL + 8 * BLOCK  # of a group of rows, of which there are so many
COLUMNS = 9
LINES = COLUMN + COLUMNS * 8 * GROUP_ROWS
TERMS = LINES + 8 * (LINE + TILE + GROUP)


def scratch_size(classes: int) -> int:
    """Return the bytes that a thread needs."""
    return TERMS + 8 * (max(classes + GROUP, GROUP_TERMS) + TILE + GROUP)


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
def sum_row(x, label, magic, x_min, scratch, terms, keep_terms):
    """Return the sum of a row's terms without the label's, its low part, their largest bits, and
    the label's term. Keep all terms if wanted, the label's as 0.
    """
    total, total_low = scratch.total, scratch.total_low
    max_bits = scratch.max_bits
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


# Groups and blocks of rows.


@inner
def prefetch_row(x, i, label):
    """Prefetch the label's logit of row i, which all else waits for, and the row's start."""
    prefetch(x[i], label)
    prefetch_columns(x[i], 0, PREFETCHED)


@inner
def group_rows(classes, keep_terms):
    """Return how many rows are a group, and how far apart their terms are, if they are kept."""
    if not keep_terms:
        return GROUP_ROWS, 0
    stride = (classes + GROUP - 1) // GROUP * GROUP
    return max(1, min(GROUP_ROWS, GROUP_TERMS // stride)), stride


def make_kernel(stored: Any) -> Any:
    """Make the kernel for logits stored in a dtype."""
    computed, bits_dtype = computed_as(stored), bits_of(stored)

    def label_losses(job_address, start, n, scratch_address):
        """Compute the losses of rows with class labels."""
        job = job_at(job_address)
        rows, classes, has_grad = job.rows, job.classes, job.grad != 0
        x = view_rows(job.logits, rows, classes, stored)
        grad = view_rows(job.grad, rows, classes, stored)
        flat = view(job.grad, rows * classes, stored)
        last_group = view(scratch_address + LAST_GROUP, GROUP, computed)
        like = last_group[0]
        buffer_size = (LINE + TILE + GROUP) if job.nontemporal != 0 else 0
        scratch = Scratch(
            last_group=last_group,
            line_buffer=view(scratch_address + LINES, buffer_size, stored),
            pending=view(scratch_address + PENDING, 2, np.int64),
            total=view(scratch_address + TOTAL, LANES, np.float64),
            total_low=if_double(view(scratch_address + TOTAL_LOW, LANES, np.float64), like),
            max_bits=view(scratch_address + MAX_BITS, 1, bits_dtype),
        )
        losses = view(scratch_address + LOSS, BLOCK, np.float64)
        coefficients = view(scratch_address + COEFFICIENT, BLOCK, np.float64)
        labels = view(scratch_address + LABEL, BLOCK, np.int64)
        column, bytes_of = scratch_address + COLUMN, 8 * GROUP_ROWS
        z, exponent = (
            view(column, GROUP_ROWS, computed),
            view(column + bytes_of, GROUP_ROWS, computed),
        )
        max_bits = view(column + 2 * bytes_of, GROUP_ROWS, bits_dtype)
        label_term = view(column + 3 * bytes_of, GROUP_ROWS, computed)
        total = view(column + 4 * bytes_of, GROUP_ROWS, np.float64)
        total_low = view(column + 5 * bytes_of, GROUP_ROWS, np.float64)
        factor = view(column + 6 * bytes_of, GROUP_ROWS, computed)
        factor_low = view(column + 7 * bytes_of, GROUP_ROWS, computed)
        label_grad = view(column + 8 * bytes_of, GROUP_ROWS, computed)
        group, stride = group_rows(classes, has_grad)
        terms = view(
            scratch_address + TERMS, max(classes + GROUP, GROUP_TERMS) + TILE + GROUP, computed
        )

        scratch.pending[0] = scratch.pending[1] = 0
        if not load_rows(job, start, n, labels, coefficients):
            return WRONG_TARGET
        for first in range(0, n, group):
            count = min(group, n - first)
            for k in range(count):
                i, label = start + first + k, labels[first + k]
                following = min(first + k + 1, n - 1)
                prefetch_row(x, start + following, labels[following])
                z[k] = load(x[i, label])
                exponent[k], magic, x_min = row_scale(z[k], like)
                total[k], total_low[k], max_bits[k], label_term[k] = sum_row(
                    x[i], label, magic, x_min, scratch, terms[k * stride :], has_grad
                )
            if has_grad:
                finish_rows(
                    count, z, exponent, max_bits, label_term, total, if_double(total_low, like),
                    coefficients[first:], job.c, losses[first:], factor, factor_low, label_grad,
                )  # fmt: skip
            else:
                finish_rows(
                    count, z, exponent, max_bits, label_term, total, if_double(total_low, like),
                    coefficients[first:], job.c, losses[first:], None, None, None,
                )  # fmt: skip
            for k in range(count):
                place = first + k
                i, label, w = start + place, labels[place], coefficients[place]
                fits = abs(z[k]) <= LABEL_LIMIT and in_range(max_bits[k], total[k], like)
                if w == ABSENT or not fits:
                    flush_tail(scratch, flat, i * classes)
                    losses[place] = 0.0
                    if w == ABSENT and job.stats == 0:
                        set_zero(flat[i * classes : (i + 1) * classes])
                    elif job.general == 0:
                        return ROWS_LEFT
                    else:
                        losses[place] = general_loss(job_address, job, i, scratch_address)
                    continue
                if job.stats != 0:  # before the gradient, which may overwrite the logits
                    row_stats(x[i], view_rows(job.stats, rows, STATS, np.float64), i)
                if has_grad:
                    store_grad(
                        scratch, terms[k * stride :], unshift(like), factor[k], factor_low[k],
                        grad, flat, i, label, label_grad[k], x[min(i + count, rows - 1)],
                    )  # fmt: skip
        flush_tail(scratch, flat, (start + n) * classes)
        finish_block(job, start, losses[:n], scratch_address)
        return 0

    return label_losses
