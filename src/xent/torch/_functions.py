"""Softmax, its logarithm, log-sum-exp, sigmoid and log-sigmoid of tensors, as one operation.

Each derivative is written with these functions again, so derivatives of every order are exact.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from xent._engine import compute
from xent._engine.numpy import ELEMENTWISE
from xent.torch import _interop
from xent.torch._array import functions as array
from xent.torch._operation import Operation, batch_dim_first

Tensor = torch.Tensor


class Options(NamedTuple):
    """Which function, and along which axis."""

    function: str
    axis: int
    engine: str = ""

    def replace(self, **changes: Any) -> Options:
        """The record with other values."""
        return Options(**{**self._asdict(), **changes})


def evaluate(logits: Tensor, function: str, axis: int) -> Tensor:
    """The function of the logits; along the axis if it is a function of rows."""
    result: Tensor = _evaluate(Options(function, axis), logits)
    return result


def forward(logits: Tensor, o: Options) -> Tensor:
    """On the CPU."""
    axis = None if o.function in ELEMENTWISE else o.axis
    result = compute.evaluate(o.function, _interop.array(logits), axis)
    return _interop.tensor(result, logits.dtype)


def fake(logits: Tensor, o: Options) -> Tensor:
    """A result of the right shape, without values."""
    if o.function != "logsumexp":
        return logits.new_empty(logits.shape)
    axis = o.axis % logits.ndim
    return logits.new_empty((*logits.shape[:axis], *logits.shape[axis + 1 :]))


def setup_context(ctx: Any, inputs: tuple[Any, ...], o: Options, output: Any) -> None:  # noqa: ARG001
    """Save the logits: in the tails, the result alone has lost digits."""
    ctx.options = o
    ctx.save_for_backward(*inputs)


def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor]:
    """The derivative, times the upstream gradient; rounded to half precision only at the end."""
    (logits,) = ctx.saved_tensors
    z = logits.to(_interop.loss_dtype(logits.dtype))
    return (
        _times_slope(z, upstream.to(z.dtype), ctx.options.function, ctx.options.axis).to(
            logits.dtype
        ),
    )


def _times_slope(z: Tensor, upstream: Tensor, function: str, axis: int) -> Tensor:
    """The derivative at z, times the upstream gradient."""
    if function == "sigmoid":
        return upstream * evaluate(z, "sigmoid", axis) * evaluate(-z, "sigmoid", axis)
    if function == "log_sigmoid":
        return upstream * evaluate(-z, "sigmoid", axis)
    p = evaluate(z, "softmax", axis)
    if function == "softmax":
        return p * (upstream - (p * upstream).sum(axis, keepdim=True))
    if function == "log_softmax":
        return upstream - p * upstream.sum(axis, keepdim=True)
    return p * upstream.unsqueeze(axis)


def jvp(
    tensors: tuple[Tensor], tangents: list[Tensor | None], o: Options, result: Tensor
) -> Tensor:
    """The change of the function along the logits' tangent."""
    z = tensors[0].to(_interop.loss_dtype(result.dtype))
    tangent = tangents[0]
    assert tangent is not None
    change = tangent.to(z.dtype)
    if o.function in ELEMENTWISE:
        return _times_slope(z, change, o.function, o.axis)
    p = evaluate(z, "softmax", o.axis)
    mean = (p * change).sum(o.axis, keepdim=True)
    if o.function == "softmax":
        return p * (change - mean)
    return change - mean if o.function == "log_softmax" else mean.squeeze(o.axis)


def vmap(
    operation: Operation, info: Any, dims: tuple[Any, ...], *arguments: Any
) -> tuple[Any, Any]:
    """A batch is one more axis."""
    logits, function, axis, engine = arguments
    z = batch_dim_first(logits, dims[0], info.batch_size)
    axis = axis + 1 if axis >= 0 else axis
    return operation.operator(z, function, axis, engine), 0


_evaluate = Operation(
    "evaluate(Tensor logits, str function, SymInt axis, str engine) -> Tensor",
    Options,
    forward=forward,
    array=array.forward,
    fake=fake,
    setup_context=setup_context,
    backward=backward,
    jvp=jvp,
    vmap=vmap,
    function=lambda o: o.function,
)
