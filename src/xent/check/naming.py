"""How rows, classes and figures are written in findings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np

from xent._validation import Array

MOST = 8
"""Classes that are named; of more, the others are counted."""


def row_name(shape: tuple[int, ...], row: int) -> str:
    """A row by the caller's own index; `shape` is the shape of the rows before flattening."""
    if len(shape) == 1:
        return f"row {row}"
    if not shape:
        return "the row"
    return f"row [{', '.join(str(int(i)) for i in np.unravel_index(row, shape))}]"


@dataclass(frozen=True)
class Names:
    """Names of the rows and classes of a batch."""

    row_shape: tuple[int, ...]
    """Shape of the rows as they came."""
    of_classes: tuple[str, ...] = ()
    """Names of the classes, if the caller gave them."""
    numbered: bool = True
    """Do the numbers of the rows mean anything? If not, rows are counted and not named."""

    def row(self, row: SupportsIndex) -> str:
        """A row by its index."""
        if not self.numbered:
            return "one row"
        return row_name(self.row_shape, int(row))

    def of_class(self, j: SupportsIndex) -> str:
        """A class by its name, or its index."""
        return self.of_classes[j] if self.of_classes else str(int(j))

    def classes(self, classes: Array, one: str = "{}", many: str = "{}") -> str:
        """Some classes by name, put into a text for one class or for many."""
        names = ", ".join(map(self.of_class, classes[:MOST]))
        names += f" and {len(classes) - MOST} more" if len(classes) > MOST else ""
        return (one if len(classes) == 1 else many).format(names)

    def rows(self, rows: Array, total: int, detail: str = "") -> str:
        """How many rows, and which is the first; `detail` is about that one."""
        if not self.numbered:
            more = f" ({'the first: ' * (len(rows) > 1)}{detail})" if detail else ""
            return (
                f"all {total} rows" if len(rows) == total else f"{len(rows)} of {total} rows"
            ) + more
        first = self.row(rows[0]) + (f" ({detail})" if detail else "")
        if len(rows) == 1:
            return first
        if len(rows) == total and not detail:
            return f"all {total} rows"
        return f"{len(rows)} of {total} rows, the first being {first}"


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
