"""The bits of a float64 as a signed integer in compiled code, as NumPy's `view` gives them."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


@intrinsic
def bits_of(typing, x):
    """Return the bits of a float64 as an int64."""

    def build(_, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), build


@intrinsic
def float_of(typing, x):
    """Return the float64 of these bits."""

    def build(_, builder, signature, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), build
