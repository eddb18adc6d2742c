"""Sums by the values of columns: where the predictions are good, and where they are not."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from xent._validation import Array
from xent.scoring.state.accumulator import Accumulator, Batch, Groups, Schema
from xent.scoring.state.exact import SCALE, Counts, ExactSums
from xent.scoring.state.moments import SAFE, product

MOST = 100_000
"""The most values of a column, and the most pairs of values of two columns."""

DENSE = 1 << 20
"""Pairs of values up to which those that occur are found by counting all."""

COUNTS = ("rows", "infinite")
UNWEIGHTED = ("wl", "wll", "wlll")
WEIGHTED = (*UNWEIGHTED, "w", "ww", "wwl", "wwll", "right")


class CellSums(NamedTuple):
    """What is known of the rows of a cell: counts, and sums in units of 2**-1126.

    Products of weights w and losses l are summed over the rows with a finite loss.
    """

    rows: int
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


class Cells:
    """Sums by the values of one column, or of two."""

    def __init__(self, *, weighted: bool) -> None:
        self.weighted = weighted
        self.places: dict[tuple[str, ...], int] = {}
        """Where the sums of some values are."""
        counts = COUNTS if weighted else (*COUNTS, "right")
        self.sums: dict[str, Any] = {name: Counts(0) for name in counts}
        self.sums |= {name: ExactSums(0) for name in (WEIGHTED if weighted else UNWEIGHTED)}
        self.full = False
        """Are there too many pairs of values? Then nothing is kept."""

    def add(self, columns: list[Groups], batch: Batch, values: dict[str, Array]) -> None:
        """Add rows to the cells of the columns' values; `values` are those of each sum."""
        texts = [each.texts for each in columns]
        size = [len(each) for each in texts]
        codes = np.ravel_multi_index([each.codes for each in columns], size)
        found, codes = _present(codes, int(np.prod(size)))
        at = zip(*np.unravel_index(found, size), strict=True)
        keys = [tuple(t[i] for t, i in zip(texts, where, strict=True)) for where in at]
        of = self._placed(keys)[codes]
        for name, sums in self.sums.items():
            if name == "rows":
                sums.add(of)
            elif name == "infinite":
                if batch.infinite is not None:
                    sums.add(of[batch.infinite])
            elif name == "right" and not self.weighted:
                sums.add(of[batch.scored.groups & 1 == 1])
            else:
                sums.add(values[name], of)

    def _placed(self, keys: list[tuple[str, ...]]) -> Array:
        found = [self.places.setdefault(key, len(self.places)) for key in keys]
        for sums in self.sums.values():
            sums.grow(len(self.places))
        return np.array(found, np.intp)

    def take(self, other: Cells) -> None:
        """Add the sums of other cells."""
        of = self._placed([*other.places])
        for name, sums in self.sums.items():
            sums.take(other.sums[name], of)

    def __iter__(self) -> Iterator[tuple[tuple[str, ...], CellSums]]:
        whole = {name: sums.whole for name, sums in self.sums.items()}
        for key, place in sorted(self.places.items()):
            each = {name: amounts[place] for name, amounts in whole.items()}
            if not self.weighted:
                each |= {"w": each["rows"] << SCALE, "right": each["right"] << SCALE}
                each |= {"ww": each["w"], "wwl": each["wl"], "wwll": each["wll"]}
            yield key, CellSums(**each)

    def to_data(self) -> Any:
        """Plain data, for JSON."""
        if self.full:
            return None
        data = {name: sums.to_data() for name, sums in self.sums.items()}
        return [
            [*key, {name: values[place] for name, values in data.items()}]
            for key, place in sorted(self.places.items())
        ]

    def read(self, data: Any) -> None:
        """Take what was saved."""
        self.full = data is None
        rows = data or []
        self._placed([tuple(map(str, key)) for *key, _ in rows])
        for name, sums in self.sums.items():
            sums.read([values[name] for *_, values in rows])


class Slices(Accumulator):
    """Cells for each column, and for each pair of columns unless there are too many of them."""

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema)
        pairs = itertools.combinations(schema.by, 2)
        columns = [*((name,) for name in schema.by), *pairs]
        self.cells = {names: Cells(weighted=schema.weighted) for names in columns}

    def _sums(self, schema: Schema) -> dict[str, Any]:  # noqa: ARG002
        return {}

    def add(self, batch: Batch) -> None:
        if not self.cells:
            return
        values = _values(batch)
        of = dict(zip(self.schema.by, batch.slices, strict=True))
        for names, cells in self.cells.items():
            if not cells.full:
                cells.add([of[name] for name in names], batch, values)
        self._check()

    def merge(self, other: Slices) -> Slices:
        merged = Slices(self.schema)
        for names, cells in merged.cells.items():
            both = self.cells[names], other.cells[names]
            cells.full = any(each.full for each in both)
            for each in both:
                if not cells.full:
                    cells.take(each)
        merged._check()
        return merged

    def _check(self) -> None:
        for names, cells in self.cells.items():
            if len(cells.places) <= MOST:
                continue
            if len(names) == 1:
                name = names[0]
                msg = (
                    f"column '{name}' has more than {MOST:,} values: too many to score by each. "
                    f"Of a column of numbers, name the edges of bins, as in '{name}:18:40:65'."
                )
                raise ValueError(msg)
            self.cells[names] = Cells(weighted=self.schema.weighted)
            self.cells[names].full = True

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


def _present(codes: Array, size: int) -> tuple[Array, Array]:
    """The codes that occur, and for each row which of them it has."""
    if size > DENSE:
        found, of = np.unique(codes, return_inverse=True)
        return found, of
    found = np.flatnonzero(np.bincount(codes, minlength=size))
    places = np.zeros(size, np.intp)
    places[found] = np.arange(len(found))
    return found, places[codes]
