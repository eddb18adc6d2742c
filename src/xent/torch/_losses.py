"""The losses and functions of tensors: arguments are checked once and passed to the operations.

The functions without a prefix are what `xent.losses`, `xent.functions` and `xent.metrics` call;
those that begin with `checked_` take tensors, and also serve the replacements of torch's functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from xent._engine.linear import BIAS, INPUTS, WEIGHT
from xent._options import LossOptions
from xent._target_checks import check_class_shapes
from xent._validation import NAMES, Names, check_layer, check_shape, class_axis
from xent.torch import _binary, _classes, _compat, _functions, _interop, _linear
from xent.torch._autograd_state import check_measurable, wants_gradient, widened
from xent.torch._interop import as_scores, as_tensor_like, check_device, with_tensors
from xent.torch._plain_calls import is_transformed
from xent.torch._positions import rows_shape

Tensor = torch.Tensor
WITHOUT_TARGETS = NAMES["xent tensors"]._replace(targets="")


def cross_entropy(
    logits: Any, targets: Any, options: LossOptions, *, return_grad: bool = False, out: Any = None
) -> Any:
    """See `xent.cross_entropy`."""
    names = NAMES["xent tensors"]
    z, y = _logits_and_targets(logits, targets, names, out)
    axis = class_axis(z, options.axis, names)
    options = options.replace(axis=axis, caller="xent tensors")
    return checked_cross_entropy(z, y, with_tensors(options, z), return_grad=return_grad)


def binary_cross_entropy(
    logits: Any, targets: Any, options: LossOptions, *, return_grad: bool = False, out: Any = None
) -> Any:
    """See `xent.binary_cross_entropy`."""
    z, y = _logits_and_targets(logits, targets, NAMES["xent tensors"], out)
    options = options.replace(caller="xent tensors")
    return checked_binary_cross_entropy(z, y, with_tensors(options, z), return_grad=return_grad)


def linear_cross_entropy(
    inputs: Any,
    weight: Any,
    targets: Any,
    bias: Any,
    options: LossOptions,
    *,
    return_grad: bool = False,
) -> Any:
    """See `xent.linear_cross_entropy`."""
    options = options.replace(caller="xent tensors")
    if return_grad and options.reduction == "none":
        msg = "return_grad=True gives the gradient of the sum of row losses: pass reduction='sum'."
        raise ValueError(msg)
    layer = checked_layer(inputs, weight, targets, bias, options)
    return checked_linear_cross_entropy(*layer, options, return_grad=return_grad)


def evaluate(function: str, logits: Any, axis: int | None = None) -> Tensor:
    """Softmax and related functions, differentiable any number of times in reverse mode."""
    z = as_scores(logits, "logits", WITHOUT_TARGETS)
    axis = -1 if axis is None else class_axis(z, axis, NAMES["xent tensors"])
    return _functions.evaluate(z, function, axis)


def metric(
    function: Callable[..., Any], y_true: Any, y_prob: Tensor, options: dict[str, Any]
) -> Tensor:
    """A metric of NumPy arrays over the tensors' memory, without a gradient."""
    prob = as_scores(y_prob, "y_prob", NAMES["log_loss"])
    given = {"y_prob": prob, "y_true": y_true, **options}
    tensors = {name: value for name, value in given.items() if isinstance(value, Tensor)}
    for name, tensor in tensors.items():
        check_measurable(tensor, name)
        if not tensor.is_cpu:
            msg = (
                f"{name} is on {tensor.device}; log_loss is computed on the CPU: pass {name}.cpu()."
            )
            raise ValueError(msg)
    arrays = {name: _interop.array(tensor) for name, tensor in tensors.items()}
    return torch.as_tensor(function(**given | arrays), device="cpu")


def checked_cross_entropy(
    z: Tensor, y: Tensor, options: LossOptions, *, return_grad: bool = False, stats: bool = False
) -> Any:
    """Loss of class logits; with `stats`, also the statistics of the rows.

    One of them, log-sum-exp, has a gradient if the options say to keep the logits.
    """
    operation = _classes.cross_entropy_with_stats if stats else _classes.cross_entropy
    return _computed(operation, z, y, options, return_grad=return_grad)


def checked_binary_cross_entropy(
    z: Tensor, y: Tensor, options: LossOptions, *, return_grad: bool = False
) -> Any:
    """Loss of binary logits."""
    return _computed(_binary.binary_cross_entropy, z, y, options, return_grad=return_grad)


def checked_layer(
    inputs: Any, weight: Any, targets: Any, bias: Any, options: LossOptions
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Inputs, weight, targets and bias as tensors with matching shapes and devices."""
    names = options.names
    x = as_scores(inputs, names.inputs, names)
    w = as_scores(weight, names.weight, names)
    check_layer(tuple(x.shape), tuple(w.shape), names)
    b = None if bias is None else as_scores(bias, names.bias, names)
    check_device(w, x, names.weight)
    if b is not None:
        check_device(b, x, names.bias)
        check_shape(b, (w.shape[0],), names.bias, "one offset per class")
    return x, w, as_tensor_like(targets, x, names.targets), b


def checked_layer_of_positions(
    x: Tensor, w: Tensor, y: Tensor, bias: Any, options: LossOptions
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """The same for a weight with K dimensions of positions, which are flattened and come first.

    Targets are in the layout of the logits (N, C, d1, ..., dK).
    """
    names = options.names
    if x.ndim != 2 or x.shape[1] != w.shape[-1]:
        msg = f"{names.inputs} has shape {tuple(x.shape)} and {names.weight} {tuple(w.shape)}; "
        msg += "expected (N, D) and (C, d1, ..., dK, D)."
        if x.shape == w.shape[-1:]:
            msg += f" Pass {names.inputs}[None] and {names.targets}[None]."
        raise ValueError(msg)
    check_device(w, x, names.weight)
    b = None if bias is None else as_scores(bias, names.bias, names)
    if b is not None:
        check_device(b, x, names.bias)
        check_shape(b, tuple(w.shape[:-1]), names.bias, "one offset per class and position")
        b = b.flatten(1).T
    rows, classes = x.shape[0], w.shape[0]
    shape = (rows, *w.shape[:-1])
    check_class_shapes(y, shape, 1, options, readable=_interop.readable(y))
    # Not -1: there may be no rows.
    positions = math.prod(w.shape[1:-1])
    if y.dtype.is_floating_point:
        y = y.reshape(rows, classes, positions).permute(2, 0, 1)
    else:
        y = y.reshape(rows, positions).T
    return x, w.flatten(1, -2).transpose(0, 1), y, b


def checked_linear_cross_entropy(
    x: Tensor,
    w: Tensor,
    y: Tensor,
    b: Tensor | None,
    options: LossOptions,
    *,
    return_grad: bool = False,
    stats: bool = False,
) -> Any:
    """Loss of a linear layer; with `stats`, also the statistics of the rows."""
    shape = (*rows_shape(x, w), w.shape[-2])
    options = with_tensors(options.replace(axis=len(shape) - 1), x)
    check_class_shapes(y, shape, options.axis, options, readable=_interop.readable(y))
    tensors = (x, w, y, b)
    needed = sum(
        1 << place
        for place, tensor in enumerate(tensors)
        if tensor is not None and needs_gradient(tensor)
    )
    if return_grad:
        needed = INPUTS | WEIGHT | (0 if b is None else BIAS)
    if return_grad and not is_transformed():
        tensors = (x.detach(), w.detach(), y.detach(), None if b is None else b.detach())
    else:
        tensors = (widened(x), widened(w), y, None if b is None else widened(b))
    options = options.replace(needs_grad=needed)
    if stats:
        loss, *_, found = _linear.linear_cross_entropy_with_stats(options, *tensors)
        return loss, found
    loss, *grads = _linear.linear_cross_entropy(options, *tensors)
    if not return_grad:
        return loss
    of_x, of_w, _, of_b = grads
    return loss, (of_x.to(x.dtype), of_w.to(w.dtype), None if b is None else of_b.to(b.dtype))


def needs_gradient(tensor: Tensor) -> bool:
    """Should the gradient be computed with the loss? A trace decides when it runs."""
    return wants_gradient(tensor) and (
        torch.compiler.is_compiling() or not _compat.is_jit_tracing()
    )


def _computed(
    operation: Any, logits: Tensor, targets: Tensor, options: LossOptions, *, return_grad: bool
) -> Any:
    """The loss of an operation on logits, and its gradient if asked for.

    With the gradient, the results have no graph, except under transforms, where a result without a
    graph would silently have the derivative 0.
    """
    z = widened(logits)
    if return_grad and not is_transformed():
        z, targets = logits.detach(), targets.detach()
    if return_grad or needs_gradient(logits):
        options = options.with_needs_grad(1)
    loss, grad, _, *stats = operation(options, z, targets)
    if return_grad:
        return loss, grad.to(logits.dtype)
    return (loss, *stats) if stats else loss


def _logits_and_targets(logits: Any, targets: Any, names: Names, out: Any) -> tuple[Tensor, Tensor]:
    z = as_scores(logits, names.logits, names)
    if out is not None:
        msg = "out= receives the gradient of NumPy arrays only. For tensors, call backward() or "
        raise TypeError(msg + "pass return_grad=True.")
    return z, as_tensor_like(targets, z, names.targets)
