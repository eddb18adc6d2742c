"""Cross-entropy of a linear layer whose classes are divided over the ranks of a group.

Each chunk of rows goes through the product, the merge over the ranks and the gradient products.
The gradients of weight and bias stay on their rank; that of the inputs is a sum over the ranks,
computed once, in the backward pass.
"""

from __future__ import annotations

from typing import Any

import torch

from xent._engine import linear as chunked
from xent._engine.linear import BIAS, INPUTS, WEIGHT, Gradients, Layer
from xent.torch import _compat
from xent.torch._interop import loss_dtype
from xent.torch._plain_calls import is_plain_cpu, scale_grad
from xent.torch._products import TensorProducts
from xent.torch._sharded.classes import reduced
from xent.torch._sharded.cpu_kernel import kernel_stats
from xent.torch._sharded.group import VocabGroup
from xent.torch._sharded.rows import (
    LocalStats,
    MergedStats,
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
Arguments = tuple[Tensor, Tensor, Tensor | None]
"""Inputs, weight and bias."""
Seen = tuple[LocalStats, MergedStats]
FLAGS = INPUTS, WEIGHT, BIAS
"""Bits of the gradients that are needed, in the order of the arguments."""
NO_SECOND = (
    "the parallel linear_cross_entropy has no second derivative. "
    "Use xent.cross_entropy with all classes in one process."
)


def rows_of_chunk(rows: int, widths: list[int]) -> int:
    """As many rows as fit on the rank with the most classes, so that all ranks take as many."""
    return max(1, min(rows, chunked.CHUNK // max(1, *widths)))


def make_layer(arguments: Arguments, step: int) -> Layer:
    """The layer with its rows along one axis, in chunks of `step` rows."""
    x, weight, bias = (None if a is None else a.detach() for a in arguments)
    assert x is not None
    assert weight is not None
    rows = x.reshape(x.shape[:-1].numel(), x.shape[-1])
    layer = Layer(TensorProducts(x.device), rows, weight, bias)
    layer.step = step
    return layer


def forward(
    arguments: Arguments, targets: LocalTargets, group: VocabGroup, step: int, needed: int
) -> tuple[Tensor, Gradients, Seen]:
    """Loss, this rank's gradients, and the statistics of the rows, local and merged."""
    layer = make_layer(arguments, step)
    total = targets.local_total()
    targets, divisor = targets.with_mean(None if total is None else group.sum(total))
    if targets.options.reduction == "none":
        needed = 0  # computed in the backward pass, each row times its upstream gradient
    layer.want(needed, layer.dtype)
    if layer.grads.inputs is not None and not divisor:  # no chunk will be added
        layer.grads.inputs.zero_()
    exp = layer.products.empty((layer.step, layer.classes), layer.dtype) if needed else None
    losses, seen = [], []
    for index, x, raw in layer.chunks():
        part = targets.rows(index)
        e = None if exp is None else exp[: len(raw)]
        local = kernel_stats(raw, part, e)
        if local is None:
            local, e = local_stats(raw, part, e)
        merged, _ = merge(local, part, group)
        losses.append(row_losses(merged, part))
        if needed and divisor:
            assert e is not None
            grad_inplace(e, local, merged, part, 1 / divisor, raw)
            layer.add(index, x, e, part.weight)
        seen.append((local, merged))
    rows, dtype = arguments[0].shape[:-1], loss_dtype(layer.dtype)
    loss = reduced(torch.cat(losses), targets, divisor, rows).to(dtype)
    local, merged = (concatenated(list(parts)) for parts in zip(*seen, strict=True))
    return loss, layer.grads, (local, merged)


def gradients_of_rows(
    upstream: Tensor,
    arguments: Arguments,
    targets: LocalTargets,
    step: int,
    needed: int,
    seen: Seen,
) -> Gradients:
    """Gradients of row losses on this rank, each times its upstream gradient."""
    layer = make_layer(arguments, step)
    layer.want(needed, layer.dtype)
    factors = upstream.detach().reshape(-1, 1).to(layer.dtype)
    local, merged = seen
    for index, x, raw in layer.chunks():
        part = targets.rows(index)
        stats, e = recompute_exp(raw, selected(local, index), part)
        grad_inplace(e, stats, selected(merged, index), part, 1.0, raw)
        layer.add(index, x, e.mul_(factors[index]), part.weight)
    return layer.grads


class OnceDifferentiable(torch.autograd.Function):
    """A Function whose results are gradients, and cannot be differentiated again."""

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        """Refuse: a gradient treated as a constant would make the second derivative 0."""
        del ctx, grads
        raise NotImplementedError(NO_SECOND)


class SumOverRanks(OnceDifferentiable):
    """A gradient's sum over the ranks."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, group: VocabGroup) -> Tensor:
        """Sum a copy, so that a tensor that autograd has seen is not overwritten."""
        del ctx
        return group.sum(grad.detach().clone())


class RowGradients(OnceDifferentiable):
    """Gradients of row losses."""

    @staticmethod
    def forward(
        ctx: Any, upstream: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None, *others: Any
    ) -> tuple[Tensor, ...]:
        """Recompute them from the inputs, with the merged statistics of the forward pass."""
        del ctx
        arguments = (x, weight, bias)
        targets, group, step, needed, seen = others
        with torch.autocast(x.device.type, enabled=False):
            grads = gradients_of_rows(upstream, arguments, targets, step, needed, seen)
        if grads.inputs is not None:
            group.sum(grads.inputs)
        return tuple(
            x.new_empty(0) if grad is None or a is None else grad.to(a.dtype).reshape(a.shape)
            for grad, a in zip(grads, arguments, strict=True)
        )


class ShardedLinearCrossEntropy(torch.autograd.Function):
    """The loss with its first derivatives."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: LocalTargets,
        group: VocabGroup,
        step: int,
        needed: int,
    ) -> tuple[Tensor, ...]:
        """The gradients are computed with the loss, except for row losses."""
        arguments = (x, weight, bias)
        # The dtypes of the products are chosen here, not by autocast.
        with torch.autocast(x.device.type, enabled=False):
            loss, grads, seen = forward(arguments, targets, group, step, needed)
        made = tuple(x.new_empty(0) if grad is None else grad for grad in grads)
        ctx.per_row = targets.options.reduction == "none"
        ctx.others = targets, group, step, needed, seen if ctx.per_row else None
        ctx.like = [None if a is None else (a.shape, a.dtype) for a in arguments]
        ctx.owns_gradient = is_plain_cpu(made[0]) and not _compat.are_saved_tensors_hooked()
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*(arguments if ctx.per_row else made))
        return loss, *made

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        """Gradients for the arguments, from that for the loss."""
        upstream, *others = grads
        if any(other is not None for other in others):
            raise NotImplementedError(NO_SECOND)
        _, group, _, needed, _ = ctx.others
        none = (None,) * len(ctx.others)
        result: list[Tensor | None] = [None, None, None]
        if upstream is None:
            return *result, *none
        made = ctx.saved_tensors
        if ctx.per_row:
            made = RowGradients.apply(upstream, *made, *ctx.others)
        for place, (grad, flag) in enumerate(zip(made, FLAGS, strict=True)):
            if not needed & flag:
                continue
            if not ctx.per_row:
                shape, dtype = ctx.like[place]
                grad = scale_grad(grad, upstream, owns_buffer=ctx.owns_gradient)
                if flag == INPUTS and torch.is_grad_enabled():
                    grad = SumOverRanks.apply(grad, group)
                elif flag == INPUTS:
                    group.sum(grad)
                grad = grad.to(dtype).reshape(shape)
            result[place] = grad
        return *result, *none
