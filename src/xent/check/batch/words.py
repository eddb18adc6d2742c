"""Rows, classes and figures in words, as the findings on a batch name them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from xent._validation import Array


@dataclass(frozen=True)
class Words:
    """How rows and classes are called: by the caller's own indices and names."""

    shape: tuple[int, ...]
    """Of the rows, as they came."""
    names: tuple[str, ...] = ()

    def row(self, row: int) -> str:
        """A row by its index; of several axes by all of them."""
        if len(self.shape) == 1:
            return f"row {row}"
        if not self.shape:
            return "the row"
        return f"row [{', '.join(str(int(i)) for i in np.unravel_index(row, self.shape))}]"

    def name(self, j: int) -> str:
        """A class by its name, or its index."""
        return self.names[j] if self.names else str(j)

    def list(self, classes: Array, most: int = 8) -> str:
        """Some classes by name."""
        told = ", ".join(self.name(int(j)) for j in classes[:most])
        return f"{told} and {len(classes) - most} more" if len(classes) > most else told

    def some(self, rows: Array, total: int, told: str = "") -> str:
        """How many rows, and which is the first; `told` is said of that one."""
        first = self.row(int(rows[0])) + (f" ({told})" if told else "")
        if len(rows) == 1:
            return first
        if len(rows) == total and not told:
            return f"all {total} rows"
        return f"{len(rows)} of {total} rows, the first being {first}"


def plural(number: int, one: str, many: str) -> str:
    """The verb or noun that goes with a number."""
    return one if number == 1 else many


def figure(value: float) -> str:
    """A number as a reader wants it: four places, or as many digits."""
    if not math.isfinite(value):
        return "undefined" if math.isnan(value) else str(value)
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.4g}"
