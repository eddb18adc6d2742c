"""Softmax cross-entropy of logits whose classes are divided over the ranks of a group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from xent.backends.torch.bridge import loss_dtype
from xent.backends.torch.scaling import scaled
from xent.backends.torch.sharded.rows import (
    again,
    capped,
    joined,
    look,
    losses,
    merge,
    slope,
    taken,
)
from xent.backends.torch.sharded.shard import Shard
from xent.backends.torch.sharded.team import Team
from xent.targets import check_total

Tensor = torch.Tensor
BLOCK = {"cpu": 1 << 19}
"""Elements of a block of rows on a device, whose temporaries stay in cache."""
LARGE_BLOCK = 1 << 24
"""The same where starting an operation costs more than memory does."""


@dataclass(frozen=True)
class Job:
    """A loss to be computed, beside its logits."""

    shard: Shard
    team: Team
    want_grad: bool


def blocks(rows: int, width: int, device: torch.device) -> Iterator[slice]:
    """Rows that are computed at a time."""
    step = max(1, BLOCK.get(device.type, LARGE_BLOCK) // max(1, width))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def forward(logits: Tensor, job: Job) -> tuple[Tensor, Tensor]:
    """Loss and its gradient, which is empty if not wanted."""
    shard, options = job.shard, job.shard.options
    kind = loss_dtype(logits.dtype)
    shape = logits.shape
    z = logits.detach().reshape(shape[:-1].numel(), shape[-1])
    exact = logits.dtype == kind
    grad = torch.empty_like(z) if job.want_grad else z.new_empty(0)
    # Half precision would round the exponentials: they are made a second time.
    kept = job.want_grad and exact
    cut = list(blocks(len(z), shard.width, z.device))
    parts, finite = [], []
    # The temporaries of each block in the same place: fresh memory costs more than the arithmetic.
    block = (len(z[cut[0]]) if cut else 0, shard.width)
    room = torch.empty((2, *block), dtype=kind, device=z.device) if exact else None
    spare = None if kept else torch.empty(block, dtype=kind, device=z.device)
    for index in cut:
        raw = z[index].to(kind)
        out = grad[index] if spare is None else spare[: len(raw)]
        part, e = look(
            capped(raw, options.softcap),
            shard.rows(index),
            out,
            room,
        )
        parts.append(part)
        finite.append(raw.sum().isfinite())  # the cheapest look for NaN and infinities
        del e
    if not parts:  # no rows, which every rank knows
        empty = z.new_zeros(shape[:-1] if options.reduction == "none" else (), dtype=kind)
        return empty, grad.reshape(shape) if job.want_grad else grad
    local = joined(parts)
    weighted = options.reduction == "mean" and shard.class_weight is not None
    rows, weights = merge(local, shard, job.team, shard.total_weight() if weighted else None)
    loss = losses(rows, shard)
    total = 1.0
    if options.reduction == "mean":
        total = shard.rows_weight(len(z)) if weights is None else float(weights.item())
        check_total(total)
    if job.want_grad:
        special = not bool(torch.stack(finite).all())
        for index in cut:
            raw, own = z[index].to(kind), taken(local, index)
            e = grad[index] if kept else again(capped(raw, options.softcap), own)
            slope(
                e,
                own,
                taken(rows, index),
                shard.rows(index),
                1 / total if total else 0.0,
                raw,
                special=special,
            )
            if not total:
                e.zero_()
            if not kept:
                grad[index] = e
        grad = grad.reshape(shape)
    return reduced(loss, options.reduction, total, shape[:-1]).to(kind), grad


def reduced(loss: Tensor, reduction: str, total: float, rows: torch.Size) -> Tensor:
    """The loss that is returned. Where a mean has no weight it is 0."""
    if reduction == "none":
        return loss.reshape(rows)
    summed = loss.sum()
    return summed / total if total else torch.zeros_like(summed)


class ShardedCrossEntropy(torch.autograd.Function):
    """The loss with its first derivative, which is made where the loss is."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, job: Job) -> tuple[Tensor, Tensor]:
        """See `forward`."""
        loss, grad = forward(logits, job)
        ctx.rows = job.shard.options.reduction == "none"
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(grad)
        return loss, grad

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, None]:
        """The gradient times what comes from above; no rank asks another."""
        upstream, to_gradient = grads
        if to_gradient is not None:
            msg = "the parallel cross_entropy has no second derivative. "
            msg += "Use xent.cross_entropy of all classes in one process."
            raise NotImplementedError(msg)
        if upstream is None:
            return None, None
        (grad,) = ctx.saved_tensors
        return scaled(grad, upstream.unsqueeze(-1) if ctx.rows else upstream), None
