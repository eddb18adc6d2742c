"""Parquet files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from threading import Lock
from typing import Any, NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet

from xent.scoring.errors import FileError
from xent.scoring.sources.arrow_reader import BinaryReader
from xent.scoring.sources.column_blocks import ColumnBlocks, blocks_of
from xent.scoring.sources.lines import Wanted
from xent.scoring.sources.reader import MOST_ROW, Batch, Split, rows_of
from xent.scoring.sources.sample import ROWS

BUFFER = 1 << 16
"""Bytes read at once from each column of a Parquet file."""
LEAST = 1 << 26
"""Bytes of the numbers of a split, at least: some tens of milliseconds."""
PAGE = 1 << 20
"""Bytes of a page, about: PyArrow holds one of each column that it reads."""
MOST_HELD = 1 << 30
"""The most bytes of buffers and pages: of a wider file, some columns are read at a time."""
WIDE = 3 << 26
"""Bytes of the numbers of its batches: each batch decodes the whole row group."""


class Sizes(NamedTuple):
    """Bytes that the columns of a file take."""

    row: float
    """Those of a row, decoded: 8 or more for each number."""
    held: float
    """Those of buffers and pages, while all columns are read side by side."""


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
        size = self._sizes(metadata, columns).row * metadata.num_rows
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

    def batches(self, columns: Sequence[str], numbers: Sequence[str]) -> Iterator[Batch]:
        with self._explained(Wanted(columns, frozenset(numbers))):
            opened = self._open()
            sizes = self._sizes(opened.metadata, columns)
            if sizes.held > MOST_HELD:
                yield from self._wide(opened, columns, max(1, int(WIDE / max(1, sizes.row))))
                return
            size = rows_of(sizes.row)
            for batch in opened.iter_batches(size, self.groups, columns=list(columns)):
                # The batch has them in the file's order.
                yield dict(zip(columns, batch.select(columns).columns, strict=True))

    def _first(self) -> Iterator[Any]:
        opened = self._open()
        sizes = self._sizes(opened.metadata)
        rows = min(ROWS, rows_of(sizes.row))
        if sizes.held <= MOST_HELD:
            yield from opened.iter_batches(rows)
            return
        parts = [
            part
            for names in blocks_of(self.names)
            for part in islice(_batches(opened, rows, None, names), 1)
        ]
        names = [name for part in parts for name in part.schema.names]
        yield pa.record_batch([column for part in parts for column in part.columns], names)

    def _wide(self, opened: Any, columns: Sequence[str], rows: int) -> Iterator[Batch]:
        """Batches of some rows of a row group, whose columns are read block by block."""
        lock = Lock()  # batches are made in one thread, and read in another

        def batch(group: int, number: int, count: int) -> Batch:
            def read(names: Sequence[str]) -> Sequence[Any]:
                with lock, self._explained(Wanted(columns)):
                    parts = _batches(opened, rows, group, names)
                    found = next(islice(parts, number, None)).select(names)
                    if found.num_rows != count:
                        msg = f"{found.num_rows} rows of '{names[0]}', not {count}"
                        raise pa.ArrowInvalid(msg)
                    return list(found.columns)

            return ColumnBlocks(columns, read)

        for group in self.groups or range(opened.num_row_groups):
            size = opened.metadata.row_group(group).num_rows
            for number, start in enumerate(range(0, size, rows)):
                yield batch(group, number, min(rows, size - start))

    def _sizes(self, metadata: Any, columns: Sequence[str] = ()) -> Sizes:
        """By the largest row group, in which a page may be largest; of all columns by default."""
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        if not groups:
            return Sizes(0, 0)
        group, wanted, total, held = max(groups, key=_rows), frozenset(columns), 0, 0
        for i in range(group.num_columns):
            column = group.column(i)
            path = column.path_in_schema
            if not wanted or path in wanted or path.partition(".")[0] in wanted:
                size = column.total_uncompressed_size
                total += max(size, 8 * column.num_values)
                held += BUFFER + min(size, PAGE)
        row = float(total / max(1, group.num_rows))
        if row > MOST_ROW:
            what = f"has rows of {row:.0f} bytes, more than the {MOST_ROW} that are read at once."
            raise FileError(self.name, what)
        return Sizes(row, held)

    def _open(self) -> Any:
        # A buffer filled ahead grows with the file.
        source = self.file.open()
        return pyarrow.parquet.ParquetFile(source, pre_buffer=False, buffer_size=BUFFER)


def _batches(opened: Any, rows: int, group: int | None, columns: Sequence[str]) -> Iterator[Any]:
    """Batches of a row group, or of all. To share few rows among threads would take longer."""
    groups = None if group is None else [group]
    found = opened.iter_batches(rows, groups, list(columns), use_threads=False)
    return iter(found)


def _rows(group: Any) -> int:
    return int(group.num_rows)
