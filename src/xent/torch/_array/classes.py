"""Softmax cross-entropy of tensors on any device."""

from __future__ import annotations

from typing import Any

import torch

from xent._engine.linear import CHUNK
from xent._engine.numpy import STATS, blocks
from xent._options import LossOptions
from xent.torch import _interop
from xent.torch._array.rows import class_rows
from xent.torch._array.targets import (
    joined,
    reduction,
    row_target,
    targets_on_device,
    weighted,
)
from xent.torch._plain_calls import is_recorded

Tensor = torch.Tensor


def forward(logits: Tensor, targets: Tensor, o: LossOptions) -> tuple[Any, ...]:
    """Loss, its gradient (empty if not needed) and the mean's divisors."""
    return _computed(logits, targets, o)[:3]


def forward_with_stats(logits: Tensor, targets: Tensor, o: LossOptions) -> tuple[Any, ...]:
    """The same, with log-sum-exp, entropy and likeliest class of each row."""
    return _computed(logits, targets, o, stats=True)


def _computed(
    logits: Tensor, targets: Tensor, o: LossOptions, *, stats: bool = False
) -> tuple[Any, ...]:
    logits, targets = logits.detach(), targets.detach()
    device, dtype = logits.device, _interop.loss_dtype(logits.dtype)
    rows = targets_on_device(targets, tuple(logits.shape), o.axis % logits.ndim, o)
    found = reduction(rows, o)
    z = logits.movedim(o.axis, -1)
    # A compiler makes one loop of all operations, and needs no pieces.
    pieces = [()] if is_recorded() else list(blocks(z.shape[:-1], z.shape[-1], CHUNK))
    grad = logits.new_empty(0)
    last = None
    if o.needs_grad and len(pieces) > 1:
        grad = torch.empty_like(logits, memory_format=torch.contiguous_format)
        last = grad.movedim(o.axis, -1)
    losses, z_terms, statistics = [], [], []
    for index in pieces:
        part = z[index]
        memory = None if last is None or last.dtype != dtype else last[index]
        made = class_rows(
            part,
            row_target(rows.part(index), found, dtype),
            o,
            wants_grad=bool(o.needs_grad),
            stats_dtype=_interop.sum_dtype(device) if stats else None,
            memory=memory if memory is not None and memory.is_contiguous() else None,
        )
        losses.append(made.loss)
        z_terms.append(made.z_term)
        statistics.append(made.stats)
        if made.grad is None:
            continue
        if last is not None and made.grad is not memory:
            last[index] = made.grad
        elif last is None:
            grad = made.grad.to(logits.dtype).movedim(-1, o.axis).contiguous()
    value = reduced(joined(losses), joined(z_terms), rows, found, o)
    if o.reduction == "none":
        value = value.reshape(z.shape[:-1])
    results = value, grad, found.tensor(device)
    if not stats:
        return *results, None
    return *results, joined(statistics, STATS).reshape(*z.shape[:-1], STATS)


def reduced(loss: Tensor, z_term: Any, rows: Any, found: Any, o: LossOptions) -> Tensor:
    """The loss that is returned, from those of rows without their weights."""
    weight = None if rows.weight is None else rows.weight.flatten()
    loss = weighted(loss, weight)
    z_loss = None if z_term is None else o.z_loss * weighted(z_term, weight)
    if o.reduction == "none":
        return loss if z_loss is None else loss + z_loss
    dtype = _interop.sum_dtype(loss.device) if loss.dtype != torch.float64 else torch.float64
    value = loss.sum(dtype=dtype) * found.scale
    if isinstance(found.scale, torch.Tensor):  # nothing counts, whatever the losses are
        value = value.masked_fill(found.scale == 0, 0)
    if z_loss is not None:
        value = value + z_loss.sum(dtype=dtype) * found.z_scale
    result: Tensor = value.to(loss.dtype)
    return result
