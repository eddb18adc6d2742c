"""An operation on tensors: called directly where nothing looks on, else by PyTorch's dispatcher."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch._functorch.utils import enable_single_level_autograd_function
from torch.autograd import forward_ad

from xent.torch._autograd_state import check_constant

Tensor = torch.Tensor
PLAIN = (torch.Tensor, torch.nn.Parameter)
is_tracing = torch._C._is_tracing
LIBRARY = torch.library.Library("xent", "FRAGMENT")
NO_FORWARD_MODE = (
    "has no forward-mode derivative (jvp, jacfwd, linearize, hessian). Use reverse mode: "
    "torch.func.jacrev(f), and for a Hessian torch.func.jacrev(torch.func.jacrev(f))."
)


class Operation:
    """A function of tensors and options, with its derivatives and its batching rule.

    torch examines a Function with `setup_context`, and each of its arguments, on every call, which
    costs as much as the loss of a small batch. So the Function is of the older form, which has its
    context from the start; for transforms and compilers it is a kernel of the dispatcher, which
    gives them one level of derivatives at a time.
    """

    def __init__(
        self,
        schema: str,
        options: Any,
        *,
        forward: Callable[..., Any],
        fake: Callable[..., Any],
        asked: Callable[..., Any],
        keep: Callable[..., None],
        gradients: Callable[..., Any],
        batched: Callable[..., Any] | None = None,
        function: str = "",
    ) -> None:
        self.forward, self.asked, self.batched = forward, asked, batched
        self.options = options
        name = schema[: schema.index("(")]
        self.function = function or name
        """The function that a user called, for error messages."""
        self.node = _node(name, forward, keep, gradients)
        LIBRARY.define(schema, tags=(torch.Tag.pt2_compliant_tag,))
        self.operator = getattr(torch.ops.xent, name).default
        self.tensors = len(self.operator._schema.arguments) - len(options._fields)
        LIBRARY.impl(name, self._joined(forward), "CompositeExplicitAutograd")
        LIBRARY.impl(name, self._learned, "Autograd", with_keyset=True)
        torch.library.register_fake(f"xent::{name}", self._joined(fake), lib=LIBRARY)
        torch.library.register_vmap(f"xent::{name}", self._batched, lib=LIBRARY)

    def __call__(self, o: Any, *tensors: Tensor | None) -> Any:
        """The results, by the shortest way there is."""
        if recorded():
            return self.operator(*tensors, *o)
        seen = torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0
        learned = False
        for tensor in tensors:
            if tensor is not None:
                learned |= tensor.requires_grad
                seen |= type(tensor) not in PLAIN or not tensor.is_cpu
                seen |= torch._C._functorch.is_functorch_wrapped_tensor(tensor)  # or was once
                seen |= torch._C._functorch.is_legacy_batchedtensor(tensor)
        if seen:
            return self.operator(*tensors, *o)
        if learned and torch.is_grad_enabled():
            return self.node.apply(*tensors, o, self.forward)
        return self.forward(*tensors, o)

    def _joined(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of tensors and options, as one of arguments that the dispatcher lists."""

        def listed(*arguments: Any) -> Any:
            options = self.options(*arguments[self.tensors :])
            results = function(*arguments[: self.tensors], options)
            return tuple(
                each if isinstance(each, Tensor) else torch.tensor(each, dtype=torch.float64)
                for each in results
            )

        return listed

    def _learned(self, keyset: Any, *arguments: Any) -> Any:
        """One level of derivatives; the rest of the dispatcher's keys make the results."""
        self._check_derivatives(arguments)
        tensors, o = arguments[: self.tensors], self.options(*arguments[self.tensors :])
        learns = torch.is_grad_enabled()
        below = partial(self._below, keyset, learns, forward_ad._is_fwd_grad_enabled())
        learns = learns and any(t is not None and t.requires_grad for t in tensors)
        if not learns:
            return below(*tensors, o)
        with enable_single_level_autograd_function():
            return self.node.apply(*tensors, self.asked(o, *tensors), below)

    def _check_derivatives(self, arguments: tuple[Any, ...]) -> None:
        """Refuse forward mode, and gradients of weights, at the level that asks for them.

        A result without tangent or graph would count as a constant, so its derivative would be 0 in
        silence. The functions check weights too, but a compiler that traces nested transforms sees
        `requires_grad` only here.
        """
        if forward_ad._is_fwd_grad_enabled():
            for value in arguments:
                if isinstance(value, Tensor) and forward_ad.unpack_dual(value).tangent is not None:
                    msg = f"{self.function} {NO_FORWARD_MODE}"
                    raise NotImplementedError(msg)
        for name, value in zip(self.options._fields, arguments[self.tensors :], strict=True):
            if isinstance(value, Tensor):
                check_constant(value, name)

    def _below(self, keyset: Any, learns: bool, forward_mode: bool, *arguments: Any) -> Any:
        """The same below this level, where others may want derivatives too.

        `Function.apply` switches off both modes of derivatives while it calls forward, for all
        levels. For those below they are as they were, or a derivative of theirs would be 0.
        """
        *tensors, o = arguments
        keys = keyset & torch._C._after_autograd_keyset
        with (
            torch.set_grad_enabled(learns),
            forward_ad._set_fwd_grad_enabled(forward_mode),
            torch._C._AutoDispatchBelowAutograd(),
        ):
            return self.operator.redispatch(keys, *tensors, *o)

    def _batched(self, info: Any, dims: tuple[Any, ...], *arguments: Any) -> tuple[Any, Any]:
        """All at once where the operation can, else one by one."""
        found: tuple[Any, Any] | None = None
        if self.batched is not None:
            found = self.batched(self, info, dims, *arguments)
        if found is not None:
            return found
        parts = []
        for i in range(info.batch_size):
            one = [
                value if dim is None else value.select(dim, i)
                for value, dim in zip(arguments, dims, strict=True)
            ]
            parts.append(self.operator(*one))
        columns = list(zip(*parts, strict=True))
        return tuple(torch.stack(column) for column in columns), (0,) * len(columns)


def in_front(value: Any, dim: int | None, size: int) -> Any:
    """A tensor with its batch in front; what is not batched is the same for all of it."""
    if value is None:
        return None
    return value.expand(size, *value.shape) if dim is None else value.movedim(dim, 0)


def recorded() -> bool:
    """Does somebody write down what is called, to call it again with other numbers?"""
    return (
        torch.compiler.is_compiling()
        or is_tracing()
        or (torch._C._len_torch_dispatch_stack() > 0 and _traced())
    )


def _traced() -> bool:
    return torch._C._get_dispatch_mode(torch._C._TorchDispatchModeKey.PROXY) is not None


def on_cpu(tensor: Tensor) -> bool:
    """Is this memory of the CPU, that can be read here and now?"""
    if recorded() or not tensor.is_cpu:
        return False
    wrapped = torch._C._functorch.is_functorch_wrapped_tensor(tensor)
    wrapped |= torch._C._functorch.is_legacy_batchedtensor(tensor)
    return type(tensor) in PLAIN and not wrapped


def _node(
    name: str,
    direct: Callable[..., Any],
    keep: Callable[..., None],
    gradients: Callable[..., Any],
) -> Any:
    """A Function that is also told by what it is computed."""

    def forward(ctx: Any, *arguments: Any) -> Any:
        results = arguments[-1](*arguments[:-1])
        keep(ctx, arguments[:-2], arguments[-2], results)
        hooks = torch._C._autograd._top_saved_tensors_default_hooks(False)
        ctx.own = arguments[-1] is direct and hooks is None
        return results

    def backward(ctx: Any, *grads: Any) -> Any:
        return *gradients(ctx, *grads), None, None

    body = {
        "forward": staticmethod(forward),
        "backward": staticmethod(backward),
        "_compiled_autograd_key": torch.autograd.Function._compiled_autograd_key,
    }
    return type(name, (torch.autograd.function._SingleLevelFunction,), body)
