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


def team(threads: int) -> tuple[int, int]:
    """Address of the function that runs another on each thread, and how many; 0 if there are none.

    All of the library's threads or none, because changing their number costs more than it saves;
    and so none where so many would be more than may be used.
    """
    count = _count() if _parallel else 0
    return (_parallel, count) if 1 < count <= threads else (0, threads)


def _leave() -> None:
    """A forked child has none of the threads, and OpenMP would wait for them."""
    global _parallel
    _parallel = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave)
