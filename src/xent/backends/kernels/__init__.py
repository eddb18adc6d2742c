"""Compiled kernels, loaded when a large array first asks for them."""

from __future__ import annotations

import platform
import sys
import warnings
from types import ModuleType

SMALLEST = 1 << 14
"""Elements from which an array is worth a kernel; smaller ones never wait for a compilation."""

_tried = False
_cpu: ModuleType | None = None


def for_size(size: int) -> ModuleType | None:
    """Return the CPU kernels for an array of so many elements; None if NumPy is to compute it."""
    if size < SMALLEST:
        return None
    return load()


def load() -> ModuleType | None:
    """Return the CPU kernels, or None, after one warning, where they cannot run."""
    global _tried, _cpu  # noqa: PLW0603 - loaded once for the process
    if not _tried:
        missing = _missing()
        if missing:
            message = f"xent computes large arrays with NumPy alone, many times slower: {missing}"
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        else:
            from xent.backends.kernels.cpu import drive

            _cpu = drive
        _tried = True
    return _cpu


def _missing() -> str:
    """Say what keeps the kernels from running, if anything does."""
    try:
        import numba
        from llvmlite import binding
    except ImportError as error:
        return f"Numba is not there ({error}). To install it: pip install numba"
    if numba.config.DISABLE_JIT:
        return "Numba's compiler is switched off. Unset NUMBA_DISABLE_JIT."
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    if x86 and not binding.get_host_cpu_features().get("fma", False):
        return "this processor has no fused multiply-add."
    if sys.byteorder != "little":
        return "this processor is big-endian."
    return ""
