"""Checks of what can be drawn; errors say what was given and what a picture needs."""

from __future__ import annotations

import math

from xent._validation import Array

FARTHEST = 1e306
"""Matplotlib's sums overflow beyond it; points there are marked at the border of the picture."""


def require(condition: bool, message: str) -> None:
    """Raise ValueError unless the condition holds."""
    if not condition:
        raise ValueError(message)


def require_rows(good: Array, values: Array, name: str, expected: str) -> None:
    """Raise ValueError about the first row that cannot be drawn; `name` has {} for its number."""
    if not good.all():
        row = int(good.argmin())
        msg = f"{name.format(row)} is {values[row]}; a picture needs {expected}."
        raise ValueError(msg)


def finite(value: float, name: str) -> float:
    """Check that a number can be drawn."""
    require(math.isfinite(value), f"{name} is {value}; a picture needs a finite one.")
    return float(value)
