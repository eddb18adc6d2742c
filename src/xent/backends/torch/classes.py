"""Softmax cross-entropy of tensors: one operation, its derivatives, and its batching rule."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from xent.backends import numpy as backend
from xent.backends.reduced import class_loss
from xent.backends.torch import bridge, room, tiny
from xent.backends.torch.apply import on_cpu
from xent.backends.torch.derivatives import class_second, class_targets_gradient
from xent.backends.torch.scaling import scaled
from xent.targets import class_targets

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
    want_grad: bool


WEIGHTS = ("class_weight", "sample_weight")
WITHOUT: dict[str, Any] = dict.fromkeys(WEIGHTS)
NONE = (None, None)


def forward(logits: Tensor, targets: Tensor, o: Options) -> tuple[Tensor, Tensor, Tensor]:
    """Loss, its gradient (empty if not wanted) and the mean's divisor, on the CPU."""
    quick = tiny.label_losses(logits, targets, o)
    if quick is not None:
        return quick
    z = bridge.array(logits)
    rows = class_targets(
        bridge.array(targets),
        z.shape,
        o.axis,
        class_weight=bridge.option(o.class_weight),
        sample_weight=bridge.option(o.sample_weight),
        ignore_index=o.ignore_index,
        label_smoothing=o.label_smoothing,
        labels_later=backend.checks_targets(z, None),
        unchecked=o.unchecked,
    )
    total = rows.total if o.divisor is None else o.divisor
    grad = room.empty(tuple(logits.shape) if o.want_grad else (0,), logits.dtype)
    loss = class_loss(
        z,
        o.axis,
        rows,
        total=total,
        softcap=o.softcap,
        z_loss=o.z_loss,
        reduction=o.reduction,
        grad=bridge.array(grad) if o.want_grad else None,
    )
    kind = bridge.loss_dtype(logits.dtype)
    return bridge.tensor(loss, kind), grad, bridge.tensor(total, torch.float64)


@torch.library.custom_op("xent::cross_entropy", mutates_args=())
def operation(
    logits: Tensor,
    targets: Tensor,
    class_weight: Tensor | None,
    sample_weight: Tensor | None,
    ignore_index: int | None,
    label_smoothing: float,
    softcap: float | None,
    z_loss: float,
    reduction: str,
    axis: int,
    divisor: float | None,
    unchecked: bool,
    want_grad: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """The same for compilers, which look no further."""
    o = Options(
        class_weight, sample_weight, ignore_index, label_smoothing, softcap,
        z_loss, reduction, axis, divisor, unchecked, want_grad,
    )  # fmt: skip
    return forward(logits, targets, o)


@operation.register_fake
def _(logits: Tensor, *others: Any) -> tuple[Tensor, Tensor, Tensor]:
    o = Options(*others[1:])
    rows = logits.shape[: o.axis] + logits.shape[o.axis + 1 :]
    shape = rows if o.reduction == "none" else ()
    loss = logits.new_empty(shape, dtype=bridge.loss_dtype(logits.dtype))
    grad = torch.empty(
        logits.shape if o.want_grad else (0,), dtype=logits.dtype, device=logits.device
    )
    return loss, grad, logits.new_empty((), dtype=torch.float64)


class CrossEntropy(torch.autograd.Function):
    """The operation with its derivatives; the gradient is made where the loss is."""

    @staticmethod
    def compute(logits: Tensor, targets: Tensor, o: Options) -> tuple[Tensor, Tensor, Tensor]:
        """See `forward`; the dispatcher costs a small loss more than the loss itself."""
        if on_cpu(logits):
            return forward(logits, targets, o)
        return operation(logits, targets, *o)  # type: ignore[no-any-return]

    @staticmethod
    def forward(logits: Tensor, targets: Tensor, *options: Any) -> tuple[Tensor, Tensor, Tensor]:
        """The same, of arguments that transforms and compilers see one by one."""
        return CrossEntropy.compute(logits, targets, Options(*options))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        """See `keep`."""
        logits, targets, *options = inputs
        CrossEntropy.keep(ctx, (logits, targets), Options(*options), output)

    @staticmethod
    def keep(ctx: Any, inputs: tuple[Any, ...], o: Options, output: tuple[Tensor, ...]) -> None:
        """Keep the gradient; the logits only where something needs them."""
        logits, targets = inputs
        loss, gradient, total = output
        ctx.set_materialize_grads(False)
        learned = targets.requires_grad
        others = loss if learned else None, logits if learned or o.softcap is not None else None
        weights = () if o[: len(WEIGHTS)] == NONE else o[: len(WEIGHTS)]
        ctx.options = o._replace(**WITHOUT) if weights else o
        ctx.save_for_backward(gradient, total, targets, *others, *weights)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        """See `gradients`."""
        return *CrossEntropy.gradients(ctx, *grads), *[None] * len(Options._fields)

    @staticmethod
    def gradients(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """From the gradients of loss and gradient to those of logits and targets."""
        to_loss, to_gradient, _ = grads
        gradient, total, targets, loss, logits, *weights = ctx.saved_tensors
        o = ctx.options
        if weights:
            o = o._replace(**dict(zip(WEIGHTS, weights, strict=True)))
        for_logits = for_targets = change = None
        # A compiler traces this with gradients for all results, and has no second derivatives.
        if to_gradient is not None and not torch.compiler.is_compiling():
            _second_is_there(ctx, o)
            change, _ = class_second(gradient, to_gradient, targets, o.axis, o, total)
        if to_loss is not None:
            upstream = to_loss.unsqueeze(o.axis) if o.reduction == "none" else to_loss
            if ctx.needs_input_grad[1]:
                bend = class_targets_gradient(logits, targets, loss, o.axis, o, total)
                for_targets = (bend * upstream).to(targets.dtype)
            if ctx.needs_input_grad[0]:
                for_logits = scaled(gradient, upstream)  # last: it may write over the gradient
        if change is not None:
            for_logits = change if for_logits is None else for_logits + change
        return for_logits, for_targets

    @staticmethod
    def vmap(info: Any, dims: tuple[Any, ...], *inputs: Any) -> tuple[Any, Any]:
        """A batch of losses: its rows are rows like others, reduced apart."""
        logits, targets, *options = (
            _front(value, dim, info.batch_size) for value, dim in zip(inputs, dims, strict=True)
        )
        o = Options(*options)
        if o.class_weight is not None and dims[2] is not None:
            msg = "vmap over class_weight is not supported; map over logits and targets."
            raise NotImplementedError(msg)
        o = o._replace(class_weight=inputs[2], axis=o.axis + 1)
        if o.reduction == "none":
            losses, grad, total = CrossEntropy.apply(logits, targets, *o)
            return (losses, grad, total), (0, 0 if o.want_grad else None, None)
        o = o._replace(axis=o.axis - 1)
        weights = o.sample_weight
        parts = []
        for i in range(info.batch_size):
            own = o._replace(sample_weight=None if weights is None else weights[i])
            parts.append(CrossEntropy.apply(logits[i], targets[i], *own))
        return tuple(torch.stack(part) for part in zip(*parts, strict=True)), (0, 0, 0)


def _front(value: Any, dim: int | None, size: int) -> Any:
    """A tensor with the batch in front; what is not batched is the same for all of it."""
    if not isinstance(value, Tensor):
        return value
    return value.expand(size, *value.shape) if dim is None else value.movedim(dim, 0)


def _second_is_there(ctx: Any, o: Options) -> None:
    """Say where a second derivative is not to be had."""
    if o.softcap is not None:
        msg = "no second derivative with softcap. Apply it before: cap * tanh(logits / cap)."
        raise NotImplementedError(msg)
    if ctx.needs_input_grad[1]:
        msg = "no second derivative where targets require a gradient. Pass targets.detach()."
        raise NotImplementedError(msg)
