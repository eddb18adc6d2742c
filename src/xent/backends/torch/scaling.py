"""A kept gradient times what comes from above."""

from __future__ import annotations

import torch


def scaled(gradient: torch.Tensor, upstream: torch.Tensor) -> torch.Tensor:
    """The product, in the gradient's dtype; the gradient itself where the factor is 1.

    A loss that is not scaled has the factor 1, and saves a pass over its gradient. The factor is
    looked at only where that is free: on the CPU, outside of compilers, of transforms and of graphs
    that are to be differentiated again.
    """
    plain = not (
        torch.compiler.is_compiling()
        or torch.is_grad_enabled()
        or torch._C._functorch.is_gradtrackingtensor(gradient)
        or torch._C._functorch.is_batchedtensor(gradient)
        or torch._C._functorch.is_batchedtensor(upstream)
    )
    if plain and upstream.ndim == 0 and upstream.device.type == "cpu" and upstream.item() == 1:
        return gradient
    if gradient.dtype in (torch.float16, torch.bfloat16):
        return (gradient * upstream.to(torch.float32)).to(gradient.dtype)
    return gradient * upstream.to(gradient.dtype)
