"""Whether nothing but autograd looks on, and what may be done at once then.

Compilers, transforms and dual levels have to see operations; elsewhere a call goes the short way.
"""

from __future__ import annotations

import torch

from xent.torch import _compat

Tensor = torch.Tensor
PLAIN_TYPES = (torch.Tensor, torch.nn.Parameter)


def is_recorded() -> bool:
    """Is the call being recorded, to be repeated with other numbers?"""
    return (
        torch.compiler.is_compiling()  # first: a compiler cannot trace the others
        or _compat.is_jit_tracing()
        or _compat.is_fx_tracing()
    )


def is_transformed() -> bool:
    """Are there levels of derivatives, or of batches, beside autograd's own?"""
    return _compat.transforms_active() or _compat.in_dual_level()


def is_plain_call() -> bool:
    """Is there nothing but autograd itself: no transform, no compiler, no dual level?"""
    return not (
        torch.compiler.is_compiling()
        or _compat.is_jit_tracing()
        or _compat.is_fx_tracing()
        or _compat.transforms_active()
        or _compat.in_dual_level()
    )


def is_plain_cpu(tensor: Tensor) -> bool:
    """Is this memory of the CPU that can be read now: no wrapper, no subclass, not recorded?"""
    return (
        not is_recorded()
        and tensor.is_cpu
        and type(tensor) in PLAIN_TYPES
        and not is_wrapped(tensor)
    )


def is_wrapped(tensor: Tensor) -> bool:
    """Is this a tensor of a transform, be it of one that has ended?"""
    return _compat.is_functorch_wrapped(tensor) or _compat.is_legacy_batched(tensor)


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
        or _compat.is_held_by_others(gradient)
    ):
        if gradient.dtype in (torch.float16, torch.bfloat16):
            return (gradient * upstream.to(torch.float32)).to(gradient.dtype)
        return gradient * upstream.to(gradient.dtype)
    # Detached: as a result of the operation it would seem to require a gradient.
    if upstream.ndim == 0 and upstream.item() == 1:
        return gradient.detach()
    return gradient.mul_(upstream).detach()
