"""Compile a kernel before the first call that needs it, and tell the user why the call is slow."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

NOTICE = (
    "xent is compiling kernels for this machine and this kind of array. That takes some "
    "seconds, once if they can be kept on disk. To compile ahead, call xent.warmup()."
)

_prepared: set[Any] = set()
_notice_given = False
_log = logging.getLogger("xent")


def prepare(kernel: Any, arguments: tuple[Any, ...], call: Callable[[], object]) -> None:
    """Compile a kernel for arguments of these types, or load it from disk, on this thread.

    `call()` runs the kernel for an empty range. A process does this once for each kernel and kind
    of arguments.
    """
    key = (kernel, _types(arguments))
    if key not in _prepared:
        call()
        _prepared.add(key)


def _types(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what Numba compiles for: dtypes and dimensions of arrays, types of all else."""
    return tuple(
        (a.dtype.char, a.ndim)
        if isinstance(a, np.ndarray)
        else _types(a)
        if isinstance(a, tuple)
        else type(a)
        for a in arguments
    )


def give_notice() -> None:
    """Log, once per process, that kernels are being compiled.

    The cache calls this when it has no compiled code for a kernel, so whether the notice appears
    depends on what is on disk and never on how long a compilation takes.
    """
    global _notice_given
    if not _notice_given:
        _notice_given = True
        _log.warning(NOTICE)
