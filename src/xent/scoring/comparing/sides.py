"""A source with the models whose scores it holds, and its rows as arrays for each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, NoReturn

import numpy as np
import pyarrow as pa

from xent._validation import Array
from xent.scoring.choosing_indicators import read
from xent.scoring.columns import Layout, Missing, Rows
from xent.scoring.comparing.finding import Columns, ModelFinder, OneScore
from xent.scoring.errors import FileError
from xent.scoring.language.run import form_of
from xent.scoring.reading import Options, Reading
from xent.scoring.sources import Source, open_source, open_truth
from xent.scoring.sources.ahead import ahead
from xent.scoring.sources.memory import MemoryReader, is_named
from xent.scoring.sources.reader import Batch, Reader
from xent.scoring.values import Values

EXTRAS = ("weight_column", "cluster", "by", "show")
"""Options that name columns that may be in any one of the sources."""


class Asked(NamedTuple):
    """What is asked for of a model: its columns, if they are named, and the kind of its scores."""

    columns: Columns | None = None
    kind: str | None = None
    found: bool = False
    """Was it found by the names of its columns?"""


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


@dataclass
class Side:
    """A source, and how the scores of each of its models are read."""

    source: Source
    models: dict[str, Reading]
    missing: Missing
    ignored: Sequence[str]
    tolerance: float
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
        return list(dict.fromkeys(name for r in self.models.values() for name in r.columns))

    @property
    def numbers(self) -> list[str]:
        """Those that hold numbers, but for lists that are written as text."""
        found = [name for r in self.models.values() for name in r.numbers if name not in r.texts]
        return list(dict.fromkeys(found))

    def prepare(self, reader: Reader) -> Reader:
        """Tell a reader which columns hold labels."""
        first = self.first
        labels = frozenset(name for r in self.models.values() for name in r.label_columns)
        reader.labels = labels.difference(first.show, first.groups)
        return reader

    def pieces(self) -> Iterator[Piece]:
        """All rows, piece by piece."""
        columns, numbers = self.columns, self.numbers
        for name, opened in self.source.parts:
            reader = self.prepare(self.source.open(name, opened, columns))
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


def open_side(
    source: Any,
    labels: Any,
    name: str,
    *,
    truth: Any,
    key: Any,
    missing: Missing,
) -> Source:
    """A source, joined with the table of labels if there is one; of tables, the name says which."""
    if name and not is_named(source):
        reader = MemoryReader(source, labels, name=f"table {name}")
        opened = Source(reader.name, [(reader.name, lambda: reader)])
    else:
        opened = open_source(source, labels)
    opened.spread()
    if truth is not None:
        opened.join(open_truth(truth, key, drops=missing == "drop"))
    return opened


def found_models(source: Source, options: Mapping[str, Any]) -> dict[str, Columns]:
    """The models that the names of a source's columns show."""
    reader, sample = source.first
    taken = [options["weight_column"], options["cluster"], *options["by"], *options["show"]]
    asked = Options(
        label_column=options["label_column"], ignored=options["ignored"],
        tolerance=options["tolerance"], classes=options["classes"],
        normalize=options["normalize"],
    )  # fmt: skip
    return ModelFinder(reader, sample, asked).models({*filter(None, taken), *options["keys"]})


def readings(
    source: Source,
    models: Mapping[str, Asked],
    extras: Mapping[str, Any],
    options: Mapping[str, Any],
) -> dict[str, Reading]:
    """How each model's scores are read; the first one has the columns that are no scores, too."""
    reader, sample = source.first
    shared = {name: options[name] for name in (
        "predicted_column", "classes", "tolerance", "normalize", "ignored",
    )}  # fmt: skip
    label = options["label_column"]
    found: dict[str, Reading] = {}
    for name, asked in models.items():
        columns = asked.columns and tuple(reader.called(each) for each in asked.columns)
        chosen = Options(
            label_column=label, score_columns=columns, kind=asked.kind, multi_label=False,
            **(extras if not found else {}), **shared,
        )  # fmt: skip
        # A column that is called after its model is not one of a class.
        alone = (asked.found or name in columns[0]) and len(columns) == 1 if columns else False
        try:
            if alone and columns and not sample.listed(columns[0]):
                reading = OneScore(reader, sample, chosen).reading()
            else:
                if columns is None and label is None and form_of(source, None) is not None:
                    what = "holds log-probabilities of a language model; xent compare is for "
                    raise FileError(source.name, what + "predictions of classes.")
                reading = read(reader, sample, replace(chosen, multi_label=None))
        except FileError as error:
            if len(models) == 1:
                raise
            what = f"model {name}: {error.what}"
            raise FileError(error.path, what, row=error.row, line=error.line,
                            column=error.column) from None  # fmt: skip
        if len(reading.parts) > 1:
            what = "several labels of a row may be true at once; xent compare is for one label "
            raise FileError(source.name, what + "per row.")
        if source.truth is not None:
            reading = replace(reading, truth=source.truth.name)
        found[name] = reading
        label = label or (list(reading.label_columns) if len(reading.label_columns) > 1
                          else reading.label_columns[0])  # fmt: skip
    return found


def placed(sources: Sequence[Source], options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each source, the options that name columns it has and none before it; else the first."""
    names = [source.first[0].names for source in sources]

    def place(column: str) -> int:
        return next((i for i, each in enumerate(names) if column in each), 0)

    found: list[dict[str, Any]] = [{} for _ in sources]
    for i, each in enumerate(found):
        for option in ("weight_column", "cluster"):
            column = options[option]
            each[option] = column if column is not None and place(column) == i else None
        for option in ("by", "show"):
            each[option] = tuple(column for column in options[option] if place(column) == i)
    return found
