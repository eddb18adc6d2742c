"""Softmax cross-entropy of tensors: one operation, its derivatives, and its batching rule."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch

from xent._engine import numpy as backend
from xent._engine.numpy import STATS
from xent._engine.reduced import class_loss
from xent._targets import class_targets
from xent._validation import Array
from xent.torch import _buffer_pool, _interop, _small_batch
from xent.torch._derivatives import class_second, class_targets_gradient, logsumexp_gradient
from xent.torch._operation import Operation, batch_dim_first
from xent.torch._scale_grad import scale_grad
from xent.torch._shapes import check_classes

Tensor = torch.Tensor


class Options(NamedTuple):
    """What belongs to a loss beside logits and targets."""

    class_weight: Tensor | None
    sample_weight: Tensor | None
    ignore_index: int | None
    label_smoothing: float
    softcap: float | None
    z_loss: float
    reduction: str
    axis: int
    divisor: float | None
    """What a mean divides by, if not the total weight."""
    unchecked: bool
    """Whether probabilities may sum to anything."""
    keep_logits: bool
    """Whether the gradient of log-sum-exp may be asked for."""
    want_grad: bool


WEIGHTS = ("class_weight", "sample_weight")
WITHOUT: dict[str, Any] = dict.fromkeys(WEIGHTS)


def forward(logits: Tensor, targets: Tensor, o: Options) -> tuple[Tensor, Tensor, float]:
    """Loss, its gradient (empty if not wanted) and the mean's divisor, on the CPU."""
    quick = _small_batch.label_losses(logits, targets, o)
    return _computed(logits, targets, o, None) if quick is None else quick


def forward_with_stats(logits: Tensor, targets: Tensor, o: Options) -> tuple[Any, ...]:
    """The same, and log-sum-exp, entropy and largest class of each row."""
    found = np.empty((*_rows(logits, o), STATS))
    return *_computed(logits, targets, o, found), _interop.tensor(found, torch.float64)


def _computed(
    logits: Tensor, targets: Tensor, o: Options, stats: Array | None
) -> tuple[Tensor, Tensor, float]:
    z = _interop.array(logits)
    rows = class_targets(
        _interop.array(targets),
        z.shape,
        o.axis,
        class_weight=_interop.option(o.class_weight),
        sample_weight=_interop.option(o.sample_weight),
        ignore_index=o.ignore_index,
        label_smoothing=o.label_smoothing,
        labels_later=backend.checks_targets(z, None),
        unchecked=o.unchecked,
    )
    total = rows.total if o.divisor is None else o.divisor
    grad = _buffer_pool.empty(tuple(logits.shape) if o.want_grad else (0,), logits.dtype)
    loss = class_loss(
        z,
        o.axis,
        rows,
        total=total,
        softcap=o.softcap,
        z_loss=o.z_loss,
        reduction=o.reduction,
        grad=_interop.array(grad) if o.want_grad else None,
        stats=stats,
    )
    kind = _interop.loss_dtype(logits.dtype)
    return _interop.tensor(loss, kind), grad, total


ARGUMENTS = """
    Tensor logits, Tensor targets, Tensor? class_weight, Tensor? sample_weight,
    SymInt? ignore_index, float label_smoothing, float? softcap, float z_loss, str reduction,
    SymInt axis, Scalar? divisor, bool unchecked, bool keep_logits, bool want_grad
"""


def fake(logits: Tensor, targets: Tensor, o: Options) -> tuple[Tensor, Tensor, Tensor]:
    """Results of the right shape, without numbers."""
    check_classes(logits.shape, o.axis, targets, o)
    shape = _rows(logits, o) if o.reduction == "none" else ()
    loss = logits.new_empty(shape, dtype=_interop.loss_dtype(logits.dtype))
    grad = logits.new_empty(logits.shape if o.want_grad else (0,))
    return loss, grad, logits.new_empty((), dtype=torch.float64)


def fake_with_stats(logits: Tensor, targets: Tensor, o: Options) -> tuple[Tensor, ...]:
    """The same with statistics."""
    stats = logits.new_empty((*_rows(logits, o), STATS), dtype=torch.float64)
    return *fake(logits, targets, o), stats


def _rows(logits: Tensor, o: Options) -> tuple[int, ...]:
    return *logits.shape[: o.axis], *logits.shape[o.axis + 1 :]


def with_needed_grads(o: Options, logits: Tensor, targets: Tensor) -> Options:  # noqa: ARG001
    """With the gradient, if a level of derivatives asks for it."""
    return o._replace(want_grad=o.want_grad or logits.requires_grad)


def setup_context(
    ctx: Any, inputs: tuple[Any, ...], o: Options, output: tuple[Tensor, ...]
) -> None:
    """Keep the gradient; loss and logits only for targets that learn, or for log-sum-exp."""
    logits, targets = inputs
    loss, gradient, total, *stats = output
    ctx.set_materialize_grads(False)
    lse = o.keep_logits and ctx.needs_input_grad[0]
    if stats and not lse:
        ctx.mark_non_differentiable(*stats)
    ctx.total, total = (None, total) if isinstance(total, Tensor) else (total, None)
    ctx.saves_logits = targets.requires_grad or lse
    others = (loss, logits) if ctx.saves_logits else ()
    weights: tuple[Any, ...] = ()
    if not (o.class_weight is None and o.sample_weight is None):
        o, weights = o._replace(**WITHOUT), o[: len(WEIGHTS)]
    ctx.options = o
    ctx.save_for_backward(gradient, total, targets, *others, *weights)


def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """From the gradients of loss, gradient and log-sum-exp to those of logits and targets."""
    to_loss, to_gradient, _, *to_stats = grads
    gradient, total, targets, *others = ctx.saved_tensors
    total = ctx.total if total is None else total
    if ctx.saves_logits:
        loss, logits, *others = others
    o = ctx.options
    if others:
        o = o._replace(**dict(zip(WEIGHTS, others, strict=True)))
    for_logits = for_targets = None
    if to_gradient is not None:
        _second_is_there(ctx, o)
        for_logits, _ = class_second(gradient, to_gradient, targets, o.axis, o, total)
    if to_stats and to_stats[0] is not None and o.keep_logits and ctx.needs_input_grad[0]:
        to_lse = to_stats[0][..., 0].unsqueeze(o.axis)  # the only one that has a gradient
        bend = logsumexp_gradient(logits, o.axis, o.softcap, to_lse).to(logits.dtype)
        for_logits = bend if for_logits is None else for_logits + bend
    if to_loss is not None:
        upstream = to_loss.unsqueeze(o.axis) if o.reduction == "none" else to_loss
        if ctx.needs_input_grad[1]:
            bend = class_targets_gradient(logits, targets, loss, o.axis, o, total)
            for_targets = (bend * upstream).to(targets.dtype)
        if ctx.needs_input_grad[0]:
            # Last: it may write over the gradient.
            slope = scale_grad(gradient, upstream, owns_buffer=ctx.owns_gradient)
            for_logits = slope if for_logits is None else for_logits + slope
    return for_logits, for_targets


def vmap(
    operation: Operation, info: Any, dims: tuple[Any, ...], *arguments: Any
) -> tuple[Any, Any] | None:
    """Rows of a batch are rows like others, where they are not reduced."""
    logits, targets, *options = arguments
    o = Options(*options)
    if o.reduction != "none" or dims[2] is not None:
        return None
    z, y, weight = (
        batch_dim_first(value, dim, info.batch_size)
        for value, dim in zip((logits, targets, o.sample_weight), (*dims[:2], dims[3]), strict=True)
    )
    o = o._replace(sample_weight=weight, axis=o.axis + 1)
    results = operation.operator(z, y, *o)
    return results, (0, 0 if o.want_grad else None, None, 0)[: len(results)]


def _second_is_there(ctx: Any, o: Options) -> None:
    """Say where a second derivative is not to be had."""
    if o.softcap is not None:
        msg = "no second derivative with softcap. Apply it before: cap * tanh(logits / cap)."
        raise NotImplementedError(msg)
    if ctx.needs_input_grad[1]:
        msg = "no second derivative where targets require a gradient. Pass targets.detach()."
        raise NotImplementedError(msg)


cross_entropy = Operation(
    f"cross_entropy({ARGUMENTS}) -> (Tensor, Tensor, Tensor)",
    Options,
    forward=forward,
    fake=fake,
    with_needed_grads=with_needed_grads,
    setup_context=setup_context,
    backward=backward,
    vmap=vmap,
)
cross_entropy_with_stats = Operation(
    f"cross_entropy_with_stats({ARGUMENTS}) -> (Tensor, Tensor, Tensor, Tensor)",
    Options,
    forward=forward_with_stats,
    fake=fake_with_stats,
    with_needed_grads=with_needed_grads,
    setup_context=setup_context,
    backward=backward,
    vmap=vmap,
    function="cross_entropy",
)
