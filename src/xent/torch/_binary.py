"""Binary cross-entropy of tensors: one operation, its derivatives, and its batching rule."""

from __future__ import annotations

from typing import Any

import torch

from xent._engine import compute
from xent._options import LossOptions
from xent._target_checks import check_binary_shapes
from xent.torch import _direct, _interop
from xent.torch._array import binary as array
from xent.torch._binary_derivatives import elements
from xent.torch._classes import TENSORS, computed, vmap, with_needed_grads
from xent.torch._operation_options import join_weights, loss_operation, split_weights
from xent.torch._plain_calls import scale_grad

Tensor = torch.Tensor


def forward(logits: Tensor, targets: Tensor, o: LossOptions) -> tuple[Any, ...]:
    """Loss, its gradient (empty if not needed) and the mean's divisors, on the CPU."""
    result = _direct.binary_losses(logits, targets, o) if _direct.has_no_option(o) else None
    return computed(compute.binary_loss, logits, targets, o)[:3] if result is None else result


def fake(logits: Tensor, targets: Tensor, o: LossOptions) -> tuple[Tensor, Tensor, Tensor]:
    """Results of the right shape, without values."""
    check_binary_shapes(targets, logits.shape, o)
    shape = logits.shape if o.reduction == "none" else ()
    loss = logits.new_empty(shape, dtype=_interop.loss_dtype(logits.dtype))
    grad = logits.new_empty(logits.shape if o.needs_grad else (0,))
    return loss, grad, logits.new_empty((2,), dtype=_interop.sum_dtype(logits.device))


def setup_context(
    ctx: Any, inputs: tuple[Any, ...], o: LossOptions, output: tuple[Any, ...]
) -> None:
    """Save what the derivatives need; the logits are no larger than the elementwise gradient."""
    ctx.set_materialize_grads(False)
    _, gradient, divisors = output
    ctx.divisors, divisors = (None, divisors) if isinstance(divisors, Tensor) else (divisors, None)
    ctx.options, weights = split_weights(o)
    ctx.save_for_backward(gradient, divisors, *inputs, *weights)


def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """Gradients for logits and targets, from those for the loss and its gradient."""
    to_loss, to_gradient, _ = grads
    gradient, divisors, logits, targets, *weights = ctx.saved_tensors
    divisors = ctx.divisors if divisors is None else divisors
    o = join_weights(ctx.options, weights)
    for_logits = for_targets = None
    if to_loss is not None and ctx.needs_input_grad[0]:
        for_logits = scale_grad(gradient, to_loss, owns_buffer=ctx.owns_gradient)
    if to_gradient is None and not ctx.needs_input_grad[1]:
        return for_logits, None  # most calls
    terms = elements(logits, targets, o, divisors)
    if to_gradient is not None:
        change = (terms.second() * to_gradient).to(logits.dtype)
        for_logits = change if for_logits is None else for_logits + change
    if ctx.needs_input_grad[1]:
        parts = []
        if to_loss is not None:
            parts.append(terms.targets_gradient() * to_loss)
        if to_gradient is not None:
            parts.append(terms.targets_second(to_gradient))
        for_targets = sum(parts[1:], parts[0]).to(targets.dtype) if parts else None
    return for_logits, for_targets


def jvp(
    tensors: tuple[Tensor, Tensor],
    tangents: list[Tensor | None],
    o: LossOptions,
    results: tuple[Tensor, ...],
) -> tuple[Tensor | None, ...]:
    """Changes of loss and gradient along tangents of logits and targets."""
    loss, gradient, divisors = results
    of_logits, of_targets = tangents
    terms = elements(*tensors, o, divisors)
    change: Any = 0
    slope: Any = 0
    if of_logits is not None:
        change = gradient.to(loss.dtype) * of_logits
        slope = terms.second() * of_logits
    if of_targets is not None:
        change = change + terms.targets_gradient() * of_targets
        slope = slope + terms.change_by_targets(of_targets)
    change = change if o.reduction == "none" else change.sum()
    return change, slope if o.needs_grad else None, None


binary_cross_entropy = loss_operation(
    "binary_cross_entropy",
    TENSORS,
    3,
    forward=forward,
    array=array.forward,
    fake=fake,
    with_needed_grads=with_needed_grads,
    setup_context=setup_context,
    backward=backward,
    jvp=jvp,
    vmap=vmap,
    function=lambda o: o.names.binary_function,
)
