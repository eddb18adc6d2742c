"""Whether autograd needs a gradient for a tensor, and the checks that follow."""

from __future__ import annotations

import torch
from torch.autograd import forward_ad

from xent.torch import _compat

Tensor = torch.Tensor
LEVEL = 0
"""PyTorch's only level of forward mode. A compiled graph opens it without Python seeing it."""

NO_TANGENT = "{name} has a tangent, but weights have no derivative. Pass {name}.detach()."


def wants_gradient(tensor: Tensor) -> bool:
    """May a backward pass ask for the gradient?"""
    return tensor.requires_grad and torch.is_grad_enabled()


def has_tangent(tensor: Tensor) -> bool:
    """Does forward mode ask for the tensor's derivative?"""
    return (
        _compat.in_dual_level()
        and _compat.is_forward_mode_on()
        and forward_ad.unpack_dual(tensor, level=LEVEL).tangent is not None
    )


def check_constant(tensor: Tensor, name: str) -> None:
    """Refuse a weight whose derivative is requested, because it would silently be 0."""
    if wants_gradient(tensor):
        msg = f"{name} requires a gradient, but weights get none. Pass {name}.detach()."
        raise ValueError(msg)
    # The compiler's first pass cannot check this; the operation checks it in the second.
    if not torch.compiler.is_dynamo_compiling() and has_tangent(tensor):
        raise ValueError(NO_TANGENT.format(name=name))


def check_measurable(tensor: Tensor, name: str) -> None:
    """Refuse a derivative of a metric, which would be 0."""
    if wants_gradient(tensor):
        msg = f"{name} requires a gradient, but log_loss is a metric and has none. To train, pass "
        raise ValueError(msg + f"logits to cross_entropy; to measure, pass {name}.detach().")
    if has_tangent(tensor):
        msg = f"{name} has a tangent, but log_loss is a metric and has no derivative."
        raise ValueError(msg)
    if _compat.transforms_active() or _compat.is_jit_tracing() or _compat.is_fx_tracing():
        msg = "log_loss is a metric and cannot be called inside a transform of torch.func or a "
        raise NotImplementedError(
            msg + "trace: its value would become a constant. Call it outside."
        )


def widened(tensor: Tensor) -> Tensor:
    """The tensor, in float32 if it is float16 and needs a gradient, so that autograd rounds the
    gradient.

    Autograd rounds it after the product with the upstream gradient. Before that, most entries of a
    mean's gradient are too small for float16, which is why users of float16 scale their loss. A
    tensor that vmap maps over does not show whether it needs a gradient, so it is widened too.
    """
    if tensor.dtype != torch.float16:
        return tensor
    wide = wants_gradient(tensor)
    if not torch.compiler.is_compiling():
        wide |= _compat.is_batched(tensor) and torch.is_grad_enabled()
    return tensor.float() if wide else tensor
