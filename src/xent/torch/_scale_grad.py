"""A gradient that was made in the forward pass, times the upstream gradient."""

from __future__ import annotations

import torch

from xent.torch import _compat
from xent.torch._operation import is_plain_cpu

SOLE_USES = 3
"""Holders of a saved gradient's memory where nobody else has it: graph, tensor, and this query."""


def scale_grad(
    gradient: torch.Tensor, upstream: torch.Tensor, *, owns_buffer: bool
) -> torch.Tensor:
    """The product, in the gradient's dtype; in its own memory where nobody else needs that.

    A loss that is not scaled has the upstream gradient 1, which saves a pass over the gradient. Its
    value is read only where that is free: on the CPU, outside of compilers, of transforms and of
    graphs that are to be differentiated again. A graph that is kept keeps its gradient, because
    what is returned may become a leaf's `.grad`, to which the next backward pass adds in place. The
    same holds for anyone who looked at the saved tensors; where hooks did, the graph does not own
    the buffer.
    """
    if (
        not owns_buffer
        or not is_plain_cpu(upstream)  # before the others, which compilers do not know
        or torch.is_grad_enabled()
        or _compat.transforms_active()
        or _compat.in_dual_level()  # detach() below would drop the tangent
        or _compat.is_graph_kept()
        or _compat.storage_uses(gradient) > SOLE_USES
    ):
        if gradient.dtype in (torch.float16, torch.bfloat16):
            return (gradient * upstream.to(torch.float32)).to(gradient.dtype)
        return gradient * upstream.to(gradient.dtype)
    # Detached: as a result of the operation it would seem to require a gradient.
    if upstream.ndim == 0 and upstream.item() == 1:
        return gradient.detach()
    return gradient.mul_(upstream).detach()
