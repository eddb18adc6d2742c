"""The kernel for class labels and few classes: a block of rows at a time, vectorized over rows.

A block of rows is transposed in the cache, so that each class is a column with one row in each
lane. What `many_classes` does to a row then happens to the whole block, column by column.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xent._engine.cpu.decorators import if_double, inner, loop
from xent._engine.cpu.elementary import scaled_exp, two_sum
from xent._engine.cpu.intrinsics import fma, load, unsigned_max
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
from xent._engine.cpu.nontemporal import prefetch_columns
from xent._engine.cpu.stats import STATS, add_column, start_columns, store_columns, update_max
from xent._engine.cpu.sums import finish_block
from xent._engine.cpu.transpose import to_columns, to_rows

MAX_CLASSES = 127
"""The most classes for which a block is transposed: from there, `many_classes` is faster."""

THREADS_FROM = 1 << 17
"""Elements from which threads pay; `benchmarks/threads.py` measures it for each kernel."""

BLOCK = 256
STRIDE = BLOCK + 16  # columns at a power of two from each other would share their cache sets


COLUMNS = 15
"""Columns of a block beside those of the classes."""

REDONE = 2.0 * ABSENT
"""Coefficient of a row that the general kernel has computed."""


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
def terms_to_grad(terms, j, labels, n, factor, factor_low, label_grad):
    """Turn the terms of class j into its gradient."""
    scale = unshift(terms[0])
    for i in range(n):
        term = terms[i] * scale
        g, at_label = fma(term, factor[i], term * factor_low[i]), label_grad[i]
        terms[i] = at_label if labels[i] == j else g


@loop
def mask_column(column, n):
    """Fill the column in excess of an odd number of classes."""
    for i in range(n):
        column[i] = -np.inf


# Steps of a block.


@inner
def fill_stats(logits, n, m, k, s, gaps, classes, stats, start):
    """Fill the rows' statistics."""
    start_columns(n, m, k, s, gaps)
    for j in range(classes):
        update_max(logits[j], j, n, m, k)
    for j in range(classes):
        add_column(logits[j], j, n, m, k, s, gaps)
    store_columns(n, m, k, s, gaps, stats, start)


@inner
def redo_losses(job_address, job, start, n, scratch, z, max_bits, total, coefficients, losses):
    """Compute rows that were not in range again; returns 1 if there is no kernel for them.

    These get the coefficient `REDONE`.
    """
    for i in range(n):
        w = coefficients[i]
        if abs(z[i]) <= LABEL_LIMIT and in_range(max_bits[i], total[i], z[i]):
            continue
        if w == ABSENT and job.stats == 0:
            losses[i] = 0.0
        elif job.general == 0:
            return 1
        else:
            losses[i] = general_loss(job_address, job, start + i, scratch)
            coefficients[i] = ABSENT if w == ABSENT else REDONE
    return 0


@inner
def correct_grad(n, classes, coefficients, grad, terms):
    """Replace the gradient of rows that are absent, or were computed again."""
    for i in range(n):
        if coefficients[i] == ABSENT or coefficients[i] == REDONE:
            for j in range(classes):
                terms[j, i] = 0 if coefficients[i] == ABSENT else load(grad[i * classes + j])


def make_kernel(stored: Any) -> Any:
    """Make the kernel for logits stored in a dtype."""
    computed, bits_dtype = computed_as(stored), bits_of(stored)
    # Integers as wide as the floats: the vectors of a loop have the lanes of its widest type.
    int_dtype = np.dtype(np.int64 if stored == np.float64 else np.int32)

    def label_losses(job_address, start, n, scratch):
        """Compute the losses of rows with class labels."""
        job = job_at(job_address)
        classes, first = job.classes, start * job.classes
        x = view(job.logits, job.rows * classes, stored)[first:]
        grad = view(job.grad, job.rows * classes, stored)[first:]
        following = x[n * classes :]
        # Columns of rows, and behind them two matrices, with a column for each class.
        at, column, width = scratch + HEAD, 8 * BLOCK, width_of(classes)
        labels = view(at, BLOCK, int_dtype)
        coefficients = view(at + column, BLOCK, np.float64)
        losses = view(at + 2 * column, BLOCK, np.float64)
        z = view(at + 3 * column, BLOCK, computed)  # the label's logit
        exponent = view(at + 4 * column, BLOCK, computed)
        magic, x_min = (
            view(at + 5 * column, BLOCK, computed),
            view(at + 6 * column, BLOCK, computed),
        )
        max_bits = view(at + 7 * column, BLOCK, bits_dtype)
        label_term = view(at + 8 * column, BLOCK, computed)
        total = view(at + 9 * column, BLOCK, np.float64)
        total_low = if_double(view(at + 10 * column, BLOCK, np.float64), z[0])
        matrices = at + COLUMNS * column
        logits = view_rows(matrices, width, STRIDE, computed)
        terms = view_rows(matrices + 8 * width * STRIDE, width, STRIDE, computed)
        buffer = view(matrices + 16 * width * STRIDE, (BLOCK + 16) * (classes + 1), computed)

        if not load_rows(job, start, n, labels, coefficients):
            return WRONG_TARGET
        to_columns(x, n, classes, logits.reshape(-1), STRIDE, buffer)
        if classes % 2:
            mask_column(logits[classes], n)
        for j in range(classes):
            select_label_logits(logits[j], j, labels, n, z)
        scale_rows(n, z, exponent, magic, x_min, max_bits)
        zero_sums(n, total, total_low)
        for j in range(0, classes, 2):
            place = j if job.grad != 0 else 0
            exp_columns(
                logits[j], logits[j + 1], j, labels, n, magic, x_min, max_bits, label_term,
                terms[place], terms[place + 1],
            )  # fmt: skip
            add_columns(n, terms[place], terms[place + 1], total, total_low)
            prefetch_columns(following, j * n, (j + 2) * n)
        if job.stats != 0:
            fill_stats(
                logits, n, view(at + 11 * column, BLOCK, computed),
                view(at + 12 * column, BLOCK, int_dtype), view(at + 13 * column, BLOCK, np.float64),
                view(at + 14 * column, BLOCK, np.float64), classes,
                view_rows(job.stats, job.rows, STATS, np.float64), start,
            )  # fmt: skip
        factor = view(at + 11 * column, BLOCK, computed)
        factor_low, label_grad = (
            view(at + 12 * column, BLOCK, computed), view(at + 13 * column, BLOCK, computed)
        )  # fmt: skip
        if job.grad != 0:
            fast = finish_rows(
                n, z, exponent, max_bits, label_term, total, total_low, coefficients, job.c, losses,
                factor, factor_low, label_grad,
            )  # fmt: skip
        else:
            fast = finish_rows(
                n, z, exponent, max_bits, label_term, total, total_low, coefficients, job.c, losses,
                None, None, None,
            )  # fmt: skip
        if not fast and redo_losses(
            job_address, job, start, n, scratch, z, max_bits, total, coefficients, losses
        ):  # fmt: skip
            return ROWS_LEFT
        if job.grad != 0:
            for j in range(classes):
                terms_to_grad(terms[j], j, labels, n, factor, factor_low, label_grad)
            if not fast:
                correct_grad(n, classes, coefficients, grad, terms)
            lines = view(matrices, n * classes if job.nontemporal != 0 else 0, stored)
            to_rows(terms.reshape(-1), n, classes, grad, STRIDE, buffer, lines)
        finish_block(job, start, losses[:n], scratch)
        return 0

    return label_losses
