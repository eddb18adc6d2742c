"""A source with the models whose scores it holds, and its rows as arrays for each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

import numpy as np
import pyarrow as pa

from xent._validation import Array
from xent.scoring.columns import Layout, Missing, Rows
from xent.scoring.errors import FileError
from xent.scoring.reading import Reading
from xent.scoring.sources import Source, check_columns
from xent.scoring.sources.ahead import ahead
from xent.scoring.sources.reader import Batch, Reader
from xent.scoring.values import Values


class Piece(NamedTuple):
    """Rows that follow each other in a part of a source, as they were read."""

    part: str
    reader: Reader | None
    batch: Batch
    rows: Array
    """Their numbers in the part."""

    def of(self, rows: Any) -> Piece:
        """The same of these rows: a slice, or their numbers in the batch."""
        return self._replace(
            batch={name: _taken(column, rows) for name, column in self.batch.items()},
            rows=self.rows[rows],
        )

    def fail(self, row: int, what: str, column: str | None = None) -> NoReturn:
        """Raise an error about a row of the batch."""
        place = int(self.rows[row])
        line = self.reader.line(place) if self.reader else None
        raise FileError(self.part, what, row=place, line=line, column=column)


def _taken(column: Any, rows: Any) -> Any:
    if isinstance(rows, slice) or isinstance(column, np.ndarray):
        return column[rows]
    return column.take(pa.array(rows))


def at_places(places: Array, values: Array | None, kept: Array) -> Array:
    """Of the values at these places, those that are kept."""
    assert values is not None
    if len(places) == len(kept):
        return values
    return np.asarray(values[np.searchsorted(places, kept)])


@dataclass(eq=False)
class Side:
    """A source, and how the scores of each of its models are read."""

    source: Source
    models: dict[str, Reading]
    missing: Missing
    ignored: Sequence[str]
    tolerance: float
    shared: Mapping[str, Side] = field(default_factory=dict)
    """Columns that only have to agree with those of an earlier side, which count."""
    left_out: Counter[str] = field(default_factory=Counter)
    """How many rows were left out, by the reason."""

    @property
    def name(self) -> str:
        """How errors call it."""
        return self.source.name

    @property
    def first(self) -> Reading:
        """The reading of its first model, which holds weights and other columns, too."""
        return next(iter(self.models.values()))

    @property
    def columns(self) -> list[str]:
        """All columns to be read."""
        own = (name for r in self.models.values() for name in r.columns)
        return list(dict.fromkeys([*own, *self.shared]))

    @property
    def numbers(self) -> list[str]:
        """Those that hold numbers, but for lists that are written as text."""
        found = [name for r in self.models.values() for name in r.numbers if name not in r.texts]
        found += [each.column for each in self.first.by if each.edges]
        found += [name for name, side in self.shared.items() if name in side.numbers]
        return list(dict.fromkeys(found))

    def open(self, name: str, opened: Callable[[], Reader]) -> Reader:
        """A part, which must have the columns, told which of them hold labels."""
        reader, first = self.source.open(name, opened), self.first
        check_columns(reader, name, self.columns)
        labels = frozenset(name for r in self.models.values() for name in r.label_columns)
        reader.labels = labels.difference(first.show, first.groups)
        return reader

    def pieces(self) -> Iterator[Piece]:
        """All rows, piece by piece."""
        columns, numbers = self.columns, self.numbers
        for name, opened in self.source.parts:
            reader = self.open(name, opened)
            first = 0
            for batch in ahead(reader.batches(columns, numbers)):
                if count := len(batch[columns[0]]):
                    yield Piece(name, reader, batch, np.arange(first, first + count))
                    first += count

    def layouts(self) -> dict[str, Layout]:
        """What makes arrays of its rows, for each model."""
        reader = self.source.first[0]
        how: Any = {
            "missing": self.missing, "ignored": self.ignored, "tolerance": self.tolerance,
        }  # fmt: skip
        return {name: Layout(reader, r, **how) for name, r in self.models.items()}

    def rows(self, piece: Piece, layouts: Mapping[str, Layout]) -> dict[str, Rows]:
        """The arrays of a piece for each model; rows are counted from its first one."""
        found: dict[str, Rows] = {}
        for name, layout in layouts.items():
            layout.values.name = piece.part
            try:
                whole = layout.reading.prepared(piece.batch, Values(piece.part))
                found[name] = layout.rows(whole, 0)
            except FileError as error:
                if error.row is None:
                    raise
                what = error.what.replace("xent score --missing", "--missing")
                piece.fail(int(error.row), what, error.column)
        return found
