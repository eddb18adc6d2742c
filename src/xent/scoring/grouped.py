"""Figures of groups of rows: of the true classes, and of slices."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

from xent.scoring.intervals import (
    Interval,
    mean_interval,
    moments_of_sums,
    refused,
)
from xent.scoring.state import ratio
from xent.scoring.state.exact import ONE
from xent.scoring.state.slices import CellSums
from xent.scoring.summed import Summed
from xent.scoring.weak_slices import WeakSlice, weak_slices


class Group(NamedTuple):
    """The rows of one true class, or of one value of a column."""

    name: str
    rows: int
    share: float
    loss: float
    accuracy: float
    interval: Interval
    """Of the loss."""


class Grouped(Summed):
    """Figures of groups of rows."""

    @cached_property
    def by_class(self) -> list[Group]:
        """The classes that occur among the labels."""
        s = self.state
        return [
            Group(
                name,
                s.counts[j],
                self.shares[j],
                math.inf if s.infinite[j] else ratio(s.losses[j], s.weights[j]),
                ratio(s.right[j], s.weights[j]),
                self._class_interval(j),
            )
            for j, name in enumerate(s.schema.classes)
            if s.counts[j]
        ]

    def _class_interval(self, j: int) -> Interval:
        if len(self._sums["wll"]) < len(self.state.counts) or self.state.moments.beyond:
            return refused("there are too many classes", "Hall")
        sums = {name: values[j] for name, values in self._sums.items()}
        return self._group_interval(self.state.counts[j], self.state.infinite[j], sums)

    def _group_interval(self, rows: int, infinite: int, sums: Mapping[str, int]) -> Interval:
        if self.clustered:
            return refused("rows are clustered: groups of them have no interval", "Hall")
        if infinite:
            rows_have = "1 row has" if infinite == 1 else f"{infinite:,} rows have"
            return refused(f"{rows_have} an infinite loss: the mean has no interval", "Hall")
        return mean_interval(moments_of_sums(rows, ONE, sums), self.level)

    def by_value(self, *columns: str) -> list[Group]:
        """The rows by the values of one column or two of those in `by`."""
        return [self._cell(", ".join(key), cell) for key, cell in self.state.slices.cells[columns]]

    def _cell(self, name: str, cell: CellSums) -> Group:
        """The figures of a slice."""
        sums = {n: getattr(cell, n) for n in ("wl", "wll", "wlll")}
        if self.state.schema.weighted:
            sums |= {n: getattr(cell, n) for n in ("w", "ww", "wwl", "wwll")}
        loss = math.inf if cell.infinite else ratio(cell.wl, cell.w)
        share, accuracy = ratio(cell.w, self.weight), ratio(cell.right, cell.w)
        interval = self._group_interval(cell.rows, cell.infinite, sums)
        return Group(name, cell.rows, share, loss, accuracy, interval)

    @cached_property
    def slices(self) -> list[WeakSlice]:
        """The slices that can be tested, from the one that most clearly has a higher loss on."""
        cells = self.state.slices.cells
        if not cells or self.clustered:
            return []
        first = cells[next(iter(cells))]
        whole = CellSums(*map(sum, zip(*(sums for _, sums in first), strict=True)))
        each = ((names, key, sums) for names, found in cells.items() for key, sums in found)
        return weak_slices(each, whole, weighted=self.state.schema.weighted)

    @property
    def weak(self) -> list[WeakSlice]:
        """The slices whose loss is higher than elsewhere, beyond chance.

        A pair of values is left out where one of the two is among them by itself, as clearly.
        """
        found = [each for each in self.slices if each.p_value < 1 - self.level]
        alone = {(w.columns[0], w.values[0]): w.p_value for w in found if len(w.values) == 1}

        def said(pair: WeakSlice) -> bool:
            parts = zip(pair.columns, pair.values, strict=True)
            return any(alone.get(part, 1.0) <= pair.p_value for part in parts)

        return [each for each in found if len(each.values) == 1 or not said(each)]
