"""Which package computes for an array: its library's own, if it has derivatives, or the engines.

Each package offers the functions of `xent._engine.compute` for its library's arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from xent._engine import compute


def _torch() -> Any:
    from xent.torch import _losses

    return _losses


LIBRARIES: dict[str, Callable[[], Any]] = {"torch": _torch}
"""Loads the module that computes for a library's arrays; by the name of the library's package."""


def library_of(value: Any) -> Any:
    """The module that computes for arrays such as this one; told without importing frameworks."""
    kind = type(value)
    if kind is not np.ndarray:
        for base in kind.__mro__:
            load = LIBRARIES.get(base.__module__.partition(".")[0])
            if load is not None:
                return load()
    return compute
