"""How functions are compiled: inlined ones, loops, and the kernels that are made of them.

Kernels are compiled without fast-math, so what is written is what is computed, in every build: the
product inside `fma` is not rounded, and LLVM may reorder only the sums written with `any_order`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba import types
from numba.core.ccallback import CFunc
from numba.extending import overload

from xent._engine.cpu.caching import open_cache
from xent._engine.cpu.compiling import give_notice
from xent._engine.cpu.pipelines import InnerCompiler, KernelCompiler, LoopCompiler

# "numpy" divides without first testing for zero, a test that would keep loops from being
# vectorized. Without _nrt there is no reference counting of arrays: kernels allocate nothing.
# Functions that only kernels call need no wrappers for Python and C, which take long to compile.
JIT_OPTIONS = {
    "nogil": True,
    "error_model": "numpy",
    "_nrt": False,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}


INNER_OPTIONS = {"forceinline": True, "pipeline_class": InnerCompiler, **JIT_OPTIONS}


def inner(function: Callable[..., Any]):
    """Compile a function that is inlined wherever it is called.

    It cannot return slices of arrays: they would need reference counts.
    """
    return numba.njit(**INNER_OPTIONS)(function)


def loop(function: Callable[..., Any]):
    """Compile a loop over arrays that do not overlap.

    Loops run over slices, from index 0: with another start, Numba's wrap-around of negative indices
    makes LLVM gather single elements, 3 to 8 times slower. Conditions are written so that both
    alternatives are loaded first: LLVM then selects between them instead of branching.
    """
    return numba.njit(pipeline_class=LoopCompiler, **JIT_OPTIONS)(function)


def kernel(function: Callable[..., Any]):
    """Compile a function that Python calls: without the GIL, and cached on disk."""
    made = numba.njit(nogil=True, error_model="numpy")(function)
    made._cache = open_cache(function, _notice)
    compiled.append(made)
    return made


def block_kernel(function: Callable[..., Any]) -> int:
    """Compile a kernel that compiled code calls, and return its address.

    It gets the address of a job, the first row of a block, the number of its rows, and the address
    of scratch memory; it returns 0, or what `job.py` lists for a job that could not be done.
    """
    signature, options = ((types.int64,) * 4, types.int64), {"error_model": "numpy"}
    made: Any = CFunc(function, signature, {}, options, pipeline_class=KernelCompiler)
    made._cache = open_cache(function, _notice)
    made.compile()
    compiled.append(made)
    address: int = made.address
    return address


compiled: list[Any] = []
"""All kernels; their machine code lives as long as they do."""


def _notice() -> None:
    give_notice()  # looked up at each call, so that a test can replace it


def by_dtype(float32: Any, float64: Any):
    """Let a stub compile as one of two `inner` functions, by the dtype of its last argument.

    Not with inline="always": where Numba inlines, it also removes assignments to arrays that are
    nobody's argument, and it takes views over memory for such.
    """

    def decorate(stub: Callable[..., Any]):
        @overload(stub, jit_options=INNER_OPTIONS, strict=False)
        def choose(*arguments):
            return (float32 if arguments[-1] == types.float32 else float64).py_func

        return stub

    return decorate


any_order = numba.njit(fastmath={"reassoc"}, **INNER_OPTIONS)(lambda a, b: a + b)
"""a + b in a sum that LLVM may reorder, and therefore vectorize.

Used for float64 sums in which every order is precise enough: of float32 terms, which leave 29 bits
to spare, of the losses of one block, of costs that are float64 themselves.
"""


@inner
def _itself(value, like):
    return value


@inner
def _nothing(value, like):
    return None


@by_dtype(_nothing, _itself)
def if_double(value, like):
    """Return the value if `like` is float64, otherwise None, which is known at compile time."""


def light_kernel(function: Callable[..., Any]) -> tuple[int, str, bytes]:
    """Compile a kernel that `objects.py` keeps; return its address, symbol and object code.

    There is no object code if it refers to anything outside of itself but memory functions.
    """
    _notice()
    made = numba.njit((types.int64,), pipeline_class=KernelCompiler, **JIT_OPTIONS)(function)
    (result,) = made.overloads.values()
    symbol = result.fndesc.llvm_func_name
    final = result.library._final_module
    outside = {
        each.name
        for each in final.functions
        if each.is_declaration and not each.name.startswith("llvm.")
    }
    code = result.library._get_compiled_object()
    address = result.library.get_pointer_to_function(symbol)
    return address, symbol, code if outside <= C_LIBRARY else b""


C_LIBRARY = frozenset({"memset", "memcpy", "memmove"})
