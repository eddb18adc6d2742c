"""Softmax cross-entropy of logits whose classes are divided over the ranks of a group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from xent._targets import check_total
from xent.torch import _buffer_pool
from xent.torch._interop import loss_dtype
from xent.torch._operation import is_plain_cpu
from xent.torch._scale_grad import scale_grad
from xent.torch._sharded.fused import fused, fused_look
from xent.torch._sharded.group import Team
from xent.torch._sharded.rows import Local, again, capped, joined, look, losses, merge, slope, taken
from xent.torch._sharded.shard import Shard

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
    grad = _buffer_pool.empty(tuple(z.shape) if job.want_grad else (0,), z.dtype, z.device)
    # Half precision would round the exponentials: they are made a second time.
    kept = grad if job.want_grad and logits.dtype == kind else None
    cut = list(blocks(len(z), shard.width, z.device))
    if not cut:  # no rows, which every rank knows
        empty = z.new_zeros(shape[:-1] if options.reduction == "none" else (), dtype=kind)
        return empty, grad.reshape(shape) if job.want_grad else grad
    block = (len(z[cut[0]]), shard.width)
    local = fused_look(z, shard, kept)
    by_kernel = local is not None
    if local is None:
        local = looked(z, shard, kept, cut)
    weighted = options.reduction == "mean" and shard.class_weight is not None
    rows, weights = merge(local, shard, job.team, shard.total_weight() if weighted else None)
    loss = losses(rows, shard)
    total = 1.0
    if options.reduction == "mean":
        total = shard.rows_weight(len(z)) if weights is None else float(weights.item())
        check_total(total)
    if job.want_grad:
        spare = None if kept is not None else torch.empty(block, dtype=kind, device=z.device)
        for index in cut:
            raw, own = z[index].to(kind), taken(local, index)
            if spare is None:
                e = grad[index]
            elif by_kernel:
                e = spare[: len(raw)]
                fused(raw, own.k, e)
            else:
                own, e = again(capped(raw, options.softcap), own)
            slope(e, own, taken(rows, index), shard.rows(index), 1 / total if total else 0.0, raw)
            if not total:
                e.zero_()
            if spare is not None:
                grad[index] = e
        grad = grad.reshape(shape)
    return reduced(loss, options.reduction, total, shape[:-1]).to(kind), grad


def looked(z: Tensor, shard: Shard, kept: Tensor | None, cut: list[slice]) -> Local:
    """The rank's rows block by block; `kept` gets their exponentials."""
    kind = loss_dtype(z.dtype)
    # The temporaries of each block in the same place: fresh memory costs more than the arithmetic.
    size = (3, len(z[cut[0]]), shard.width)
    spare = torch.empty(size, dtype=kind, device=z.device)
    parts = []
    for index in cut:
        raw = z[index].to(kind)
        out = spare[2, : len(raw)] if kept is None else kept[index]
        rest = spare[:2] if z.dtype == kind else None
        part, _ = look(capped(raw, shard.options.softcap), shard.rows(index), out, rest)
        parts.append(part)
    whole: Local = joined(parts)
    return whole


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
        factor = upstream.unsqueeze(-1) if ctx.rows else upstream
        return scale_grad(grad, factor, owns_buffer=is_plain_cpu(grad)), None
