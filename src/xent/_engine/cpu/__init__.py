"""Compiled kernels, loaded when a large array first asks for them."""

from __future__ import annotations

import platform
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType

from xent._validation import FLOATS

SMALLEST = 1 << 14
"""Elements from which an array is worth a kernel; smaller ones never wait for a compilation."""

_off: ContextVar[bool] = ContextVar("xent_numpy_only", default=False)
_tried = False
_cpu: ModuleType | None = None
_tiny: ModuleType | None = None


def for_size(size: int) -> ModuleType | None:
    """Return the CPU kernels for an array of so many elements; None if NumPy is to compute it."""
    if size < SMALLEST or _off.get():
        return None
    return load()


@contextmanager
def numpy_only() -> Iterator[None]:
    """Compute with NumPy whatever the size, so that a row's bits do not depend on its batch's."""
    token = _off.set(True)
    try:
        yield
    finally:
        _off.reset(token)


def load() -> ModuleType | None:
    """Return the CPU kernels, or None, after one warning, where they cannot run."""
    global _tried, _cpu
    if not _tried:
        missing = _missing()
        if missing:
            message = f"xent computes large arrays with NumPy alone, many times slower: {missing}"
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        else:
            from xent._engine.cpu import launch

            _cpu = launch
        _tried = True
    return _cpu


def tiny() -> ModuleType | None:
    """Return the kernels for small batches of tensors, where calling NumPy costs most."""
    global _tiny
    if _off.get() or load() is None:
        return None
    if _tiny is None:
        from xent._engine.cpu import small_batch as module

        _tiny = module
    return _tiny


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


def warmup(dtypes: Iterable[str] = ("float32", "float64")) -> None:
    """Compile the kernels ahead, or load them from disk, so that no call has to wait.

    Parameters
    ----------
    dtypes : iterable of str, default ("float32", "float64")
        Dtypes of the logits: "float16", "bfloat16", "float32", "float64".

    Returns
    -------
    None
        Compiled are `cross_entropy` of class labels and `binary_cross_entropy`, each with and
        without gradient. Other options compile at their first large call.

    Raises
    ------
    ValueError
        If a dtype is none of the four.

    Notes
    -----
    A process that finds them on disk takes a fraction of a second for each dtype, one that has
    to compile some ten seconds.

    Examples
    --------
    >>> import xent
    >>> xent.warmup(["float32"])
    """
    names = [dtypes] if isinstance(dtypes, str) else list(dtypes)
    for name in names:
        if name not in FLOATS:
            msg = f"dtype is {name!r}; expected one of {', '.join(FLOATS)}."
            raise ValueError(msg)
    kernels = load()
    if kernels is not None:
        for name in names:
            kernels.warm(name)
