"""Metrics of tensors: computed on their memory, and without a gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from xent.backends import rows
from xent.backends.numpy import map_rows
from xent.backends.torch import bridge
from xent.backends.torch.operation import on_cpu

Tensor = torch.Tensor


def as_tensor(
    metric: Callable[..., Any], y_true: Any, y_prob: torch.Tensor, options: dict[str, Any]
) -> torch.Tensor:
    """The metric of NumPy arrays over the tensors' memory."""
    if y_prob.requires_grad and torch.is_grad_enabled():
        msg = "y_prob requires a gradient, and log_loss is a metric, without one. To train, pass "
        msg += "logits to cross_entropy; to measure, pass y_prob.detach()."
        raise ValueError(msg)
    prob = bridge.as_logits(y_prob, "y_prob")
    plain = {
        name: bridge.array(value) if isinstance(value, torch.Tensor) else value
        for name, value in {**options, "y_true": y_true}.items()
    }
    return torch.as_tensor(
        metric(plain.pop("y_true"), bridge.array(prob), **plain), device=prob.device
    )


def entropy_and_argmax(logits: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Entropy of each row's softmax, in nats, and its largest class."""
    z = logits.detach().movedim(axis, -1)
    return _looked_at(z) if on_cpu(z) else operation(z)


def _looked_at(logits: Tensor) -> tuple[Tensor, Tensor]:
    z = bridge.array(logits)
    found = np.empty((*z.shape[:-1], 2))
    map_rows(rows.entropy_and_argmax, z, found)
    both = torch.from_numpy(found)
    return both[..., 0].to(bridge.loss_dtype(logits.dtype)).contiguous(), both[..., 1].long()


@torch.library.custom_op("xent::entropy_and_argmax", mutates_args=())
def operation(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The same for compilers and transforms; classes are the last axis."""
    return _looked_at(logits)


@operation.register_fake
def _(logits: Tensor) -> tuple[Tensor, Tensor]:
    rows = logits.shape[:-1]
    kind = bridge.loss_dtype(logits.dtype)
    return logits.new_empty(rows, dtype=kind), logits.new_empty(rows, dtype=torch.int64)


@operation.register_vmap
def _(info: Any, dims: tuple[int | None, ...], logits: Tensor) -> tuple[Any, Any]:
    del info
    return operation(logits.movedim(dims[0] or 0, 0)), (0, 0)
