"""What kernels need beyond Numba: fma, bits of floats, half precision, prefetch, stores.

Half precision has no type in Numba: bfloat16 values are passed as uint16 and float16 as int16.
`load` and `store_as` convert them.
"""

from __future__ import annotations

import numba
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

FLOAT_BITS = {types.float32: (32, 23), types.float64: (64, 52)}
"""Bits of a float and of its mantissa."""


@intrinsic
def fma(typing, a, b, c):
    """Return a * b + c, rounded once."""

    def build(_, builder, signature, args):
        kind = args[0].type
        name = builder.module.declare_intrinsic(
            "llvm.fma", [kind], ir.FunctionType(kind, [kind] * 3)
        )
        return builder.call(name, args)

    return a(a, a, a), build


@intrinsic
def bits(typing, x):
    """Return a float's bits as an unsigned integer."""
    word = types.uint32 if x == types.float32 else types.uint64

    def build(_, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(FLOAT_BITS[x][0]))

    return word(x), build


@intrinsic
def ordered_bits(typing, x):
    """Return an unsigned integer that orders as the float does; -0 equals 0, NaN may be anything.

    Integer maxima vectorize where maxima of floats, which must treat NaN, do not.
    """
    width, _ = FLOAT_BITS[x]
    kind = types.uint32 if x == types.float32 else types.uint64

    def build(_, builder, signature, args):
        word = ir.IntType(width)
        value = builder.fadd(args[0], ir.Constant(args[0].type, 0.0))  # -0 + 0 is 0
        raw = builder.bitcast(value, word)
        # Negative floats order backwards: invert all their bits. Of others, set the sign bit.
        negative = builder.ashr(raw, word(width - 1))
        return builder.xor(raw, builder.or_(negative, word(1 << (width - 1))))

    return kind(x), build


@intrinsic
def unsigned_max(typing, a, b):
    """Return the larger of two unsigned integers, in their own width.

    Numba's max would widen 32-bit integers to 64, which halves the lanes of a vector.
    """

    def build(_, builder, signature, args):
        return builder.select(builder.icmp_unsigned(">", *args), *args)

    return a(a, a), build


@intrinsic
def add_exponent(typing, x, t):
    """Return x * 2**n, n being the lowest bits of t's mantissa; the result must be normal."""
    width, mantissa = FLOAT_BITS[x]

    def build(_, builder, signature, args):
        word = ir.IntType(width)
        exponent = builder.shl(builder.bitcast(args[1], word), ir.Constant(word, mantissa))
        return builder.bitcast(builder.add(builder.bitcast(args[0], word), exponent), args[0].type)

    return x(x, t), build


@intrinsic
def split_exponent(typing, u):
    """Return the float64 u > 0 as (k, m): u = 2**k * m with m in [0.707, 1.414)."""
    pair = types.UniTuple(types.float64, 2)

    def build(context, builder, signature, args):
        word = ir.IntType(64)
        raw = builder.bitcast(args[0], word)
        root_half = ir.Constant(word, 0x3FE6A09E667F3BCD)  # the bits of sqrt(1/2)
        k = builder.ashr(builder.sub(raw, root_half), ir.Constant(word, 52))
        m = builder.bitcast(
            builder.sub(raw, builder.shl(k, ir.Constant(word, 52))), ir.DoubleType()
        )
        # Truncate k to 32 bits first: AVX2 has no vector conversion of 64-bit integers.
        k = builder.sitofp(builder.trunc(k, ir.IntType(32)), ir.DoubleType())
        return context.make_tuple(builder, pair, (k, m))

    return pair(u), build


# Half precision.


@intrinsic
def _from_bfloat16(typing, x):
    """Convert to float32: a bfloat16 is the upper half of its bits."""

    def build(_, builder, signature, args):
        word = ir.IntType(32)
        upper = builder.shl(builder.zext(args[0], word), ir.Constant(word, 16))
        return builder.bitcast(upper, ir.FloatType())

    return types.float32(x), build


@intrinsic
def _from_float16(typing, x):
    def build(_, builder, signature, args):
        return builder.fpext(builder.bitcast(args[0], ir.HalfType()), ir.FloatType())

    return types.float32(x), build


def _upper_half(builder, x):
    """Build the upper half of a float32's bits: truncated, and rounded with ties to even."""
    word = ir.IntType(32)
    raw = builder.bitcast(x, word)
    upper = builder.lshr(raw, word(16))
    odd = builder.and_(upper, word(1))
    nearest = builder.add(builder.add(raw, word(0x7FFF)), odd)
    return upper, builder.lshr(nearest, word(16))


@intrinsic
def _to_bfloat16(typing, x):
    """Round to nearest, ties to even; NaN stays NaN."""

    def build(_, builder, signature, args):
        upper, nearest = _upper_half(builder, args[0])
        nan = builder.fcmp_unordered("uno", args[0], args[0])
        quiet = builder.or_(upper, ir.IntType(32)(0x40))  # rounding could carry NaN into infinity
        return builder.trunc(builder.select(nan, quiet, nearest), ir.IntType(16))

    return types.uint16(x), build


@intrinsic
def _non_nan_to_bfloat16(typing, x):
    """Round to nearest, ties to even; a NaN whose lowest bits are all set becomes 0."""

    def build(_, builder, signature, args):
        return builder.trunc(_upper_half(builder, args[0])[1], ir.IntType(16))

    return types.uint16(x), build


@intrinsic
def _to_float16(typing, x):
    def build(_, builder, signature, args):
        return builder.bitcast(builder.fptrunc(args[0], ir.HalfType()), ir.IntType(16))

    return types.int16(x), build


def load(x):
    """Return a stored element as the float that kernels compute with."""


def store_as(x, like):
    """Return a computed float in the stored form of the element `like`."""


def store_non_nan_as(x, like):
    """Do the same a little faster, for values that were computed from numbers.

    A NaN that arithmetic makes is stored as NaN; one with a payload of the caller's may not be.
    """


@overload(load, inline="always")
def _load(x):
    if x == types.uint16:
        return lambda x: _from_bfloat16(x)
    if x == types.int16:
        return lambda x: _from_float16(x)
    return lambda x: x


@overload(store_as, inline="always")
def _store_as(x, like):
    if like == types.uint16:
        return lambda x, like: _to_bfloat16(numba.float32(x))
    if like == types.int16:
        return lambda x, like: _to_float16(numba.float32(x))
    if like == types.float32:
        return lambda x, like: numba.float32(x)
    return lambda x, like: numba.float64(x)


@overload(store_non_nan_as, inline="always")
def _store_non_nan_as(x, like):
    if like == types.uint16:
        return lambda x, like: _non_nan_to_bfloat16(numba.float32(x))
    return lambda x, like: store_as(x, like)


# Memory.


@intrinsic
def prefetch(typing, array, i):
    """Ask the processor to bring the array's element i into the cache; a hint, never a fault."""
    signature = types.void(array, i)

    def build(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        place = builder.bitcast(builder.gep(data, [args[1]]), ir.IntType(8).as_pointer())
        word = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, word, word, word])
        name = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
        builder.call(name, [place, word(0), word(2), word(1)])  # for reading, into L2, data
        return context.get_dummy_value()

    return signature, build


@intrinsic
def nontemporal_store(typing, target, start, source):
    """Copy a cache line (64 bytes) of the source to target[start:], which is aligned to 64 bytes.

    The store bypasses the caches, so the line is not read from memory first.
    """
    signature = types.void(target, start, source)

    def build(context, builder, signature, args):
        to, _, of = signature.args
        kind = context.get_data_type(to.dtype)
        vector = ir.VectorType(kind, 64 * 8 // to.dtype.bitwidth).as_pointer()
        data = context.make_array(to)(context, builder, args[0]).data
        place = builder.bitcast(builder.gep(data, [args[1]]), vector)
        value = builder.load(
            builder.bitcast(context.make_array(of)(context, builder, args[2]).data, vector)
        )
        value.align = to.dtype.bitwidth // 8
        store = builder.store(value, place)
        store.align = 64
        store.set_metadata("nontemporal", builder.module.add_metadata([ir.IntType(32)(1)]))
        return context.get_dummy_value()

    return signature, build
