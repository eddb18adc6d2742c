"""How an operation is called: in its full form, or by a shorter way where nothing looks on."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch


def apply(function: type[torch.autograd.Function], *arguments: Any) -> Any:
    """Call a Function; outside of compilers and transforms without what these ask for.

    torch examines the signature of a Function with `setup_context` on each call, which costs as
    much as the loss of a small batch.
    """
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        return function.apply(*arguments)
    return _short(function).apply(*arguments)


@cache
def _short(function: Any) -> type[torch.autograd.Function]:
    """The same Function in the older form, which has its context from the start."""

    def forward(ctx: Any, *arguments: Any) -> Any:
        results = function.forward(*arguments)
        function.setup_context(ctx, arguments, results)
        return results

    body = {"forward": staticmethod(forward), "backward": staticmethod(function.backward)}
    return type(function.__name__, (torch.autograd.Function,), body)
