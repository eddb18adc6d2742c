"""Whether a call is plain, seen by nothing but autograd, and the shortcuts that are safe then.

Compilers, transforms and dual levels have to see every operation; a plain call takes a shortcut.
"""

from __future__ import annotations

import torch

from xent.torch import _compat

Tensor = torch.Tensor
PLAIN_TYPES = (torch.Tensor, torch.nn.Parameter)


def is_recorded() -> bool:
    """Is the call being recorded, to be replayed with other numbers?"""
    return (
        torch.compiler.is_compiling()  # first: a compiler cannot trace the others
        or _compat.is_jit_tracing()
        or _compat.is_fx_tracing()
    )


def is_transformed() -> bool:
    """Are there levels of derivatives or of batches other than autograd's own?"""
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
    """Is this CPU memory that can be read now: no wrapper, no subclass, not being recorded?"""
    return (
        not is_recorded()
        and tensor.is_cpu
        and type(tensor) in PLAIN_TYPES
        and not is_wrapped(tensor)
    )


def is_wrapped(tensor: Tensor) -> bool:
    """Is this a tensor of a transform, even of one that has ended?"""
    return _compat.is_functorch_wrapped(tensor) or _compat.is_legacy_batched(tensor)


def scale_grad(
    gradient: torch.Tensor, upstream: torch.Tensor, *, owns_buffer: bool
) -> torch.Tensor:
    """The product, in the gradient's dtype; in the gradient's memory if nothing else needs that.

    If the loss is not scaled, the upstream gradient is 1, which saves a pass over the gradient. Its
    value is read only where that is cheap: on the CPU, and outside compilers, transforms and graphs
    that are to be differentiated again. A retained graph keeps its gradient, because the returned
    tensor may become a leaf's `.grad`, to which the next backward pass adds in place. The same
    holds if anyone else holds the saved tensors; if hooks have seen them, the graph does not own
    the buffer.
    """
    if (
        not owns_buffer
        or not is_plain_cpu(upstream)  # before the others, which compilers cannot trace
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
