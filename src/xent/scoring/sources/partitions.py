"""Columns that the names of folders hold, as in country=DE/part-0.parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import pyarrow as pa

from xent.scoring.errors import FileError
from xent.scoring.labels import whole_number
from xent.scoring.sources.reader import Batch, Reader, Split
from xent.scoring.sources.sample import Sample


class PartitionedReader(Reader):
    """The rows of a file, with the columns that the names of its folders hold."""

    def __init__(self, reader: Reader, partitions: Mapping[str, str | None]) -> None:
        super().__init__(reader.name)
        self.reader = reader
        self.doubled = {k: v for k, v in partitions.items() if k in reader.names}
        """Columns that the file has, too: both must say the same."""
        self.constants = {k: v for k, v in partitions.items() if k not in reader.names}
        self.names = [*reader.names, *self.constants]

    def batches(self, columns: Sequence[str], numbers: Sequence[str]) -> Iterator[Batch]:
        self.reader.labels = self.labels
        own = [name for name in columns if name not in self.constants] or self.reader.names[:1]
        first = 0
        for batch in self.reader.batches(own, numbers):
            self._check(batch, first)
            rows = len(batch[own[0]])
            first += rows
            yield {n: self._column(n, rows) if n in self.constants else batch[n] for n in columns}

    def splits(self, columns: Sequence[str], most: int) -> Sequence[Split]:
        return self.reader.splits([n for n in columns if n not in self.constants], most)

    def only(self, split: Split) -> Self:
        self.reader = self.reader.only(split)
        return self

    def sample(self) -> Sample:
        found = self.reader.sample()
        self._check(found.written)
        added = {name: self._column(name, len(found)) for name in self.constants}
        return Sample({**found.columns, **added}, {**found.written, **added})

    def _check(self, batch: Batch, first: int = 0) -> None:
        """Fail where a column of the file differs from the name of its folder."""
        for name, value in self.doubled.items():
            column = batch.get(name)
            if column is None:
                continue
            held = column.tolist() if isinstance(column, np.ndarray) else column.to_pylist()
            for row, each in enumerate(held):
                if _text(each) != _text(value):
                    what = f"holds {each!r}, but the folder is called {name}={value}. Rename one: "
                    what += "the column, if it means something else, or the folder."
                    row += first
                    raise FileError(self.name, what, row=row, line=self.line(row), column=name)

    def _column(self, name: str, rows: int) -> Any:
        return pa.repeat(pa.scalar(self.constants[name], pa.string()), rows)

    def check(self, name: str) -> None:
        self.reader.check(name)

    def first_records(self) -> list[dict[str, Any]] | None:
        return self.reader.first_records()

    def records(self) -> Iterator[tuple[int, list[dict[str, Any]]]] | None:
        return self.reader.records()

    def fraction(self, rows: int) -> float | None:
        return self.reader.fraction(rows)

    def line(self, row: int) -> int | None:
        return self.reader.line(row)


def _text(value: Any) -> str:
    """A value as text: 1 for 01, as in month=01, and a day for its first moment."""
    text = "" if value is None else whole_number(str(value).strip().removesuffix(" 00:00:00"))
    return text.lower() if text.lower() in ("true", "false") else text
