"""Figures of groups of rows: of the true classes, and of slices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from xent._validation import Array
from xent.scoring.intervals import (
    Estimate,
    Interval,
    difference_estimate,
    mean_interval,
    moments_of_sums,
    ratio_interval,
    refused,
)
from xent.scoring.intervals.clusters import METHOD as CLUSTERED
from xent.scoring.intervals.refusals import infinite_losses, of_two
from xent.scoring.state import ratio
from xent.scoring.state.clustered_slices import TOO_MANY, Sliced
from xent.scoring.state.clusters import MOST_CELLS
from xent.scoring.state.exact import ONE
from xent.scoring.state.slices import CellSums
from xent.scoring.summed import Summed, numbers_of
from xent.scoring.weak_slices import Cell, WeakSlice, of_rows, weak_slices

TOO_MANY_CELLS = TOO_MANY.format(MOST_CELLS)
"""Why the values of a column have no interval with clusters."""


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
        if self.clustered:
            return refused("a class alone has no interval with clusters", "Hall")
        if len(self._sums["wll"]) < len(self.state.counts) or self.state.moments.beyond:
            return refused("there are too many classes", "Hall")
        sums = {name: values[j] for name, values in self._sums.items()}
        return self._group_interval(self.state.counts[j], self.state.infinite[j], sums)

    def _group_interval(
        self,
        rows: int,
        infinite: int,
        sums: Mapping[str, int],
        counts: Mapping[str, int] | None = None,
    ) -> Interval:
        if infinite:
            return refused(infinite_losses(infinite), "Hall")
        return mean_interval(moments_of_sums(rows, ONE, sums), self.level, counts=counts)

    def by_value(self, *columns: str) -> list[Group]:
        """The rows by the values of one column or two of those in `by`."""
        return [self._cell(columns, key, cell) for key, cell in self.state.slices.cells[columns]]

    def _cell(self, columns: tuple[str, ...], key: tuple[str, ...], cell: CellSums) -> Group:
        """The figures of a slice."""
        loss = math.inf if cell.infinite else ratio(cell.wl, cell.w)
        share, accuracy = ratio(cell.w, self.weight), ratio(cell.right, cell.w)
        if self.clustered:
            interval = self._clustered_interval(columns, key, cell)
        else:
            weights = ("w", "ww", "wwl", "wwll") if self.state.schema.weighted else ()
            names = ("wl", "wll", "wlll", *weights)
            sums = {name: getattr(cell, name) for name in names}
            counts = of_two(self.state.schema.classes, cell.rows, cell.ones)
            interval = self._group_interval(cell.rows, cell.infinite, sums, counts)
        return Group(", ".join(key), cell.rows, share, loss, accuracy, interval)

    def _clustered_interval(
        self, columns: tuple[str, ...], key: tuple[str, ...], cell: CellSums
    ) -> Interval:
        if len(columns) > 1:
            return refused("pairs of values have no interval with clusters", CLUSTERED)
        found = self._sliced[columns[0]]
        if found is None:
            return refused(TOO_MANY_CELLS, CLUSTERED)
        each = found[key[0]]
        return ratio_interval(
            numbers_of(each.sums[0]),
            numbers_of(each.w),
            self.level,
            infinite=cell.infinite,
            counts=of_two(self.state.schema.classes, cell.rows, cell.ones),
        )

    @cached_property
    def _sliced(self) -> dict[str, dict[str, Sliced] | None]:
        """Sums by cluster of each value of the columns; None of a column with too many."""
        return {name: self.state.clusters.by_value(name) for name in self.state.schema.by}

    @property
    def untested_columns(self) -> list[str]:
        """With clusters, the columns whose values are not tested, and have no interval."""
        if not self.clustered:
            return []
        return [name for name, found in self._sliced.items() if found is None]

    @cached_property
    def slices(self) -> list[WeakSlice]:
        """The slices that can be tested, from the one that most clearly has a higher loss on.

        With clusters, pairs of values are not tested.
        """
        cells = self.state.slices.cells
        if not cells:
            return []
        first = cells[next(iter(cells))]
        whole = CellSums(*map(sum, zip(*(sums for _, sums in first), strict=True)))
        compared = self._clusters_compared if self.clustered else self._rows_compared
        each = (
            (names, key, sums)
            for names, found in cells.items()
            if not self.clustered or (len(names) == 1 and self._sliced[names[0]])
            for key, sums in found
        )
        return weak_slices(each, whole, compared)

    def _rows_compared(self, cell: Cell, others: CellSums) -> Estimate:
        return of_rows(cell[2], others, weighted=self.state.schema.weighted)

    def _clusters_compared(self, cell: Cell, _: CellSums) -> Estimate:
        (column,), (value,), _ = cell
        inside = (self._sliced[column] or {})[value]
        losses, weights = self._by_group
        return difference_estimate(
            _inside_and_outside(losses, inside.groups, inside.sums[0]),
            _inside_and_outside(weights, inside.groups, inside.w),
        )

    @cached_property
    def _by_group(self) -> tuple[list[int], list[int]]:
        """Weight times loss, and weight, of each group of clusters, in units of 2**-1126."""
        amounts, weighted = self.state.clusters.amounts, self.state.schema.weighted
        weights = amounts("weights") if weighted else [n * ONE for n in amounts("rows")]
        return amounts("losses"), weights

    @property
    def weak(self) -> list[WeakSlice]:
        """The slices whose loss is higher than elsewhere, beyond chance.

        A pair of values is left out where one of the two is among them by itself, as clearly.
        """
        found = [each for each in self.slices if each.p_value < 1 - self.level]
        alone = {(w.columns[0], w.values[0]): w for w in found if len(w.values) == 1}

        def clear(each: WeakSlice) -> tuple[float, float]:
            return each.p_value, each.elsewhere - each.loss  # p-values may be 0, both of them

        def said(pair: WeakSlice) -> bool:
            parts = zip(pair.columns, pair.values, strict=True)
            return any(part in alone and clear(alone[part]) <= clear(pair) for part in parts)

        return [each for each in found if len(each.values) == 1 or not said(each)]


def _inside_and_outside(
    whole: Sequence[int], groups: Sequence[int], amounts: Sequence[int]
) -> tuple[Array, Array]:
    """Sums by group of a slice, and of all other rows; exactly 0 where a group has none."""
    mine, rest = np.zeros(len(whole)), numbers_of(whole)
    mine[groups] = numbers_of(amounts)
    rest[groups] = numbers_of([whole[at] - n for at, n in zip(groups, amounts, strict=True)])
    return mine, rest
