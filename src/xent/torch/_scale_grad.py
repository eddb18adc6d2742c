"""A kept gradient times what comes from above."""

from __future__ import annotations

import torch
from torch.autograd import forward_ad

from xent.torch._operation import on_cpu

ALONE = 3
"""Who holds the memory of a kept gradient: the graph, the tensor at hand, and who asks."""


def scaled(gradient: torch.Tensor, upstream: torch.Tensor, *, own: bool) -> torch.Tensor:
    """The product, in the gradient's dtype; in its own memory where nobody else needs that.

    A loss that is not scaled has the factor 1, and saves a pass over its gradient. The factor is
    looked at only where that is free: on the CPU, outside of compilers, of transforms and of graphs
    that are to be differentiated again. A graph that is kept keeps its gradient: what is returned
    may become a leaf's `.grad`, to which the next pass adds in place. So does who looked at the
    saved tensors; where hooks did, the gradient is not the graph's `own`.
    """
    if (
        not own
        or not on_cpu(upstream)  # before the others, which compilers do not know
        or torch.is_grad_enabled()
        or torch._C._are_functorch_transforms_active()
        or forward_ad._current_level >= 0  # whose tangents detach() drops
        or torch._C._autograd._get_current_graph_task_keep_graph()
        or torch._C._storage_Use_Count(gradient.untyped_storage()._cdata) > ALONE
    ):
        if gradient.dtype in (torch.float16, torch.bfloat16):
            return (gradient * upstream.to(torch.float32)).to(gradient.dtype)
        return gradient * upstream.to(gradient.dtype)
    # Detached: as a result of the operation it would seem to require a gradient.
    if upstream.ndim == 0 and upstream.item() == 1:
        return gradient.detach()
    return gradient.mul_(upstream).detach()
