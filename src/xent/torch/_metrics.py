"""Metrics of tensors: computed on their memory, and without a gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from xent.torch import _interop


def as_tensor(
    metric: Callable[..., Any], y_true: Any, y_prob: torch.Tensor, options: dict[str, Any]
) -> torch.Tensor:
    """The metric of NumPy arrays over the tensors' memory."""
    if y_prob.requires_grad and torch.is_grad_enabled():
        msg = "y_prob requires a gradient, and log_loss is a metric, without one. To train, pass "
        msg += "logits to cross_entropy; to measure, pass y_prob.detach()."
        raise ValueError(msg)
    prob = _interop.as_logits(y_prob, "y_prob")
    plain = {
        name: _interop.array(value) if isinstance(value, torch.Tensor) else value
        for name, value in {**options, "y_true": y_true}.items()
    }
    return torch.as_tensor(
        metric(plain.pop("y_true"), _interop.array(prob), **plain), device=prob.device
    )
