"""The kernel for class labels and few classes: a block of rows at a time, vectorized over rows.

A block of rows is transposed in the cache, so that each class is a column with one row in each
lane. What `many_classes` does to a row then happens to the whole block, column by column.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from xent._engine.cpu.decorators import if_double, inner, loop
from xent._engine.cpu.elementary import scaled_exp, two_sum
from xent._engine.cpu.intrinsics import fma, load, unsigned_max
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
from xent._engine.cpu.stats import STATS, add_column, start_columns, store_columns, update_max
from xent._engine.cpu.sums import finish_block
from xent._engine.cpu.transpose import to_columns, to_rows

MAX_CLASSES = 32
"""The most classes for which a block is transposed."""

THREADS_FROM = 1 << 17
"""Elements from which threads pay; `benchmarks/threads.py` measures it for each kernel."""

BLOCK = 128
STRIDE = BLOCK + 16  # columns at a power of two from each other would share their cache sets


class Scratch(NamedTuple):
    """Scratch memory of one thread: columns of BLOCK rows, in the compute dtype or float64."""

    logits: Any  # a column for each class
    terms: Any  # the same
    buffer: Any  # rows on their way to columns and back
    labels: Any
    coefficients: Any
    z: Any  # the label's logit
    n: Any  # its exponent
    magic: Any
    x_min: Any
    max_bits: Any
    label_term: Any
    total: Any
    total_low: Any  # None in float32
    factor: Any
    factor_low: Any
    label_grad: Any
    m: Any  # for statistics: the largest logit, its class,
    k: Any
    s: Any  # the sum of exp(z - m) over the others,
    gaps: Any  # and of exp(z - m) (m - z)
    loss: Any


COLUMNS = 18
"""Columns of a block beside those of the classes."""


@inner
def width_of(classes):
    """Return the columns of the classes: an even number of them, and at least a tile."""
    return max(classes + classes % 2, 8)


def scratch_size(classes: int) -> int:
    """Return the bytes that a thread needs."""
    width = max(classes + 1, 8)
    return HEAD + 8 * (COLUMNS * BLOCK + 2 * width * STRIDE + (BLOCK + 16) * (classes + 1))


# Loops over the rows of a block. Each array is an argument of its own: only arguments are declared
# not to overlap.


@loop
def select_label_logits(column, j, labels, n, z):
    """Set z to the logit of class j in the rows whose label it is."""
    for i in range(n):
        here, before = column[i], z[i]  # both loaded, so that LLVM need not branch
        z[i] = here if labels[i] == j else before


@loop
def scale_rows(n, z, exponent, magic, x_min, max_bits):
    """Set the scale of each row by its label's logit."""
    for i in range(n):
        exponent[i], magic[i], x_min[i] = row_scale(z[i], z[i])
        max_bits[i] = 0


@loop
def zero_sums(n, total, total_low):
    """Set the rows' sums to 0."""
    for i in range(n):
        total[i] = 0.0
        if total_low is not None:
            total_low[i] = 0.0


@loop
def exp_columns(logits, next_logits, j, labels, n, magic, x_min, max_bits, label_term, terms,
    next_terms,
):  # fmt: skip
    """Fill the terms of classes j and j + 1. A label's term is kept apart, with 0 in its place.

    The terms are added in another loop: float64 sums in this one would halve the lanes of float32.
    """
    zero = logits.dtype.type(0)
    for i in range(n):
        label, row_magic, row_x_min = labels[i], magic[i], x_min[i]
        a, bits_a = scaled_exp(logits[i], row_magic, row_x_min)
        b, bits_b = scaled_exp(next_logits[i], row_magic, row_x_min)
        max_bits[i] = unsigned_max(unsigned_max(bits_a, bits_b), max_bits[i])
        own = label_term[i]  # loaded in any case, so that LLVM need not branch
        own = a if label == j else own
        label_term[i] = b if label == j + 1 else own
        terms[i] = zero if label == j else a
        next_terms[i] = zero if label == j + 1 else b


@loop
def add_columns(n, terms, next_terms, total, total_low):
    """Add the terms of two classes to the rows' sums."""
    for i in range(n):
        a, b = terms[i], next_terms[i]
        if total_low is None:
            total[i] = (total[i] + np.float64(a)) + np.float64(b)
        else:
            s, error_a = two_sum(total[i], a)
            total[i], error_b = two_sum(s, b)
            total_low[i] += error_a + error_b


@loop
def finish_rows(
    n, z, exponent, max_bits, label_term, total, total_low, coefficients, c, loss, factor,
    factor_low, label_grad,
):  # fmt: skip
    """Fill the rows' unweighted losses; and, if not None, what makes the gradient of their terms.

    Says whether all rows were in range.
    """
    bad = 0
    for i in range(n):
        bad |= not (abs(z[i]) <= LABEL_LIMIT) & in_range(max_bits[i], total[i], z[i])
        low = 0.0 if total_low is None else total_low[i]
        row_loss, q, q_low, inverse, inverse_low = label_loss(
            z[i], exponent[i], total[i], low, label_term[i]
        )
        loss[i] = row_loss
        if factor is not None:
            w = c * coefficients[i]
            f, f_low, g = grad_factors(q, q_low, inverse, inverse_low, w, z[i])
            factor[i] = f
            factor_low[i] = f_low
            label_grad[i] = g
    return bad == 0


@loop
def terms_to_grad(terms, j, labels, n, factor, factor_low, label_grad):
    """Turn the terms of class j into its gradient."""
    scale = unshift(terms[0])
    for i in range(n):
        term = terms[i] * scale
        g, at_label = fma(term, factor[i], term * factor_low[i]), label_grad[i]
        terms[i] = at_label if labels[i] == j else g


@loop
def all_count_once(coefficients):
    """Say whether every row counts once."""
    other = 0
    for i in range(coefficients.size):
        other |= coefficients[i] != 1.0
    return other == 0


@loop
def mask_column(column, n):
    """Fill the column in excess of an odd number of classes."""
    for i in range(n):
        column[i] = -np.inf


# Steps of a block.


@inner
def sum_classes(n, classes, keep_terms, scratch):
    """Add the terms of all classes, two at a time, and keep them if wanted."""
    for j in range(0, classes, 2):
        at = j if keep_terms else 0
        terms, next_terms = scratch.terms[at], scratch.terms[at + 1]
        exp_columns(
            scratch.logits[j], scratch.logits[j + 1], j, scratch.labels, n, scratch.magic,
            scratch.x_min, scratch.max_bits, scratch.label_term, terms, next_terms,
        )  # fmt: skip
        add_columns(n, terms, next_terms, scratch.total, scratch.total_low)


@inner
def fill_stats(start, n, classes, stats, scratch):
    """Fill the rows' statistics."""
    start_columns(n, scratch.m, scratch.k, scratch.s, scratch.gaps)
    for j in range(classes):
        update_max(scratch.logits[j], j, n, scratch.m, scratch.k)
    for j in range(classes):
        add_column(scratch.logits[j], j, n, scratch.m, scratch.k, scratch.s, scratch.gaps)
    store_columns(n, scratch.m, scratch.k, scratch.s, scratch.gaps, stats, start)


@inner
def finish_columns(n, classes, c, scratch, has_grad):
    """Fill the losses and turn the terms into the gradient; say whether all rows were in range."""
    if not has_grad:
        return finish_rows(
            n, scratch.z, scratch.n, scratch.max_bits, scratch.label_term, scratch.total,
            scratch.total_low, scratch.coefficients, c, scratch.loss, None, None, None,
        )  # fmt: skip
    fast = finish_rows(
        n, scratch.z, scratch.n, scratch.max_bits, scratch.label_term, scratch.total,
        scratch.total_low, scratch.coefficients, c, scratch.loss, scratch.factor,
        scratch.factor_low, scratch.label_grad,
    )  # fmt: skip
    for j in range(classes):
        terms_to_grad(
            scratch.terms[j], j, scratch.labels, n, scratch.factor, scratch.factor_low,
            scratch.label_grad,
        )  # fmt: skip
    return fast


@inner
def redo_rows(job_address, job, start, n, scratch_address, scratch, flat):
    """Compute rows that were not in range again, and zero the gradient of absent ones.

    Returns 0, or `ROWS_LEFT`.
    """
    classes = job.classes
    for i in range(n):
        absent = scratch.coefficients[i] == ABSENT
        fits = abs(scratch.z[i]) <= LABEL_LIMIT and in_range(
            scratch.max_bits[i], scratch.total[i], scratch.z[i]
        )
        if not fits and (not absent or job.stats != 0):
            if job.general == 0:
                return ROWS_LEFT
            scratch.loss[i] = general_loss(job_address, job, start + i, scratch_address)
        elif absent:
            scratch.loss[i] = 0.0
        else:
            scratch.loss[i] = weighted(scratch.coefficients[i], scratch.loss[i])
        if job.grad != 0 and (absent or not fits):
            row = flat[(start + i) * classes : (start + i + 1) * classes]
            for j in range(classes):
                scratch.terms[j, i] = 0 if absent else load(row[j])
    return 0


def make_kernel(stored: Any) -> Any:
    """Make the kernel for logits stored in a dtype."""
    computed, bits_dtype = computed_as(stored), bits_of(stored)
    # Integers as wide as the floats: the vectors of a loop have the lanes of its widest type.
    int_dtype = np.dtype(np.int64 if stored == np.float64 else np.int32)

    def label_losses(job_address, start, n, scratch_address):
        """Compute the losses of rows with class labels."""
        job = job_at(job_address)
        classes = job.classes
        first = start * classes
        flat = view(job.logits, job.rows * classes, stored)
        grad = view(job.grad, job.rows * classes, stored)
        at, column, width = scratch_address + HEAD, 8 * BLOCK, width_of(classes)
        matrices = at + COLUMNS * column
        z, total_low = view(at, BLOCK, computed), view(at + column, BLOCK, np.float64)
        terms = matrices + 8 * width * STRIDE
        scratch = Scratch(
            logits=view_rows(matrices, width, STRIDE, computed),
            terms=view_rows(terms, width, STRIDE, computed),
            buffer=view(terms + 8 * width * STRIDE, (BLOCK + 16) * (classes + 1), computed),
            labels=view(at + 2 * column, BLOCK, int_dtype),
            coefficients=view(at + 3 * column, BLOCK, np.float64),
            z=z,
            n=view(at + 4 * column, BLOCK, computed),
            magic=view(at + 5 * column, BLOCK, computed),
            x_min=view(at + 6 * column, BLOCK, computed),
            max_bits=view(at + 7 * column, BLOCK, bits_dtype),
            label_term=view(at + 8 * column, BLOCK, computed),
            total=view(at + 9 * column, BLOCK, np.float64),
            total_low=if_double(total_low, z[0]),
            factor=view(at + 10 * column, BLOCK, computed),
            factor_low=view(at + 11 * column, BLOCK, computed),
            label_grad=view(at + 12 * column, BLOCK, computed),
            m=view(at + 13 * column, BLOCK, computed),
            k=view(at + 14 * column, BLOCK, int_dtype),
            s=view(at + 15 * column, BLOCK, np.float64),
            gaps=view(at + 16 * column, BLOCK, np.float64),
            loss=view(at + 17 * column, BLOCK, np.float64),
        )
        if not load_rows(job, start, n, scratch.labels, scratch.coefficients):
            return WRONG_TARGET
        columns = view(matrices, width * STRIDE, computed)
        to_columns(flat[first:], n, classes, columns, STRIDE, scratch.buffer)
        if classes % 2:
            mask_column(scratch.logits[classes], n)
        for j in range(classes):
            select_label_logits(scratch.logits[j], j, scratch.labels, n, scratch.z)
        scale_rows(n, scratch.z, scratch.n, scratch.magic, scratch.x_min, scratch.max_bits)
        zero_sums(n, scratch.total, scratch.total_low)
        sum_classes(n, classes, job.grad != 0, scratch)
        if job.stats != 0:
            stats = view_rows(job.stats, job.rows, STATS, np.float64)
            fill_stats(start, n, classes, stats, scratch)
        fast = finish_columns(n, classes, job.c, scratch, job.grad != 0)
        if not fast or not all_count_once(scratch.coefficients[:n]):
            left = redo_rows(job_address, job, start, n, scratch_address, scratch, grad)
            if left != 0:
                return left
        if job.grad != 0:
            columns = view(terms, width * STRIDE, computed)
            to_rows(columns, n, classes, grad[first:], STRIDE, scratch.buffer)
        finish_block(job, start, scratch.loss[:n], scratch_address)
        return 0

    return label_losses
