"""A pool of memory for results: filling fresh memory costs more than computing a gradient.

The operating system provides fresh memory page by page, and clears each page. A training loop needs
the same sizes in each step, so the memory of a result that is no longer used goes to the next
result of about its size. NumPy asks for large pages, which also helps the first time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from xent._validation import Array

MIN_BYTES = 1 << 20
"""Smaller buffers are not pooled: the allocator keeps them itself."""
MAX_FREE = 4
"""The most buffers that are kept: as many as a linear layer needs, with its chunk of logits."""

_free: list[Array] = []

more_to_free: list[Callable[[], None]] = []
"""Functions that `empty_cache` also calls: other modules keep memory, too."""


class _PooledBuffer:
    """Memory as an array's base, which returns to the pool when the last array over it is gone."""

    def __init__(self, memory: Array, size: int) -> None:
        self._memory = memory
        self.__array_interface__ = memory.__array_interface__ | {"shape": (size,)}

    def __del__(self, free: list[Array] = _free, most: int = MAX_FREE) -> None:
        # Arguments, since a module's names may be gone when a process ends. No lock: an append is
        # atomic, and one buffer too many does no harm.
        if len(free) < most:
            free.append(self._memory)


def empty(shape: tuple[int, ...], dtype: Any) -> Array:
    """A contiguous, uninitialized array."""
    kind = np.dtype(dtype)
    size = math.prod(shape) * kind.itemsize
    if size < MIN_BYTES:
        return np.empty(shape, kind)
    # As NumPy's base the buffer lives as long as any array or view over its memory.
    array: Array = np.asarray(_PooledBuffer(_take(size), size)).view(kind).reshape(shape)
    return array


def empty_cache() -> None:
    """Return the memory that is kept for later results to the system.

    On the CPU, gradients and other results of 1 MiB or more reuse the memory of earlier results
    that are no longer referenced. Up to four buffers are kept; if none of them fits, all are
    released. Kernels keep scratch memory, too. A training loop never needs to call this.

    Returns
    -------
    None
        The next results get fresh memory.

    Examples
    --------
    >>> import xent
    >>> xent.empty_cache()
    """
    _free.clear()
    for free in more_to_free:
        free()


def _take(size: int) -> Array:
    """A free buffer of about this size. If none fits, the free ones give way to a new one."""
    others: list[Array] = []
    while _free:
        try:
            memory = _free.pop()
        except IndexError:  # another thread took the last one
            break
        # Not much larger: a small gradient that is kept for long would hold a large buffer.
        if size <= memory.nbytes <= 2 * size:
            _free.extend(others)
            return memory
        others.append(memory)
    return np.empty(size, np.uint8)
