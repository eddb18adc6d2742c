"""Rows turned over: a block of rows into a column for each class, and back.

LLVM does it in registers where it knows the words of a row, so there is one loop for each number of
them; `words` is a tuple of that length. Else it goes column by column.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload

from xent._engine.cpu.intrinsics import inner, loaded, loop, paired, rounded, unpaired

UNROLLED = 8
"""Words of a row up to which LLVM turns rows over in registers, their number being known."""

WORDS = {"float32": np.uint64, "uint16": np.uint32, "int16": np.int32, "float64": np.uint64}
"""What holds two elements as they are stored, but that float64 has no such word."""


def pairs(array):
    """See rows as words of two logits, where they turn over faster so; or nothing."""
    classes = array.shape[1]
    kind = WORDS[array.dtype.name]
    if array.itemsize < 8 and classes % 2 == 0 and UNROLLED < classes <= 2 * UNROLLED:
        return array.reshape(-1).view(kind)
    return np.empty(0, kind)


@loop
def turn_rows(source, n, words, columns):
    for i in range(n):
        for j in range(len(words)):
            columns[j, i] = loaded(source[i * len(words) + j])


@loop
def turn_pairs(source, n, words, columns):
    for i in range(n):
        for j in range(len(words)):
            a, b = unpaired(source[i * len(words) + j])
            columns[2 * j, i] = a
            columns[2 * j + 1, i] = b


@loop
def turn_columns(source, n, classes, columns):
    for j in range(classes):
        column, rest = columns[j], source[j:]
        for i in range(n):
            column[i] = loaded(rest[i * classes])


@loop
def back_rows(columns, n, words, target):
    for i in range(n):
        for j in range(len(words)):
            place = i * len(words) + j
            target[place] = rounded(columns[j, i], target[place])


@loop
def back_pairs(columns, n, words, target):
    for i in range(n):
        for j in range(len(words)):
            place = i * len(words) + j
            target[place] = paired(columns[2 * j, i], columns[2 * j + 1, i], target[place])


@loop
def back_columns(columns, n, classes, target):
    for j in range(classes):
        column, rest = columns[j], target[j:]
        for i in range(n):
            rest[i * classes] = rounded(column[i], rest[i * classes])


@inner
def turn(x, words, start, n, classes, columns):
    """Fill the columns from the rows from `start`; `words` as from `pairs`."""
    if words.size:
        turn_words(words[start * classes // 2 :], n, classes, columns)
        return
    rows = x[start * classes :]
    if classes == 2:
        turn_rows(rows, n, (0, 0), columns)
    elif classes == 3:
        turn_rows(rows, n, (0, 0, 0), columns)
    elif classes == 4:
        turn_rows(rows, n, (0, 0, 0, 0), columns)
    elif classes == 5:
        turn_rows(rows, n, (0, 0, 0, 0, 0), columns)
    elif classes == 6:
        turn_rows(rows, n, (0, 0, 0, 0, 0, 0), columns)
    elif classes == 7:
        turn_rows(rows, n, (0, 0, 0, 0, 0, 0, 0), columns)
    elif classes == 8:
        turn_rows(rows, n, (0, 0, 0, 0, 0, 0, 0, 0), columns)
    else:
        turn_columns(rows, n, classes, columns)


@inner
def turn_back(columns, n, classes, target, words, start):
    """Fill the rows from `start` from the columns."""
    if words.size:
        back_words(columns, n, classes, words[start * classes // 2 :])
        return
    rows = target[start * classes :]
    if classes == 2:
        back_rows(columns, n, (0, 0), rows)
    elif classes == 3:
        back_rows(columns, n, (0, 0, 0), rows)
    elif classes == 4:
        back_rows(columns, n, (0, 0, 0, 0), rows)
    elif classes == 5:
        back_rows(columns, n, (0, 0, 0, 0, 0), rows)
    elif classes == 6:
        back_rows(columns, n, (0, 0, 0, 0, 0, 0), rows)
    elif classes == 7:
        back_rows(columns, n, (0, 0, 0, 0, 0, 0, 0), rows)
    elif classes == 8:
        back_rows(columns, n, (0, 0, 0, 0, 0, 0, 0, 0), rows)
    else:
        back_columns(columns, n, classes, rows)


def turn_words(words, n, classes, columns):
    """Fill the columns from rows of 5 to 8 pairs."""
    raise NotImplementedError


def back_words(columns, n, classes, words):
    """Fill rows of 5 to 8 pairs from the columns."""
    raise NotImplementedError


@overload(turn_words)
def _turn_words(words, n, classes, columns):
    def turn_them(words, n, classes, columns):
        if classes == 10:
            turn_pairs(words, n, (0, 0, 0, 0, 0), columns)
        elif classes == 12:
            turn_pairs(words, n, (0, 0, 0, 0, 0, 0), columns)
        elif classes == 14:
            turn_pairs(words, n, (0, 0, 0, 0, 0, 0, 0), columns)
        else:
            turn_pairs(words, n, (0, 0, 0, 0, 0, 0, 0, 0), columns)

    if columns.dtype == types.float32:
        return turn_them
    return lambda words, n, classes, columns: None  # in float64 there are no pairs


@overload(back_words)
def _back_words(columns, n, classes, words):
    def back_them(columns, n, classes, words):
        if classes == 10:
            back_pairs(columns, n, (0, 0, 0, 0, 0), words)
        elif classes == 12:
            back_pairs(columns, n, (0, 0, 0, 0, 0, 0), words)
        elif classes == 14:
            back_pairs(columns, n, (0, 0, 0, 0, 0, 0, 0), words)
        else:
            back_pairs(columns, n, (0, 0, 0, 0, 0, 0, 0, 0), words)

    if columns.dtype == types.float32:
        return back_them
    return lambda columns, n, classes, words: None
