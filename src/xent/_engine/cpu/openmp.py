"""OpenMP threads of another library, which does its own work on them.

They are awake from that work when a loss is due, and threads of xent's own would compete with them
for the processors.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

_parallel = 0
_count: Callable[[], int] = int


def share(library: str, count: Callable[[], int]) -> None:
    """Let kernels use the OpenMP threads of a shared library, which says how many it has.

    Without effect if the library cannot be found, or has no OpenMP of GNU's interface.
    """
    global _parallel, _count
    try:
        function = ctypes.CDLL(library).GOMP_parallel
    except (OSError, AttributeError):
        return
    _parallel, _count = ctypes.cast(function, ctypes.c_void_p).value or 0, count


def parallel(threads: int) -> int:
    """Address of the function that runs another on each of so many threads, or 0.

    0 also if the library uses another number of them: changing it costs more than it saves.
    """
    return _parallel if _parallel and _count() == threads else 0


def _leave() -> None:
    """A forked child has none of the threads, and OpenMP would wait for them."""
    global _parallel
    _parallel = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave)
