"""Non-temporal stores of the gradient: cache lines go to memory without being read first.

A normal store reads the cache line that it writes to, which costs as much bandwidth as the logits.
A non-temporal store does not, but it needs whole, aligned lines of 64 bytes. Rows begin and end
within lines, so the end of a row waits in a buffer until the next row completes its line.
"""

from __future__ import annotations

from xent._engine.cpu.decorators import inner, loop
from xent._engine.cpu.intrinsics import fma, nontemporal_store, prefetch, store_as, store_non_nan_as
from xent._engine.cpu.sums import GROUP, TILE, copy

LINE = 64
"""Bytes of a cache line."""


@inner
def prefetch_columns(row, start, stop):
    """Prefetch columns of a row, one line at a time."""
    for j in range(start, min(stop, row.size), LINE // row.itemsize):
        prefetch(row, j)


@loop
def scale_terms(terms, scale, factor, factor_low, grad):
    """Fill a part of the gradient with the terms, times a power of two and a factor."""
    for j in range(grad.size):
        term = terms[j] * scale
        grad[j] = store_non_nan_as(fma(term, factor, term * factor_low), grad[j])


@inner
def store_grad(
    scratch, terms, scale, factor, factor_low, grad, flat, i, label, label_grad, next_row
):  # fmt: skip
    """Fill row i of the gradient from its terms, and prefetch the next row of logits.

    Without the prefetch, memory would idle while terms are computed, and be read and written in
    turns. `flat` is the gradient as one axis. Without a line buffer in `scratch`, stores are normal
    ones: the gradient overwrites the logits, whose lines are in the cache.
    """
    classes = grad.shape[1]
    buffer, pending = scratch.line_buffer, scratch.pending
    if not buffer.size:
        for start in range(0, classes, TILE):
            stop = min(start + TILE, classes)
            prefetch_columns(next_row, start, stop)
            scale_terms(terms[start:stop], scale, factor, factor_low, grad[i, start:stop])
        grad[i, label] = store_as(label_grad, grad[i, label])
        return
    if pending[0] == pending[1]:  # the buffer is empty: align it with the row
        pending[0] = pending[1] = grad[i].ctypes.data % LINE // grad.itemsize
    for start in range(0, classes, TILE):
        stop = min(start + TILE, classes)
        prefetch_columns(next_row, start, stop)
        end = pending[1]
        width = (stop - start + GROUP - 1) // GROUP * GROUP  # the excess is overwritten later
        part = buffer[end : end + width]
        scale_terms(terms[start : start + width], scale, factor, factor_low, part)
        if start <= label < stop:
            buffer[end + label - start] = store_as(label_grad, buffer[0])
        pending[1] = end + stop - start
        store_full_lines(buffer, pending, flat, i * classes + stop)


@inner
def store_full_lines(buffer, pending, flat, stop):
    """Write the full lines of the buffer, whose last element belongs to flat[stop - 1]."""
    line = LINE // buffer.itemsize
    start = 0
    origin = stop - pending[1]  # where in `flat` the buffer begins
    if pending[0] > 0 and pending[1] >= line:  # a first line that is only in part ours
        copy(buffer[pending[0] : line], flat[origin + pending[0] : origin + line])
        pending[0] = 0
        start = line
    while pending[1] - start >= line:
        nontemporal_store(flat, origin + start, buffer[start:])
        start += line
    if start:
        for j in range(line):  # move what is left to the front
            buffer[j] = buffer[start + j]
        pending[1] -= start


@inner
def flush_tail(scratch, flat, stop):
    """Write what is still in the buffer, and belongs before flat[stop].

    Needed before a row that is written in another way, and after the last row.
    """
    pending = scratch.pending
    if pending[1] > pending[0]:
        first = stop - pending[1] + pending[0]
        copy(scratch.line_buffer[pending[0] : pending[1]], flat[first:stop])
    pending[0] = pending[1] = 0


@loop
def store_block(values, target):
    """Copy computed floats to the stored form of the target."""
    for i in range(target.size):
        target[i] = store_as(values[i], target[i])


@inner
def store_block_nontemporal(values, target, buffer):
    """Do the same by non-temporal stores for the whole lines of the target."""
    line = LINE // target.itemsize
    first = min(-target.ctypes.data % LINE // target.itemsize, target.size)
    last = first + (target.size - first) // line * line
    store_block(values[:first], target[:first])
    store_block(values[first:last], buffer[first:last])
    for i in range(first, last, line):
        nontemporal_store(target, i, buffer[i:])
    store_block(values[last:], target[last:])
