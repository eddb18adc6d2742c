"""The matrix products of a linear layer of tensors, for `xent._engine.linear`."""

from __future__ import annotations

from typing import Any

import torch

from xent._engine.linear import NumPyProducts
from xent.torch import _buffer_pool
from xent.torch._interop import sum_dtype

Tensor = torch.Tensor


class TensorProducts:
    """Products on one device, over memory that is reused."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.float64 = device, sum_dtype(device)

    def dtype(self, inputs: Tensor, weight: Tensor) -> torch.dtype:
        return torch.float64 if torch.float64 in (inputs.dtype, weight.dtype) else torch.float32

    def empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        return _buffer_pool.empty(shape, dtype, self.device)

    def cast(self, array: Tensor, dtype: torch.dtype) -> Tensor:
        return array.to(dtype)

    def matmul(self, a: Tensor, b: Tensor, out: Tensor) -> None:
        torch.mm(a, b, out=out)

    def add_matmul(self, total: Tensor, a: Tensor, b: Tensor) -> None:
        total.addmm_(a, b)

    def add_column_sums(self, total: Tensor, array: Tensor) -> None:
        total.add_(array.sum(0, dtype=self.float64))

    def zero_rows(self, array: Tensor, weight: Any) -> Tensor:
        absent = torch.as_tensor(weight, device=array.device) == 0
        return array.masked_fill(absent.unsqueeze(1), 0)

    def flush_subnormals(self, array: Tensor) -> None:
        if array.is_cpu and array.numel() and type(array) is Tensor:
            NumPyProducts().flush_subnormals(array.numpy())
