"""Softmax cross-entropy of logits whose classes are divided over the ranks of a group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from xent.torch import _buffer_pool, _compat
from xent.torch._interop import loss_dtype
from xent.torch._plain_calls import is_plain_cpu, scale_grad
from xent.torch._sharded.cpu_kernel import kernel_stats, loss_at_largest
from xent.torch._sharded.group import VocabGroup
from xent.torch._sharded.rows import (
    LocalStats,
    concatenated,
    grad_inplace,
    local_stats,
    merge,
    recompute_exp,
    row_losses,
    selected,
)
from xent.torch._sharded.targets import LocalTargets

Tensor = torch.Tensor
BLOCK = {"cpu": 1 << 19}
"""Elements per block of rows, by device; the temporaries of a block stay in cache."""
LARGE_BLOCK = 1 << 24
"""The same for devices where launching an operation costs more than memory."""


def forward(
    logits: Tensor, targets: LocalTargets, group: VocabGroup, *, needs_grad: bool
) -> tuple[Tensor, Tensor]:
    """Loss and its gradient, which is empty if not needed."""
    dtype = loss_dtype(logits.dtype)
    rows = logits.shape[:-1]
    z = logits.detach().reshape(rows.numel(), logits.shape[-1])
    grad = _buffer_pool.empty(tuple(z.shape) if needs_grad else (0,), z.dtype, z.device)
    if not len(z):  # every rank sees this, so no collective is left waiting
        return reduced(z.new_zeros(0), targets, 0.0, rows).to(dtype), grad.reshape(logits.shape)
    # Half precision would round the exponentials, so they are computed a second time.
    exp = grad if needs_grad and z.dtype == dtype else None
    blocks = list(row_blocks(z))
    local = kernel_stats(z, targets, exp)
    by_kernel = local is not None
    if local is None:
        local = stats_by_blocks(z, targets, exp, blocks)
    merged, total = merge(local, targets, group, targets.local_total())
    targets, divisor = targets.with_mean(total)
    losses = row_losses(merged, targets)
    if needs_grad:
        scale = 1 / divisor if divisor else 0.0
        spare = z.new_empty((len(z[blocks[0]]), z.shape[1]), dtype=dtype) if exp is None else None
        for index in blocks:
            raw, stats = z[index].to(dtype), selected(local, index)
            if spare is None:
                e = grad[index]
            elif by_kernel:
                e = spare[: len(raw)]
                loss_at_largest(raw, stats.k, e)
            else:
                stats, e = recompute_exp(raw, stats, targets)
            grad_inplace(e, stats, selected(merged, index), targets.rows(index), scale, raw)
            if not divisor:
                e.zero_()  # 0 times an infinity of the row would be NaN
            if spare is not None:
                grad[index] = e
        grad = grad.reshape(logits.shape)
    return reduced(losses, targets, divisor, rows).to(dtype), grad


def row_blocks(z: Tensor) -> Iterator[slice]:
    """Blocks of rows, each computed at one time."""
    step = max(1, BLOCK.get(z.device.type, LARGE_BLOCK) // max(1, z.shape[1]))
    for start in range(0, len(z), step):
        yield slice(start, min(start + step, len(z)))


def stats_by_blocks(
    z: Tensor, targets: LocalTargets, exp: Tensor | None, blocks: list[slice]
) -> LocalStats:
    """Statistics of the rank's rows, block by block; `exp` gets their exponentials."""
    dtype = loss_dtype(z.dtype)
    # All blocks share their temporaries: fresh memory costs more than the arithmetic.
    spare = z.new_empty((3, len(z[blocks[0]]), z.shape[1]), dtype=dtype)
    parts = []
    for index in blocks:
        raw = z[index].to(dtype)
        out = spare[2, : len(raw)] if exp is None else exp[index]
        # The errors of half-precision logits themselves are far larger than those of differences.
        errors = spare[:2] if z.dtype == dtype else None
        parts.append(local_stats(raw, targets.rows(index), out, errors)[0])
    whole: LocalStats = concatenated(parts)
    return whole


def reduced(losses: Tensor, targets: LocalTargets, divisor: float, rows: torch.Size) -> Tensor:
    """The loss that is returned; 0 for a mean without weight."""
    if targets.options.reduction == "none":
        return losses.reshape(rows)
    total = losses.sum()
    return total / divisor if divisor else torch.zeros_like(total)


class ShardedCrossEntropy(torch.autograd.Function):
    """The loss with its first derivative, which is computed in the forward pass."""

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, targets: LocalTargets, group: VocabGroup, needs_grad: bool
    ) -> tuple[Tensor, Tensor]:
        """See `forward`."""
        loss, grad = forward(logits, targets, group, needs_grad=needs_grad)
        ctx.per_row = targets.options.reduction == "none"
        ctx.owns_gradient = is_plain_cpu(grad) and not _compat.are_saved_tensors_hooked()
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(grad)
        return loss, grad

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        """The gradient times the upstream gradient, without a collective."""
        upstream, to_gradient = grads
        if to_gradient is not None:
            msg = "the parallel cross_entropy has no second derivative. Use xent.cross_entropy "
            raise NotImplementedError(msg + "with all classes in one process.")
        if upstream is None:
            return None, None, None, None
        (grad,) = ctx.saved_tensors
        upstream = upstream.unsqueeze(-1) if ctx.per_row else upstream
        return scale_grad(grad, upstream, owns_buffer=ctx.owns_gradient), None, None, None
