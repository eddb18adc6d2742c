"""Parquet files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

import pyarrow.parquet

from xent.scoring.errors import FileError
from xent.scoring.sources.arrow_reader import BinaryReader
from xent.scoring.sources.lines import Wanted
from xent.scoring.sources.reader import MOST_ROW, Split, rows_of
from xent.scoring.sources.sample import ROWS

BUFFER = 1 << 16
"""Bytes read at once from each column of a Parquet file."""
LEAST = 1 << 26
"""Bytes of the numbers of a split, at least: some tens of milliseconds."""


class ParquetReader(BinaryReader):
    """Parquet."""

    endings = (".parquet", ".pq")
    kind = "Parquet"

    groups: range | None = None
    """The row groups that are read, if not all."""

    def fraction(self, rows: int) -> float | None:
        return float(rows / max(1, self.rows))

    def splits(self, columns: Sequence[str], most: int) -> Sequence[Split]:
        """Runs of row groups, of about the same number of rows."""
        with self._explained():
            metadata = self._open().metadata
        size = self._bytes_of_a_row(metadata, list(columns)) * metadata.num_rows
        count = min(most, int(size // LEAST), metadata.num_row_groups)
        if count < 2:
            return ()
        found: list[Split] = []
        start = first = rows = 0
        for i in range(metadata.num_row_groups):
            rows += metadata.row_group(i).num_rows
            if (first + rows) * count >= metadata.num_rows * (len(found) + 1):
                found.append(Split(first, rows, (start, i + 1)))
                start, first, rows = i + 1, first + rows, 0
        return found

    def only(self, split: Split) -> Self:
        self.groups, self.rows = range(*split.units), split.rows
        return self

    def _schema(self) -> Any:
        opened = self._open()
        self.rows = opened.metadata.num_rows
        return opened.schema_arrow

    def _stream(self, wanted: Wanted) -> Any:
        for batch in self._batches(columns=list(wanted.columns)):
            yield batch.select(wanted.columns)  # the batch has them in the file's order

    def _first(self) -> Iterator[Any]:
        yield from self._batches(ROWS)

    def _batches(self, most: int | None = None, columns: list[str] | None = None) -> Iterator[Any]:
        opened = self._open()
        row = self._bytes_of_a_row(opened.metadata, columns)
        if row > MOST_ROW:
            what = f"has rows of {row:.0f} bytes, more than the {MOST_ROW} that are read at once."
            raise FileError(self.name, what)
        rows = rows_of(row)
        size = rows if most is None else min(most, rows)
        yield from opened.iter_batches(batch_size=size, columns=columns, row_groups=self.groups)

    @staticmethod
    def _bytes_of_a_row(metadata: Any, columns: list[str] | None) -> float:
        """The bytes of a row of the first row group, decoded: 8 or more for each number."""
        if not metadata.num_row_groups:
            return 0
        group, wanted, total = metadata.row_group(0), columns and frozenset(columns), 0
        for i in range(group.num_columns):
            column = group.column(i)
            if not wanted or column.path_in_schema.partition(".")[0] in wanted:
                total += max(column.total_uncompressed_size, 8 * column.num_values)
        return float(total / max(1, group.num_rows))

    def _open(self) -> Any:
        # A buffer filled ahead grows with the file.
        source = self.file.open()
        return pyarrow.parquet.ParquetFile(source, pre_buffer=False, buffer_size=BUFFER)
