"""Binary cross-entropy of tensors: one operation, its derivatives, and its batching rule."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from xent._engine import numpy as backend
from xent._engine.reduced import binary_loss
from xent._targets import binary_targets
from xent.torch import _buffer_pool, _interop, _small_batch
from xent.torch._derivatives import binary_second, binary_targets_gradient
from xent.torch._operation import Operation, batch_dim_first
from xent.torch._scale_grad import scale_grad
from xent.torch._shapes import check_binary

Tensor = torch.Tensor


class Options(NamedTuple):
    """What belongs to a loss beside logits and targets."""

    class_weight: Tensor | None
    sample_weight: Tensor | None
    pos_weight: Tensor | None
    ignore_index: int | None
    label_smoothing: float
    softcap: float | None
    z_loss: float
    reduction: str
    divisor: float | None
    """What a mean divides by, if not the total weight."""
    want_grad: bool


WEIGHTS = ("class_weight", "sample_weight", "pos_weight")
WITHOUT: dict[str, Any] = dict.fromkeys(WEIGHTS)


def forward(logits: Tensor, targets: Tensor, o: Options) -> tuple[Tensor, Tensor, float]:
    """Loss, its gradient (empty if not wanted) and the mean's divisor, on the CPU."""
    quick = _small_batch.binary_losses(logits, targets, o)
    if quick is not None:
        return quick
    z = _interop.array(logits)
    rows = binary_targets(
        _interop.array(targets),
        z.shape,
        class_weight=_interop.option(o.class_weight),
        sample_weight=_interop.option(o.sample_weight),
        pos_weight=_interop.option(o.pos_weight),
        ignore_index=o.ignore_index,
        label_smoothing=o.label_smoothing,
        values_later=backend.checks_targets(z, None),
    )
    total = rows.total if o.divisor is None else o.divisor
    grad = _buffer_pool.empty(tuple(logits.shape) if o.want_grad else (0,), logits.dtype)
    loss = binary_loss(
        z,
        rows,
        total=total,
        softcap=o.softcap,
        z_loss=o.z_loss,
        reduction=o.reduction,
        grad=_interop.array(grad) if o.want_grad else None,
    )
    kind = _interop.loss_dtype(logits.dtype)
    return _interop.tensor(loss, kind), grad, total


SCHEMA = """binary_cross_entropy(
    Tensor logits, Tensor targets, Tensor? class_weight, Tensor? sample_weight,
    Tensor? pos_weight, SymInt? ignore_index, float label_smoothing, float? softcap,
    float z_loss, str reduction, Scalar? divisor, bool want_grad
) -> (Tensor, Tensor, Tensor)"""


def fake(logits: Tensor, targets: Tensor, o: Options) -> tuple[Tensor, Tensor, Tensor]:
    """Results of the right shape, without numbers."""
    check_binary(logits.shape, targets, o)
    shape = logits.shape if o.reduction == "none" else ()
    loss = logits.new_empty(shape, dtype=_interop.loss_dtype(logits.dtype))
    grad = logits.new_empty(logits.shape if o.want_grad else (0,))
    return loss, grad, logits.new_empty((), dtype=torch.float64)


def with_needed_grads(o: Options, logits: Tensor, targets: Tensor) -> Options:  # noqa: ARG001
    """With the gradient, if a level of derivatives asks for it."""
    return o._replace(want_grad=o.want_grad or logits.requires_grad)


def setup_context(
    ctx: Any, inputs: tuple[Any, ...], o: Options, output: tuple[Tensor, ...]
) -> None:
    """Keep what the derivatives need; elementwise, the logits are no larger than the rest."""
    ctx.set_materialize_grads(False)
    _, gradient, total = output
    ctx.total, total = (None, total) if isinstance(total, Tensor) else (total, None)
    weights: tuple[Any, ...] = ()
    if not (o.class_weight is None and o.sample_weight is None and o.pos_weight is None):
        o, weights = o._replace(**WITHOUT), o[: len(WEIGHTS)]
    ctx.options = o
    ctx.save_for_backward(gradient, total, *inputs, *weights)


def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """From the gradients of loss and gradient to those of logits and targets."""
    to_loss, to_gradient, _ = grads
    gradient, total, logits, targets, *weights = ctx.saved_tensors
    total = ctx.total if total is None else total
    o = ctx.options
    if weights:
        o = o._replace(**dict(zip(WEIGHTS, weights, strict=True)))
    for_logits = for_targets = None
    if to_loss is not None:
        if ctx.needs_input_grad[0]:
            for_logits = scale_grad(gradient, to_loss, owns_buffer=ctx.owns_gradient)
        if ctx.needs_input_grad[1]:
            _targets_are_free(o)
            change = binary_targets_gradient(logits, targets, o, total)
            for_targets = (change * to_loss).to(targets.dtype)
    if to_gradient is not None:
        if ctx.needs_input_grad[1]:
            msg = "no second derivative where targets require a gradient. "
            raise NotImplementedError(msg + "Pass targets.detach().")
        bend = binary_second(logits, targets, o, total)
        change = (bend * to_gradient).to(logits.dtype)
        for_logits = change if for_logits is None else for_logits + change
    return for_logits, for_targets


def vmap(
    operation: Operation, info: Any, dims: tuple[Any, ...], *arguments: Any
) -> tuple[Any, Any] | None:
    """Logits of a batch are logits like others, where they are not reduced."""
    logits, targets, *options = arguments
    o = Options(*options)
    if o.reduction != "none" or dims[2] is not None or dims[4] is not None:
        return None
    z, y, weight = (
        batch_dim_first(value, dim, info.batch_size)
        for value, dim in zip((logits, targets, o.sample_weight), (*dims[:2], dims[3]), strict=True)
    )
    o = o._replace(sample_weight=weight)
    return operation.operator(z, y, *o), (0, 0 if o.want_grad else None, None)


def _targets_are_free(o: Options) -> None:
    if o.class_weight is not None and o.reduction == "mean" and o.divisor is None:
        msg = "targets that require a gradient, class_weight and a mean do not go together, since "
        msg += "the mean's divisor depends on the targets. Use reduction='sum' and divide."
        raise NotImplementedError(msg)


binary_cross_entropy = Operation(
    SCHEMA,
    Options,
    forward=forward,
    fake=fake,
    with_needed_grads=with_needed_grads,
    setup_context=setup_context,
    backward=backward,
    vmap=vmap,
)
