"""Softmax cross-entropy of tensors: one operation, its derivatives, and its batching rule."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from xent._engine import buffer_pool, compute
from xent._engine.numpy import STATS
from xent._options import LossOptions
from xent._target_checks import check_class_shapes
from xent.torch import _buffer_pool, _compat, _direct, _interop
from xent.torch._array import choice
from xent.torch._array import classes as array
from xent.torch._derivatives import (
    logsumexp_gradient,
    lse_as_stats,
    rows_of_gradient,
    rows_of_logits,
)
from xent.torch._operation import Operation
from xent.torch._operation_options import join_weights, loss_operation, map_over_rows, split_weights
from xent.torch._plain_calls import PLAIN_TYPES, is_plain_call, is_wrapped, scale_grad

Tensor = torch.Tensor


UNWIDENED = (torch.float32, torch.float64, torch.bfloat16)
"""Dtypes of logits that need no widening for autograd; see `_autograd_state.widened`."""
REDUCTIONS = ("mean", "sum", "none")
DETACHED = (
    "The logits of cross_entropy were detached in place (detach_) after the loss was computed, so "
    "it has no second derivative. Use logits.detach() instead."
)
USED_UP = (
    "Trying to backward through the graph of cross_entropy a second time: its gradient has been "
    "released. Call the first backward with retain_graph=True."
)


def label_loss(z: Any, y: Any, ignore_index: Any, reduction: Any) -> Tensor | None:
    """Mean, sum or losses of rows with class labels, without options, with torch's arguments.

    A short path for small batches. None if an argument has to be examined first, or a compiler or a
    transform is active; shapes and labels are checked with the loss.
    """
    if (
        not is_plain_call()
        or type(z) not in PLAIN_TYPES
        or type(y) is not Tensor
        or z.dtype not in UNWIDENED
        or y.dtype is not torch.int64
        or z.dim() != 2
        or not (z.is_cpu and y.is_cpu)
        or choice.forced
        or not (z.layout is y.layout is torch.strided)
        or type(ignore_index) is not int
        or reduction not in REDUCTIONS
        or is_wrapped(z)
        or is_wrapped(y)
    ):
        return None
    if not (z.requires_grad and torch.is_grad_enabled()):
        loss: Tensor = label_forward(z, y, _options(ignore_index, reduction, 0))[0]
        return loss
    options = _options(ignore_index, reduction, 1)
    if z.nbytes >= buffer_pool.MIN_BYTES:
        loss = cross_entropy(options, z, y, forward=label_forward)[0]
    else:
        loss = LabelLoss.apply(z, y, options)
    return loss


class LabelLoss(_compat.SingleLevelFunction):
    """The loss of a small batch of rows with class labels, by the shortest path through autograd.

    Unlike in the operation, the gradient is not a second result but an attribute, because only the
    backward pass needs it. Logits are saved only for their place in the graph, in case it is
    differentiated again. Large logits would fill memory that way, so they are left to the
    operation.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, o: LossOptions) -> Any:
        loss, ctx.gradient, ctx.divisors = label_forward(logits, targets, o)
        ctx.options = o
        ctx.save_for_backward(logits, targets)
        return loss

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        gradient, o = ctx.gradient, ctx.options
        if gradient is None:
            raise RuntimeError(USED_UP)
        if torch.is_grad_enabled():
            # Unpacked only here: unpacking fails if either was changed in place since.
            logits, targets = ctx.saved_tensors
            if not logits.requires_grad:
                raise RuntimeError(DETACHED)
            gradient = LabelGradient.apply(logits, targets, gradient, o, ctx.divisors)
        elif not (torch.compiler.is_compiling() or _compat.is_graph_kept()):
            ctx.gradient = None
        if o.reduction == "none":
            upstream = upstream.unsqueeze(1)
        return scale_grad(gradient, upstream, owns_buffer=True), None, None


class LabelGradient(_compat.SingleLevelFunction):
    """The gradient of `LabelLoss` as a function of the logits, for higher derivatives."""

    @staticmethod
    def forward(
        ctx: Any, _logits: Tensor, targets: Tensor, gradient: Tensor, o: LossOptions, divisors: Any
    ) -> Any:
        result = gradient.clone()
        ctx.options, ctx.divisors = o, divisors
        ctx.save_for_backward(result, targets)
        return result

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Any, ...]:
        gradient, targets = ctx.saved_tensors
        rows = rows_of_gradient(gradient, targets, ctx.options, ctx.divisors)
        return rows.second(upstream).to(gradient.dtype), None, None, None, None


@cache
def _options(ignore_index: int, reduction: Any, needs_grad: int) -> LossOptions:
    return LossOptions(
        axis=1, ignore_index=ignore_index, reduction=reduction, check_sums=False, caller="torch",
        needs_grad=needs_grad,
    )  # fmt: skip


def label_forward(logits: Tensor, targets: Tensor, o: LossOptions) -> tuple[Any, ...]:
    """The results of `forward` if there are no options."""
    result = _direct.label_losses(logits, targets, o)
    return forward(logits, targets, o) if result is None else result


def forward(logits: Tensor, targets: Tensor, o: LossOptions) -> tuple[Any, ...]:
    """Loss, its gradient (empty if not needed) and the mean's divisors, on the CPU."""
    result = None
    if o.axis == 1 and _direct.has_no_option(o):
        result = _direct.label_losses(logits, targets, o)
    return computed(compute.class_loss, logits, targets, o)[:3] if result is None else result


def forward_with_stats(logits: Tensor, targets: Tensor, o: LossOptions) -> tuple[Any, ...]:
    """The same, with log-sum-exp, entropy and likeliest class of each row."""
    if o.axis == 1 and logits.dim() == 2 and _direct.has_no_option(o):
        stats = torch.empty((logits.size(0), STATS), dtype=torch.float64, device="cpu")
        result = _direct.label_losses(logits, targets, o, stats)
        if result is not None:
            return *result, stats
    return computed(compute.class_loss, logits, targets, o, stats=True)


def computed(
    function: Any, logits: Tensor, targets: Tensor, o: LossOptions, **stats: bool
) -> tuple[Any, ...]:
    """The results of a loss of arrays as tensors; the last is None without statistics."""
    grad = _buffer_pool.empty(tuple(logits.shape) if o.needs_grad else (0,), logits.dtype)
    loss = function(
        _interop.array(logits),
        _interop.array(targets),
        _interop.with_arrays(o),
        grad=_interop.array(grad) if o.needs_grad else None,
        **stats,
    )
    value = _interop.tensor(loss.value, _interop.loss_dtype(logits.dtype))
    found = _interop.tensor(loss.stats, torch.float64) if stats else None
    return value, grad, loss.divisors, found


def fake(logits: Tensor, targets: Tensor, o: LossOptions) -> tuple[Tensor, ...]:
    """Results of the right shape, without values."""
    check_class_shapes(targets, logits.shape, o.axis, o, readable=False)
    shape = _rows(logits, o) if o.reduction == "none" else ()
    loss = logits.new_empty(shape, dtype=_interop.loss_dtype(logits.dtype))
    grad = logits.new_empty(logits.shape if o.needs_grad else (0,))
    return loss, grad, logits.new_empty((2,), dtype=_interop.sum_dtype(logits.device))


def fake_with_stats(logits: Tensor, targets: Tensor, o: LossOptions) -> tuple[Tensor, ...]:
    """The same with statistics."""
    dtype = _interop.sum_dtype(logits.device)
    stats = logits.new_empty((*_rows(logits, o), STATS), dtype=dtype)
    return *fake(logits, targets, o), stats


def _rows(logits: Tensor, o: LossOptions) -> tuple[int, ...]:
    return *logits.shape[: o.axis], *logits.shape[o.axis + 1 :]


def with_needed_grads(o: LossOptions, needed: list[bool]) -> LossOptions:
    """The options, with the gradient if a derivative for the logits is needed."""
    return o.replace(needs_grad=int(o.needs_grad or needed[0]))


def setup_context(
    ctx: Any, inputs: tuple[Any, ...], o: LossOptions, output: tuple[Any, ...]
) -> None:
    """Save the gradient; loss and logits only if derivatives need them.

    Those are the gradients of soft targets and of log-sum-exp, and second derivatives with softcap.
    """
    logits, targets = inputs
    loss, gradient, divisors, *stats = output
    ctx.set_materialize_grads(False)
    lse_has_gradient = o.keep_logits and ctx.needs_input_grad[0]
    if stats and not lse_has_gradient:
        ctx.mark_non_differentiable(*stats)
    ctx.divisors, divisors = (None, divisors) if isinstance(divisors, Tensor) else (divisors, None)
    ctx.saves_logits = targets.requires_grad or lse_has_gradient or o.softcap is not None
    others = (loss, logits) if ctx.saves_logits else ()
    if o.class_weight is o.sample_weight is None:
        ctx.options = o
        ctx.save_for_backward(gradient, divisors, targets, *others)
    else:
        ctx.options, weights = split_weights(o)
        ctx.save_for_backward(gradient, divisors, targets, *others, *weights)


def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """Gradients for logits and targets, from those for the loss, its gradient and log-sum-exp."""
    to_loss, to_gradient, _, *to_stats = grads
    gradient, divisors, targets, *others = ctx.saved_tensors
    divisors = ctx.divisors if divisors is None else divisors
    if ctx.saves_logits:
        loss, logits, *others = others
    o = join_weights(ctx.options, others) if others else ctx.options
    for_logits = for_targets = None
    if to_gradient is not None or ctx.needs_input_grad[1]:
        if ctx.saves_logits:
            rows = rows_of_logits(logits, targets, o, divisors)
        else:
            rows = rows_of_gradient(gradient, targets, o, divisors)
    if to_gradient is not None:
        for_logits = rows.second(to_gradient).to(gradient.dtype)
    if to_stats and to_stats[0] is not None and o.keep_logits and ctx.needs_input_grad[0]:
        to_lse = to_stats[0][..., 0].unsqueeze(o.axis)  # the only one that has a gradient
        change = logsumexp_gradient(logits, o, to_lse).to(logits.dtype)
        for_logits = change if for_logits is None else for_logits + change
    if ctx.needs_input_grad[1]:
        parts = []
        if to_loss is not None:
            upstream = to_loss.unsqueeze(o.axis) if o.reduction == "none" else to_loss
            parts.append(rows.targets_gradient(loss) * upstream)
        if to_gradient is not None:
            parts.append(rows.targets_second(to_gradient))
        for_targets = sum(parts[1:], parts[0]).to(targets.dtype) if parts else None
    if to_loss is not None and ctx.needs_input_grad[0]:
        upstream = to_loss.unsqueeze(o.axis) if o.reduction == "none" else to_loss
        # Last, because it may overwrite the gradient.
        change = scale_grad(gradient, upstream, owns_buffer=ctx.owns_gradient)
        for_logits = change if for_logits is None else for_logits + change
    return for_logits, for_targets


def jvp(
    tensors: tuple[Tensor, Tensor],
    tangents: list[Tensor | None],
    o: LossOptions,
    results: tuple[Tensor, ...],
) -> tuple[Tensor | None, ...]:
    """Changes of loss, gradient and log-sum-exp along tangents of logits and targets."""
    loss, gradient, divisors, *stats = results
    of_logits, of_targets = tangents
    if o.needs_grad or of_targets is not None:
        rows = rows_of_logits(*tensors, o, divisors)
    change: Any = 0
    slope: Any = 0
    if of_logits is not None:
        change = gradient.to(loss.dtype) * of_logits
        slope = rows.second(of_logits) if o.needs_grad else 0
    if of_targets is not None:
        change = change + rows.targets_gradient(loss) * of_targets
        slope = slope + rows.change_by_targets(of_targets)
    changes = [
        change.sum(o.axis) if o.reduction == "none" else change.sum(),
        slope if o.needs_grad else None,
        None,
    ]
    if stats:
        of_stats = None
        if of_logits is not None and o.keep_logits:
            of_stats = lse_as_stats(logsumexp_gradient(tensors[0], o, of_logits).sum(o.axis))
        changes.append(of_stats)
    return tuple(changes)


def vmap(
    operation: Operation, info: Any, dims: tuple[Any, ...], *arguments: Any
) -> tuple[Any, Any] | None:
    """If they are not reduced, the rows of a batch are simply more rows."""
    found = map_over_rows(operation, info, dims, arguments, {0, 1})
    if found is None:
        return None
    results, o = found
    return results, (0, 0 if o.needs_grad else None, None, 0)[: len(results)]


TENSORS = "Tensor logits, Tensor targets"
RULES: dict[str, Any] = {
    "with_needed_grads": with_needed_grads,
    "setup_context": setup_context,
    "backward": backward,
    "jvp": jvp,
    "vmap": vmap,
    "function": "cross_entropy",
}
cross_entropy = loss_operation(
    "cross_entropy",
    TENSORS,
    3,
    forward=forward,
    array=array.forward,
    other_forwards=(label_forward,),
    fake=fake,
    **RULES,
)
cross_entropy_with_stats = loss_operation(
    "cross_entropy_with_stats",
    TENSORS,
    4,
    forward=forward_with_stats,
    array=array.forward_with_stats,
    fake=fake_with_stats,
    **RULES,
)
