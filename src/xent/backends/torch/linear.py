"""A linear layer's cross-entropy of tensors: one operation with its derivatives.

The gradients are made in the forward pass, where the logits are. Row losses are the exception: the
gradient of each row is scaled by what comes from above, so the backward pass makes its chunks anew.
"""

from __future__ import annotations

from typing import Any

import torch

from xent.backends.torch import bridge
from xent.backends.torch.apply import on_cpu
from xent.backends.torch.chunks import Options, backward_of_rows, forward, wanted_kind
from xent.backends.torch.scaling import scaled

Tensor = torch.Tensor


@torch.library.custom_op("xent::linear_cross_entropy", mutates_args=())
def operation(
    inputs: Tensor,
    weight: Tensor,
    targets: Tensor,
    bias: Tensor | None,
    class_weight: Tensor | None,
    sample_weight: Tensor | None,
    ignore_index: int | None,
    label_smoothing: float,
    softcap: float | None,
    z_loss: float,
    reduction: str,
    divisor: float | None,
    unchecked: bool,
    wanted: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The same for compilers, which look no further."""
    o = Options(
        class_weight, sample_weight, ignore_index, label_smoothing,
        softcap, z_loss, reduction, divisor, unchecked, wanted,
    )  # fmt: skip
    return forward(inputs, weight, targets, bias, o)


@operation.register_fake
def _(
    inputs: Tensor, weight: Tensor, targets: Tensor, bias: Tensor | None, *options: Any
) -> tuple[Tensor, ...]:
    o = Options(*options)
    rows = inputs.shape[:-1] if o.reduction == "none" else ()
    kind = bridge.loss_dtype(wanted_kind(inputs, weight))
    return (inputs.new_empty(rows, dtype=kind), *_fakes(inputs, weight, targets, bias, o))


def _fakes(
    inputs: Tensor, weight: Tensor, targets: Tensor, bias: Tensor | None, o: Options
) -> tuple[Tensor, ...]:
    flags = o.wanted if o.reduction != "none" else 0
    return tuple(
        torch.empty_like(argument, memory_format=torch.contiguous_format)
        if flags & flag and argument is not None
        else inputs.new_empty((0,))
        for flag, argument in zip((1, 2, 4, 8), (inputs, weight, bias, targets), strict=True)
    )


@torch.library.custom_op("xent::linear_cross_entropy_rows_backward", mutates_args=())
def backward_operation(
    upstream: Tensor,
    inputs: Tensor,
    weight: Tensor,
    targets: Tensor,
    bias: Tensor | None,
    class_weight: Tensor | None,
    sample_weight: Tensor | None,
    ignore_index: int | None,
    label_smoothing: float,
    softcap: float | None,
    z_loss: float,
    reduction: str,
    divisor: float | None,
    unchecked: bool,
    wanted: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The same for compilers."""
    o = Options(
        class_weight, sample_weight, ignore_index, label_smoothing,
        softcap, z_loss, reduction, divisor, unchecked, wanted,
    )  # fmt: skip
    return backward_of_rows(upstream, inputs, weight, targets, bias, o)


@backward_operation.register_fake
def _(
    upstream: Tensor,
    inputs: Tensor,
    weight: Tensor,
    targets: Tensor,
    bias: Tensor | None,
    *options: Any,
) -> tuple[Tensor, ...]:
    del upstream
    return _fakes(inputs, weight, targets, bias, Options(*options)._replace(reduction="sum"))


NO_SECOND = (
    "linear_cross_entropy has no second derivative. "
    "Use cross_entropy(torch.nn.functional.linear(inputs, weight, bias), targets)."
)


class _Once(torch.autograd.Function):
    """A gradient of rows, which would else be taken for a constant by a second derivative."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004
        """The gradient as it is."""
        return gradient.view_as(gradient)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        """Refuse."""
        raise NotImplementedError(NO_SECOND)


class LinearCrossEntropy(torch.autograd.Function):
    """The operation with its first derivatives."""

    @staticmethod
    def compute(
        inputs: Tensor, weight: Tensor, targets: Tensor, bias: Tensor | None, o: Options
    ) -> tuple[Tensor, ...]:
        """See `forward`."""
        if on_cpu(inputs) and on_cpu(weight):
            return forward(inputs, weight, targets, bias, o)
        return operation(inputs, weight, targets, bias, *o)  # type: ignore[no-any-return]

    @staticmethod
    def forward(
        inputs: Tensor, weight: Tensor, targets: Tensor, bias: Tensor | None, *options: Any
    ) -> tuple[Tensor, ...]:
        """The same, of arguments that transforms and compilers see one by one."""
        return LinearCrossEntropy.compute(inputs, weight, targets, bias, Options(*options))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        """See `keep`."""
        x, weight, targets, bias, *options = inputs
        LinearCrossEntropy.keep(ctx, (x, weight, targets, bias), Options(*options), output)

    @staticmethod
    def keep(ctx: Any, inputs: tuple[Any, ...], o: Options, output: tuple[Tensor, ...]) -> None:
        """Keep the gradients, or for row losses the arguments."""
        ctx.set_materialize_grads(False)
        ctx.options = o._replace(class_weight=None, sample_weight=None)
        if o.reduction == "none":
            ctx.save_for_backward(*inputs, o.class_weight, o.sample_weight)
        else:
            ctx.save_for_backward(*output[1:])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        """See `gradients`."""
        return *LinearCrossEntropy.gradients(ctx, *grads), *[None] * len(Options._fields)

    @staticmethod
    def gradients(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        """From the gradient of the loss to those of inputs, weight, targets and bias."""
        upstream, *others = grads
        # A compiler traces this with gradients for all results, and has no second derivatives.
        if not torch.compiler.is_compiling() and any(other is not None for other in others):
            raise NotImplementedError(NO_SECOND)
        if upstream is None:
            return None, None, None, None
        o = ctx.options
        if o.reduction == "none":
            x, weight, targets, bias, class_weight, sample_weight = ctx.saved_tensors
            o = o._replace(class_weight=class_weight, sample_weight=sample_weight)
            if on_cpu(upstream) and on_cpu(x) and on_cpu(weight):
                made: tuple[Tensor, ...] = backward_of_rows(upstream, x, weight, targets, bias, o)
            else:
                made = backward_operation(upstream, x, weight, targets, bias, *o)
            if torch.is_grad_enabled() and not torch.compiler.is_compiling():
                made = tuple(_Once.apply(each.detach().requires_grad_()) for each in made)
        else:
            made = tuple(
                scaled(gradient, upstream) if o.wanted & flag else gradient
                for flag, gradient in zip((1, 2, 4, 8), ctx.saved_tensors, strict=True)
            )
        for_inputs, for_weight, for_bias, for_targets = (
            gradient if o.wanted & flag else None
            for flag, gradient in zip((1, 2, 4, 8), made, strict=True)
        )
        return for_inputs, for_weight, for_targets, for_bias
