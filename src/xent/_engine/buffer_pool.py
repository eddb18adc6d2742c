"""A pool of memory for results: to fill fresh memory costs more than to compute a gradient.

The operating system hands out fresh memory page by page, and clears each. A training loop asks for
the same sizes in each step, so the memory of a result that is no longer held goes to the next one
of about its size. NumPy asks for large pages, which helps the first time too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from xent._validation import Array

MIN_BYTES = 1 << 20
"""Smaller buffers are not pooled: the allocator keeps those itself."""
MAX_FREE = 4
"""Buffers that are kept: a linear layer needs as many, with its chunk of logits."""

_free: list[Array] = []

more_to_free: list[Callable[[], None]] = []
"""What else `empty_cache` calls: others keep memory too."""


class _PooledBuffer:
    """Memory as an array's base, which goes back to the pool with the last array over it."""

    def __init__(self, memory: Array, size: int) -> None:
        self._memory = memory
        self.__array_interface__ = memory.__array_interface__ | {"shape": (size,)}

    def __del__(self, free: list[Array] = _free, most: int = MAX_FREE) -> None:
        # Arguments, since a module's names may be gone when a process ends. No lock: an append is
        # atomic, and one buffer too many is no harm.
        if len(free) < most:
            free.append(self._memory)


def empty(shape: tuple[int, ...], dtype: Any) -> Array:
    """A contiguous array of any content."""
    kind = np.dtype(dtype)
    size = math.prod(shape) * kind.itemsize
    if size < MIN_BYTES:
        return np.empty(shape, kind)
    # As NumPy's base the buffer lives as long as any array or view over its memory.
    array: Array = np.asarray(_PooledBuffer(_take(size), size)).view(kind).reshape(shape)
    return array


def empty_cache() -> None:
    """Give memory that is kept for the next results back to the system.

    Gradients and other results of a MiB or more, on the CPU, are written to memory of earlier ones
    that nobody holds any more. Up to four buffers are kept, and all are given back when none of
    them fits. Kernels keep scratch memory too. A training loop never needs to call this.

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
    """A free buffer of about the size. If there is none, a new one, and the free ones are freed."""
    others: list[Array] = []
    while _free:
        try:
            memory = _free.pop()
        except IndexError:  # another thread took the last one
            break
        # Not much larger: a small gradient that is held for long would hold a large buffer.
        if size <= memory.nbytes <= 2 * size:
            _free.extend(others)
            return memory
        others.append(memory)
    return np.empty(size, np.uint8)
