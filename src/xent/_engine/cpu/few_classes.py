"""Class labels, few classes: many rows at once, in vectors across rows.

A block of rows is turned over, so that each class is a column in cache, one row to a lane. What a
wide row does then happens to a whole block, column by column.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from xent._engine.cpu.elementary import scaled_exp
from xent._engine.cpu.general import any_row
from xent._engine.cpu.intrinsics import fma, inner, kernel, larger, loop
from xent._engine.cpu.label_row import (
    ABSENT,
    LANES,
    LIMIT,
    add_losses,
    clear_total,
    first_wrong,
    result,
    slope_factors,
    two_sum,
    unshift,
    usable,
    weighted,
    window,
)
from xent._engine.cpu.stats import add_column, open_rows, put_rows, take_largest
from xent._engine.cpu.transpose import turn, turn_back

MOST = 32
"""Classes up to which a block is turned over."""

BLOCK = 128
STRIDE = BLOCK + 16  # columns a power of two apart would share their place in the cache


class Work(NamedTuple):
    """Memory of one thread: columns of BLOCK rows, of the dtype to compute in or of float64."""

    logits: Any  # a column for each class
    terms: Any
    labels: Any
    z: Any  # the label's logit
    n: Any  # its power of two
    magic: Any
    low: Any
    top: Any
    own: Any  # the label's own term
    t: Any
    t_low: Any  # None in float32
    factor: Any
    factor_low: Any
    at_label: Any
    m: Any  # for statistics: the largest logit, and its class
    k: Any
    s: Any  # sum of the others' exp(z - m), and of their distances
    far: Any
    row: Any  # of the gradient, for `any_row`
    rows: Any
    one: Any
    loss: Any


def work(classes, dtype):
    """Memory for rows of `classes` logits computed in `dtype`."""
    single = dtype == np.float32
    even = classes + classes % 2  # the one too many is masked
    return Work(
        logits=np.full((even, STRIDE), -np.inf, dtype),
        terms=np.empty((even, STRIDE), dtype),
        labels=np.empty(BLOCK, np.int32 if single else np.int64),
        z=np.empty(BLOCK, dtype),
        n=np.empty(BLOCK, dtype),
        magic=np.empty(BLOCK, dtype),
        low=np.empty(BLOCK, dtype),
        top=np.empty(BLOCK, np.uint32 if single else np.uint64),
        own=np.empty(BLOCK, dtype),
        t=np.empty(BLOCK),
        t_low=None if single else np.empty(BLOCK),
        factor=np.empty(BLOCK, dtype),
        factor_low=np.empty(BLOCK, dtype),
        at_label=np.empty(BLOCK, dtype),
        m=np.empty(BLOCK, dtype),
        k=np.empty(BLOCK, np.int32 if single else np.int64),
        s=np.empty(BLOCK),
        far=np.empty(BLOCK),
        row=np.empty((1, classes), dtype),
        rows=np.empty(3 * classes + 2 * LANES),
        one=np.ones(classes),
        loss=np.empty(BLOCK),
    )


@loop
def take_labels(labels, classes, taken):
    """Fill `taken` with the labels; is each of them a class?"""
    wrong = 0
    for i in range(labels.size):
        label = labels[i]
        wrong |= (label < 0) | (label >= classes)
        taken[i] = label
    return wrong == 0


@loop
def find_logits(column, j, labels, n, z):
    """Take the label's logit of the rows whose label is j."""
    for i in range(n):
        here, before = column[i], z[i]  # both loaded, so that LLVM need not branch
        z[i] = here if labels[i] == j else before


@loop
def open_windows(n, z, power, magic, low, top):
    """Prepare the rows: the window that the label's logit gives."""
    for i in range(n):
        power[i], magic[i], low[i] = window(z[i], z[i])
        top[i] = 0


@loop
def clear_sums(n, t, t_low):
    """Start the rows' sums."""
    for i in range(n):
        t[i] = 0.0
        if t_low is not None:
            t_low[i] = 0.0


@loop
def take_columns(first, second, j, labels, n, magic, low, top, own, terms, more_terms):
    """Fill the terms of classes j and j + 1; the label's is kept as the row's own, 0 among them.

    They are added apart, so that LLVM takes a float32 as half as wide as a float64.
    """
    none = first.dtype.type(0)
    for i in range(n):
        label, shift, least = labels[i], magic[i], low[i]
        a, seen = scaled_exp(first[i], shift, least)
        b, seen_b = scaled_exp(second[i], shift, least)
        top[i] = larger(larger(seen, seen_b), top[i])
        mine = own[i]
        mine = a if label == j else mine
        own[i] = b if label == j + 1 else mine
        terms[i] = none if label == j else a
        more_terms[i] = none if label == j + 1 else b


@loop
def add_columns(n, terms, more_terms, t, t_low):
    """Add the terms of two classes to the rows' sums."""
    for i in range(n):
        a, b = terms[i], more_terms[i]
        if t_low is None:
            t[i] = (t[i] + np.float64(a)) + np.float64(b)
        else:
            s, lost = two_sum(t[i], a)
            t[i], lost_too = two_sum(s, b)
            t_low[i] += lost + lost_too


@loop
def finish(n, z, power, top, own, t, t_low, loss):
    """Fill the rows' unweighted losses; could all be done this way?"""
    wrong = 0
    for i in range(n):
        wrong |= not (abs(z[i]) <= LIMIT) & usable(top[i], t[i], z[i])
        loss[i] = result(z[i], power[i], t[i], 0.0 if t_low is None else t_low[i], own[i])[0]
    return wrong == 0


@loop
def finish_slopes(
    n, z, power, top, own, t, t_low, coefficients, c, loss, factor, factor_low, at_label
):
    """The same, and what makes the gradient of the rows' terms."""
    wrong = 0
    for i in range(n):
        wrong |= not (abs(z[i]) <= LIMIT) & usable(top[i], t[i], z[i])
        lower = 0.0 if t_low is None else t_low[i]
        row_loss, q, q_low, inverse, low = result(z[i], power[i], t[i], lower, own[i])
        loss[i] = row_loss
        w = c if coefficients is None else c * coefficients[i]
        f, f_low, g = slope_factors(q, q_low, inverse, low, w, z[i])
        factor[i] = f
        factor_low[i] = f_low
        at_label[i] = g
    return wrong == 0


@loop
def scale_column(terms, j, labels, n, factor, factor_low, at_label):
    """Turn the terms of class j into its gradient."""
    scale = unshift(terms[0])
    for i in range(n):
        term = terms[i] * scale
        g, special = fma(term, factor[i], term * factor_low[i]), at_label[i]
        terms[i] = special if labels[i] == j else g


@loop
def weigh(loss, coefficients):
    """Multiply the losses with their coefficients."""
    for i in range(loss.size):
        loss[i] = 0.0 if coefficients[i] == ABSENT else weighted(coefficients[i], loss[i])


@inner
def correct(x, start, n, labels, coefficients, c, loss, work, grad, stats):
    """Do the rows anew that the fast way cannot do, and empty those that are absent."""
    for i in range(n):
        w = 1.0 if coefficients is None else coefficients[start + i]
        wrong = not (abs(work.z[i]) <= LIMIT and usable(work.top[i], work.t[i], work.z[i]))
        if wrong and (w != ABSENT or stats is not None):
            target = None if grad is None else work.row
            loss[i] = any_row(
                x[start + i], labels[i], None, work.one, None, w * c, 0.0, 0.0, work.rows, target,
                0, stats, start + i,
            )  # fmt: skip
        if w == ABSENT:
            if grad is not None:
                for j in range(x.shape[1]):
                    work.terms[j, i] = 0
        elif wrong and grad is not None:
            for j in range(x.shape[1]):
                work.terms[j, i] = work.row[0, j]


@inner
def add_stats(start, n, classes, stats, work):
    """Fill the rows' statistics."""
    open_rows(n, work.m, work.k, work.s, work.far)
    for j in range(classes):
        take_largest(work.logits[j], j, n, work.m, work.k)
    for j in range(classes):
        add_column(work.logits[j], j, n, work.m, work.k, work.s, work.far)
    put_rows(n, work.m, work.k, work.s, work.far, stats, start)


@inner
def add_all(n, classes, keep, work):
    """Add the terms of all classes, two at a time, and keep them where wanted."""
    for j in range(0, classes, 2):
        first, second = work.logits[j], work.logits[j + 1]
        at = j if keep else 0
        terms, more_terms = work.terms[at], work.terms[at + 1]
        take_columns(
            first, second, j, work.labels, n, work.magic, work.low, work.top, work.own, terms,
            more_terms,
        )  # fmt: skip
        add_columns(n, terms, more_terms, work.t, work.t_low)


@inner
def finish_all(start, n, classes, coefficients, c, grad, work):
    """Fill the block's losses, and turn its terms into the gradient; was all of it usable?"""
    if grad is None:
        return finish(n, work.z, work.n, work.top, work.own, work.t, work.t_low, work.loss)
    if coefficients is None:
        fine = finish_slopes(
            n, work.z, work.n, work.top, work.own, work.t, work.t_low, None, c, work.loss,
            work.factor, work.factor_low, work.at_label,
        )  # fmt: skip
    else:
        fine = finish_slopes(
            n, work.z, work.n, work.top, work.own, work.t, work.t_low, coefficients[start:], c,
            work.loss, work.factor, work.factor_low, work.at_label,
        )  # fmt: skip
    for j in range(classes):
        scale_column(work.terms[j], j, work.labels, n, work.factor, work.factor_low, work.at_label)
    return fine


@inner
def block_losses(x, flat, words, start, n, labels, coefficients, c, grad, grad_words, stats, work):
    """Fill the losses of n rows; return the first whose label is not a class, or -1."""
    classes = x.shape[1]
    if not take_labels(labels[start : start + n], classes, work.labels):
        return first_wrong(labels, classes, start)
    turn(flat, words, start, n, classes, work.logits)
    for j in range(classes):
        find_logits(work.logits[j], j, work.labels, n, work.z)
    open_windows(n, work.z, work.n, work.magic, work.low, work.top)
    clear_sums(n, work.t, work.t_low)
    add_all(n, classes, grad is not None, work)
    if stats is not None:
        add_stats(start, n, classes, stats, work)
    fine = finish_all(start, n, classes, coefficients, c, grad, work)
    if coefficients is not None or not fine:
        correct(x, start, n, work.labels, coefficients, c, work.loss, work, grad, stats)
    if grad is not None:
        turn_back(work.terms, n, classes, grad, grad_words, start)
    if coefficients is not None:
        weigh(work.loss[:n], coefficients[start : start + n])
    return -1


@kernel
def label_losses(
    x, flat, words, labels, coefficients, c, grad, grad_words, losses, stats, sums, chunk,
    first, last, work,
):  # fmt: skip
    """Losses of rows with class labels, in chunks of rows from `first` to `last`.

    `flat` and `words` are x seen flat and in `pairs`, `grad` (or None) and `grad_words` the
    gradient. The rest is as in `wide.label_losses`.
    """
    for number in range(first, last):
        clear_total(sums, number)
        stop = min(number * chunk + chunk, x.shape[0])
        for start in range(number * chunk, stop, BLOCK):
            n = min(BLOCK, stop - start)
            wrong = block_losses(
                x, flat, words, start, n, labels, coefficients, c, grad, grad_words, stats, work
            )
            if wrong >= 0:
                return wrong
            add_losses(work.loss[:n], losses, start, sums, number)
    return -1
