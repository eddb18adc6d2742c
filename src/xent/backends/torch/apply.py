"""How an operation is called: in its full form, or by a shorter way where nothing looks on."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch.autograd import forward_ad

PLAIN = (torch.Tensor, torch.nn.Parameter)


def apply(function: Any, options: tuple[Any, ...], *tensors: torch.Tensor | None) -> Any:
    """Call a Function; outside of compilers and transforms without what these ask for.

    torch examines the signature of a Function with `setup_context`, and each argument, on every
    call, which costs as much as the loss of a small batch.
    """
    compiling = torch.compiler.is_compiling()
    full = torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0
    learned = False
    for tensor in tensors:
        if tensor is not None:
            learned |= tensor.requires_grad
            if not compiling:  # wrapped by a transform that has ended
                full |= torch._C._functorch.is_functorch_wrapped_tensor(tensor)
    learned &= torch.is_grad_enabled()
    if full or (compiling and learned):
        return function.apply(*tensors, *options)
    return (
        _short(function).apply(*tensors, options)
        if learned
        else function.compute(*tensors, options)
    )


def on_cpu(tensor: torch.Tensor) -> bool:
    """Is this memory of the CPU, that can be read here and now?"""
    if torch.compiler.is_compiling() or not tensor.is_cpu:
        return False
    wrapped = torch._C._functorch.is_functorch_wrapped_tensor(tensor)
    wrapped |= torch._C._functorch.is_legacy_batchedtensor(tensor)
    return type(tensor) in PLAIN and not wrapped


@cache
def _short(function: Any) -> Any:
    """The same Function in the older form, which has its context from the start."""

    def forward(ctx: Any, *arguments: Any) -> Any:
        results = function.compute(*arguments)
        function.keep(ctx, arguments[:-1], arguments[-1], results)
        return results

    def backward(ctx: Any, *grads: Any) -> Any:
        return *function.gradients(ctx, *grads), None

    body = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type(function.__name__, (torch.autograd.function._SingleLevelFunction,), body)
