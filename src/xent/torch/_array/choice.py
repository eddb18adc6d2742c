"""Which tensors the array engine computes; CPU tensors only on purpose, to test and to debug it."""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import torch

from xent import formula

_SOURCES = [*sorted(Path(__file__).parent.glob("*.py")), Path(formula.__file__)]
NAME = f"array {zlib.crc32(b''.join(path.read_bytes() for path in _SOURCES)):08x}"
"""The engine's name. It changes with its sources, because compilers keep what they have compiled by
the arguments of an operation, of which this is one, also for the next process."""

VARIABLE = "XENT_TORCH_ENGINE"
forced = os.environ.get(VARIABLE) == "array"
"""Does the array engine compute CPU tensors too? A variable, which a small loss reads faster."""


def takes(tensor: torch.Tensor) -> bool:
    """Is this a tensor for the array engine?"""
    return forced if tensor.is_cpu else not tensor.is_meta


@contextlib.contextmanager
def array_engine(*, on_cpu: bool = True) -> Iterator[None]:
    """Let the array engine compute CPU tensors too, as XENT_TORCH_ENGINE=array does for a process.

    It holds for all threads, because backward passes run in threads of their own.
    """
    global forced
    before, forced = forced, on_cpu
    try:
        yield
    finally:
        forced = before
