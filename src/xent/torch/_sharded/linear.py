"""A linear layer's cross-entropy, the layer's classes divided over the ranks of a group.

Chunks of rows pass through the product, the merge over the ranks and the gradient products. Weight
and bias get their gradients where they are; that of the inputs is a sum over the ranks, which the
backward pass takes once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from xent._engine import numpy as arrays
from xent._targets import check_total
from xent.torch import _buffer_pool
from xent.torch._chunks import CHUNK, wanted_kind
from xent.torch._interop import loss_dtype
from xent.torch._operation import is_plain_cpu
from xent.torch._scale_grad import scale_grad
from xent.torch._sharded.classes import reduced
from xent.torch._sharded.fused import fused_look
from xent.torch._sharded.group import Team
from xent.torch._sharded.rows import (
    Local,
    Merged,
    again,
    capped,
    joined,
    look,
    losses,
    merge,
    slope,
    taken,
)
from xent.torch._sharded.shard import Shard

Tensor = torch.Tensor
NO_SECOND = (
    "the parallel linear_cross_entropy has no second derivative. "
    "Use xent.cross_entropy of all classes in one process."
)


@dataclass(frozen=True)
class Job:
    """A loss to be computed, beside inputs, weight and bias."""

    shard: Shard
    team: Team
    step: int
    """Rows of a chunk, the same on every rank."""
    wanted: int
    """Which gradients: 1 for inputs, 2 for weight, 4 for bias."""


class Gradients(NamedTuple):
    """Sums of this rank, in the dtype of the products, for inputs, weight and bias."""

    inputs: Tensor | None
    weight: Tensor | None
    bias: Tensor | None


def rows_of_chunk(rows: int, widths: list[int]) -> int:
    """As many rows as fit on the rank with the most classes."""
    return max(1, min(rows, CHUNK // max(1, *widths)))


class Pass:
    """One walk over the chunks."""

    def __init__(self, inputs: Tensor, weight: Tensor, bias: Tensor | None, job: Job) -> None:
        self.kind = wanted_kind(inputs, weight)
        self.x = inputs.detach().reshape(inputs.shape[:-1].numel(), inputs.shape[-1])
        self.w = weight.detach()
        self.b = None if bias is None else bias.detach().to(self.kind)
        self.job = job
        self.softcap = job.shard.options.softcap

    def chunks(self) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """Rows, their inputs and their logits, all chunks' in the same place."""
        memory = self.chunk()
        for start in range(0, len(self.x), self.job.step):
            index = slice(start, min(start + self.job.step, len(self.x)))
            x = self.x[index].to(self.kind)
            logits = memory[: len(x)]
            for tile, weight in self.tiles():
                torch.mm(x, weight.T, out=logits[:, tile])
            if self.b is not None:
                logits += self.b
            yield index, x, logits

    def chunk(self) -> Tensor:
        """Room for the numbers of a chunk."""
        size = (min(self.job.step, len(self.x)), len(self.w))
        return _buffer_pool.empty(size, self.kind, self.x.device)

    def tiles(self) -> Iterator[tuple[slice, Tensor]]:
        """Classes whose weights are widened at a time: the whole weight may be large."""
        if self.w.dtype == self.kind:
            yield slice(0, len(self.w)), self.w
            return
        step = max(1, CHUNK // 4 // max(1, self.w.shape[1]))
        for start in range(0, len(self.w), step):
            tile = slice(start, start + step)
            yield tile, self.w[tile].to(self.kind)

    def gradients(self) -> Gradients:
        """Room for the gradients that are wanted."""
        flags, x, w = self.job.wanted, self.x, self.w
        return Gradients(
            _buffer_pool.zeros(tuple(x.shape), self.kind, x.device) if flags & 1 else None,
            _buffer_pool.zeros(tuple(w.shape), self.kind, x.device) if flags & 2 else None,
            torch.zeros(len(w), dtype=torch.float64, device=x.device) if flags & 4 else None,
        )

    def fill(self, grads: Gradients, index: slice, x: Tensor, slopes: Tensor, part: Shard) -> None:
        """Add a chunk's share."""
        if slopes.device.type == "cpu" and slopes.numel():
            arrays.flush_subnormals(slopes.numpy())
        if grads.inputs is not None:
            for tile, weight in self.tiles():
                grads.inputs[index].addmm_(slopes[:, tile], weight)
        if grads.weight is not None:
            if part.weight is not None:  # NaN of absent rows would outlast a product with 0
                x = x.masked_fill((part.weight == 0).unsqueeze(1), 0)
            grads.weight.addmm_(slopes.T, x)
        if grads.bias is not None:
            grads.bias.add_(slopes.sum(0, dtype=torch.float64))


def forward(
    inputs: Tensor, weight: Tensor, bias: Tensor | None, job: Job
) -> tuple[Tensor, Gradients, Local | None, Merged | None]:
    """Loss, this rank's gradients, and the rows as they were seen and merged."""
    work = Pass(inputs, weight, bias, job)
    shard, options = job.shard, job.shard.options
    total = 1.0
    if options.reduction == "mean":
        if shard.class_weight is None:
            total = shard.rows_weight(len(work.x))
        else:
            total = float(job.team.sum(shard.total_weight()).item())
        check_total(total)
    learns = bool(job.wanted) and options.reduction != "none"
    grads = work.gradients() if learns else Gradients(None, None, None)
    exponentials = work.chunk() if learns else None
    seen, known, parts = [], [], []
    for index, x, raw in work.chunks():
        part = shard.rows(index)
        e = None if exponentials is None else exponentials[: len(raw)]
        local = fused_look(raw, part, e)
        if local is None:
            local, e = look(capped(raw, options.softcap), part, e)
        rows, _ = merge(local, part, job.team)
        parts.append(losses(rows, part))
        if learns and total:
            assert e is not None
            slope(e, local, rows, part, 1 / total, raw)
            work.fill(grads, index, x, e, part)
        seen.append(local)
        known.append(rows)
    kind = loss_dtype(work.kind)
    if not parts:
        shape = inputs.shape[:-1] if options.reduction == "none" else ()
        return inputs.new_zeros(shape, dtype=kind), grads, None, None
    loss = reduced(torch.cat(parts), options.reduction, total, inputs.shape[:-1]).to(kind)
    return loss, grads, joined(seen), joined(known)


def gradients_of_rows(
    upstream: Tensor,
    inputs: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    job: Job,
    local: Local,
    rows: Merged,
) -> Gradients:
    """Gradients of row losses on this rank, each times what comes from above."""
    work = Pass(inputs, weight, bias, job)
    grads = work.gradients()
    factors = upstream.detach().reshape(-1, 1).to(work.kind)
    for index, x, raw in work.chunks():
        part = job.shard.rows(index)
        own, e = again(capped(raw, work.softcap), taken(local, index))
        slope(e, own, taken(rows, index), part, 1.0, raw)
        work.fill(grads, index, x, e.mul_(factors[index]), part)
    return grads


class ShardedLinearCrossEntropy(torch.autograd.Function):
    """The loss with its first derivatives."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None, job: Job
    ) -> tuple[Tensor, ...]:
        """The gradients are made where the loss is, but for row losses."""
        # The dtypes of the products are settled here, not by autocast.
        with torch.autocast(inputs.device.type, enabled=False):
            loss, grads, local, rows = forward(inputs, weight, bias, job)
        ctx.job = job
        ctx.set_materialize_grads(False)
        ctx.seen = None
        made = tuple(inputs.new_empty(0) if grad is None else grad for grad in grads)
        if job.shard.options.reduction == "none":
            ctx.seen = (local, rows)
            ctx.save_for_backward(inputs, weight, bias)
        else:
            ctx.save_for_backward(*made)
            ctx.shapes = [
                None if argument is None else (argument.shape, argument.dtype)
                for argument in (inputs, weight, bias)
            ]
        return loss, *made

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        """From the gradient of the loss to those of the arguments."""
        upstream, *others = grads
        if any(other is not None for other in others):
            raise NotImplementedError(NO_SECOND)
        if upstream is None:
            return None, None, None, None
        job = ctx.job
        if ctx.seen is not None:
            made = OfRows.apply(upstream, *ctx.saved_tensors, job, *ctx.seen)
            return *(
                g if job.wanted & f else None for g, f in zip(made, (1, 2, 4), strict=True)
            ), None
        result: list[Tensor | None] = []
        for grad, flag, like in zip(ctx.saved_tensors, (1, 2, 4), ctx.shapes, strict=True):
            if not job.wanted & flag:
                result.append(None)
                continue
            grad = scale_grad(grad, upstream, owns_buffer=is_plain_cpu(grad))
            if flag == 1 and torch.is_grad_enabled():
                grad = SummedOnce.apply(grad, job.team)
            elif flag == 1:
                job.team.sum(grad)
            shape, dtype = like
            result.append(grad.to(dtype).reshape(shape))
        return *result, None


class SummedOnce(torch.autograd.Function):
    """A sum over the ranks, of a gradient that is not to be differentiated."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, team: Team) -> Tensor:
        """Of a copy: what autograd has seen is not written over."""
        del ctx
        return team.sum(grad.detach().clone())

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        """Refused."""
        del ctx, grads
        raise NotImplementedError(NO_SECOND)


class OfRows(torch.autograd.Function):
    """Gradients of row losses."""

    @staticmethod
    def forward(
        ctx: Any,
        upstream: Tensor,
        inputs: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        job: Job,
        local: Local | None,
        rows: Merged | None,
    ) -> tuple[Tensor, ...]:
        """Made anew, with the merged rows of the forward pass."""
        del ctx
        arguments = (inputs, weight, bias)
        if local is None or rows is None:
            return tuple(
                inputs.new_empty(0) if a is None else torch.zeros_like(a) for a in arguments
            )
        with torch.autocast(inputs.device.type, enabled=False):
            grads = gradients_of_rows(upstream, inputs, weight, bias, job, local, rows)
        if grads.inputs is not None:
            job.team.sum(grads.inputs)
        return tuple(
            inputs.new_empty(0) if g is None or a is None else g.to(a.dtype).reshape(a.shape)
            for g, a in zip(grads, arguments, strict=True)
        )

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        """Refused."""
        del ctx, grads
        raise NotImplementedError(NO_SECOND)
