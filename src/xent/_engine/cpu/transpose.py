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


def _accessors(context, builder, kind):
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


def _to_columns(builder, width, load_vector, store_vector, tile, column):
    vectors = [load_vector(*tile, i, width) for i in range(ROWS)]
    if width == 4:  # rows i and i + 4 in one vector
        halves = zip(vectors[:4], vectors[4:], strict=True)
        vectors = _transpose_4(builder, [_shuffle(builder, a, b, BOTH) for a, b in halves])
    else:
        vectors = _transpose_8(builder, vectors)
    for j, vector in enumerate(vectors):
        store_vector(vector, *column, j, ROWS)


def _to_rows(builder, width, load_vector, store_vector, tile, column):
    vectors = [load_vector(*column, j, ROWS) for j in range(width)]
    if width == 4:
        vectors = _transpose_4(builder, vectors)
        halves = FIRST_HALF, SECOND_HALF
        parts = [_shuffle(builder, v, v, half) for half in halves for v in vectors]
    else:
        parts = _transpose_8(builder, vectors)
    for i, part in enumerate(parts):
        store_vector(part, *tile, i, width)


def _tile_transposer(transpose, width):
    """Make an intrinsic that transposes a tile: rows from `start` on, columns from `at` on."""

    @intrinsic
    def transpose_tile(typing, rows, start, classes, columns, at, stride):
        def build(context, builder, signature, args):
            accessors = _accessors(context, builder, signature.args[0])
            transpose(builder, width, *accessors, args[:3], args[3:])
            return context.get_dummy_value()

        return types.void(rows, start, classes, columns, at, stride), build

    return transpose_tile


def _group_transposer(transpose):
    """Make the loop that transposes groups of eight rows."""
    transpose_4, transpose_8 = _tile_transposer(transpose, 4), _tile_transposer(transpose, 8)

    @inner
    def transpose_groups(rows, groups, classes, columns, stride):
        for group in range(groups):
            start, at = group * ROWS * classes, group * ROWS
            if classes <= 4:
                transpose_4(rows, start, classes, columns, at, stride)
            else:
                j = 0
                while j < classes:
                    j = min(j, max(classes - 8, 0))
                    transpose_8(rows, start + j, classes, columns, at + j * stride, stride)
                    j += 8

    return transpose_groups


groups_to_columns = _group_transposer(_to_columns)
# A row's vectors may reach into the next row, which is written later.
groups_to_rows = _group_transposer(_to_rows)


@loop
def load_all(source, target):
    """Copy stored elements as the floats to compute with."""
    for i in range(source.size):
        target[i] = load(source[i])


@inner
def _direct_groups(n, classes):
    """Return how many groups need no buffer, of floats that are stored as they are computed.

    Of fewer classes than a tile has, four rows are left, for the last tile to reach into.
    """
    return n // ROWS if classes >= 8 else max(n - 4, 0) // ROWS


@inner
def _none(rows, n, classes, columns, stride):
    return 0


def _direct_transposer(transpose_groups):
    """Make the function that transposes the rows that need no buffer, and returns their number."""

    @inner
    def direct(rows, n, classes, columns, stride):
        groups = _direct_groups(n, classes)
        transpose_groups(rows, groups, classes, columns, stride)
        return groups * ROWS

    def stub(rows, n, classes, columns, stride): ...

    @overload(stub, jit_options=INNER_OPTIONS, strict=False)
    def choose(rows, n, classes, columns, stride):
        return (direct if rows.dtype == columns.dtype else _none).py_func

    return stub


direct_to_columns = _direct_transposer(groups_to_columns)
direct_to_rows = _direct_transposer(groups_to_rows)


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
    done = 0 if lines.size else direct_to_rows(target, n, classes, columns, stride)
    if done < n:
        groups = (n - done + ROWS - 1) // ROWS
        groups_to_rows(buffer, groups, classes, columns[done:], stride)
        if lines.size:
            store_block_nontemporal(buffer, target[: n * classes], lines)
        else:
            store_block(buffer, target[done * classes : n * classes])
