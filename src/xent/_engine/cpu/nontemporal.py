"""A wide row of the gradient, on its way from the terms to memory.

With a buffer `work.stream` it goes there in whole lines, past the caches, so that no line is read
first. Rows begin and end within lines; what a row leaves over is held back for the next one.
"""

from __future__ import annotations

from xent._engine.cpu.intrinsics import fma, inner, loop, prefetch, rounded, rounded_number, stream
from xent._engine.cpu.label_row import GROUP, PART


@loop
def scale_part(terms, scale, factor, factor_low, grad):
    """Fill a part of the gradient with the terms, times a power of two and a factor."""
    for j in range(grad.size):
        term = terms[j] * scale
        grad[j] = rounded_number(fma(term, factor, term * factor_low), grad[j])


@inner
def fetch_columns(row, start, stop):
    """Ask for columns of a row, a line of the cache each time."""
    for j in range(start, min(stop, row.size), 64 // row.itemsize):
        prefetch(row, j)


@inner
def write_row(work, scale, factor, factor_low, grad, flat, i, label, at_label, ahead):
    """Fill row i of the gradient from its terms; meanwhile the next row of logits is fetched.

    Without that, memory would idle while rows are written, and again while they are read. `flat` is
    the gradient seen flat.
    """
    classes = grad.shape[1]
    terms, buffer, held = work.terms, work.stream, work.held
    if not buffer.size:
        for start in range(0, classes, PART):
            stop = min(start + PART, classes)
            fetch_columns(ahead, start, stop)
            scale_part(terms[start:stop], scale, factor, factor_low, grad[i, start:stop])
        grad[i, label] = rounded(at_label, grad[i, label])
        return
    if held[0] == held[1]:
        held[0] = held[1] = grad[i].ctypes.data % 64 // grad.itemsize
    for start in range(0, classes, PART):
        stop = min(start + PART, classes)
        fetch_columns(ahead, start, stop)
        end = held[1]
        some = (stop - start + GROUP - 1) // GROUP * GROUP  # what is past the row is written over
        scale_part(terms[start : start + some], scale, factor, factor_low, buffer[end : end + some])
        if start <= label < stop:
            buffer[end + label - start] = rounded(at_label, buffer[0])
        held[1] = end + stop - start
        stream_lines(work, flat, i * classes + stop)


@inner
def stream_lines(work, flat, stop):
    """Send the whole lines of what is held, which ends at `stop`, to memory."""
    buffer, held = work.stream, work.held
    line = 64 // buffer.itemsize
    start = 0
    place = stop - held[1]
    if held[0] > 0 and held[1] >= line:
        copy_back(buffer[held[0] : line], flat[place + held[0] :])
        held[0] = 0
        start = line
    while held[1] - start >= line:
        stream(flat, place + start, buffer[start:])
        start += line
    if start:
        for j in range(line):
            buffer[j] = buffer[start + j]
        held[1] -= start


@inner
def settle(work, flat, stop):
    """Write what is held, which ends at `stop`; rows that others write, or none, come next."""
    if flat is not None:
        held = work.held
        if held[1] > held[0]:
            copy_back(work.stream[held[0] : held[1]], flat[stop - held[1] + held[0] :])
        held[0] = held[1] = 0


@loop
def copy_back(part, target):
    """Write less than a line of what is held."""
    for j in range(part.size):
        target[j] = part[j]
