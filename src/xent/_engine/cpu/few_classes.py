"""The kernel for class labels and few classes: a block of rows at a time, vectorized over rows.

A block of rows is transposed in the cache, so that each class is a column with one row in each
lane. What `many_classes` does to a row then happens to the whole block, column by column.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from xent._engine.cpu.elementary import scaled_exp, two_sum
from xent._engine.cpu.general import general_row, row_scratch
from xent._engine.cpu.intrinsics import (
    fma,
    if_given,
    inner,
    kernel,
    loop,
    unsigned_max,
)
from xent._engine.cpu.label_row import (
    ABSENT,
    LABEL_LIMIT,
    first_bad_label,
    grad_factors,
    in_range,
    label_loss,
    row_scale,
    unshift,
    weighted,
)
from xent._engine.cpu.stats import add_column, start_columns, store_columns, update_max
from xent._engine.cpu.sums import sum_chunks
from xent._engine.cpu.transpose import to_columns, to_rows

MAX_CLASSES = 32
"""The most classes for which a block is transposed."""

BLOCK = 128
STRIDE = BLOCK + 16  # columns at a power of two from each other would share their cache sets


class Scratch(NamedTuple):
    """Scratch memory of one thread: columns of BLOCK rows, in the compute dtype or float64."""

    logits: Any  # a column for each class
    terms: Any  # the same
    labels: Any
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
    row_grad: Any  # for `general_row`
    general_row: Any
    ones: Any
    loss: Any


def make_scratch(classes, dtype):
    """Allocate scratch for rows of `classes` logits computed in `dtype`."""
    single = dtype == np.float32
    # Integers as wide as the floats: the vectors of a loop have the lanes of its widest type.
    int_type, bits_type = (np.int32, np.uint32) if single else (np.int64, np.uint64)
    even = classes + classes % 2  # classes are summed in pairs; the one in excess is masked
    return Scratch(
        logits=np.full((even, STRIDE), -np.inf, dtype),
        terms=np.empty((even, STRIDE), dtype),
        labels=np.empty(BLOCK, int_type),
        z=np.empty(BLOCK, dtype),
        n=np.empty(BLOCK, dtype),
        magic=np.empty(BLOCK, dtype),
        x_min=np.empty(BLOCK, dtype),
        max_bits=np.empty(BLOCK, bits_type),
        label_term=np.empty(BLOCK, dtype),
        total=np.empty(BLOCK),
        total_low=None if single else np.empty(BLOCK),
        factor=np.empty(BLOCK, dtype),
        factor_low=np.empty(BLOCK, dtype),
        label_grad=np.empty(BLOCK, dtype),
        m=np.empty(BLOCK, dtype),
        k=np.empty(BLOCK, int_type),
        s=np.empty(BLOCK),
        gaps=np.empty(BLOCK),
        row_grad=np.empty((1, classes), dtype),
        general_row=row_scratch(classes),
        ones=np.ones(classes),
        loss=np.empty(BLOCK),
    )


# Loops over the rows of a block. Each array is an argument of its own: only arguments are declared
# not to overlap.


@loop
def load_labels(labels, classes, out):
    """Copy the labels; say whether each of them is a class."""
    bad = 0
    for i in range(labels.size):
        label = labels[i]
        bad |= (label < 0) | (label >= classes)  # in 64 bits, before the label is cut to 32
        out[i] = label
    return bad == 0


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
            w = c if coefficients is None else c * coefficients[i]
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
def weight_losses(loss, coefficients):
    """Multiply the losses by their coefficients."""
    for i in range(loss.size):
        loss[i] = 0.0 if coefficients[i] == ABSENT else weighted(coefficients[i], loss[i])


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
def finish_block(n, classes, coefficients, c, scratch, grad):
    """Fill the losses and turn the terms into the gradient; say whether all rows were in range."""
    fast = finish_rows(
        n, scratch.z, scratch.n, scratch.max_bits, scratch.label_term, scratch.total,
        scratch.total_low, coefficients, c, scratch.loss, if_given(grad, scratch.factor),
        scratch.factor_low, scratch.label_grad,
    )  # fmt: skip
    if grad is not None:
        for j in range(classes):
            terms_to_grad(
                scratch.terms[j], j, scratch.labels, n, scratch.factor, scratch.factor_low,
                scratch.label_grad,
            )  # fmt: skip
    return fast


@inner
def redo_rows(x, start, n, coefficients, c, scratch, grad, stats):
    """Compute rows that were not in range again, and zero the gradient of absent ones."""
    for i in range(n):
        w = 1.0 if coefficients is None else coefficients[start + i]
        bad = not (
            abs(scratch.z[i]) <= LABEL_LIMIT
            and in_range(scratch.max_bits[i], scratch.total[i], scratch.z[i])
        )
        if bad and (w != ABSENT or stats is not None):
            scratch.loss[i] = general_row(
                x[start + i], scratch.labels[i], None, scratch.ones, None, w * c, 0.0, 0.0,
                scratch.general_row, if_given(grad, scratch.row_grad), 0, stats, start + i,
            )  # fmt: skip
        if grad is not None:
            if w == ABSENT:
                for j in range(x.shape[1]):
                    scratch.terms[j, i] = 0
            elif bad:
                for j in range(x.shape[1]):
                    scratch.terms[j, i] = scratch.row_grad[0, j]


@inner
def block_losses(
    start, n, scratch, x, flat, words, labels, coefficients, c, grad, grad_words, stats
):
    """Fill the losses of n rows; return the first row whose label is not a class, or -1."""
    classes = x.shape[1]
    if not load_labels(labels[start : start + n], classes, scratch.labels):
        return first_bad_label(labels, classes, start)
    to_columns(flat, words, start, n, classes, scratch.logits)
    for j in range(classes):
        select_label_logits(scratch.logits[j], j, scratch.labels, n, scratch.z)
    scale_rows(n, scratch.z, scratch.n, scratch.magic, scratch.x_min, scratch.max_bits)
    zero_sums(n, scratch.total, scratch.total_low)
    sum_classes(n, classes, grad is not None, scratch)
    if stats is not None:
        fill_stats(start, n, classes, stats, scratch)
    block_coefficients = coefficients
    if coefficients is not None:
        block_coefficients = coefficients[start : start + n]
    fast = finish_block(n, classes, block_coefficients, c, scratch, grad)
    if coefficients is not None or not fast:  # any coefficient may be ABSENT
        redo_rows(x, start, n, coefficients, c, scratch, grad, stats)
    if grad is not None:
        to_rows(scratch.terms, n, classes, grad, grad_words, start)
    if coefficients is not None:
        weight_losses(scratch.loss[:n], block_coefficients)
    return -1


@kernel
def label_losses(
    x, flat, words, labels, coefficients, c, grad, grad_words, losses, stats, sums, chunk, first,
    last, scratch,
):  # fmt: skip
    """Compute the losses of rows with class labels, in chunks of rows from `first` to `last`.

    `flat` is x as one axis, `words` is `transpose.pair_words` of it; `grad` (or None), as one axis,
    and `grad_words` are the same for the gradient. All else is as in `many_classes.label_losses`.
    """
    arguments = (x, flat, words, labels, coefficients, c, grad, grad_words, stats)
    return sum_chunks(
        block_losses, arguments, x.shape[0], BLOCK, losses, sums, chunk, first, last, scratch
    )
