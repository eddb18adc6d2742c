"""A linear layer's cross-entropy of tensors: one operation with its derivatives.

The gradients are computed in the forward pass, which has the logits. Row losses are the exception:
each row's gradient is scaled by its upstream gradient, so the backward pass recomputes the chunks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from xent._engine import compute
from xent._engine.compute import Loss
from xent._engine.linear import TARGETS, Layer
from xent._engine.numpy import STATS
from xent._options import LossOptions
from xent._target_checks import check_class_shapes
from xent._targets import ClassTargets, class_targets
from xent.torch import _interop
from xent.torch._array import linear as array
from xent.torch._derivatives import LayerTargetsGradient, lse_as_stats
from xent.torch._linear_recomputed import (
    FLAGS,
    changes,
    logsumexp_change,
    logsumexp_gradients,
)
from xent.torch._operation import Operation
from xent.torch._operation_options import join_weights, loss_operation, map_over_rows, split_weights
from xent.torch._plain_calls import scale_grad
from xent.torch._positions import LayerOfPositions, as_rows, rows_shape
from xent.torch._products import TensorProducts

Tensor = torch.Tensor
TENSORS = "Tensor inputs, Tensor weight, Tensor targets, Tensor? bias"


class Engine(NamedTuple):
    """How a layer's targets are made and its loss is computed."""

    target_rows: Callable[[Tensor, tuple[int, ...], LossOptions], ClassTargets]
    loss: Callable[..., Loss]


def forward(*arguments: Any, engine: Engine | None = None) -> tuple[Tensor, ...]:
    """Loss and the gradients for the four tensors, empty where not needed."""
    return _computed(engine or KERNELS, *arguments)[:5]


def forward_with_stats(*arguments: Any, engine: Engine | None = None) -> tuple[Tensor, ...]:
    """The same, with log-sum-exp, entropy and likeliest class of each row."""
    return _computed(engine or KERNELS, *arguments, stats=True)


def _computed(
    engine: Engine,
    inputs: Tensor,
    weight: Tensor,
    targets: Tensor,
    bias: Tensor | None,
    o: LossOptions,
    *,
    stats: bool = False,
) -> tuple[Any, ...]:
    layer, rows = _layer(engine, inputs, weight, targets, bias, o)
    loss, soft = _loss(engine, layer, rows, o, _needed(o), inputs.dtype, stats=stats)
    value = _as_tensor(loss.value, _interop.loss_dtype(layer.dtype))
    if o.reduction == "none":
        value = value.reshape(rows_shape(inputs, weight))
    found = None
    if stats:
        found = _as_tensor(loss.stats, torch.float64)
        found = found.reshape(*rows_shape(inputs, weight), STATS)
    return value, *_shaped(layer, soft, inputs, weight, targets, bias), found


def backward_of_rows(
    upstream: Tensor,
    inputs: Tensor,
    weight: Tensor,
    targets: Tensor,
    bias: Tensor | None,
    o: LossOptions,
    engine: Engine | None = None,
) -> tuple[Tensor, ...]:
    """Gradients of row losses, each times its upstream gradient."""
    engine = engine or KERNELS
    layer, rows = _layer(engine, inputs, weight, targets, bias, o)
    o = o.replace(reduction="sum")
    factors = upstream.detach().reshape(-1, 1).to(layer.dtype)
    _, soft = _loss(engine, layer, rows, o, o.needs_grad, inputs.dtype, row_factors=factors)
    if soft is not None:
        soft.gradient *= factors
    return _shaped(layer, soft, inputs, weight, targets, bias)


def _needed(o: LossOptions) -> int:
    """The gradients to compute with the loss: none for row losses."""
    return o.needs_grad if o.reduction != "none" else 0


def _loss(
    engine: Engine,
    layer: Any,
    rows: ClassTargets,
    o: LossOptions,
    needed: int,
    dtype: torch.dtype,
    **how: Any,
) -> tuple[Loss, LayerTargetsGradient | None]:
    """The loss, and the gradient for soft targets; the layer gets the other needed gradients."""
    soft = LayerTargetsGradient(layer, rows, o) if needed & TARGETS else None
    loss = engine.loss(
        layer,
        rows,
        o,
        wanted=needed,
        inputs_dtype=dtype,
        before=None if soft is None else soft.add,
        **how,
    )
    if soft is not None:
        soft.finish(loss)
    return loss, soft


def _layer(
    engine: Engine,
    inputs: Tensor,
    weight: Tensor,
    targets: Tensor,
    bias: Tensor | None,
    o: LossOptions,
) -> tuple[Any, ClassTargets]:
    """The layer with its rows along one axis, and their targets."""
    layer = (Layer if weight.ndim == 2 else LayerOfPositions)(
        TensorProducts(inputs.device),
        as_rows(inputs.detach()),
        weight.detach(),
        None if bias is None else bias.detach(),
    )
    shape = (*rows_shape(inputs, weight), weight.shape[-2])
    return layer, engine.target_rows(targets, shape, o)


def _target_arrays(targets: Tensor, shape: tuple[int, ...], o: LossOptions) -> ClassTargets:
    """The target rows as NumPy arrays."""
    arrays = _interop.with_arrays(o)
    return class_targets(_interop.array(targets), shape, len(shape) - 1, arrays).flat(np)


@np.errstate(all="ignore")
def _loss_of_arrays(layer: Any, rows: ClassTargets, o: LossOptions, **how: Any) -> Loss:
    return compute.linear_loss(layer, rows, o, as_array=Tensor.numpy, **how)


KERNELS = Engine(_target_arrays, _loss_of_arrays)
ARRAYS = Engine(array.target_rows, array.loss)


def _as_tensor(value: Any, dtype: torch.dtype) -> Tensor:
    return value if isinstance(value, Tensor) else _interop.tensor(value, dtype)


def _shaped(
    layer: Any, soft: LayerTargetsGradient | None, *arguments: Tensor | None
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
    """Results of the right shape, without values."""
    inputs, weight, targets, bias, o = arguments
    rows = rows_shape(inputs, weight)
    check_class_shapes(targets, (*rows, weight.shape[-2]), len(rows), o, readable=False)
    double = torch.float64 in (inputs.dtype, weight.dtype)
    dtype = torch.float64 if double else torch.float32
    loss = inputs.new_empty(rows if o.reduction == "none" else (), dtype=dtype)
    return loss, *_fakes((inputs, weight, targets, bias), _needed(o))


def fake_with_stats(*arguments: Any) -> tuple[Tensor, ...]:
    """The same with statistics."""
    inputs, weight = arguments[:2]
    dtype = _interop.sum_dtype(inputs.device)
    stats = inputs.new_empty((*rows_shape(inputs, weight), STATS), dtype=dtype)
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


def with_needed_grads(o: LossOptions, needed: list[bool]) -> LossOptions:
    """The options, with the gradients that a level of derivatives asks for."""
    bits = sum(flag for flag, each in zip(FLAGS, needed, strict=True) if each)
    return o.replace(needs_grad=o.needs_grad | bits)


def setup_context(
    ctx: Any, inputs: tuple[Any, ...], o: LossOptions, output: tuple[Tensor, ...]
) -> None:
    """Save the gradients, if they were computed, and the arguments."""
    ctx.set_materialize_grads(False)
    if output[5:] and not o.keep_logits:
        ctx.mark_non_differentiable(*output[5:])
    ctx.options, weights = split_weights(o)
    ctx.save_for_backward(*inputs, *output[1:5], *weights)


def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
    """Gradients for inputs, weight, targets and bias, from those for the results."""
    upstream, *to_gradients = grads[:5]
    saved = ctx.saved_tensors
    tensors, made, weights = saved[:4], saved[4:8], saved[8:]
    o = join_weights(ctx.options, weights)
    parts: list[tuple[Tensor | None, ...]] = []
    if any(each is not None for each in to_gradients):
        parts.append(changes(o, tensors, to_gradients)[1:])
    if grads[5:] and grads[5] is not None:
        parts.append(logsumexp_gradients(o, tensors, grads[5][..., 0]))
    if upstream is not None and o.reduction == "none":
        parts.append(rows_gradients(o, upstream, *tensors))
    elif upstream is not None:
        # Last, because it may overwrite the gradients.
        parts.append(
            tuple(
                scale_grad(gradient, upstream, owns_buffer=ctx.owns_gradient)
                if o.needs_grad & flag
                else None
                for flag, gradient in zip(FLAGS, made, strict=True)
            )
        )
    return _added(o, tensors, parts)


def jvp(
    tensors: tuple[Any, ...],
    tangents: list[Tensor | None],
    o: LossOptions,
    results: tuple[Tensor, ...],
) -> tuple[Tensor | None, ...]:
    """Changes of loss, gradients and log-sum-exp along tangents of the arguments."""
    loss, *gradients = results[:5]
    of_gradients: tuple[Tensor | None, ...] = (None,) * 4
    if o.reduction == "none":
        moved = changes(o.replace(needs_grad=0), tensors, tangents)
        of_loss = moved.rows.reshape(loss.shape)
    else:
        pairs = zip(gradients, tangents, strict=True)
        parts = [(g.to(loss.dtype) * t).sum() for g, t in pairs if t is not None]
        of_loss = sum(parts[1:], parts[0])
        if o.needs_grad:
            of_gradients = changes(o, tensors, tangents)[1:]
    if not results[5:]:
        return of_loss, *of_gradients
    if not o.keep_logits:
        return of_loss, *of_gradients, None
    return of_loss, *of_gradients, lse_as_stats(logsumexp_change(o, tensors, tangents))


def _added(
    o: LossOptions, tensors: Any, parts: list[tuple[Tensor | None, ...]]
) -> tuple[Tensor | None, ...]:
    """The sum of the parts of each gradient, in the dtype of the argument."""
    sums: list[Tensor | None] = []
    for flag, tensor, *each in zip(FLAGS, tensors, *parts, strict=True):
        wanted = [part for part in each if part is not None] if o.needs_grad & flag else []
        sums.append(sum(wanted[1:], wanted[0]).to(tensor.dtype) if wanted else None)
    return tuple(sums)


def vmap(
    operation: Operation, info: Any, dims: tuple[Any, ...], *arguments: Any
) -> tuple[Any, Any] | None:
    """If they are not reduced and share their layer, the rows of a batch are simply more rows."""
    if arguments[1].ndim - (dims[1] is not None) > 2:  # positions come before the rows
        return None
    found = map_over_rows(operation, info, dims, arguments, {0, 2})
    if found is None:
        return None
    results, _ = found
    return results, (0, None, None, None, None, 0)[: len(results)]


# Gradients of row losses, also as a function of their upstream gradients.


def setup_rows_context(
    ctx: Any, inputs: tuple[Any, ...], o: LossOptions, output: tuple[Tensor, ...]
) -> None:
    """Save the arguments."""
    del output
    ctx.set_materialize_grads(False)
    ctx.options, weights = split_weights(o)
    ctx.save_for_backward(*inputs, *weights)


def rows_backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
    """Gradients for the upstream gradient and the arguments, from those for the gradients."""
    upstream, *rest = ctx.saved_tensors
    tensors, o = rest[:4], join_weights(ctx.options, rest[4:])
    if all(each is None for each in grads):
        return (None,) * 5
    moved = changes(o, tensors, grads, upstream)
    for_upstream = moved.rows.reshape(upstream.shape).to(upstream.dtype)
    return for_upstream, *_added(o, tensors, [moved[1:]])


def rows_jvp(
    tensors: tuple[Any, ...],
    tangents: list[Tensor | None],
    o: LossOptions,
    results: tuple[Tensor, ...],
) -> tuple[Tensor | None, ...]:
    """Changes of the gradients along tangents of upstream gradient and arguments."""
    del results
    parts: list[tuple[Tensor | None, ...]] = []
    if any(each is not None for each in tangents[1:]):
        parts.append(changes(o, tensors[1:], tangents[1:], tensors[0])[1:])
    if tangents[0] is not None:
        parts.append(rows_gradients(o, tangents[0], *tensors[1:]))
    return _added(o, tensors[1:], parts)


RULES: dict[str, Any] = {
    "with_needed_grads": with_needed_grads,
    "setup_context": setup_context,
    "backward": backward,
    "jvp": jvp,
    "vmap": vmap,
    "function": "linear_cross_entropy",
    "in_loops": True,
}
linear_cross_entropy = loss_operation(
    "linear_cross_entropy",
    TENSORS,
    5,
    forward=forward,
    array=partial(forward, engine=ARRAYS),
    fake=fake,
    **RULES,
)
linear_cross_entropy_with_stats = loss_operation(
    "linear_cross_entropy_with_stats",
    TENSORS,
    6,
    forward=forward_with_stats,
    array=partial(forward_with_stats, engine=ARRAYS),
    fake=fake_with_stats,
    **RULES,
)
rows_gradients = loss_operation(
    "linear_cross_entropy_rows_backward",
    f"Tensor upstream, {TENSORS}",
    4,
    forward=backward_of_rows,
    array=partial(backward_of_rows, engine=ARRAYS),
    in_loops=True,
    fake=fake_of_rows,
    setup_context=setup_rows_context,
    backward=rows_backward,
    jvp=rows_jvp,
    function="linear_cross_entropy",
)
