"""Reads the rows of a source as its first rows showed that they are to be read."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from xent._plausible import are_decisions, are_probabilities, may_be_percentages
from xent._validation import Array, check_number
from xent.scoring import naming
from xent.scoring.choosing_indicators import read
from xent.scoring.columns import Layout, Missing, Rows
from xent.scoring.errors import FileError
from xent.scoring.labels import whole_number
from xent.scoring.losses_file import LossesFile
from xent.scoring.reading import Options, Reading, listed
from xent.scoring.saved import UNPREDICTED
from xent.scoring.slicing import slicings
from xent.scoring.sources import Source, open_truth
from xent.scoring.sources.ahead import ahead
from xent.scoring.sources.reader import Reader
from xent.scoring.state import Schema, State
from xent.scoring.values import Values

Progress = Callable[[int, float | None], None]
"""Told, after each batch, how many rows were read, and which part of the whole if that is known."""


@dataclass
class Tally:
    """What was found in some of the rows."""

    state: State
    """Counts and sums of the rows that count."""
    seen: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """How many rows were left out, by the reason."""
    like_probabilities: bool = True
    like_percentages: bool = True
    like_decisions: bool = True
    highest: float = -math.inf
    """The largest score."""

    def add(self, rows: Rows, source: str) -> None:
        """Add a batch."""
        if not len(rows.places):  # all were left out
            return
        self.seen += len(rows.places)
        if rows.weight is not None:
            self.left_out["weight 0"] += int((rows.weight == 0).sum())
        self.state.add(
            rows.scores, rows.labels, rows.weight, rows.places, source, rows.shown, rows.groups
        )
        self._look_at(rows.scores)

    def _look_at(self, scores: Array) -> None:
        """Find out what the scores look like, as far as a note may say so of their kind."""
        kind = self.state.schema.kind
        if kind == "logits":
            self.like_probabilities = self.like_probabilities and are_probabilities(scores, 1e-3)
            self.like_percentages = self.like_percentages and may_be_percentages(scores, 1e-3)
            self.highest = max(self.highest, float(scores.max()))
        elif kind == "probabilities":
            self.like_decisions = self.like_decisions and are_decisions(scores)

    def merge(self, other: Tally) -> Tally:
        """What was found in both sets of rows."""
        return Tally(
            self.state.merge(other.state),
            self.seen + other.seen,
            self.left_out + other.left_out,
            self.like_probabilities and other.like_probabilities,
            self.like_percentages and other.like_percentages,
            self.like_decisions and other.like_decisions,
            max(self.highest, other.highest),
        )


class Run:
    """A source, and how its rows are read."""

    def __init__(
        self,
        source: Source,
        *,
        tolerance: float = 1e-3,
        missing: Missing = "error",
        ignored: Sequence[str] = (),
        lenient: bool = False,
        truth: Any = None,
        key: str | Sequence[str] | None = None,
        by: Sequence[str] = (),
        score_columns: Sequence[str] | None = None,
        predicted_column: str | None = None,
        **columns: Any,
    ) -> None:
        tolerance = check_number(tolerance, "tolerance", 0, 1)
        self.source = source
        if (truth is None) != (key is None):
            msg = "truth and key go together: the table of labels, and the column that both have."
            raise ValueError(msg)
        self.source.spread()
        if key is not None:
            self.source.join(open_truth(truth, key, drops=missing == "drop"))
        self.first, self.sample = self.source.first
        options = Options(
            **columns,
            score_columns=score_columns and [self.first.called(name) for name in score_columns],
            predicted_column=predicted_column and self.first.called(predicted_column),
            by=slicings(by, self.first.names),
            ignored=frozenset(whole_number(str(each)) for each in ignored),
            tolerance=tolerance,
            lenient=lenient,
        )
        self.reading = read(self.first, self.sample, options)
        if self.source.truth is not None:
            self.reading = replace(self.reading, truth=self.source.truth.name)
        self.by_name = not score_columns
        self.how: dict[str, Any] = {"missing": missing, "ignored": ignored, "tolerance": tolerance}
        self.lenient = lenient

    def tallies(
        self,
        worst: int,
        clip: float | None,
        losses: Path | None = None,
        progress: Progress | None = None,
    ) -> list[Tally]:
        """Read all rows, and write the losses of each; a tally for each part of the reading.

        A part of the source that is left out leaves nothing.
        """
        r = self.reading
        if r.groups and len(r.parts) > 1:
            msg = "slices and clusters are for one label per row, not for labels that may be true "
            raise ValueError(msg + "at once.")
        schemas = [
            Schema(
                p.kind, tuple(p.classes), p.shape == "binary", p.weight is not None, clip, worst,
                tuple(each.text for each in p.by), p.cluster,
            )
            for p in r.parts
        ]  # fmt: skip
        totals = [Tally(State(schema)) for schema in schemas]
        self.source.match(r.columns)
        with LossesFile.open(losses, r, clip, self.source) as file:
            for i, (name, opened) in enumerate(self.source.parts):
                if name in self.source.skipped:
                    continue
                told = self._told(progress, totals[0].seen, i)
                with self.source.skipping(name):
                    # A part that may be left out is written once it has been read to its end.
                    at_once = None if self.source.skips else file
                    found = self._part(name, opened, schemas, at_once, told)
                    totals = [a.merge(b) for a, b in zip(totals, found, strict=True)]
                    if file and self.source.skips:
                        self._part(name, opened, schemas, file)
            self.source.check_any()
        if self.source.truth is not None:
            for total in totals:
                total.left_out[UNPREDICTED] += self.source.truth.without_prediction
        return totals

    def _told(self, progress: Progress | None, before: int, part: int) -> Progress:
        """What tells how far the whole is where a part is so far."""

        def tell(rows: int, fraction: float | None) -> None:
            if progress is not None:
                known = None if fraction is None else (part + fraction) / len(self.source.parts)
                progress(before + rows, known)

        return tell

    def _part(
        self,
        name: str,
        opened: Any,
        schemas: Sequence[Schema],
        file: LossesFile | None,
        told: Progress | None = None,
    ) -> list[Tally]:
        found = [Tally(State(schema)) for schema in schemas]
        layouts = self._layouts(reader := self._open(name, opened))
        for several in _rows(reader, self.reading, layouts):
            for tally, rows in zip(found, several, strict=True):
                tally.add(rows, name)
            if file:
                file.add(several, name)
            del several, rows  # the next ones are made while nothing else holds these
            if told:
                told(found[0].seen, reader.fraction(found[0].seen))
        if told:
            told(found[0].seen, 1.0)
        for tally, layout in zip(found, layouts, strict=True):
            tally.left_out.update(layout.left_out)
        return found

    def rows(self) -> Iterator[list[Rows]]:
        """The rows of all parts of the source, for each part of the reading."""
        self.source.match(self.reading.columns)
        for name, opened in self.source.parts:
            reader = self._open(name, opened)
            yield from _rows(reader, self.reading, self._layouts(reader))

    def _open(self, name: str, opened: Any) -> Reader:
        reader = self.source.open(name, opened, self.reading.columns)
        if self.reading.shape == "columns" and self.by_name and reader is not self.first:
            mine = set(self.reading.scores)
            for found in naming.score_sets(reader.names):
                if mine < set(found.columns):
                    more = sorted(set(found.columns) - mine)
                    what = f"has scores in {listed(more)}, too, unlike the first file. Name the "
                    raise FileError(
                        name, what + "columns with --score-columns if they are no class."
                    )
        return reader

    def _layouts(self, reader: Reader) -> list[Layout]:
        return [
            Layout(reader, part, lenient=self.lenient, **self.how) for part in self.reading.parts
        ]


def _rows(reader: Reader, reading: Reading, layouts: Sequence[Layout]) -> Iterator[list[Rows]]:
    """The batches of a part as arrays. Errors give the row in the part, and its line."""
    first, values = 0, Values(reader.name)
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
