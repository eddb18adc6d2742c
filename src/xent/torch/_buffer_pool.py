"""A pool of buffers for gradients: to fill fresh memory costs more than to compute a gradient.

The operating system hands out fresh memory page by page, and clears each. A training loop asks for
the same sizes in each step, so the buffer of a gradient that is no longer held goes to the next one
of about its size. NumPy asks for large pages where PyTorch does not, which helps the first time
too.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from xent._validation import Array

MIN_BYTES = 1 << 20
"""Smaller buffers are not pooled: the allocator keeps those itself."""
MAX_FREE = 4
"""Buffers that are kept: a linear layer needs three."""

_NUMPY = {torch.float16: "f2", torch.bfloat16: "i2", torch.float32: "f4", torch.float64: "f8"}
_free: list[Array] = []


class _PooledBuffer:
    """Memory as an array's base, which goes back to the pool with the last tensor over it."""

    def __init__(self, memory: Array, shape: tuple[int, ...], typestr: str) -> None:
        self._memory = memory
        address = memory.__array_interface__["data"]
        self.__array_interface__ = {
            "version": 3,
            "data": address,
            "shape": shape,
            "typestr": typestr,
        }

    def __del__(self) -> None:
        # No lock: an append is atomic, and one buffer too many is no harm.
        if len(_free) < MAX_FREE:
            _free.append(self._memory)


def empty(
    shape: tuple[int, ...], dtype: torch.dtype, device: torch.device | None = None
) -> torch.Tensor:
    """A contiguous tensor of any content, on the CPU if no other device is given."""
    if device is not None and device.type != "cpu":
        return torch.empty(shape, dtype=dtype, device=device)
    size = math.prod(shape) * dtype.itemsize
    if size < MIN_BYTES:
        return torch.empty(shape, dtype=dtype, device="cpu")
    memory = _take(size)
    if memory is None:
        memory = np.empty(size, np.uint8)
    # As NumPy's base the buffer lives as long as any tensor or view over its memory.
    array = np.asarray(_PooledBuffer(memory, shape, np.dtype(_NUMPY[dtype]).str))
    return torch.from_numpy(array).view(dtype)  # bfloat16 came as int16


def zeros(
    shape: tuple[int, ...], dtype: torch.dtype, device: torch.device | None = None
) -> torch.Tensor:
    """The same, filled with zeros."""
    return empty(shape, dtype, device).zero_()


def empty_cache() -> None:
    """Give memory that is kept for the next gradients back to the system.

    Gradients on the CPU of a MiB or more are written to memory of earlier ones that nobody holds
    any more. Up to four buffers are kept, and all are given back when one of another size is asked
    for. A training loop never needs to call this.

    Returns
    -------
    None
        The next gradients get fresh memory.

    Examples
    --------
    >>> import xent.torch
    >>> xent.torch.empty_cache()
    """
    _free.clear()


def _take(size: int) -> Array | None:
    """A free buffer of about the size. If there is none, all are given back to the system."""
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
    return None
