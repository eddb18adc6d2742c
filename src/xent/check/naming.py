"""Rows, counts and figures in words, as the findings name them."""

from __future__ import annotations

import math

import numpy as np

from xent._validation import Array


def row_name(shape: tuple[int, ...], row: int) -> str:
    """A row by the caller's own index; `shape` is the shape of the rows before flattening."""
    if len(shape) == 1:
        return f"row {row}"
    if not shape:
        return "the row"
    return f"row [{', '.join(str(int(i)) for i in np.unravel_index(row, shape))}]"


def plural(number: int, one: str, many: str) -> str:
    """The verb or noun that goes with a number."""
    return one if number == 1 else many


def others_like_it(mask: Array) -> str:
    """How many more entries than the first one are true, in parentheses; empty for none."""
    more = int(mask.sum()) - 1
    return f" ({more} more like it)" if more else ""


def figure(value: float) -> str:
    """A number with four decimals, or four digits where it is very small or large."""
    if not math.isfinite(value):
        return "undefined" if math.isnan(value) else str(value)
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.4g}"
