"""NumPy, PyTorch and JAX as the functions under test want them: arrays in, numbers out.

Everything here computes on NumPy arrays; a function under test is given arrays of its own library.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from xent._validation import Array

PRECISION = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}
"""Binary digits of a number, the leading one included."""


@dataclass(frozen=True)
class Framework:
    """One array library: how arrays go in and come out, and its own gradients, if it has any."""

    name: str
    put: Callable[[Array, str], Any]
    """An array, and the dtype it is to have."""
    labels: Callable[[Array], Any]
    get: Callable[[Any], Array]
    autograd: Callable[[Callable[..., Any]], Callable[..., Any]] | None
    wide: Callable[[], AbstractContextManager[Any]] = nullcontext
    """A context in which float64 stays float64."""


def framework_of(value: Any) -> Framework:
    """The library that an array is from; NumPy for anything that is no other's array."""
    name = type(value).__module__.partition(".")[0].replace("jaxlib", "jax")
    return _torch(value.device) if name == "torch" else framework(name)


def framework(name: str) -> Framework:
    """The library of this name; NumPy for a name it does not know."""
    return {"torch": _torch, "jax": _jax}.get(name, _numpy)()


def _numpy() -> Framework:
    def put(array: Array, dtype: str) -> Any:
        if dtype == "bfloat16":
            import ml_dtypes

            return array.astype(ml_dtypes.bfloat16)
        return array.astype(dtype)[()]

    return Framework("numpy", put, lambda a: a[()], np.asarray, None)


def _torch(device: Any = None) -> Framework:
    import torch

    def put(array: Array, dtype: str) -> Any:
        return torch.tensor(array).to(device, getattr(torch, dtype))

    def get(value: Any) -> Array:
        if not isinstance(value, torch.Tensor):
            return np.asarray(value)
        value = value.detach().cpu()
        return np.asarray((value.float() if value.dtype == torch.bfloat16 else value).numpy())

    def autograd(loss: Callable[..., Any]) -> Callable[..., Any]:
        def grad(logits: Any, *targets: Any) -> Any:
            leaf = logits.clone().requires_grad_()
            value = loss(leaf, *targets)
            if not isinstance(value, torch.Tensor):
                msg = (
                    f"loss returned {type(value).__name__}, through which no gradient passes; "
                    "return a tensor, without .item()."
                )
                raise TypeError(msg)
            if not getattr(value, "requires_grad", False):
                return torch.zeros_like(leaf)
            torch.autograd.backward(value.sum())
            return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad

        return grad

    return Framework("torch", put, lambda a: torch.tensor(a, device=device), get, autograd)


def _jax() -> Framework:
    import jax

    def autograd(loss: Callable[..., Any]) -> Callable[..., Any]:
        grad: Callable[..., Any] = jax.grad(lambda z, *targets: loss(z, *targets).sum())
        return grad

    return Framework(
        "jax",
        lambda a, dtype: jax.numpy.asarray(a, dtype=dtype),
        jax.numpy.asarray,
        np.asarray,
        autograd,
        lambda: jax.enable_x64(True),
    )


def rounded(array: Array, dtype: str) -> Array:
    """The values as numbers of the dtype, held in float64."""
    if dtype != "bfloat16":
        return array.astype(dtype).astype(np.float64)
    bits = array.astype(np.float32).view(np.uint32)
    even = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    kept = np.where(np.isnan(array), bits, even) & np.uint32(0xFFFF0000)
    return kept.view(np.float32).astype(np.float64)
