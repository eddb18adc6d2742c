"""Load the compiled CPU kernels: at the first large array, and only where they can run."""

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
"""The fewest elements for which kernels are used. Smaller arrays never wait for a compilation."""

_numpy_only: ContextVar[bool] = ContextVar("xent_numpy_only", default=False)
_load_attempted = False
_launch: ModuleType | None = None


def for_size(size: int) -> ModuleType | None:
    """Return the kernels for an array of this many elements, or None if NumPy should compute it."""
    if size < SMALLEST or _numpy_only.get():
        return None
    return load()


@contextmanager
def numpy_only() -> Iterator[None]:
    """Compute with NumPy only, so that the bits of a row do not depend on the size of its batch."""
    token = _numpy_only.set(True)
    try:
        yield
    finally:
        _numpy_only.reset(token)


def load() -> ModuleType | None:
    """Return the kernels; or None, after one warning, if they cannot run here."""
    global _load_attempted, _launch
    if not _load_attempted:
        obstacle = _obstacle()
        if obstacle:
            message = f"xent computes large arrays with NumPy alone, many times slower: {obstacle}"
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        else:
            from xent._engine.cpu import launch

            _launch = launch
        _load_attempted = True
    return _launch


def _obstacle() -> str:
    """Say what keeps the kernels from running, or return an empty string."""
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
    """Compile the kernels now, or load them from disk, so that no later call has to wait.

    Parameters
    ----------
    dtypes : iterable of str, default ("float32", "float64")
        Dtypes of the logits: "float16", "bfloat16", "float32", "float64".

    Returns
    -------
    None
        The kernels for `cross_entropy` and `binary_cross_entropy` are compiled, with every option,
        with and without gradient. What reads targets of other dtypes, and the functions of rows and
        elements, are compiled when a call first needs them.

    Raises
    ------
    ValueError
        If a dtype is not one of the four.

    Notes
    -----
    Loading from disk takes a fraction of a second for each dtype; compiling takes ten to fifteen
    seconds for each, once per machine. There are at most 45 kernels in all, whatever the options.

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
