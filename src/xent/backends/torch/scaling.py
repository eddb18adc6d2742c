"""A kept gradient times what comes from above."""

from __future__ import annotations

import torch

from xent.backends.torch.operation import on_cpu


def scaled(gradient: torch.Tensor, upstream: torch.Tensor) -> torch.Tensor:
    """The product, in the gradient's dtype; in the gradient's memory where it is not needed again.

    A loss that is not scaled has the factor 1, and saves a pass over its gradient. The factor is
    looked at only where that is free: on the CPU, outside of compilers, of transforms and of graphs
    that are to be differentiated again. A graph that is kept keeps its gradient: what is returned
    may become a leaf's `.grad`, to which the next pass adds in place.
    """
    if (
        not (on_cpu(gradient) and on_cpu(upstream))  # first: compilers do not know the last
        or torch.is_grad_enabled()
        or torch._C._are_functorch_transforms_active()
        or torch._C._autograd._get_current_graph_task_keep_graph()
    ):
        if gradient.dtype in (torch.float16, torch.bfloat16):
            return (gradient * upstream.to(torch.float32)).to(gradient.dtype)
        return gradient * upstream.to(gradient.dtype)
    # Detached: as a result of the operation it would seem to require a gradient.
    if upstream.ndim == 0 and upstream.item() == 1:
        return gradient.detach()
    return gradient.mul_(upstream).detach()
