"""Memory by its address: views, atomic integers, functions, and the C library's semaphores.

Kernels get addresses and not arrays: to make arrays of tensors, and to unpack them again, would
take longer than the computation of a small batch.
"""

from __future__ import annotations

import ctypes

from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

WORD = ir.IntType(64)
ORDERING = "seq_cst"

for _name, _stand_in in (
    ("malloc", "PyMem_RawMalloc"), ("free", "PyMem_RawFree"), ("sem_post", "PyMem_RawFree"),
    ("sem_wait", "PyMem_RawFree"), ("sem_trywait", "PyMem_RawFree"),
    ("sched_yield", "PyMem_RawFree"),
):  # fmt: skip
    # Not every system shows the C library's names to LLVM. Without semaphores nobody calls them.
    if binding.address_of_symbol(_name) is None:
        _function = ctypes.cast(getattr(ctypes.pythonapi, _stand_in), ctypes.c_void_p)
        binding.add_symbol(_name, _function.value)

malloc = types.ExternalFunction("malloc", types.int64(types.int64))
free = types.ExternalFunction("free", types.void(types.int64))
sem_post = types.ExternalFunction("sem_post", types.int32(types.int64))
sem_wait = types.ExternalFunction("sem_wait", types.int32(types.int64))
sem_trywait = types.ExternalFunction("sem_trywait", types.int32(types.int64))
sched_yield = types.ExternalFunction("sched_yield", types.int32())


def _build_array(context, builder, kind, address, shape):
    """Build an array over memory, with no elements along the first axis if the address is 0."""
    array = context.make_array(kind)(context, builder)
    itemsize = context.get_abi_sizeof(context.get_data_type(kind.dtype))
    missing = builder.icmp_unsigned("==", address, WORD(0))
    shape = [builder.select(missing, WORD(0), shape[0]), *shape[1:]]
    strides = [WORD(itemsize)]
    for size in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], size))
    data = builder.inttoptr(address, array.data.type)
    populate_array(array, data, shape, strides, WORD(itemsize), meminfo=None)
    return array._getvalue()


@intrinsic
def view(typing, address, size, dtype):
    """Return an array over memory; one of no elements where the address is 0."""
    kind = types.Array(dtype.dtype, 1, "C")

    def build(context, builder, signature, args):
        return _build_array(context, builder, kind, args[0], [args[1]])

    return kind(types.int64, types.int64, dtype), build


@intrinsic
def view_rows(typing, address, rows, columns, dtype):
    """Return an array of two axes over memory; one of no rows where the address is 0."""
    kind = types.Array(dtype.dtype, 2, "C")

    def build(context, builder, signature, args):
        return _build_array(context, builder, kind, args[0], args[1:3])

    return kind(types.int64, types.int64, types.int64, dtype), build


@intrinsic
def record_at(typing, address, dtype):
    """Return the record at an address."""

    def build(context, builder, signature, args):
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return dtype.dtype(types.int64, dtype), build


# Integers that threads share.


def _as_pointer(builder, address):
    return builder.inttoptr(address, WORD.as_pointer())


@intrinsic
def atomic_load(typing, address):
    """Return the integer at an address."""

    def build(_, builder, signature, args):
        return builder.load_atomic(_as_pointer(builder, args[0]), ORDERING, 8)

    return types.int64(types.int64), build


@intrinsic
def atomic_store(typing, address, value):
    """Set the integer at an address."""

    def build(context, builder, signature, args):
        builder.store_atomic(args[1], _as_pointer(builder, args[0]), ORDERING, 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), build


def _read_and_change(operation, doc):
    @intrinsic
    def change(typing, address, value):
        def build(_, builder, signature, args):
            return builder.atomic_rmw(operation, _as_pointer(builder, args[0]), args[1], ORDERING)

        return types.int64(types.int64, types.int64), build

    change.__doc__ = doc
    return change


atomic_add = _read_and_change("add", "Add to the integer at an address; return what it was.")
atomic_or = _read_and_change("or", "Set bits of the integer at an address; return what it was.")
atomic_swap = _read_and_change("xchg", "Replace the integer at an address; return what it was.")


@intrinsic
def atomic_replace(typing, address, expected, value):
    """Replace the integer at an address if it is the one expected; say whether it was."""

    def build(_, builder, signature, args):
        place = _as_pointer(builder, args[0])
        pair = builder.cmpxchg(place, args[1], args[2], ORDERING, ORDERING)
        return builder.extract_value(pair, 1)

    return types.boolean(types.int64, types.int64, types.int64), build


# Functions.


@intrinsic
def call(typing, address, a, b, c, d):
    """Call the function of four integers at an address; return its integer."""

    def build(_, builder, signature, args):
        kind = ir.FunctionType(WORD, [WORD] * 4).as_pointer()
        return builder.call(builder.inttoptr(args[0], kind), args[1:])

    return types.int64(*[types.int64] * 5), build
