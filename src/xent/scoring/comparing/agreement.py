"""Rows that are paired must agree: in their labels, and in other columns that sources share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xent._validation import Array
from xent.scoring.columns import Rows, groups_of
from xent.scoring.comparing.sides import Piece, Side, at_places
from xent.scoring.labels import whole_number
from xent.scoring.reading import Reading
from xent.scoring.slicing import NOTHING
from xent.scoring.sources import Source
from xent.scoring.values import Values, as_numpy


def shared_columns(
    earlier: Sequence[Side], source: Source, own: Mapping[str, Reading]
) -> dict[str, Side]:
    """Columns of weights, slices or clusters that a source has too, and the side that counts.

    Not those that it reads as labels or scores, which are checked or its own; nor those of a table
    of labels, which is the same for all sources.
    """
    names = set(source.first[0].names).difference(*(reading.columns for reading in own.values()))
    if source.truth is not None:
        names -= {*source.truth.names}
    found: dict[str, Side] = {}
    for side in earlier:
        weight = [side.first.weight] if side.first.weight else []
        found |= {name: side for name in (*weight, *side.first.groups) if name in names}
    return found


class Agreement:
    """Fails where paired rows differ in what should be the same in all sources."""

    def __init__(
        self, sides: Sequence[Side], orders: Sequence[Array], classes: Sequence[str], key: Any
    ) -> None:
        self.sides, self.orders, self.classes, self.key = sides, orders, classes, key
        self.drops = sides[0].missing == "drop"

    def check(self, pieces: Sequence[Piece], found: Sequence[Rows], kept: Array) -> None:
        """Check the rows that are kept; `found` are those of the first model of each side."""
        for i in range(1, len(self.sides)):
            self._check_labels(pieces, found, kept, i)
        for i, side in enumerate(self.sides):
            for name, first in side.shared.items():
                self._check_column(pieces, name, self.sides.index(first), i, kept)

    def _check_labels(
        self, pieces: Sequence[Piece], found: Sequence[Rows], kept: Array, i: int
    ) -> None:
        first, rows = found[0], found[i]
        mine = self.orders[0][at_places(first.places, first.labels, kept)]
        theirs = self.orders[i][at_places(rows.places, rows.labels, kept)]
        column = self.sides[i].first.label_columns[0]
        if not np.array_equal(mine, theirs):
            at = int(np.flatnonzero(mine != theirs)[0])
            told = self.classes[mine[at]], self.classes[theirs[at]]
            self._fail(pieces, (0, i), int(kept[at]), column, told, "label")
        if not self.drops and len(rows.places) != len(first.places):
            at = int(np.setxor1d(rows.places, first.places)[0])
            told = "one that is left out", "another one"
            told = told if at in rows.places else told[::-1]
            self._fail(pieces, (0, i), at, column, told, "label")

    def _check_column(
        self, pieces: Sequence[Piece], name: str, first: int, i: int, kept: Array
    ) -> None:
        columns = [pieces[j].batch[name] for j in (first, i)]
        rows = kept[~_equal(*columns)[kept]]
        if not len(rows):  # mostly so, and much faster than to look at each value
            return
        values = [Values(pieces[j].part) for j in (first, i)]
        pairs = list(zip(values, columns, strict=True))
        if name in self.sides[first].numbers:
            one, two = (own.numbers(each, name, gaps=True)[rows] for own, each in pairs)
            if one.dtype != two.dtype:  # 0.1 of float32 is another number in float64
                one, two = one.astype(np.float32), two.astype(np.float32)
            differs = (one != two) & ~(np.isnan(one) & np.isnan(two))
        else:
            one, two = (groups_of(own, each, name).of(rows).values for own, each in pairs)
            differs = one != two
        if differs.any():
            at = int(differs.argmax())
            told = _told(one[at]), _told(two[at])
            self._fail(pieces, (first, i), int(rows[at]), name, told, "value")

    def _fail(
        self,
        pieces: Sequence[Piece],
        sides: tuple[int, int],
        row: int,
        column: str,
        told: tuple[str, ...],
        what: str,
    ) -> NoReturn:
        base, piece = (pieces[i] for i in sides)
        own, other = told
        of = f"row {int(base.rows[row])} of {base.part}"
        says = f"the {what} is {other}, but in {of} it is {own}. "
        if self.key is None:
            says += "Are the rows in the same order? A column that says which rows belong "
            says += "together is named by --key COLUMN."
        else:
            says += f"Both have the same key: one of the {what}s is wrong."
        if what != "label":
            says += " If the column is about something else here, give it another name."
        piece.fail(row, says, column)


def _equal(one: Any, two: Any) -> Array:
    """In which rows Arrow finds equal values, or none in both; nowhere if it cannot compare."""
    try:
        one, two = pa.array(one), pa.array(two)
        equal = pc.fill_null(pc.equal(one, two), False)
    except (pa.ArrowException, TypeError):
        return np.zeros(len(one), bool)
    gone = (pc.is_null(each, nan_is_null=True) for each in (one, two))
    return as_numpy(pc.or_(equal, pc.and_(*gone)))


def _told(value: Any) -> str:
    """A value for a message."""
    return "missing" if value == NOTHING or value != value else whole_number(str(value))
