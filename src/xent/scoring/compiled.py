"""Whether a batch is scored by NumPy or by compiled code; both give the same bits.

The first million numbers of a process are computed by NumPy, in a tenth of a second, so that small
files never wait for a compilation. Compiled code takes over from there: it is ten times as fast, is
compiled once per machine, in a few seconds, and is loaded in 0.04 s where it is on disk.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from xent._validation import Array

FIRST = 1 << 20
"""How many numbers NumPy computes before compiled code is used."""

_computed = 0


def kernel(name: str, size: int) -> Callable[[int], int] | None:
    """The kernel that computes so many numbers, or None if NumPy is to compute them."""
    global _computed
    if _computed < FIRST:
        _computed += size
        return None
    return _loaded(name)


@cache
def _loaded(name: str) -> Callable[[int], int] | None:
    """A kernel; None where there is no compiler."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return None
    try:
        from xent._engine.cpu.objects import kernel_of

        return kernel_of(name)
    except ImportError:
        return None


def run(kernel: Callable[[int], int], record: Any, **fields: Any) -> None:
    """Call a kernel with a record of integers and of the addresses of arrays."""
    job = np.zeros(1, record)
    held = [_contiguous(value) for value in fields.values()]
    for name, value in zip(fields, held, strict=True):
        job[name] = value.ctypes.data if isinstance(value, np.ndarray) else value or 0
    kernel(job.ctypes.data)


def _contiguous(value: Array | int | None) -> Any:
    if isinstance(value, np.ndarray) and not value.flags.forc:
        return np.ascontiguousarray(value)
    return value
