"""Sums by the values of columns: where the predictions are good, and where they are not."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import numpy as np

from xent._validation import Array
from xent.scoring.state.accumulator import Accumulator, Batch, Groups, Schema
from xent.scoring.state.exact import SCALE
from xent.scoring.state.keyed import KeyedSums
from xent.scoring.state.moments import SAFE, product

MOST = 100_000
"""The most values of a column, and the most pairs of values of two columns."""

COUNTS = ("rows", "ones", "infinite")
UNWEIGHTED = ("wl", "wll", "wlll")
WEIGHTED = (*UNWEIGHTED, "w", "ww", "wwl", "wwll", "right")


class CellSums(NamedTuple):
    """What is known of the rows of a cell: counts, and sums in units of 2**-1126.

    Products of weights w and losses l are summed over the rows with a finite loss.
    """

    rows: int
    ones: int
    """Rows of the second class."""
    infinite: int
    w: int
    right: int
    """The weight of those whose likeliest class is the true one."""
    wl: int
    wll: int
    wlll: int
    ww: int
    wwl: int
    wwll: int


class Cells(KeyedSums):
    """Sums by the values of one column, or of two."""

    @classmethod
    def of(cls, *, weighted: bool) -> Self:
        """Those of no rows."""
        counts = COUNTS if weighted else (*COUNTS, "right")
        exact = WEIGHTED if weighted else UNWEIGHTED
        return cls(dict.fromkeys(counts, 1), dict.fromkeys(exact, 1), MOST)

    def add_rows(self, columns: list[Groups], batch: Batch, values: dict[str, Array]) -> None:
        """Add rows to the cells of the columns' values; `values` are those of each sum."""
        of = self.place(columns)
        if of is None:
            return
        self.add("rows", of)
        self.add("ones", of[batch.labels == 1])
        if batch.infinite is not None:
            self.add("infinite", of[batch.infinite])
        if batch.weight is None:
            self.add("right", of[batch.scored.groups & 1 == 1])
        for name in self.exact:
            self.add(name, of, values[name])

    def __iter__(self) -> Iterator[tuple[tuple[str, ...], CellSums]]:
        whole = {name: sums.whole for name, sums in self.sums.items()}
        for key, place in sorted(self.places.items()):
            each = {name: amounts[place] for name, amounts in whole.items()}
            if "w" not in each:
                each |= {"w": each["rows"] << SCALE, "right": each["right"] << SCALE}
                each |= {"ww": each["w"], "wwl": each["wl"], "wwll": each["wll"]}
            yield key, CellSums(**each)


class Slices(Accumulator):
    """Cells for each column, and for each pair of columns unless there are too many of them."""

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema)
        pairs = itertools.combinations(schema.by, 2)
        columns = [*((name,) for name in schema.by), *pairs]
        self.cells = {names: Cells.of(weighted=schema.weighted) for names in columns}

    def _sums(self, schema: Schema) -> dict[str, Any]:  # noqa: ARG002
        return {}

    def add(self, batch: Batch) -> None:
        if not self.cells:
            return
        values = _values(batch)
        of = dict(zip(self.schema.by, batch.slices, strict=True))
        for names, cells in self.cells.items():
            cells.add_rows([of[name] for name in names], batch, values)
        self._check()

    def merge(self, other: Slices) -> Slices:
        merged = Slices(self.schema)
        merged.cells = {n: cells.merge(other.cells[n]) for n, cells in self.cells.items()}
        merged._check()
        return merged

    def _check(self) -> None:
        for names, cells in self.cells.items():
            if cells.full and len(names) == 1:
                name = names[0]
                msg = (
                    f"column '{name}' has more than {cells.most:,} values: too many to score by "
                    f"each. Of a column of numbers, name the edges of bins, as in "
                    f"'{name}:18:40:65'."
                )
                raise ValueError(msg)

    def to_data(self) -> Any:
        return [[*names, cells.to_data()] for names, cells in self.cells.items()]

    def read(self, data: Any) -> None:
        for (names, cells), (*saved, each) in zip(self.cells.items(), data, strict=True):
            if tuple(saved) != names:
                msg = f"slices by {saved}, not by {list(names)}"
                raise ValueError(msg)
            cells.read(each)


def _values(batch: Batch) -> dict[str, Array]:
    """Numbers of the rows by the names of their sums; 0 where a product is not finite."""
    weight = batch.weight
    names = UNWEIGHTED if weight is None else WEIGHTED
    values = {n: product(n, batch.losses, weight) for n in names if "l" in n}
    if batch.most >= SAFE or batch.infinite is not None:
        values = {name: np.where(np.isfinite(x), x, 0.0) for name, x in values.items()}
    if weight is not None:
        right = np.where(batch.scored.groups & 1 == 1, weight, 0.0)
        values |= {"w": weight, "ww": weight * weight, "right": right}
    return values
