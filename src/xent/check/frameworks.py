"""NumPy, PyTorch and JAX: arrays converted to and from NumPy, and each library's autograd.

Everything in `check` computes on NumPy arrays; a function under test gets arrays of its own
library.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from xent._engine.cpu import numpy_only
from xent._validation import Array
from xent.functions import log_softmax, sigmoid


class NoGradientError(TypeError):
    """A loss through which autograd cannot pass."""


@dataclass(frozen=True)
class Framework:
    """One array library: conversion of arrays, and its autograd if it has one."""

    name: str
    from_numpy: Callable[[Array, str], Any]
    """Convert floats to the given dtype of the library."""
    labels_from_numpy: Callable[[Array], Any]
    """Convert labels; their dtype is kept."""
    to_numpy: Callable[[Any], Array]
    autograd: Callable[[Callable[..., Any]], Callable[..., Any]]
    """The gradient of a loss of (logits, targets) for its logits."""
    link: Callable[[Any, str, bool, int], Any]
    """Logits as the probabilities or log-probabilities that a loss takes, along an axis."""
    keep_float64: Callable[[], AbstractContextManager[Any]] = nullcontext
    """A context in which float64 arrays stay float64."""


def framework_of(value: Any) -> Framework:
    """The library of an array; NumPy for anything that is not another library's array."""
    name = type(value).__module__.partition(".")[0].replace("jaxlib", "jax")
    return _torch(value.device) if name == "torch" else framework(name)


def framework(name: str) -> Framework:
    """The library of this name; NumPy for a name that is not known."""
    return {"torch": _torch, "jax": _jax}.get(name, _numpy)()


def _numpy() -> Framework:
    def from_numpy(array: Array, dtype: str) -> Any:
        if dtype == "bfloat16":
            import ml_dtypes

            return array.astype(ml_dtypes.bfloat16)
        return array.astype(dtype)[()]

    def autograd(_: Callable[..., Any]) -> Callable[..., Any]:
        msg = "grad is None, and NumPy has no autograd. Pass the gradient's function."
        raise TypeError(msg)

    def link(z: Any, takes: str, binary: bool, axis: int) -> Any:
        if takes == "logits":
            return z
        with numpy_only():
            if binary:
                return sigmoid(z)
            log_p = log_softmax(z, axis=axis)
            return log_p if takes == "log-probabilities" else np.exp(log_p)

    return Framework("numpy", from_numpy, lambda a: a[()], np.asarray, autograd, link)


def _torch(device: Any = None) -> Framework:
    import torch

    def from_numpy(array: Array, dtype: str) -> Any:
        return torch.tensor(array).to(device, getattr(torch, dtype))

    def to_numpy(value: Any) -> Array:
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
                raise NoGradientError(msg)
            # A detached loss has no graph: PyTorch would raise, but its gradient is 0.
            if value.requires_grad:
                torch.autograd.backward(value.sum())
            return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad

        return grad

    def link(z: Any, takes: str, binary: bool, axis: int) -> Any:
        if takes == "logits":
            return z
        if binary:
            return z.sigmoid()
        return z.log_softmax(axis) if takes == "log-probabilities" else z.softmax(axis)

    labels = partial(torch.tensor, device=device)
    return Framework("torch", from_numpy, labels, to_numpy, autograd, link)


def _jax() -> Framework:
    import jax

    def autograd(loss: Callable[..., Any]) -> Callable[..., Any]:
        grad: Callable[..., Any] = jax.grad(lambda z, *targets: loss(z, *targets).sum())
        return grad

    def link(z: Any, takes: str, binary: bool, axis: int) -> Any:
        if takes == "logits":
            return z
        if binary:
            return jax.nn.sigmoid(z)
        softmax = jax.nn.log_softmax if takes == "log-probabilities" else jax.nn.softmax
        return softmax(z, axis)

    return Framework(
        "jax",
        lambda a, dtype: jax.numpy.asarray(a, dtype=dtype),
        jax.numpy.asarray,
        np.asarray,
        autograd,
        link,
        lambda: jax.enable_x64(True),
    )
