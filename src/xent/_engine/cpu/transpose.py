"""Transpose a block of rows: to one column for each class, and back.

Eight rows at a time, in registers: tiles of four or eight classes are loaded as vectors, transposed
by shuffles, and stored as pieces of columns. The last tile of a row begins early enough to end with
the row; it overlaps the one before. With fewer classes than a tile has, a tile reaches into the
next row, so the last rows of a block, and half precision, go by way of a buffer.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from xent._engine.cpu.decorators import INNER_OPTIONS, inner, loop
from xent._engine.cpu.intrinsics import load
from xent._engine.cpu.nontemporal import store_block, store_block_nontemporal

ROWS = 8
"""Rows, and lanes of a column, that are transposed at a time."""

# Lanes of two vectors of eight, those of the second counted from 8. Each half of a vector is
# shuffled by itself until the last step: AVX shuffles within halves in one cycle.
LOW, HIGH = [0, 8, 1, 9, 4, 12, 5, 13], [2, 10, 3, 11, 6, 14, 7, 15]
LOW_PAIRS, HIGH_PAIRS = [0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]
LOW_HALVES, HIGH_HALVES = [0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]
BOTH = list(range(8))
FIRST_HALF, SECOND_HALF = [0, 1, 2, 3], [4, 5, 6, 7]


def _shuffle(builder, a, b, lanes):
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)
    return builder.shuffle_vector(a, b, mask)


def _transpose_4(builder, v):
    """Transpose four vectors within each of their halves."""
    pairs = ([_shuffle(builder, v[i], v[i + 1], lanes) for i in (0, 2)] for lanes in (LOW, HIGH))
    return [
        _shuffle(builder, first, second, lanes)
        for first, second in pairs
        for lanes in (LOW_PAIRS, HIGH_PAIRS)
    ]


def _transpose_8(builder, v):
    """Transpose eight vectors."""
    upper, lower = _transpose_4(builder, v[:4]), _transpose_4(builder, v[4:])
    return [
        _shuffle(builder, a, b, lanes)
        for lanes in (LOW_HALVES, HIGH_HALVES)
        for a, b in zip(upper, lower, strict=True)
    ]


def _tile(context, builder, kind, classes):
    """Return functions that load and store vectors at `array[start + i * stride]`."""
    element = context.get_data_type(kind.dtype)

    def place(array, start, stride, i, lanes):
        data = context.make_array(kind)(context, builder, array).data
        word = ir.IntType(64)
        offset = builder.add(start, builder.mul(stride, word(i)))
        return builder.bitcast(
            builder.gep(data, [offset]), ir.VectorType(element, lanes).as_pointer()
        )

    def load_vector(*where):
        vector = builder.load(place(*where))
        vector.align = kind.dtype.bitwidth // 8
        return vector

    def store_vector(vector, *where):
        builder.store(vector, place(*where)).align = kind.dtype.bitwidth // 8

    return load_vector, store_vector


def _columns(width, doc):
    @intrinsic
    def tile_to_columns(typing, rows, start, classes, columns, at, stride):
        def build(context, builder, signature, args):
            load_vector, store_vector = _tile(context, builder, signature.args[0], width)
            rows, start, classes, columns, at, stride = args
            vectors = [load_vector(rows, start, classes, i, width) for i in range(ROWS)]
            if width == 4:  # rows i and i + 4 in one vector
                halves = zip(vectors[:4], vectors[4:], strict=True)
                vectors = _transpose_4(builder, [_shuffle(builder, a, b, BOTH) for a, b in halves])
            else:
                vectors = _transpose_8(builder, vectors)
            for j, vector in enumerate(vectors):
                store_vector(vector, columns, at, stride, j, ROWS)
            return context.get_dummy_value()

        return types.void(rows, start, classes, columns, at, stride), build

    tile_to_columns.__doc__ = doc
    return tile_to_columns


def _rows(width, doc):
    @intrinsic
    def tile_to_rows(typing, columns, at, stride, rows, start, classes):
        def build(context, builder, signature, args):
            load_vector, store_vector = _tile(context, builder, signature.args[0], width)
            columns, at, stride, rows, start, classes = args
            vectors = [load_vector(columns, at, stride, j, ROWS) for j in range(width)]
            if width == 4:
                vectors = _transpose_4(builder, vectors)
                parts = [
                    _shuffle(builder, v, v, half)
                    for half in (FIRST_HALF, SECOND_HALF)
                    for v in vectors
                ]
            else:
                parts = _transpose_8(builder, vectors)
            for i, part in enumerate(parts):
                store_vector(part, rows, start, classes, i, width)
            return context.get_dummy_value()

        return types.void(columns, at, stride, rows, start, classes), build

    tile_to_rows.__doc__ = doc
    return tile_to_rows


four_to_columns = _columns(4, "Transpose eight rows of four classes to columns.")
eight_to_columns = _columns(8, "Transpose eight rows of eight classes to columns.")
four_to_rows = _rows(4, "Transpose four columns back to eight rows.")
eight_to_rows = _rows(8, "Transpose eight columns back to eight rows.")


@inner
def groups_to_columns(rows, groups, classes, columns, stride):
    """Transpose groups of eight rows."""
    for group in range(groups):
        start, at = group * ROWS * classes, group * ROWS
        if classes <= 4:
            four_to_columns(rows, start, classes, columns, at, stride)
        else:
            j = 0
            while j < classes:
                j = min(j, max(classes - 8, 0))
                eight_to_columns(rows, start + j, classes, columns, at + j * stride, stride)
                j += 8


@inner
def groups_to_rows(columns, groups, classes, rows, stride):
    """Transpose back. A row's vectors may reach into the next row, which is written later."""
    for group in range(groups):
        start, at = group * ROWS * classes, group * ROWS
        if classes <= 4:
            four_to_rows(columns, at, stride, rows, start, classes)
        else:
            j = 0
            while j < classes:
                j = min(j, max(classes - 8, 0))
                eight_to_rows(columns, at + j * stride, stride, rows, start + j, classes)
                j += 8


@loop
def load_all(source, target):
    """Copy stored elements as the floats to compute with."""
    for i in range(source.size):
        target[i] = load(source[i])


def direct_to_columns(x, n, classes, columns, stride):
    """Fill the columns with the rows that need no buffer; return their number."""


def direct_to_rows(columns, n, classes, target, stride):
    """Fill the rows that need no buffer; return their number."""


@inner
def direct_groups(n, classes):
    """Return how many groups need no buffer, of floats that are stored as they are computed.

    Of fewer classes than a tile has, four rows are left, for the last tile to reach into.
    """
    return n // ROWS if classes >= 8 else max(n - 4, 0) // ROWS


@inner
def _to_columns(x, n, classes, columns, stride):
    groups = direct_groups(n, classes)
    groups_to_columns(x, groups, classes, columns, stride)
    return groups * ROWS


@inner
def _to_rows(columns, n, classes, target, stride):
    groups = direct_groups(n, classes)
    groups_to_rows(columns, groups, classes, target, stride)
    return groups * ROWS


@inner
def _none(a, n, classes, b, stride):
    return 0


@overload(direct_to_columns, jit_options=INNER_OPTIONS, strict=False)
def _direct_to_columns(x, n, classes, columns, stride):
    return (_to_columns if x.dtype == columns.dtype else _none).py_func


@overload(direct_to_rows, jit_options=INNER_OPTIONS, strict=False)
def _direct_to_rows(columns, n, classes, target, stride):
    return (_to_rows if target.dtype == columns.dtype else _none).py_func


@inner
def to_columns(x, n, classes, columns, stride, buffer):
    """Fill the columns, `stride` apart, with n rows of x. All arrays are flat."""
    done = direct_to_columns(x, n, classes, columns, stride)
    if done < n:
        load_all(x[done * classes : n * classes], buffer)
        groups = (n - done + ROWS - 1) // ROWS
        groups_to_columns(buffer, groups, classes, columns[done:], stride)


@inner
def to_rows(columns, n, classes, target, stride, buffer, lines):
    """Fill n rows of the target with the columns; by non-temporal stores if `lines` has memory."""
    done = 0 if lines.size else direct_to_rows(columns, n, classes, target, stride)
    if done < n:
        groups = (n - done + ROWS - 1) // ROWS
        groups_to_rows(columns[done:], groups, classes, buffer, stride)
        if lines.size:
            store_block_nontemporal(buffer, target[: n * classes], lines)
        else:
            store_block(buffer, target[done * classes : n * classes])
