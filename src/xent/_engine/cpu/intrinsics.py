"""What kernels need beyond Numba: compiler options, fma, bits of floats, half precision, prefetch.

Kernels are compiled without fast-math, so what is written is what is computed, in every build: the
product inside `fma` is not rounded, and LLVM may reorder only the sums written with `any_order`.

Half precision has no type in Numba: bfloat16 values are passed as uint16 and float16 as int16.
`load` and `store_as` convert them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.extending import intrinsic, overload

from xent._engine.cpu.caching import open_cache
from xent._engine.cpu.compiling import give_notice

FLOAT_BITS = {types.float32: (32, 23), types.float64: (64, 52)}
"""Bits of a float and of its mantissa."""

# "numpy" divides without first testing for zero, a test that would keep loops from being
# vectorized. Without _nrt there is no reference counting of arrays: kernels allocate nothing.
JIT_OPTIONS = {"nogil": True, "error_model": "numpy", "_nrt": False}


class _NoAliasCompiler(CompilerBase):  # type: ignore[misc]
    """Compile with all array arguments declared not to overlap.

    Otherwise LLVM adds run-time overlap checks to loops, or does not vectorize them.
    """

    def define_pipelines(self) -> list[Any]:
        self.state.flags.noalias = True
        return [DefaultPassBuilder.define_nopython_pipeline(self.state)]


def inner(function: Callable[..., Any]):
    """Compile a function that is inlined wherever it is called.

    It cannot return slices of arrays: they would need reference counts.
    """
    return numba.njit(forceinline=True, **JIT_OPTIONS)(function)


def loop(function: Callable[..., Any]):
    """Compile a loop over arrays that do not overlap.

    Loops run over slices, from index 0: with another start, Numba's wrap-around of negative indices
    makes LLVM gather single elements, 3 to 8 times slower. Conditions are written so that both
    alternatives are loaded first: LLVM then selects between them instead of branching.
    """
    return numba.njit(pipeline_class=_NoAliasCompiler, **JIT_OPTIONS)(function)


def kernel(function: Callable[..., Any], *, on_miss: Callable[[], None] = give_notice):
    """Compile a function that Python calls: without the GIL, and cached on disk."""
    compiled = numba.njit(nogil=True, error_model="numpy")(function)
    compiled._cache = open_cache(function, on_miss)
    return compiled


quick_kernel = partial(kernel, on_miss=lambda: None)
"""A kernel that compiles in about a second, for which no notice is logged."""


def by_dtype(float32: Any, float64: Any):
    """Let a stub compile as one of two `inner` functions, by the dtype of its last argument."""
    options = {"forceinline": True, **JIT_OPTIONS}

    def decorate(stub: Callable[..., Any]):
        @overload(stub, jit_options=options, strict=False)
        def choose(*arguments):
            return (float32 if arguments[-1] == types.float32 else float64).py_func

        return stub

    return decorate


any_order = numba.njit(fastmath={"reassoc"}, forceinline=True, **JIT_OPTIONS)(lambda a, b: a + b)
"""a + b in a sum that LLVM may reorder, and therefore vectorize.

Used for float64 sums in which every order is precise enough: of float32 terms, which leave 29 bits
to spare, of the losses of one block, of costs that are float64 themselves.
"""


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


# Half precision, and words of two elements.


HALF_OF_WORD = {types.uint64: types.float32, types.uint32: types.uint16, types.int32: types.int16}
"""The type of the two elements in a word."""


def _int_type(kind):
    """Return LLVM's integer type as wide as a Numba type."""
    return ir.IntType(kind.bitwidth)


@intrinsic
def _split_word(typing, word):
    half = HALF_OF_WORD[word]

    def build(context, builder, signature, args):
        bits = _int_type(half)
        upper = builder.lshr(args[0], _int_type(word)(half.bitwidth))
        both = [builder.trunc(part, bits) for part in (args[0], upper)]
        if half == types.float32:
            both = [builder.bitcast(part, ir.FloatType()) for part in both]
        return context.make_tuple(builder, signature.return_type, both)

    return types.UniTuple(half, 2)(word), build


@intrinsic
def _join_word(typing, a, b):
    word = next(word for word, half in HALF_OF_WORD.items() if half == a)

    def build(_, builder, signature, args):
        whole = _int_type(word)
        first, second = [builder.zext(builder.bitcast(part, _int_type(a)), whole) for part in args]
        return builder.or_(first, builder.shl(second, whole(a.bitwidth)))

    return word(a, b), build


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


def load_pair(word):
    """Return the two elements of a word as floats to compute with, the first in memory first.

    Words of float32 are uint64, of bfloat16 uint32, of float16 int32.
    """


def store_pair_as(a, b, like):
    """Return the word that holds two computed floats in the stored form of the word `like`."""


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


@overload(load_pair, inline="always")
def _load_pair(word):
    def both(word):
        a, b = _split_word(word)
        return load(a), load(b)

    return both


@overload(store_pair_as, inline="always")
def _store_pair_as(a, b, like):
    if like == types.uint64:
        return lambda a, b, like: _join_word(a, b)
    half = np.uint16(0) if like == types.uint32 else np.int16(0)
    return lambda a, b, like: _join_word(store_as(a, half), store_as(b, half))


def if_given(option, value):
    """Return the value, or None if the option is None, which is known at compile time.

    A conditional expression would have Numba's Optional type, which loops test at run time.
    """


@overload(if_given, inline="always")
def _if_given(option, value):
    if isinstance(option, types.NoneType):
        return lambda option, value: None
    return lambda option, value: value


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
