"""Rows and classes by the caller's own indices and names."""

from __future__ import annotations

from dataclasses import dataclass

from xent._validation import Array
from xent.check.naming import row_name


@dataclass(frozen=True)
class Names:
    """How the rows and classes of a batch are called."""

    row_shape: tuple[int, ...]
    """Shape of the rows as they came."""
    of_classes: tuple[str, ...] = ()
    """Names of the classes, if the caller gave them."""

    def row(self, row: int) -> str:
        """A row by its index."""
        return row_name(self.row_shape, row)

    def of_class(self, j: int) -> str:
        """A class by its name, or its index."""
        return self.of_classes[j] if self.of_classes else str(j)

    def classes(self, classes: Array, most: int = 8) -> str:
        """Some classes by name."""
        told = ", ".join(self.of_class(int(j)) for j in classes[:most])
        return f"{told} and {len(classes) - most} more" if len(classes) > most else told

    def rows(self, rows: Array, total: int, told: str = "") -> str:
        """How many rows, and which is the first; `told` is said of that one."""
        first = self.row(int(rows[0])) + (f" ({told})" if told else "")
        if len(rows) == 1:
            return first
        if len(rows) == total and not told:
            return f"all {total} rows"
        return f"{len(rows)} of {total} rows, the first being {first}"
