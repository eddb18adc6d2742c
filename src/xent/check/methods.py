"""Losses that are classes or objects: which of their methods give the loss and its gradient."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

LOSSES = (
    "loss",
    "forward",
    "__call__",
    "call",
    "compute",
    "compute_loss",
    "calculate",
    "value",
    "fn",
)
GRADIENTS = (
    "gradient", "grad", "backward", "derivative", "compute_gradient", "prime", "delta", "dloss",
)  # fmt: skip
"""Names that methods of hand-written losses have, the usual ones first."""


def instance(function: Any) -> Any:
    """An object of a class that can be made without arguments; anything else as it is."""
    if not inspect.isclass(function):
        return function
    try:
        return function()
    except Exception as error:
        name = function.__name__
        msg = (
            f"{name} is a class, and {name}() raises {told(error)}. "
            "Pass an object made with its arguments."
        )
        raise TypeError(msg) from error


def loss_of(function: Any) -> Any:
    """The method of an object that gives its loss; a function is its own."""
    if inspect.isroutine(function) or of_a_library(function):
        return function
    for name in LOSSES:
        # Whatever else has a `__call__` is a function too, after all methods that say what they do.
        if name != "__call__" and callable(getattr(function, name, None)):
            return getattr(function, name)
    return function


def gradient_of(function: Any) -> Callable[..., Any] | None:
    """The gradient as a function of the loss's arguments, if an object has a method for it."""
    if inspect.isroutine(function) or of_a_library(function):
        return None
    loss = loss_of(function)
    for name in GRADIENTS:
        method = getattr(function, name, None)
        if callable(method):
            return _with_arguments(loss, method)
    return None


def of_a_library(function: Any) -> bool:
    """Is it a module of PyTorch or a loss of Keras, or its class, which are called as they are?"""
    of = function if inspect.isclass(function) else type(function)
    roots = {base.__module__.partition(".")[0] for base in of.__mro__}
    return bool(roots & {"torch", "keras", "sklearn", "jax", "jaxlib", "functools", "optax"})


def _with_arguments(loss: Callable[..., Any], method: Callable[..., Any]) -> Callable[..., Any]:
    """A gradient that needs the loss to be called before, or its arguments in the same order."""
    needed = len(required(method))

    def gradient(*arguments: Any) -> Any:
        if needed >= len(arguments):
            return method(*arguments)
        loss(*arguments)  # which keeps what its gradient needs
        return method(*([1.0] * needed))  # the gradient of the loss for itself

    gradient.__signature__ = inspect.signature(loss)  # type: ignore[attr-defined]
    return gradient


def required(function: Callable[..., Any]) -> list[str]:
    """Names of the parameters that a call must give; none if they are unknown."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.kind in positional and p.default is p.empty]


def told(error: BaseException) -> str:
    """An exception in one line."""
    text = " ".join(str(error).split())
    text = text if len(text) <= 200 else f"{text[:199]}…"
    return f"{type(error).__name__}: {text}".removesuffix(": ").rstrip(".")
