"""The few things Numba's Python lacks: exact multiply-add, bits of floats, half precision.

A kernel is compiled without fast-math, so that what is written is what is computed, in every
build: the products of `fma` are not rounded, and the only sums that LLVM may reorder are those
written with `any_order`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.extending import intrinsic, overload

from xent._engine.cpu.caching import Cache

WORD = {types.float32: (32, 23), types.float64: (64, 52)}
"""Bits of a float, and of its mantissa."""


OPTIONS = {"nogil": True, "error_model": "numpy", "_nrt": False}
"""Without a check for zero before each division, and without counting references to arrays:
kernels allocate nothing."""


class _Restrict(CompilerBase):  # type: ignore[misc]
    """Arrays that are arguments never overlap; without this LLVM tests for it, or gives up."""

    def define_pipelines(self) -> list[Any]:
        self.state.flags.noalias = True
        return [DefaultPassBuilder.define_nopython_pipeline(self.state)]


def inner(function: Callable[..., Any]):
    """Compile a function to be inlined into loops."""
    return numba.njit(forceinline=True, **OPTIONS)(function)


def loop(function: Callable[..., Any]):
    """Compile a loop over arrays that do not overlap."""
    return numba.njit(pipeline_class=_Restrict, **OPTIONS)(function)


def kernel(function: Callable[..., Any]):
    """Compile what Python calls: without the GIL, kept on disk if any folder can be written."""
    compiled = numba.njit(nogil=True, error_model="numpy")(function)
    with contextlib.suppress(RuntimeError):  # Numba's word for there being none
        compiled._cache = Cache(function)
    return compiled


any_order = numba.njit(fastmath={"reassoc"}, forceinline=True, **OPTIONS)(lambda a, b: a + b)
"""A sum that LLVM may take in any order, and so in vectors."""


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
        return builder.bitcast(args[0], ir.IntType(WORD[x][0]))

    return word(x), build


@intrinsic
def ordered(typing, x):
    """Return an unsigned integer that orders a float as its value does; -0 is 0, NaN anything."""
    width, _ = WORD[x]
    kind = types.uint32 if x == types.float32 else types.uint64

    def build(_, builder, signature, args):
        word = ir.IntType(width)
        value = builder.fadd(args[0], ir.Constant(args[0].type, 0.0))
        raw = builder.bitcast(value, word)
        below = builder.ashr(raw, word(width - 1))
        return builder.xor(raw, builder.or_(below, word(1 << (width - 1))))

    return kind(x), build


@intrinsic
def larger(typing, a, b):
    """Larger of two unsigned integers, which stay as wide as they are."""

    def build(_, builder, signature, args):
        return builder.select(builder.icmp_unsigned(">", *args), *args)

    return a(a, a), build


@intrinsic
def add_exponent(typing, x, t):
    """Return x * 2**n, n being the lowest bits of t's mantissa; x must not leave the range."""
    width, mantissa = WORD[x]

    def build(_, builder, signature, args):
        word = ir.IntType(width)
        exponent = builder.shl(builder.bitcast(args[1], word), ir.Constant(word, mantissa))
        return builder.bitcast(builder.add(builder.bitcast(args[0], word), exponent), args[0].type)

    return x(x, t), build


@intrinsic
def split(typing, u):
    """Return the float64 u > 0 as (k, m): u = 2**k * m with m near 1, in [0.707, 1.414)."""
    pair = types.UniTuple(types.float64, 2)

    def build(context, builder, signature, args):
        word = ir.IntType(64)
        raw = builder.bitcast(args[0], word)
        root_half = ir.Constant(word, 0x3FE6A09E667F3BCD)
        k = builder.ashr(builder.sub(raw, root_half), ir.Constant(word, 52))
        m = builder.bitcast(
            builder.sub(raw, builder.shl(k, ir.Constant(word, 52))), ir.DoubleType()
        )
        # k is small: narrowed first, since processors before AVX-512 cannot convert 64 bits.
        k = builder.sitofp(builder.trunc(k, ir.IntType(32)), ir.DoubleType())
        return context.make_tuple(builder, pair, (k, m))

    return pair(u), build


# Half precision has no type in Numba: bfloat16 travels as uint16, float16 as int16.


HALF = {types.uint64: types.float32, types.uint32: types.uint16, types.int32: types.int16}
"""Of words of two elements."""


def _pattern(kind):
    """The integer of a type's bits."""
    return ir.IntType(kind.bitwidth)


@intrinsic
def _halves(typing, word):
    half = HALF[word]

    def build(context, builder, signature, args):
        bits = _pattern(half)
        upper = builder.lshr(args[0], _pattern(word)(half.bitwidth))
        both = [builder.trunc(part, bits) for part in (args[0], upper)]
        if half == types.float32:
            both = [builder.bitcast(part, ir.FloatType()) for part in both]
        return context.make_tuple(builder, signature.return_type, both)

    return types.UniTuple(half, 2)(word), build


@intrinsic
def _joined(typing, a, b):
    word = next(word for word, half in HALF.items() if half == a)

    def build(_, builder, signature, args):
        whole = _pattern(word)
        first, second = [builder.zext(builder.bitcast(part, _pattern(a)), whole) for part in args]
        return builder.or_(first, builder.shl(second, whole(a.bitwidth)))

    return word(a, b), build


@intrinsic
def _from_bfloat16(typing, x):
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
    """Build the upper half of a float32's bits, and all of them rounded to it, ties to even."""
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
        quiet = builder.or_(upper, ir.IntType(32)(0x40))
        return builder.trunc(builder.select(nan, quiet, nearest), ir.IntType(16))

    return types.uint16(x), build


@intrinsic
def _number_to_bfloat16(typing, x):
    """The same, but that a NaN with all its lowest bits set becomes 0."""

    def build(_, builder, signature, args):
        return builder.trunc(_upper_half(builder, args[0])[1], ir.IntType(16))

    return types.uint16(x), build


@intrinsic
def _to_float16(typing, x):
    def build(_, builder, signature, args):
        return builder.bitcast(builder.fptrunc(args[0], ir.HalfType()), ir.IntType(16))

    return types.int16(x), build


def loaded(x):
    """Return a stored element as the float that kernels compute with."""
    raise NotImplementedError


def rounded(x, like):
    """Return a computed float as an element is stored beside `like`."""
    raise NotImplementedError


def rounded_number(x, like):
    """The same, a little faster, for what is computed of numbers: no NaN of other origin."""
    raise NotImplementedError


def unpaired(word):
    """Return the two elements of a word as computed with, the first in memory first.

    Words of float32 are uint64, of bfloat16 uint32, of float16 int32.
    """
    raise NotImplementedError


def paired(a, b, like):
    """Return the word that holds two elements, as words are stored beside `like`."""
    raise NotImplementedError


@overload(loaded, inline="always")
def _loaded(x):
    if x == types.uint16:
        return lambda x: _from_bfloat16(x)
    if x == types.int16:
        return lambda x: _from_float16(x)
    return lambda x: x


@overload(rounded, inline="always")
def _rounded(x, like):
    if like == types.uint16:
        return lambda x, like: _to_bfloat16(numba.float32(x))
    if like == types.int16:
        return lambda x, like: _to_float16(numba.float32(x))
    if like == types.float32:
        return lambda x, like: numba.float32(x)
    return lambda x, like: numba.float64(x)


@overload(rounded_number, inline="always")
def _rounded_number(x, like):
    if like == types.uint16:
        return lambda x, like: _number_to_bfloat16(numba.float32(x))
    return lambda x, like: rounded(x, like)


@overload(unpaired, inline="always")
def _unpaired(word):
    def both(word):
        a, b = _halves(word)
        return loaded(a), loaded(b)

    return both


@overload(paired, inline="always")
def _paired(a, b, like):
    if like == types.uint64:
        return lambda a, b, like: _joined(a, b)
    half = np.uint16(0) if like == types.uint32 else np.int16(0)
    return lambda a, b, like: _joined(rounded(a, half), rounded(b, half))


@intrinsic
def prefetch(typing, array, i):
    """Ask for the array's element i to be brought near; a hint, never a fault."""
    signature = types.void(array, i)

    def build(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        place = builder.bitcast(builder.gep(data, [args[1]]), ir.IntType(8).as_pointer())
        word = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, word, word, word])
        name = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
        builder.call(name, [place, word(0), word(2), word(1)])  # to read, into L2, data
        return context.get_dummy_value()

    return signature, build


@intrinsic
def stream(typing, target, start, source):
    """Copy 64 bytes of the source to target[start:], past the caches; aligned there to 64 bytes."""
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
