"""Memory for gradients of tensors, from the pool that all results share."""

from __future__ import annotations

import math

import numpy as np
import torch

from xent._engine import buffer_pool

_NUMPY = {torch.float16: "f2", torch.bfloat16: "i2", torch.float32: "f4", torch.float64: "f8"}


def empty(
    shape: tuple[int, ...], dtype: torch.dtype, device: torch.device | None = None
) -> torch.Tensor:
    """A contiguous, uninitialized tensor, on the CPU unless another device is given."""
    if device is not None and device.type != "cpu":
        return torch.empty(shape, dtype=dtype, device=device)
    if math.prod(shape) * dtype.itemsize < buffer_pool.MIN_BYTES:
        return torch.empty(shape, dtype=dtype, device="cpu")
    array = buffer_pool.empty(shape, np.dtype(_NUMPY[dtype]))
    return torch.from_numpy(array).view(dtype)  # bfloat16 came as int16


def empty_like(tensor: torch.Tensor) -> torch.Tensor:
    """The same with a contiguous tensor's shape and dtype, on the CPU."""
    if tensor.numel() * tensor.itemsize < buffer_pool.MIN_BYTES:
        return torch.empty_like(tensor)
    return empty(tuple(tensor.shape), tensor.dtype)


def zeros(
    shape: tuple[int, ...], dtype: torch.dtype, device: torch.device | None = None
) -> torch.Tensor:
    """The same, filled with zeros."""
    return empty(shape, dtype, device).zero_()
