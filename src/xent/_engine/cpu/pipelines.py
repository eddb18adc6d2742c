"""How Numba compiles kernels: parts without machine code of their own, and the widest vectors."""

from __future__ import annotations

from typing import Any

from llvmlite import binding
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder

WIDE = '"prefer-vector-width"="512"'
"""On Intel's processors LLVM keeps to vectors of 256 bits by itself, since early ones lowered their
clock for wider ones; kernels are faster with them all the same.
"""


class Library(JITCodeLibrary):  # type: ignore[misc]
    """The code of a kernel, with the widest vectors that the processor has."""

    def add_ir_module(self, ir_module: Any) -> None:
        if binding.get_host_cpu_features().get("avx512f", False):
            for function in ir_module.functions:
                if not function.is_declaration:
                    set.add(function.attributes, WIDE)  # llvmlite knows only attributes by name
        super().add_ir_module(ir_module)


class LoopPart(Library):
    """The code of a function that becomes part of others: no machine code is made of itself.

    That is half the time of a compilation.
    """

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        return 0

    @property
    def codegen(self) -> Any:
        return _WithoutEnvironments(self._codegen)


class InlinedPart(LoopPart):
    """The same; it is optimized where it is inlined."""

    def _optimize_final_module(self) -> None:
        pass


class _WithoutEnvironments:
    """Numba's code generator, but for what it stores beside machine code."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, name: str, environment: Any) -> None:
        """Do nothing."""


class KernelCompiler(CompilerBase):  # type: ignore[misc]
    """Compile a kernel."""

    library: type[Library] = Library

    def define_pipelines(self) -> list[Any]:
        state = self.state
        state.library = self.library(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return [DefaultPassBuilder.define_nopython_pipeline(state)]


class InnerCompiler(KernelCompiler):
    """Compile what is inlined."""

    library = InlinedPart


class LoopCompiler(KernelCompiler):
    """Compile with all array arguments declared not to overlap.

    Otherwise LLVM adds run-time overlap checks to loops, or does not vectorize them.
    """

    library = LoopPart

    def define_pipelines(self) -> list[Any]:
        self.state.flags.noalias = True
        return super().define_pipelines()
