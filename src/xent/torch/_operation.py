"""An operation on tensors: plain calls run it directly, others through PyTorch's dispatcher."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.autograd import forward_ad

from xent.torch import _compat
from xent.torch._array import choice
from xent.torch._autograd_state import LEVEL, NO_TANGENT, check_constant
from xent.torch._plain_calls import PLAIN_TYPES, is_plain_call, is_wrapped

Tensor = torch.Tensor
LIBRARY = torch.library.Library("xent", "FRAGMENT")
NO_FORWARD_MODE = (
    "has no forward-mode derivative (jvp, jacfwd, linearize, hessian) in this version of PyTorch, "
    "which does not let an operator switch that mode. Use reverse mode: torch.func.jacrev(f)."
)
NO_REDISPATCH = (
    "cannot be compiled or transformed with a gradient by this version of PyTorch, which cannot "
    "call one kernel of an operator from another. Call it outside torch.compile and torch.func."
)


class Operation:
    """A function of tensors and options, with its derivatives and its batching rule.

    On every call, PyTorch inspects a Function that has `setup_context`, and each of its arguments,
    which costs as much as the loss of a small batch. So the Function has the older form, whose
    forward gets the context. Transforms and compilers cannot handle that form; for them it is
    called by a dispatcher kernel, one level of derivatives at a time.

    The computation is registered for the CPU, one in PyTorch's own operations for all other devices
    (`array`), and one that only computes shapes for fake and meta tensors. Another package may
    register its own for another device; derivatives and vmap are the same for all.

    Compilers see the operations of `array`, and fuse them, unless it goes through its rows in a
    loop (`in_loops`).
    """

    def __init__(
        self,
        schema: str,
        options: Any,
        *,
        forward: Callable[..., Any],
        array: Callable[..., Any],
        in_loops: bool = False,
        other_forwards: tuple[Callable[..., Any], ...] = (),
        fake: Callable[..., Any],
        setup_context: Callable[..., None],
        backward: Callable[..., Any],
        jvp: Callable[..., Any],
        with_needed_grads: Callable[..., Any] = lambda o, _: o,
        vmap: Callable[..., Any] | None = None,
        function: str | Callable[[Any], str],
    ) -> None:
        name = schema[: schema.index("(")]
        self.forward, self.jvp, self.vmap = forward, jvp, vmap
        self.array, self.in_loops = array, in_loops
        self.with_needed_grads = with_needed_grads
        self.options = options
        self.function = function
        """Name of the function that a user calls, for errors; it may depend on the options."""
        self.autograd_function = _autograd_function(
            self, name, (forward, array, *other_forwards), setup_context, backward
        )
        arguments = schema[: schema.index(")")].count(",") + 1
        self.tensors = arguments - len(options._fields)
        """How many arguments come before the options."""
        LIBRARY.define(schema, tags=(torch.Tag.pt2_compliant_tag,))
        self.operator = getattr(torch.ops.xent, name).default
        self.array_kernel = self._as_kernel(array)
        LIBRARY.impl(name, self._as_kernel(self._on_cpu), "CPU")
        LIBRARY.impl(name, self.array_kernel, "CompositeExplicitAutograd")
        if _compat.can_redispatch:
            LIBRARY.impl(name, self._autograd_kernel, "Autograd", with_keyset=True)
        else:
            LIBRARY.impl(name, torch.library.fallthrough_kernel, "Autograd")
        torch.library.register_fake(f"xent::{name}", self._as_kernel(fake), lib=LIBRARY)
        torch.library.register_vmap(f"xent::{name}", self._vmap_kernel, lib=LIBRARY)

    def __call__(self, o: Any, *tensors: Tensor | None, forward: Any = None) -> Any:
        """The results, by the shortest path; `forward` may be one of `other_forwards`."""
        first = tensors[0]
        assert first is not None
        if (choice.forced or not first.is_cpu) and choice.takes(first):
            o = o.replace(engine=choice.NAME)
        if not is_plain_call():
            return self._dispatched(o, tensors)
        dispatch = requires_grad = False
        for tensor in tensors:
            if tensor is not None:
                requires_grad |= tensor.requires_grad
                dispatch |= type(tensor) not in PLAIN_TYPES or is_wrapped(tensor)
                if not tensor.is_cpu:
                    dispatch |= tensor.is_meta or self.has_kernel_for(tensor.device)
        if dispatch:
            return self._dispatched(o, tensors)
        forward = self.array if o.engine else forward or self.forward
        if requires_grad and torch.is_grad_enabled():
            return self.autograd_function.apply(*tensors, o, forward, None)
        return forward(*tensors, o)

    def _dispatched(self, o: Any, tensors: tuple[Tensor | None, ...]) -> Any:
        """The results through the dispatcher."""
        if not _compat.can_redispatch and torch.is_grad_enabled():
            wrapped = _compat.transforms_active() or _compat.in_dual_level()
            if wrapped or any(t is not None and t.requires_grad for t in tensors):
                msg = f"{self._called(o)} {NO_REDISPATCH}"
                raise NotImplementedError(msg)
        return self.operator(*tensors, *o)

    def has_kernel_for(self, device: torch.device) -> bool:
        """Has a kernel been registered for this type of device?"""
        return _compat.has_kernel(self.operator.name().removesuffix(".default"), device.type)

    def _on_cpu(self, *arguments: Any) -> Any:
        return (self.array if arguments[-1].engine else self.forward)(*arguments)

    def _is_open(self, o: Any, tensor: Tensor) -> bool:
        """Should compilers and fake tensors see the array engine's operations?"""
        return (
            not self.in_loops
            and bool(o.engine)
            and not _compat.transforms_active()
            and (tensor.is_cpu or not self.has_kernel_for(tensor.device))
        )

    def _called(self, o: Any) -> str:
        return self.function if isinstance(self.function, str) else self.function(o)

    def _as_kernel(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of tensors and options as a function of the dispatcher's list of arguments."""

        def kernel(*arguments: Any) -> Any:
            options = self.options(*arguments[self.tensors :])
            results = function(*arguments[: self.tensors], options)
            if isinstance(results, Tensor):
                return results
            # A kernel may return only tensors; in a direct call, a number costs less.
            return tuple(
                each if isinstance(each, Tensor) else torch.tensor(each, dtype=torch.float64)
                for each in results
            )

        return kernel

    def _autograd_kernel(self, keyset: Any, *arguments: Any) -> Any:
        """One level of derivatives; the dispatcher's remaining keys compute the results.

        What this level needs is known only here: an inner level of nested transforms hides it from
        the function that the user called.
        """
        tensors, o = arguments[: self.tensors], self.options(*arguments[self.tensors :])
        _check_weights(o)
        primals, tangents = _split_duals(tensors)
        has_graph = torch.is_grad_enabled()
        o = self.with_needed_grads(
            o, [has_graph and t is not None and t.requires_grad for t in tensors]
        )
        has_tangent = [tangent is not None for tangent in tangents]
        duals = tensors if any(has_tangent) else None
        results = self._level(keyset, primals, duals, self.with_needed_grads(o, has_tangent))
        if not any(has_tangent):
            return results
        if isinstance(results, Tensor):
            return _dual(results, self.jvp(primals, tangents, o, results))
        return tuple(map(_dual, results, self.jvp(primals, tangents, o, results)))

    def _level(
        self, keyset: Any, primals: tuple[Any, ...], duals: tuple[Any, ...] | None, o: Any
    ) -> Any:
        """The results, with this level's graph if it should have one."""
        grad_mode = torch.is_grad_enabled()
        below = partial(self._below, keyset, grad_mode, _compat.is_forward_mode_on())
        if not (grad_mode and any(t is not None and t.requires_grad for t in primals)):
            return below(*primals, o)
        with _compat.single_level():
            return self.autograd_function.apply(*primals, o, below, duals)

    def _below(self, keyset: Any, grad_mode: bool, forward_mode: bool, *arguments: Any) -> Any:
        """The results from below this level, where outer levels may want derivatives too.

        While it calls `forward`, `Function.apply` turns off both derivative modes, for all levels.
        They are restored for the levels below, whose derivatives would otherwise be 0.
        """
        *tensors, o = arguments
        if self._is_open(o, tensors[0]):
            with torch.no_grad():
                return self.array_kernel(*tensors, *o)
        if _compat.set_forward_mode is None:
            if _compat.in_dual_level():
                msg = f"{self._called(o)} {NO_FORWARD_MODE}"
                raise NotImplementedError(msg)
            with torch.set_grad_enabled(grad_mode):
                return _compat.redispatch_below_autograd(self.operator, keyset, (*tensors, *o))
        with torch.set_grad_enabled(grad_mode), _compat.set_forward_mode(forward_mode):
            return _compat.redispatch_below_autograd(self.operator, keyset, (*tensors, *o))

    def _vmap_kernel(self, info: Any, dims: tuple[Any, ...], *arguments: Any) -> tuple[Any, Any]:
        """The whole batch at once if the operation can, otherwise one element after another."""
        at_once: tuple[Any, Any] | None = None
        if self.vmap is not None:
            at_once = self.vmap(self, info, dims, *arguments)
        if at_once is not None:
            return at_once
        results = []
        for i in range(info.batch_size):
            one = [
                value if dim is None else value.select(dim, i)
                for value, dim in zip(arguments, dims, strict=True)
            ]
            results.append(self.operator(*one))
        stacked = tuple(torch.stack(column) for column in zip(*results, strict=True))
        return stacked, (0,) * len(stacked)


def _check_weights(o: Any) -> None:
    """Refuse derivatives of weights, at the level that asks for them.

    The functions check weights too, but a compiler that traces nested transforms sees
    `requires_grad` only here.
    """
    for name, value in zip(o._fields, o, strict=True):
        if isinstance(value, Tensor):
            check_constant(value, getattr(o.names, name))
            # A compiled graph has levels that Python does not see.
            _, (tangent,) = _split_duals((value,))
            if tangent is not None:
                raise ValueError(NO_TANGENT.format(name=getattr(o.names, name)))


def _split_duals(tensors: tuple[Any, ...]) -> tuple[tuple[Any, ...], list[Tensor | None]]:
    """Tensors without their tangents, and the tangents; None for a tensor without one."""
    if not _compat.is_forward_mode_on():
        return tensors, [None] * len(tensors)
    primals: list[Tensor | None] = []
    tangents: list[Tensor | None] = []
    for tensor in tensors:
        primal = tangent = None
        if tensor is not None:
            primal, tangent = forward_ad.unpack_dual(tensor, level=LEVEL)
        primals.append(tensor if tangent is None else primal)
        tangents.append(tangent)
    return tuple(primals), tangents


def _dual(result: Tensor, tangent: Tensor | None) -> Tensor:
    if tangent is None:
        return result
    dual: Tensor = forward_ad.make_dual(result, tangent.to(result.dtype), level=LEVEL)
    return dual


def batch_dim_first(value: Any, dim: int | None, size: int) -> Any:
    """A tensor with its batch dimension first; a tensor without one is repeated for the batch."""
    if value is None:
        return None
    return value.expand(size, *value.shape) if dim is None else value.movedim(dim, 0)


class _Context:
    """A context for `setup_context` when the backward pass has recomputed the results."""

    owns_gradient = False
    saved_tensors: tuple[Tensor | None, ...]

    def __init__(self, needs_input_grad: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs_input_grad

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        self.saved_tensors = tensors

    def set_materialize_grads(self, value: bool) -> None: ...

    def mark_non_differentiable(self, *tensors: Tensor) -> None: ...


def _autograd_function(
    operation: Operation,
    name: str,
    forwards: tuple[Callable[..., Any], ...],
    setup_context: Callable[..., None],
    backward: Callable[..., Any],
) -> Any:
    """A Function of tensors, options, the function that computes the results, and dual tensors.

    The duals are None unless one level has both modes. The gradient that the forward pass computed
    has no tangent, so the backward pass then recomputes it through the operator.
    """

    def apply_forward(ctx: Any, *arguments: Any) -> Any:
        *tensors, o, function, duals = arguments
        results = function(*tensors, o)
        setup_context(ctx, tuple(tensors), o, results)
        ctx.options_again = None if duals is None else o
        if duals is not None:
            ctx.save_for_backward(*duals)
        # Only the graph holds the gradient if it was made here and no hook has seen it.
        ctx.owns_gradient = function in forwards and not _compat.are_saved_tensors_hooked()
        return results

    def apply_backward(ctx: Any, *grads: Any) -> Any:
        context = ctx
        if ctx.options_again is not None:
            duals, context = ctx.saved_tensors, _Context(ctx.needs_input_grad)
            setup_context(
                context, duals, ctx.options_again, operation.operator(*duals, *ctx.options_again)
            )
        return *backward(context, *grads), None, None, None

    body = {"forward": staticmethod(apply_forward), "backward": staticmethod(apply_backward)}
    return type(name, (_compat.SingleLevelFunction,), body)
