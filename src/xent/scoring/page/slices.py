"""Slices that are worse than all rows together, however many slices were looked at."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from xent.scoring.figures import Group
from xent.scoring.page.told import Told
from xent.scoring.page.wording import column_name, cut
from xent.scoring.state import ratio
from xent.scoring.state.slices import CellSums

LEAST = 10
"""The fewest rows of a slice."""

CANDIDATES = 50
"""Slices whose intervals are computed, those that cost most beyond the mean."""


class Slice(NamedTuple):
    """Some values of some columns, and the rows that have them."""

    values: tuple[tuple[str, str], ...]
    """Each column with its value."""
    group: Group

    @property
    def name(self) -> str:
        """The columns and their values, in words."""
        return " and ".join(f"{column_name(column)} {cut(value)}" for column, value in self.values)


class Worse(NamedTuple):
    """Slices whose corrected interval lies above the loss of all rows, those that cost most first.

    A pair of values is left out where one of the two is worse by itself.
    """

    found: list[Slice]
    looked: int
    """How many slices were looked at, and the level corrected for."""


def worse_slices(score: Told) -> Worse:
    """Slices by one column or two, with Bonferroni's correction for all of them."""
    cells = list(_cells(score))
    if not cells or not math.isfinite(score.loss) or score.clustered:
        return Worse([], len(cells))
    strict = score.at_level(1 - (1 - score.level) / len(cells))

    def cost(each: tuple[Any, CellSums]) -> float:
        sums = each[1]
        return (ratio(sums.wl, sums.w) - score.loss) * ratio(sums.w, score.weight)

    costly = sorted((each for each in cells if cost(each) > 0), key=cost, reverse=True)
    found = [Slice(values, strict.group_of("", sums)) for values, sums in costly[:CANDIDATES]]
    found = [each for each in found if each.group.interval.low > score.loss]
    alone = {each.values[0] for each in found if len(each.values) == 1}
    return Worse(
        [each for each in found if len(each.values) == 1 or not alone & {*each.values}], len(cells)
    )


def _cells(score: Told) -> Iterator[tuple[tuple[tuple[str, str], ...], CellSums]]:
    for columns, cells in score.state.slices.cells.items():
        for key, cell in cells:
            if cell.rows >= LEAST and not cell.infinite and cell.rows < score.rows:
                yield tuple(zip(columns, key, strict=True)), cell
