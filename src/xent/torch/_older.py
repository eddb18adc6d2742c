"""What older versions of PyTorch lack: the module to which `modules` adds the loss."""

from __future__ import annotations

import math
from typing import Any

import torch

Tensor = torch.Tensor


class LinearCrossEntropyLoss(torch.nn.Module):
    """Arguments, parameters and buffers of torch.nn.LinearCrossEntropyLoss, without its loss."""

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: Any = None,
    ) -> None:
        super().__init__()
        if weight is not None and weight.shape != (num_classes,):
            msg = f"weight has shape {tuple(weight.shape)}, expected ({num_classes},): one weight "
            raise ValueError(msg + "per class.")
        self.register_buffer("weight", weight)
        self.num_classes, self.out_features = num_classes, out_features
        self.reduction, self.ignore_index = reduction, ignore_index
        self.label_smoothing, self.options = label_smoothing, options
        rows = math.prod(out_features, start=num_classes)
        self.linear = torch.nn.Linear(in_features, rows, bias=bias, device=device, dtype=dtype)

    def extra_repr(self) -> str:
        """The arguments."""
        names = "num_classes", "out_features", "reduction", "ignore_index", "label_smoothing"
        shown = ", ".join(f"{name}={getattr(self, name)}" for name in names)
        return f"in_features={self.linear.in_features}, {shown}"
