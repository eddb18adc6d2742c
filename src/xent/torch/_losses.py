"""The loss functions for tensors: arguments checked, and handed to the operations."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from xent._validation import check_layer, check_number, check_reduction, check_shape, class_axis
from xent.torch import _binary, _classes, _compat, _linear
from xent.torch._autograd_state import widened
from xent.torch._binary import Options as BinaryOptions
from xent.torch._chunks import Options as LinearOptions
from xent.torch._classes import Options as ClassOptions
from xent.torch._error_text import ERRORS, TENSORS, reworded
from xent.torch._interop import as_constant, as_logits, as_partner
from xent.torch._shapes import check_layer_targets

Tensor = torch.Tensor


def cross_entropy(
    logits: Any,
    targets: Any,
    *,
    axis: int = -1,
    class_weight: Any = None,
    sample_weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
    reduction: str = "mean",
    return_grad: bool = False,
    out: Any = None,
    divisor: float | None = None,
    unchecked: bool = False,
    stats: bool = False,
    keep_logits: bool = False,
) -> Any:
    """As `xent.cross_entropy`; and a `divisor` of the mean, and `unchecked` sums of targets.

    With `stats`, also those of the rows; log-sum-exp has a gradient if it may `keep_logits`.
    """
    z = as_logits(logits)
    no_out(out)
    check_reduction(reduction)
    options = ClassOptions(
        as_constant(class_weight, z, "class_weight"),
        as_constant(sample_weight, z, "sample_weight"),
        ignore_index,
        *numbers(label_smoothing, softcap, z_loss),
        reduction,
        class_axis(z, axis),
        divisor,
        unchecked,
        keep_logits,
        return_grad or asks(z),
    )
    operation = _classes.cross_entropy_with_stats if stats else _classes.cross_entropy
    return _computed(operation, options, z, targets, return_grad=return_grad)


def binary_cross_entropy(
    logits: Any,
    targets: Any,
    *,
    class_weight: Any = None,
    sample_weight: Any = None,
    pos_weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
    reduction: str = "mean",
    return_grad: bool = False,
    out: Any = None,
    divisor: float | None = None,
) -> Any:
    """As `xent.binary_cross_entropy`; and a `divisor` of the mean."""
    z = as_logits(logits)
    no_out(out)
    check_reduction(reduction)
    options = BinaryOptions(
        as_constant(class_weight, z, "class_weight"),
        as_constant(sample_weight, z, "sample_weight"),
        as_constant(pos_weight, z, "pos_weight"),
        ignore_index,
        *numbers(label_smoothing, softcap, z_loss),
        reduction,
        divisor,
        return_grad or asks(z),
    )
    return _computed(_binary.binary_cross_entropy, options, z, targets, return_grad=return_grad)


def linear_cross_entropy(
    inputs: Any,
    weight: Any,
    targets: Any,
    bias: Any = None,
    *,
    class_weight: Any = None,
    sample_weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
    reduction: str = "mean",
    return_grad: bool = False,
    divisor: float | None = None,
    unchecked: bool = False,
    stats: bool = False,
) -> Any:
    """As `xent.linear_cross_entropy`; and a `divisor` of the mean, and `unchecked` sums.

    With `stats`, also those of the rows.
    """
    x, w = as_logits(inputs, "inputs"), as_logits(weight, "weight")
    check_layer(x.shape, w.shape)
    b = None if bias is None else as_logits(bias, "bias")
    if b is not None:
        check_shape(b, (len(w),), "bias", "one offset per class")
    check_reduction(reduction)
    if return_grad and reduction == "none":
        msg = "return_grad=True of row losses is the gradient of their sum: pass reduction='sum'."
        raise ValueError(msg)
    y = as_partner(targets, x, "targets")
    arguments = (x, w, b, y)
    wanted = sum(
        flag
        for flag, argument in zip(_linear.MADE, arguments, strict=True)
        if argument is not None and (asks(argument) or (return_grad and flag < 8))
    )
    if return_grad:
        x, w, y = x.detach(), w.detach(), y.detach()
        b = None if b is None else b.detach()
    else:
        x, w, b = widened(x), widened(w), None if b is None else widened(b)
    options = LinearOptions(
        as_constant(class_weight, x, "class_weight"),
        as_constant(sample_weight, x, "sample_weight"),
        ignore_index,
        *numbers(label_smoothing, softcap, z_loss),
        reduction,
        divisor,
        unchecked,
        wanted,
    )
    try:
        check_layer_targets((*x.shape[:-1], len(w)), y)
        if stats:
            loss, *_, found = _linear.linear_cross_entropy_with_stats(options, x, w, y, b)
            return loss, found
        loss, *grads = _linear.linear_cross_entropy(options, x, w, y, b)
    except ERRORS as error:
        raise reworded(error, TENSORS) from None
    if not return_grad:
        return loss
    return loss.detach(), (grads[0], grads[1], None if b is None else grads[2])


def _computed(
    operation: Any, options: Any, logits: Tensor, targets: Any, *, return_grad: bool
) -> Any:
    """The loss of an operation on logits, and its gradient if asked for."""
    z = logits.detach() if return_grad else widened(logits)
    y = as_partner(targets, logits, "targets")
    try:
        loss, grad, _, *stats = operation(options, z, y)
    except ERRORS as error:
        raise reworded(error, TENSORS) from None
    if return_grad:
        return loss.detach(), grad
    return (loss, *stats) if stats else loss


def asks(tensor: Tensor) -> bool:
    """Is the gradient to be made with the loss? A trace finds out when it runs."""
    asked: bool = tensor.requires_grad and torch.is_grad_enabled()
    return asked and (torch.compiler.is_compiling() or not _compat.is_jit_tracing())


def no_out(out: Any) -> None:
    """Refuse out=, which autograd has no use for."""
    if out is not None:
        msg = "out= receives the gradient of NumPy arrays. That of tensors comes by backward(), "
        msg += "or with return_grad=True."
        raise TypeError(msg)


def numbers(smoothing: Any, softcap: Any, z_loss: Any) -> tuple[float, float | None, float]:
    """Label smoothing, softcap and z-loss, checked."""
    if softcap is None and type(smoothing) is type(z_loss) is float and not (smoothing or z_loss):
        return 0.0, None, 0.0  # most calls; the checks take their time
    cap = None if softcap is None else check_number(softcap, "softcap", 0, np.inf, above=True)
    return (
        check_number(smoothing, "label_smoothing", 0, 1),
        cap,
        check_number(z_loss, "z_loss", 0, np.inf),
    )
