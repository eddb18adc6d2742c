"""Memory for gradients, used again: to fill fresh memory costs more than to compute a gradient.

The system hands out fresh memory page by page, and clears each. A training loop asks for the same
sizes in each step; so the memory of a gradient that is no longer held goes to the next one of about
its size. NumPy asks for large pages where PyTorch does not, which helps the first time too.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from xent._validation import Array

LEAST = 1 << 20
"""Bytes from which memory comes from the system each time anew, and is kept here."""
MOST = 4
"""Blocks that are kept: a linear layer needs three."""

_NUMPY = {torch.float16: "f2", torch.bfloat16: "i2", torch.float32: "f4", torch.float64: "f8"}
_spare: list[Array] = []


class _Lease:
    """Memory as an array's base, which comes back when the last tensor over it is gone."""

    def __init__(self, memory: Array, shape: tuple[int, ...], kind: str) -> None:
        self._memory = memory
        address = memory.__array_interface__["data"]
        self.__array_interface__ = {"version": 3, "data": address, "shape": shape, "typestr": kind}

    def __del__(self) -> None:
        if len(_spare) < MOST:
            _spare.append(self._memory)


def empty(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """A contiguous tensor on the CPU, of any content."""
    size = math.prod(shape) * dtype.itemsize
    if size < LEAST:
        return torch.empty(shape, dtype=dtype, device="cpu")
    memory = _taken(size)
    if memory is None:
        memory = np.empty(size, np.uint8)
    array = np.asarray(_Lease(memory, shape, np.dtype(_NUMPY[dtype]).str))
    return torch.from_numpy(array).view(dtype)


def empty_on(device: torch.device, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """The same on any device."""
    if device.type == "cpu":
        return empty(shape, dtype)
    return torch.empty(shape, dtype=dtype, device=device)


def zeros(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """The same, zero."""
    return empty(shape, dtype).zero_()


def empty_cache() -> None:
    """Give memory that is kept for the next gradients back to the system.

    Gradients on the CPU of a MiB or more are written to memory of earlier ones that nobody holds
    any more; up to four blocks are kept, and all are given back when one of another size is asked
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
    _spare.clear()


def _taken(size: int) -> Array | None:
    """A spare block of about the size. Where there is none, all are given back first."""
    others: list[Array] = []
    while _spare:
        try:
            memory = _spare.pop()
        except IndexError:  # another thread was faster
            break
        if size <= memory.nbytes <= 2 * size:
            _spare.extend(others)
            return memory
        others.append(memory)
    return None
