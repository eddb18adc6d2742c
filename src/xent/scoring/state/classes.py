"""Counts and weights of the rows of each true class."""

from __future__ import annotations

from typing import Any

from xent.scoring.state.accumulator import Accumulator, Batch, Schema
from xent.scoring.state.exact import SCALE, Counts, ExactSums


class ClassSums(Accumulator):
    """What is known of each class.

    Rows and weights of a class j stand at 2j where another class was likelier, and at 2j + 1 where
    the true one was likeliest.
    """

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema)
        self._lists: dict[str, list[int]] = {}

    def _sums(self, schema: Schema) -> dict[str, Any]:
        n = len(schema.classes)
        sums = {"rows": Counts(2 * n), "infinite": Counts(n)}
        weighted = {"weights": ExactSums(2 * n), "squares": ExactSums(n)}
        return sums | (weighted if schema.weighted else {})

    def add(self, batch: Batch) -> None:
        self._lists = {}
        groups = batch.scored.groups
        self.sums["rows"].add(groups)
        if batch.weight is not None:
            self.sums["weights"].add(batch.weight, groups)
            self.sums["squares"].add(batch.weight * batch.weight, batch.labels)
        if batch.infinite is not None:
            self.sums["infinite"].add(batch.labels[batch.infinite])

    @property
    def rows(self) -> list[int]:
        """How many rows each class has."""
        return self._listed("rows")

    @property
    def hits(self) -> tuple[list[int], list[int]]:
        """How many rows of each class were predicted wrongly, and how many rightly."""
        rows = self.amounts("rows")
        return rows[::2], rows[1::2]

    @property
    def infinite(self) -> list[int]:
        """How many of them have an infinite loss, or one whose product with the weight is."""
        return self.amounts("infinite")

    @property
    def weights(self) -> list[int]:
        """Their weights, in units of 2**-1126."""
        return self._listed("weights")

    @property
    def squares(self) -> list[int]:
        """The squares of their weights, in the same units."""
        return self.amounts("squares") if self.schema.weighted else self.weights

    @property
    def right(self) -> list[int]:
        """The weights of those whose likeliest class is the true one, in the same units."""
        return self._listed("right")

    def _listed(self, name: str) -> list[int]:
        """Lists that are made once: a report takes them anew for each class."""
        if not self._lists:
            rows = self.amounts("rows")
            weights = [n << SCALE for n in rows]
            if self.schema.weighted:
                weights = self.amounts("weights")
            self._lists = {"rows": _both(rows), "weights": _both(weights), "right": weights[1::2]}
        return self._lists[name]


def _both(sums: list[int]) -> list[int]:
    return [a + b for a, b in zip(sums[::2], sums[1::2], strict=True)]
