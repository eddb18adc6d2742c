"""A linear layer's cross-entropy of tensors: one operation with its derivatives.

The gradients are made in the forward pass, where the logits are. Row losses are the exception: each
row's gradient is scaled by its upstream gradient, so the backward pass makes the chunks anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from xent._engine import compute
from xent._engine.compute import Loss
from xent._engine.linear import BIAS, INPUTS, TARGETS, WEIGHT, Layer
from xent._engine.numpy import STATS
from xent._options import LossOptions
from xent._target_checks import check_class_shapes
from xent._targets import ClassTargets, class_targets
from xent.torch import _interop
from xent.torch._derivatives import LayerTargetsGradient
from xent.torch._operation import Operation
from xent.torch._operation_options import join_weights, loss_operation, map_over_rows, split_weights
from xent.torch._plain_calls import scale_grad
from xent.torch._products import TensorProducts

Tensor = torch.Tensor
FLAGS = INPUTS, WEIGHT, TARGETS, BIAS
"""Bits of `needs_grad`, in the order of the tensors and of the results."""
TENSORS = "Tensor inputs, Tensor weight, Tensor targets, Tensor? bias"
NO_SECOND = (
    "linear_cross_entropy has no second derivative. "
    "Use cross_entropy(torch.nn.functional.linear(inputs, weight, bias), targets)."
)


def forward(*arguments: Any) -> tuple[Tensor, ...]:
    """Loss and the gradients for the four tensors, empty where not needed."""
    return _computed(*arguments)[:5]


def forward_with_stats(*arguments: Any) -> tuple[Tensor, ...]:
    """The same, and log-sum-exp, entropy and likeliest class of each row."""
    return _computed(*arguments, stats=True)


def _computed(
    inputs: Tensor,
    weight: Tensor,
    targets: Tensor,
    bias: Tensor | None,
    o: LossOptions,
    *,
    stats: bool = False,
) -> tuple[Any, ...]:
    layer, rows = _layer(inputs, weight, targets, bias, o)
    loss, soft = _loss(layer, rows, o, _needed(o), inputs.dtype, stats=stats)
    value = _interop.tensor(loss.value, _interop.loss_dtype(layer.dtype))
    if o.reduction == "none":
        value = value.reshape(inputs.shape[:-1])
    found = None
    if stats:
        found = _interop.tensor(loss.stats, torch.float64).reshape(*inputs.shape[:-1], STATS)
    return value, *_shaped(layer, soft, inputs, weight, targets, bias), found


def backward_of_rows(
    upstream: Tensor,
    inputs: Tensor,
    weight: Tensor,
    targets: Tensor,
    bias: Tensor | None,
    o: LossOptions,
) -> tuple[Tensor, ...]:
    """Gradients of row losses, each times its upstream gradient."""
    layer, rows = _layer(inputs, weight, targets, bias, o)
    o = o._replace(reduction="sum")
    factors = upstream.detach().reshape(-1, 1).to(layer.dtype)
    _, soft = _loss(layer, rows, o, o.needs_grad, inputs.dtype, row_factors=factors)
    if soft is not None:
        soft.gradient *= factors
    return _shaped(layer, soft, inputs, weight, targets, bias)


def _needed(o: LossOptions) -> int:
    """The gradients to make with the loss: none of row losses."""
    return o.needs_grad if o.reduction != "none" else 0


def _loss(
    layer: Layer, rows: ClassTargets, o: LossOptions, needed: int, dtype: torch.dtype, **how: Any
) -> tuple[Loss, LayerTargetsGradient | None]:
    """The loss, with the needed gradients in the layer, and that for soft targets."""
    soft = LayerTargetsGradient(layer, rows, o) if needed & TARGETS else None
    with np.errstate(all="ignore"):
        loss = compute.linear_loss(
            layer,
            rows,
            o,
            wanted=needed,
            inputs_dtype=dtype,
            as_array=Tensor.numpy,
            before=None if soft is None else soft.add,
            **how,
        )
    if soft is not None:
        soft.finish(loss)
    return loss, soft


def _layer(
    inputs: Tensor, weight: Tensor, targets: Tensor, bias: Tensor | None, o: LossOptions
) -> tuple[Layer, ClassTargets]:
    """The layer with its rows along one axis, and their targets."""
    layer = Layer(
        TensorProducts(inputs.device),
        inputs.detach().reshape(-1, inputs.shape[-1]),
        weight.detach(),
        None if bias is None else bias.detach(),
    )
    shape = (*inputs.shape[:-1], weight.shape[0])
    arrays = _interop.with_arrays(o)
    rows = class_targets(_interop.array(targets), shape, len(shape) - 1, arrays)
    return layer, rows.flat(np)


def _shaped(
    layer: Layer, soft: LayerTargetsGradient | None, *arguments: Tensor | None
) -> tuple[Tensor, ...]:
    """The gradients in the shapes and dtypes of inputs, weight, targets and bias."""
    grads = layer.grads
    made = (grads.inputs, grads.weight, None if soft is None else soft.gradient, grads.bias)
    return tuple(
        layer.inputs.new_empty((0,))
        if gradient is None or argument is None
        else gradient.to(argument.dtype).reshape(argument.shape)
        for gradient, argument in zip(made, arguments, strict=True)
    )


def fake(*arguments: Any) -> tuple[Tensor, ...]:
    """Results of the right shape, without numbers."""
    inputs, weight, targets, bias, o = arguments
    rows = inputs.shape[:-1]
    check_class_shapes(targets, (*rows, weight.shape[0]), len(rows), o, readable=False)
    double = torch.float64 in (inputs.dtype, weight.dtype)
    dtype = torch.float64 if double else torch.float32
    loss = inputs.new_empty(rows if o.reduction == "none" else (), dtype=dtype)
    return loss, *_fakes((inputs, weight, targets, bias), _needed(o))


def fake_with_stats(*arguments: Any) -> tuple[Tensor, ...]:
    """The same with statistics."""
    inputs = arguments[0]
    stats = inputs.new_empty((*inputs.shape[:-1], STATS), dtype=torch.float64)
    return *fake(*arguments), stats


def fake_of_rows(upstream: Tensor, *arguments: Any) -> tuple[Tensor, ...]:  # noqa: ARG001
    """The same for the gradients of row losses."""
    *tensors, o = arguments
    return _fakes(tensors, o.needs_grad)


def _fakes(tensors: Any, needed: int) -> tuple[Tensor, ...]:
    return tuple(
        torch.empty_like(tensor, memory_format=torch.contiguous_format)
        if needed & flag and tensor is not None
        else tensors[0].new_empty((0,))
        for flag, tensor in zip(FLAGS, tensors, strict=True)
    )


def with_needed_grads(o: LossOptions, *tensors: Tensor | None) -> LossOptions:
    """With the gradients that a level of derivatives asks for."""
    needed = o.needs_grad
    for flag, tensor in zip(FLAGS, tensors, strict=True):
        if tensor is not None and tensor.requires_grad:
            needed |= flag
    return o._replace(needs_grad=needed)


def setup_context(
    ctx: Any, inputs: tuple[Any, ...], o: LossOptions, output: tuple[Tensor, ...]
) -> None:
    """Keep the gradients, or for row losses the arguments."""
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(*output[5:])
    ctx.options, weights = split_weights(o)
    if o.reduction == "none":
        ctx.save_for_backward(*inputs, *weights)
    else:
        ctx.save_for_backward(*output[1:5])


def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
    """From the gradient of the loss to those of inputs, weight, targets and bias."""
    upstream, *others = grads
    if any(other is not None for other in others):
        raise NotImplementedError(NO_SECOND)
    if upstream is None:
        return None, None, None, None
    o = ctx.options
    if o.reduction == "none":
        inputs, weight, targets, bias, *weights = ctx.saved_tensors
        o = join_weights(o, weights)
        made = rows_gradients(o, upstream, inputs, weight, targets, bias)
    else:
        made = tuple(
            scale_grad(gradient, upstream, owns_buffer=ctx.owns_gradient)
            if o.needs_grad & flag
            else gradient
            for flag, gradient in zip(FLAGS, ctx.saved_tensors, strict=True)
        )
    return tuple(
        gradient if o.needs_grad & flag else None
        for flag, gradient in zip(FLAGS, made, strict=True)
    )


def vmap(
    operation: Operation, info: Any, dims: tuple[Any, ...], *arguments: Any
) -> tuple[Any, Any] | None:
    """Rows of a batch are rows like others, where they are not reduced and share their layer."""
    found = map_over_rows(operation, info, dims, arguments, {0, 2})
    if found is None:
        return None
    results, _ = found
    return results, (0, None, None, None, None, 0)[: len(results)]


def save_nothing(ctx: Any, *others: Any) -> None:
    """Nothing is kept for a second derivative."""


def refuse(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
    """A gradient of rows would else be taken for a constant."""
    raise NotImplementedError(NO_SECOND)


RULES: dict[str, Any] = {
    "with_needed_grads": with_needed_grads,
    "setup_context": setup_context,
    "backward": backward,
    "vmap": vmap,
    "function": "linear_cross_entropy",
}
linear_cross_entropy = loss_operation(
    "linear_cross_entropy", TENSORS, 5, forward=forward, fake=fake, **RULES
)
linear_cross_entropy_with_stats = loss_operation(
    "linear_cross_entropy_with_stats",
    TENSORS,
    6,
    forward=forward_with_stats,
    fake=fake_with_stats,
    **RULES,
)
rows_gradients = loss_operation(
    "linear_cross_entropy_rows_backward",
    f"Tensor upstream, {TENSORS}",
    4,
    forward=backward_of_rows,
    fake=fake_of_rows,
    setup_context=save_nothing,
    backward=refuse,
    function="linear_cross_entropy",
)
