"""What autograd wants of a tensor."""

from __future__ import annotations

import torch

Tensor = torch.Tensor


def wants_gradient(tensor: Tensor) -> bool:
    """May a backward pass ask for the gradient?"""
    return tensor.requires_grad and torch.is_grad_enabled()


def check_constant(tensor: Tensor, name: str) -> None:
    """Refuse a weight that wants a gradient, which it would not get."""
    if wants_gradient(tensor):
        msg = f"{name} requires a gradient, but weights get none. Pass {name}.detach()."
        raise ValueError(msg)


def widened(tensor: Tensor) -> Tensor:
    """A float16 tensor that wants a gradient, in float32, so that autograd rounds the gradient.

    Autograd rounds it after the product with the upstream gradient. Before that, most entries of a
    mean's gradient are too small for float16, which is why users of float16 scale their loss. A
    tensor that vmap maps over does not say whether it wants a gradient.
    """
    if tensor.dtype != torch.float16:
        return tensor
    asks = wants_gradient(tensor)
    if not torch.compiler.is_compiling():
        asks |= torch._C._functorch.is_batchedtensor(tensor) and torch.is_grad_enabled()
    return tensor.float() if asks else tensor
