"""Softmax and related functions of tensors on any device."""

from __future__ import annotations

from typing import Any

import torch

from xent.torch._array.rows import partition
from xent.torch._interop import loss_dtype

Tensor = torch.Tensor


def forward(logits: Tensor, o: Any) -> Tensor:
    """The function `o.function` of the logits along the axis `o.axis`."""
    logits = logits.detach()
    z = logits.to(loss_dtype(logits.dtype))
    if o.function == "sigmoid":
        return torch.sigmoid(z).to(logits.dtype)
    if o.function == "log_sigmoid":
        return torch.nn.functional.logsigmoid(z).to(logits.dtype)
    z = z.movedim(o.axis, -1)
    if not z.shape[-1]:  # an empty sum is 0, its logarithm -inf
        if o.function == "logsumexp":
            return logits.new_full(z.shape[:-1], -torch.inf)
        return torch.empty_like(logits, memory_format=torch.contiguous_format)
    m, k, e, factor, s = partition(z)
    if o.function == "logsumexp":
        return (m + torch.log1p(s)).squeeze(-1).to(logits.dtype)
    masked = m == -torch.inf
    if o.function == "softmax":
        share = 1 / (1 + s)
        result = (e * (factor * share)).scatter(-1, k, share.masked_fill(masked, 0))
    else:
        of_k = (m - m).masked_fill(m == torch.inf, 0)
        distance = (z - m).scatter(-1, k, of_k)
        result = torch.where(masked, m, distance - torch.log1p(s))
    return result.to(logits.dtype).movedim(-1, o.axis).contiguous()
