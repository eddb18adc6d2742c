"""The private names of PyTorch that xent uses, each under a plain name and with a fallback.

PyTorch may rename or drop them in any version. If one is missing, the fallback is cautious: a
slower, general path or an error, but never a wrong number. Everything is looked up once, at import,
because most of it is needed in every call of a small loss.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.autograd import forward_ad

Tensor = torch.Tensor
# A predicate on PyTorch's state, and one on a tensor.
State = Callable[[], bool]
Test = Callable[[Tensor], bool]

PRIVATE_NAMES: list[tuple[str, str]] = []
"""Module and name of everything that is looked up here, so that a test can remove each one."""


def _find(module: str, name: str, fallback: Any) -> Any:
    """The object at a dotted name in a module of torch, or the fallback if there is none."""
    PRIVATE_NAMES.append((module, name))
    try:
        found = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        return fallback
    return found


def _always(*arguments: Any) -> bool:
    del arguments
    return True


def _without_storage(tensor: Tensor) -> bool:
    """Is this a wrapper of other tensors? A wrapper has no storage of its own."""
    try:
        tensor.untyped_storage()
    except RuntimeError:
        return True
    return False


# What is active: transforms, forward-mode levels, tracers.

transforms_active: State = _find("torch._C", "_are_functorch_transforms_active", _always)
"""Is a transform of torch.func active? If unknown, yes: the dispatcher then finds out."""

is_functorch_wrapped: Test = _find(
    "torch._C._functorch", "is_functorch_wrapped_tensor", _without_storage
)
"""Is this, or was it, a tensor inside a transform of torch.func?"""

is_legacy_batched: Test = _find("torch._C._functorch", "is_legacy_batchedtensor", _without_storage)
"""Is this one of the batched tensors of ``torch.autograd.grad(is_grads_batched=True)``?"""

is_batched: Test = _find("torch._C._functorch", "is_batchedtensor", is_functorch_wrapped)
"""Does torch.func.vmap map over this tensor? If unknown, any wrapped tensor counts."""

_FORWARD_MODE = _find("torch.autograd.forward_ad", "_current_level", None) is not None


def in_dual_level() -> bool:
    """Is a forward-mode level open? If unknown, yes: the dispatcher then finds out."""
    return not _FORWARD_MODE or forward_ad._current_level >= 0  # changes, so it is not looked up


is_forward_mode_on: State = _find("torch.autograd.forward_ad", "_is_fwd_grad_enabled", _always)
"""Does PyTorch compute tangents now? If unknown, yes: tangents are refused."""

set_forward_mode: Callable[[bool], Any] | None = _find(
    "torch.autograd.forward_ad", "_set_fwd_grad_enabled", None
)
"""A context manager that sets the mode. If None, tangents cannot be passed to a level below."""

is_jit_tracing: State = _find("torch._C", "_is_tracing", vars(torch.jit)["is_tracing"])
"""Is torch.jit.trace recording the calls?"""

_mode_count: Callable[[], int] = _find("torch._C", "_len_torch_dispatch_stack", lambda: 1)
_mode: Callable[[Any], Any] = _find("torch._C", "_get_dispatch_mode", _always)
_proxy = _find("torch._C", "_TorchDispatchModeKey.PROXY", None)


def is_fx_tracing() -> bool:
    """Is make_fx or torch.export recording the calls? If unknown, yes."""
    # The count first: it is cheaper to read, and 0 in most calls.
    return _mode_count() > 0 and (_proxy is None or _mode(_proxy) is not None)


# Derivatives of an operation.

_single_level_function: Any = _find(
    "torch.autograd.function", "_SingleLevelFunction", torch.autograd.Function
)
_compiled_autograd_key: Any = _find(
    "torch.autograd.function", "Function._compiled_autograd_key", None
)


class SingleLevelFunction(_single_level_function):  # type: ignore[misc]
    """A Function without the checks for torch.func that torch.autograd.Function makes."""

    if _compiled_autograd_key is not None:  # by which compiled autograd tells Functions apart
        _compiled_autograd_key = _compiled_autograd_key


@contextlib.contextmanager
def _refuse_transforms() -> Iterator[None]:
    if transforms_active():
        msg = "this version of PyTorch cannot differentiate xent's operations inside torch.func."
        raise NotImplementedError(msg)
    yield


single_level: Callable[[], Any] = _find(
    "torch._functorch.utils", "enable_single_level_autograd_function", _refuse_transforms
)
"""Allow a Function at a single level of torch.func; if that is impossible, refuse transforms."""

_after_autograd = _find("torch._C", "_after_autograd_keyset", None)
_below_autograd = _find("torch._C", "_AutoDispatchBelowAutograd", None)

can_redispatch: bool = not (_after_autograd is None or _below_autograd is None)
"""Can an autograd kernel call the kernel registered below it?"""


def redispatch_below_autograd(operator: Any, keyset: Any, arguments: tuple[Any, ...]) -> Any:
    """Call an operator's next kernel: that of an outer level, a tracer or a device."""
    with _below_autograd():
        return operator.redispatch(keyset & _after_autograd, *arguments)


_has_kernel: Callable[[str, str], bool] | None = _find(
    "torch._C", "_dispatch_has_kernel_for_dispatch_key", None
)
_dispatch_key: Callable[[str], str] | None = _find("torch._C", "_dispatch_key_for_device", None)


_assert_async: Callable[[Tensor, str], None] | None = _find("torch", "_assert_async", None)


def assert_on_device(condition: Tensor, message: str) -> None:
    """Let the device stop if a condition is false, where PyTorch can; nothing waits for it."""
    if _assert_async is not None and has_kernel("aten::_assert_async.msg", condition.device.type):
        _assert_async(condition, message)


def has_kernel(operator: str, device_type: str) -> bool:
    """Is an operator implemented for a type of device? If unknown, no."""
    if _has_kernel is None or _dispatch_key is None:
        return False
    return _has_kernel(operator, _dispatch_key(device_type))


# Other references to a tensor.

_saved_tensor_hooks: Callable[[bool], Any] = _find(
    "torch._C._autograd", "_top_saved_tensors_default_hooks", _always
)


def are_saved_tensors_hooked() -> bool:
    """Are there hooks on the tensors saved for the backward pass? If unknown, yes."""
    return _saved_tensor_hooks(False) is not None


is_graph_kept: State = _find("torch._C._autograd", "_get_current_graph_task_keep_graph", _always)
"""May this backward pass be run again over the same graph? If unknown, yes."""

_storage_uses: Callable[[int], int] | None = _find("torch._C", "_storage_Use_Count", None)
_has_address = _find("torch", "UntypedStorage._cdata", None) is not None


def _uses(tensor: Tensor) -> float:
    """How many references the tensor's storage has; infinite if unknown."""
    if _storage_uses is None or not _has_address:
        return float("inf")
    return _storage_uses(tensor.untyped_storage()._cdata)


_GRAPH_ALONE = min(_uses(torch.empty(1, device="cpu")) + 1, 100)
"""References to a saved tensor's storage if nothing else holds it: the graph, the tensor, and in
some versions of PyTorch the query itself. Finite, so that an unknown count exceeds it."""


def is_held_by_others(tensor: Tensor) -> bool:
    """Does anything but the graph hold a saved tensor's memory? If unknown, yes."""
    return _uses(tensor) > _GRAPH_ALONE


_has_version = _find("torch", "Tensor._version", None) is not None


def version(tensor: Tensor) -> Any:
    """A count of the writes to a tensor. If unknown, the result is different each time."""
    return tensor._version if _has_version and not tensor.is_inference() else object()


# Tensors of a subclass.

_make_wrapper: Any = _find("torch", "Tensor._make_wrapper_subclass", None)


def make_wrapper(cls: Any, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Any:
    """A tensor of a subclass with a shape but no values; NaN if it must have some."""
    if _make_wrapper is not None:
        return _make_wrapper(cls, shape, dtype=dtype, device=device)
    one = torch.full((), float("nan"), dtype=dtype, device=device)
    return one.expand(shape).as_subclass(cls)
