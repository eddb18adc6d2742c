"""Which classes are taken for which."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from xent.scoring.state.accumulator import Accumulator, Batch, Schema
from xent.scoring.state.exact import Counts

MOST = 1024
"""With more classes than these, nothing is counted."""


class Confusion(Accumulator):
    """Rows by their true and their likeliest class."""

    def _sums(self, schema: Schema) -> dict[str, Any]:
        n = len(schema.classes)
        return {"rows": Counts(n * n)} if 2 < n <= MOST else {}

    def add(self, batch: Batch) -> None:
        if self.sums:
            n = len(self.schema.classes)
            self.sums["rows"].add(batch.labels * n + batch.scored.predicted)

    @property
    def known(self) -> bool:
        """Are there more than two classes, and not too many?"""
        return bool(self.sums)

    @property
    def rows(self) -> Iterator[list[int]]:
        """Rows of each true class, by the likeliest class."""
        n, counts = len(self.schema.classes), self.amounts("rows")
        return (counts[i * n : (i + 1) * n] for i in range(n))

    def mistaken(self) -> list[tuple[int, int, int]]:
        """Pairs of a true class and another one that was likeliest, with their rows: most first."""
        found = [
            (true, predicted, n)
            for true, row in enumerate(self.rows)
            for predicted, n in enumerate(row)
            if n and true != predicted
        ]
        return sorted(found, key=lambda each: -each[2])
