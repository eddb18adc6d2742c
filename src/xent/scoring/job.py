"""How rows are read and scored, once that is decided; and the pieces in which it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from xent.scoring import naming
from xent.scoring.columns import Layout, Rows
from xent.scoring.errors import FileError
from xent.scoring.losses_file import LossesFile
from xent.scoring.reading import Reading, quoted
from xent.scoring.sources import Source, check_columns
from xent.scoring.sources.ahead import ahead
from xent.scoring.sources.reader import Reader, Split
from xent.scoring.state import Schema
from xent.scoring.tally import Tallies
from xent.scoring.values import Values

Told = Callable[[int, float | None], None]
"""Told, after each batch, how many rows were read, and which part of the whole if that is known."""


@dataclass(frozen=True)
class Piece:
    """A part of a source, or some of its rows."""

    part: int
    """Its number among the parts."""
    name: str
    opened: Callable[[], Reader]
    split: Split | None = None
    """Which rows, if not all."""

    def open(self) -> Reader:
        """A reader of the rows."""
        reader = self.opened()
        return reader if self.split is None else reader.only(self.split)


@dataclass(frozen=True)
class Job:
    """What it takes to score a piece, wherever that is done."""

    reading: Reading
    schemas: tuple[Schema, ...]
    """One for each part of the reading."""
    how: dict[str, Any]
    """Options of `Layout`."""
    first: str
    """The name of the part that decided how all are read."""
    by_name: bool
    """Were the columns of scores found by their names?"""

    def nothing(self) -> Tallies:
        """What is found in no rows."""
        return Tallies.of(self.schemas)

    def tallies(
        self,
        piece: Piece,
        reader: Reader,
        told: Told | None = None,
        file: LossesFile | None = None,
    ) -> Tallies:
        """What is found in the rows of a piece, whose losses are written to the file."""
        found = self.nothing()
        layouts = self.layouts(reader)
        start = 0 if piece.split is None else piece.split.first
        for several in self.batches(reader, layouts, start):
            found.add(several, piece.name)
            if file:
                file.add(several, piece.name)
            del several  # the next ones are made while nothing else holds these
            if told:
                told(found.seen, reader.fraction(found.seen))
        if told:
            told(found.seen, 1.0)
        for tally, layout in zip(found.parts, layouts, strict=True):
            tally.left_out.update(layout.left_out)
        return found

    def check(self, reader: Reader, name: str) -> None:
        """Fail unless a part has the columns of the first one, and no more classes."""
        check_columns(reader, name, self.reading.columns)
        if self.reading.shape == "columns" and self.by_name and name != self.first:
            mine = set(self.reading.scores)
            for found in naming.score_sets(reader.names):
                if mine < set(found.columns):
                    more = sorted(set(found.columns) - mine)
                    what = f"has scores in {quoted(more)}, too, unlike the first file. Name the "
                    raise FileError(
                        name, what + "columns with --score-columns if they are no class."
                    )

    def layouts(self, reader: Reader) -> list[Layout]:
        """What makes arrays of batches, for each part of the reading."""
        return [Layout(reader, part, **self.how) for part in self.reading.parts]

    def batches(
        self, reader: Reader, layouts: Sequence[Layout], start: int = 0
    ) -> Iterator[list[Rows]]:
        """The batches as arrays. Errors give the row in the part, and its line."""
        reading, first, values = self.reading, start, Values(reader.name)
        reader.labels = frozenset(reading.label_columns).difference(reading.show, reading.groups)
        numbers = [name for name in reading.numbers if name not in reading.texts]
        numbers += [each.column for each in reading.by if each.edges]
        for batch in ahead(reader.batches(reading.columns, numbers)):
            count = len(batch[reading.label_columns[0]])
            if count:
                try:
                    whole = reading.prepared(batch, values)
                    part = [layout.rows(whole, first) for layout in layouts]
                except FileError as error:
                    if error.row is None:
                        raise
                    row = first + int(error.row)  # the layout counts from the start of the batch
                    raise error.at(row, reader.line(row)) from None
                yield part
                del whole, part
                first += count


def pieces_of(job: Job, source: Source, workers: int) -> list[Piece]:
    """The parts of a source that were not left out; few of them are split, if they can be.

    They are opened for that. One that cannot be opened is left whole, for its error.
    """
    pieces = []
    for i, (name, opened) in enumerate(source.parts):
        if name in source.skipped:
            continue
        splits: Sequence[Split] = ()
        if workers > 1 and len(source.parts) <= PARTS * workers:
            try:
                splits = source.open(name, opened).splits(job.reading.columns, PARTS * workers)
            except FileError:
                splits = ()
        whole = Piece(i, name, opened)
        pieces += [Piece(i, name, opened, each) for each in splits] or [whole]
    return pieces


PARTS = 4
"""Pieces for each worker, where a file is split: so none waits for the slowest one for long."""
