"""Transpose a block of rows: to one column for each class, and back.

LLVM transposes in registers if the number of elements in a row is a constant. So a loop is compiled
for each small width; `width` is a tuple of that length, since the length of a tuple is part of its
type. With 10 to 16 classes, rows of half precision and float32 are read as words of two elements,
which halves the width. Other rows are read column by column.
"""

from __future__ import annotations

import numpy as np

from xent._engine.cpu.intrinsics import inner, load, load_pair, loop, store_as, store_pair_as

UNROLLED = 8
"""The largest width, in elements or words, for which there is a loop."""

WORDS = {"float32": np.uint64, "uint16": np.uint32, "int16": np.int32}
"""The word of two elements, by their stored dtype. float64 has none."""


def pair_words(array):
    """View rows as words of two elements where that transposes faster.

    Returns an empty array where it does not, and None for float64.
    """
    if array.dtype.name not in WORDS:
        return None
    kind, classes = WORDS[array.dtype.name], array.shape[1]
    if classes % 2 == 0 and UNROLLED < classes <= 2 * UNROLLED:
        return array.reshape(-1).view(kind)
    return np.empty(0, kind)


@loop
def elements_to_columns(source, n, width, columns):
    for i in range(n):
        for j in range(len(width)):
            columns[j, i] = load(source[i * len(width) + j])


@loop
def pairs_to_columns(source, n, width, columns):
    for i in range(n):
        for j in range(len(width)):
            a, b = load_pair(source[i * len(width) + j])
            columns[2 * j, i] = a
            columns[2 * j + 1, i] = b


@loop
def strided_to_columns(source, n, classes, columns):
    for j in range(classes):
        column, rest = columns[j], source[j:]  # slices, so that indices start at 0
        for i in range(n):
            column[i] = load(rest[i * classes])


@loop
def columns_to_elements(columns, n, width, target):
    for i in range(n):
        for j in range(len(width)):
            place = i * len(width) + j
            target[place] = store_as(columns[j, i], target[place])


@loop
def columns_to_pairs(columns, n, width, target):
    for i in range(n):
        for j in range(len(width)):
            place = i * len(width) + j
            target[place] = store_pair_as(columns[2 * j, i], columns[2 * j + 1, i], target[place])


@loop
def columns_to_strided(columns, n, classes, target):
    for j in range(classes):
        column, rest = columns[j], target[j:]
        for i in range(n):
            rest[i * classes] = store_as(column[i], rest[i * classes])


@inner
def with_width_5_to_8(transpose, width, source, n, target):
    """Call a loop for one of these widths."""
    if width == 5:
        transpose(source, n, (0, 0, 0, 0, 0), target)
    elif width == 6:
        transpose(source, n, (0, 0, 0, 0, 0, 0), target)
    elif width == 7:
        transpose(source, n, (0, 0, 0, 0, 0, 0, 0), target)
    else:
        transpose(source, n, (0, 0, 0, 0, 0, 0, 0, 0), target)


@inner
def with_width_2_to_8(transpose, width, source, n, target):
    """Call a loop for one of these widths."""
    if width == 2:
        transpose(source, n, (0, 0), target)
    elif width == 3:
        transpose(source, n, (0, 0, 0), target)
    elif width == 4:
        transpose(source, n, (0, 0, 0, 0), target)
    else:
        with_width_5_to_8(transpose, width, source, n, target)


@inner
def to_columns(x, words, start, n, classes, columns):
    """Fill the columns with n rows from `start`. x is flat, `words` is `pair_words` of it."""
    if words is not None and words.size:
        rows = words[start * classes // 2 :]
        with_width_5_to_8(pairs_to_columns, classes // 2, rows, n, columns)
    elif 2 <= classes <= UNROLLED:
        with_width_2_to_8(elements_to_columns, classes, x[start * classes :], n, columns)
    else:
        strided_to_columns(x[start * classes :], n, classes, columns)


@inner
def to_rows(columns, n, classes, target, words, start):
    """Fill n rows from `start` of the flat target with the columns."""
    if words is not None and words.size:
        rows = words[start * classes // 2 :]
        with_width_5_to_8(columns_to_pairs, classes // 2, columns, n, rows)
    elif 2 <= classes <= UNROLLED:
        with_width_2_to_8(columns_to_elements, classes, columns, n, target[start * classes :])
    else:
        columns_to_strided(columns, n, classes, target[start * classes :])
