"""Binary cross-entropy of tensors: one operation, its derivatives, and its batching rule."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from xent.backends import numpy as backend
from xent.backends.reduced import binary_loss
from xent.backends.torch import bridge, room, tiny
from xent.backends.torch.apply import on_cpu
from xent.backends.torch.derivatives import binary_second, binary_targets_gradient
from xent.backends.torch.scaling import scaled
from xent.targets import binary_targets

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
NONE = (None, None, None)


def forward(logits: Tensor, targets: Tensor, o: Options) -> tuple[Tensor, Tensor, Tensor]:
    """Loss, its gradient (empty if not wanted) and the mean's divisor, on the CPU."""
    quick = tiny.binary_losses(logits, targets, o)
    if quick is not None:
        return quick
    z = bridge.array(logits)
    rows = binary_targets(
        bridge.array(targets),
        z.shape,
        class_weight=bridge.option(o.class_weight),
        sample_weight=bridge.option(o.sample_weight),
        pos_weight=bridge.option(o.pos_weight),
        ignore_index=o.ignore_index,
        label_smoothing=o.label_smoothing,
        values_later=backend.checks_targets(z, None),
    )
    total = rows.total if o.divisor is None else o.divisor
    grad = room.empty(tuple(logits.shape) if o.want_grad else (0,), logits.dtype)
    loss = binary_loss(
        z,
        rows,
        total=total,
        softcap=o.softcap,
        z_loss=o.z_loss,
        reduction=o.reduction,
        grad=bridge.array(grad) if o.want_grad else None,
    )
    kind = bridge.loss_dtype(logits.dtype)
    return bridge.tensor(loss, kind), grad, bridge.tensor(total, torch.float64)


@torch.library.custom_op("xent::binary_cross_entropy", mutates_args=())
def operation(
    logits: Tensor,
    targets: Tensor,
    class_weight: Tensor | None,
    sample_weight: Tensor | None,
    pos_weight: Tensor | None,
    ignore_index: int | None,
    label_smoothing: float,
    softcap: float | None,
    z_loss: float,
    reduction: str,
    divisor: float | None,
    want_grad: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """The same for compilers, which look no further."""
    o = Options(
        class_weight, sample_weight, pos_weight, ignore_index, label_smoothing,
        softcap, z_loss, reduction, divisor, want_grad,
    )  # fmt: skip
    return forward(logits, targets, o)


@operation.register_fake
def _(logits: Tensor, *others: Any) -> tuple[Tensor, Tensor, Tensor]:
    o = Options(*others[1:])
    shape = logits.shape if o.reduction == "none" else ()
    loss = logits.new_empty(shape, dtype=bridge.loss_dtype(logits.dtype))
    grad = torch.empty(
        logits.shape if o.want_grad else (0,), dtype=logits.dtype, device=logits.device
    )
    return loss, grad, logits.new_empty((), dtype=torch.float64)


class BinaryCrossEntropy(torch.autograd.Function):
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
        return BinaryCrossEntropy.compute(logits, targets, Options(*options))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        """See `keep`."""
        logits, targets, *options = inputs
        BinaryCrossEntropy.keep(ctx, (logits, targets), Options(*options), output)

    @staticmethod
    def keep(ctx: Any, inputs: tuple[Any, ...], o: Options, output: tuple[Tensor, ...]) -> None:
        """Keep what the derivatives need; elementwise, the logits are no larger than the rest."""
        ctx.set_materialize_grads(False)
        weights = () if o[: len(WEIGHTS)] == NONE else o[: len(WEIGHTS)]
        ctx.options = o._replace(**WITHOUT) if weights else o
        ctx.save_for_backward(*output[1:], *inputs, *weights)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        """See `gradients`."""
        return *BinaryCrossEntropy.gradients(ctx, *grads), *[None] * len(Options._fields)

    @staticmethod
    def gradients(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """From the gradients of loss and gradient to those of logits and targets."""
        to_loss, to_gradient, _ = grads
        gradient, total, logits, targets, *weights = ctx.saved_tensors
        o = ctx.options
        if weights:
            o = o._replace(**dict(zip(WEIGHTS, weights, strict=True)))
        for_logits = for_targets = None
        if to_loss is not None:
            if ctx.needs_input_grad[0]:
                for_logits = scaled(gradient, to_loss)
            if ctx.needs_input_grad[1]:
                _targets_are_free(o)
                change = binary_targets_gradient(logits, targets, o, total)
                for_targets = (change * to_loss).to(targets.dtype)
        # A compiler traces this with gradients for all results, and has no second derivatives.
        if to_gradient is not None and not torch.compiler.is_compiling():
            if ctx.needs_input_grad[1]:
                msg = "no second derivative where targets require a gradient. "
                raise NotImplementedError(msg + "Pass targets.detach().")
            bend = binary_second(logits, targets, o, total)
            change = (bend * to_gradient).to(logits.dtype)
            for_logits = change if for_logits is None else for_logits + change
        return for_logits, for_targets

    @staticmethod
    def vmap(info: Any, dims: tuple[Any, ...], *inputs: Any) -> tuple[Any, Any]:
        """A batch of losses, one by one."""
        parts = []
        for i in range(info.batch_size):
            one = [
                value if dim is None else value.select(dim, i)
                for value, dim in zip(inputs, dims, strict=True)
            ]
            parts.append(BinaryCrossEntropy.apply(*one))
        return tuple(torch.stack(part) for part in zip(*parts, strict=True)), (0, 0, 0)


def _targets_are_free(o: Options) -> None:
    if o.class_weight is not None and o.reduction == "mean" and o.divisor is None:
        msg = "targets that require a gradient, class_weight and a mean do not go together, since "
        msg += "the mean's divisor depends on the targets. Use reduction='sum' and divide."
        raise NotImplementedError(msg)
