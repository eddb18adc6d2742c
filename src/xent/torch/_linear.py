"""A linear layer's cross-entropy of tensors: one operation with its derivatives.

The gradients are made in the forward pass, where the logits are. Row losses are the exception: the
gradient of each row is multiplied with its upstream gradient, so the backward pass makes its chunks
anew.
"""

from __future__ import annotations

from typing import Any

import torch

from xent._engine.numpy import STATS
from xent.torch import _interop
from xent.torch._chunks import Options, backward_of_rows, forward, forward_with_stats, wanted_kind
from xent.torch._operation import Operation, batch_dim_first
from xent.torch._scale_grad import scale_grad
from xent.torch._shapes import check_classes

Tensor = torch.Tensor
FLAGS = 1, 2, 8, 4
"""Of the gradients of inputs, weight, targets and bias, as the arguments stand."""
MADE = 1, 2, 4, 8
"""Of those of inputs, weight, bias and targets, as the results stand."""
ARGUMENTS = """
    Tensor inputs, Tensor weight, Tensor targets, Tensor? bias, Tensor? class_weight,
    Tensor? sample_weight, SymInt? ignore_index, float label_smoothing, float? softcap,
    float z_loss, str reduction, Scalar? divisor, bool unchecked, SymInt wanted
"""
NO_SECOND = (
    "linear_cross_entropy has no second derivative. "
    "Use cross_entropy(torch.nn.functional.linear(inputs, weight, bias), targets)."
)


def fake(*arguments: Any) -> tuple[Tensor, ...]:
    """Results of the right shape, without numbers."""
    inputs, weight, targets, bias, o = arguments
    rows = inputs.shape[:-1]
    check_classes((*rows, weight.shape[0]), len(rows), targets, o)
    kind = _interop.loss_dtype(wanted_kind(inputs, weight))
    loss = inputs.new_empty(rows if o.reduction == "none" else (), dtype=kind)
    wanted = o.wanted if o.reduction != "none" else 0
    return loss, *_fakes(inputs, weight, targets, bias, wanted)


def fake_with_stats(*arguments: Any) -> tuple[Tensor, ...]:
    """The same with statistics."""
    inputs = arguments[0]
    stats = inputs.new_empty((*inputs.shape[:-1], STATS), dtype=torch.float64)
    return *fake(*arguments), stats


def fake_of_rows(upstream: Tensor, *arguments: Any) -> tuple[Tensor, ...]:  # noqa: ARG001
    """The same for the gradients of row losses."""
    inputs, weight, targets, bias, o = arguments
    return _fakes(inputs, weight, targets, bias, o.wanted)


def _fakes(
    inputs: Tensor, weight: Tensor, targets: Tensor, bias: Tensor | None, wanted: int
) -> tuple[Tensor, ...]:
    return tuple(
        torch.empty_like(argument, memory_format=torch.contiguous_format)
        if wanted & flag and argument is not None
        else inputs.new_empty((0,))
        for flag, argument in zip(MADE, (inputs, weight, bias, targets), strict=True)
    )


def with_needed_grads(o: Options, *tensors: Tensor | None) -> Options:
    """With the gradients that a level of derivatives asks for."""
    wanted = o.wanted
    for flag, tensor in zip(FLAGS, tensors, strict=True):
        if tensor is not None and tensor.requires_grad:
            wanted |= flag
    return o._replace(wanted=wanted)


def setup_context(
    ctx: Any, inputs: tuple[Any, ...], o: Options, output: tuple[Tensor, ...]
) -> None:
    """Keep the gradients, or for row losses the arguments."""
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(*output[5:])
    ctx.options = o._replace(class_weight=None, sample_weight=None)
    if o.reduction == "none":
        ctx.save_for_backward(*inputs, o.class_weight, o.sample_weight)
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
        *tensors, class_weight, sample_weight = ctx.saved_tensors
        o = o._replace(class_weight=class_weight, sample_weight=sample_weight)
        made = rows_backward(o, upstream, *tensors)
    else:
        made = tuple(
            scale_grad(gradient, upstream, owns_buffer=ctx.owns_gradient)
            if o.wanted & flag
            else gradient
            for flag, gradient in zip(MADE, ctx.saved_tensors, strict=True)
        )
    for_inputs, for_weight, for_bias, for_targets = (
        gradient if o.wanted & flag else None for flag, gradient in zip(MADE, made, strict=True)
    )
    return for_inputs, for_weight, for_targets, for_bias


def vmap(
    operation: Operation, info: Any, dims: tuple[Any, ...], *arguments: Any
) -> tuple[Any, Any] | None:
    """Rows of a batch are rows like others, where they are not reduced and share their layer."""
    inputs, weight, targets, bias, *options = arguments
    o = Options(*options)
    if o.reduction != "none" or any(dims[i] is not None for i in (1, 3, 4)):
        return None
    x, y, sample_weight = (
        batch_dim_first(value, dim, info.batch_size)
        for value, dim in zip(
            (inputs, targets, o.sample_weight), (dims[0], dims[2], dims[5]), strict=True
        )
    )
    o = o._replace(sample_weight=sample_weight)
    results = operation.operator(x, weight, y, bias, *o)
    return results, (0, None, None, None, None, 0)[: len(results)]


def save_nothing(ctx: Any, *others: Any) -> None:
    """Nothing is kept for a second derivative."""


def no_second(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
    """A gradient of rows would else be taken for a constant."""
    raise NotImplementedError(NO_SECOND)


linear_cross_entropy = Operation(
    f"linear_cross_entropy({ARGUMENTS}) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
    Options,
    forward=forward,
    fake=fake,
    with_needed_grads=with_needed_grads,
    setup_context=setup_context,
    backward=backward,
    vmap=vmap,
)
linear_cross_entropy_with_stats = Operation(
    f"linear_cross_entropy_with_stats({ARGUMENTS}) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
    Options,
    forward=forward_with_stats,
    fake=fake_with_stats,
    with_needed_grads=with_needed_grads,
    setup_context=setup_context,
    backward=backward,
    vmap=vmap,
    function="linear_cross_entropy",
)
rows_backward = Operation(
    f"linear_cross_entropy_rows_backward(Tensor upstream, {ARGUMENTS}) "
    "-> (Tensor, Tensor, Tensor, Tensor)",
    Options,
    forward=backward_of_rows,
    fake=fake_of_rows,
    with_needed_grads=lambda o, *_: o,
    setup_context=save_nothing,
    backward=no_second,
    function="linear_cross_entropy",
)
