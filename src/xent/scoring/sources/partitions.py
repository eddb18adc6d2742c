"""Columns that the names of folders hold, as in country=DE/part-0.parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import pyarrow as pa

from xent.scoring.sources.reader import Batch, Reader, Split
from xent.scoring.sources.sample import Sample


class PartitionedReader(Reader):
    """The rows of a file, with the columns that the names of its folders hold."""

    def __init__(self, reader: Reader, partitions: Mapping[str, str | None]) -> None:
        super().__init__(reader.name)
        self.reader = reader
        self.constants = {k: v for k, v in partitions.items() if k not in reader.names}
        self.names = [*reader.names, *self.constants]

    def batches(self, columns: Sequence[str], numbers: Sequence[str]) -> Iterator[Batch]:
        self.reader.labels = self.labels
        own = [name for name in columns if name not in self.constants] or self.reader.names[:1]
        for batch in self.reader.batches(own, numbers):
            rows = len(batch[own[0]])
            yield {n: self._column(n, rows) if n in self.constants else batch[n] for n in columns}

    def splits(self, columns: Sequence[str], most: int) -> Sequence[Split]:
        return self.reader.splits([n for n in columns if n not in self.constants], most)

    def only(self, split: Split) -> Self:
        self.reader = self.reader.only(split)
        return self

    def sample(self) -> Sample:
        found = self.reader.sample()
        added = {name: self._column(name, len(found)) for name in self.constants}
        return Sample({**found.columns, **added}, {**found.written, **added})

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
