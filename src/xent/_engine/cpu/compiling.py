"""When a kernel is compiled, and what a user is told of it."""

from __future__ import annotations

import logging
import threading
from typing import Any

import numpy as np

LONG = 1.0
"""Seconds after which a compilation is announced."""

_ready: set[Any] = set()
_announced = False
_log = logging.getLogger("xent")


def prepare(kernel: Any, arguments: tuple[Any, ...]) -> None:
    """Compile a kernel for such arguments, or load it from disk, if this process has not yet.

    The arguments ask for no work: an empty range.
    """
    key = (kernel, _kinds(arguments))
    if key in _ready:
        return
    timer = threading.Timer(LONG, _announce)
    timer.daemon = True
    timer.start()
    try:
        kernel(*arguments)
    finally:
        timer.cancel()
    _ready.add(key)


def _kinds(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """What of the arguments a compilation depends on."""
    return tuple(
        (a.dtype.char, a.ndim)
        if isinstance(a, np.ndarray)
        else _kinds(a)
        if isinstance(a, tuple)
        else type(a)
        for a in arguments
    )


def _announce() -> None:
    global _announced
    if _announced:
        return
    _announced = True
    _log.warning(
        "xent is compiling kernels for this machine and this kind of array. That takes some "
        "seconds, once if they can be kept on disk. To compile ahead, call xent.warmup()."
    )
