"""Tables in memory: data frames, relations, arrays by name, and batches of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from os import PathLike
from typing import Any

import numpy as np
import pyarrow as pa

from xent.scoring.errors import FileError
from xent.scoring.sources.reader import Batch, Reader, rows_of
from xent.scoring.sources.sample import ROWS, Sample

Table = dict[str, Any]
"""Columns by name: Arrow or NumPy arrays of one length."""

ONE_ARRAY = (
    "an array without names. Give scores and labels by name, {'label': y, 'prob': p}, or an array "
    "of scores with labels=y."
)


def is_named(source: Any) -> bool:
    """Is this the name of a file, or several names, instead of a table?"""
    if isinstance(source, (str, PathLike)):
        return True
    return isinstance(source, (list, tuple)) and all(map(is_named, source))


class MemoryReader(Reader):
    """A table in memory, or batches of one; those of an iterator are read once."""

    def __init__(self, source: Any, labels: Any = None, *, name: str = "") -> None:
        kind = type(source)
        module = kind.__module__.partition(".")[0]
        called = kind.__name__ if module == "builtins" else f"{module} {kind.__name__}"
        super().__init__(name or called)
        if labels is not None:
            source = {**self._scores(source), "label": labels}
        tables = self._tables(source)
        first = next(tables, None)
        if first is None:
            raise FileError(self.name, "holds no rows.")
        self.first = first
        self.names = list(first)
        self.once = isinstance(source, (Iterator, pa.RecordBatchReader))
        self.rest = chain([first], tables) if self.once else None
        self.source = source

    def _scores(self, source: Any) -> Table:
        """The scores beside which labels are given: an array, or the columns of a table."""
        if isinstance(source, Mapping):
            return {str(name): values for name, values in source.items()}
        if hasattr(source, "__arrow_c_stream__") and not hasattr(source, "name"):  # no series
            table = self._converted(pa.table, source)
            return dict(zip(table.column_names, table.columns, strict=True))
        return {"scores": source}

    def sample(self) -> Sample:
        return Sample({name: column[:ROWS] for name, column in self.first.items()})

    def batches(self, columns: Sequence[str], numbers: Sequence[str]) -> Iterator[Batch]:  # noqa: ARG002
        tables = self._tables(self.source) if self.rest is None else self.rest
        for i, table in enumerate(tables):
            for name in columns:
                if name not in table:
                    what = f"batch {i} has no column '{name}'; it has {', '.join(table)}."
                    raise FileError(self.name, what)
            yield from self._parts({name: table[name] for name in columns})

    def _parts(self, table: Table) -> Iterator[Batch]:
        """The table in parts that are no larger than a batch should be."""
        lengths = {name: len(column) for name, column in table.items()}
        if len(set(lengths.values())) > 1:
            shown = ", ".join(f"'{name}' has {n}" for name, n in lengths.items())
            raise FileError(self.name, f"the arrays differ in their number of rows: {shown}.")
        rows = next(iter(lengths.values()))
        step = rows_of(sum(column.nbytes for column in table.values()) / max(1, rows))
        for start in range(0, rows, step):
            yield {name: column[start : start + step] for name, column in table.items()}

    def _tables(self, source: Any) -> Iterator[Table]:
        """The tables that the source consists of, but for empty ones."""
        if isinstance(source, Mapping):
            yield {str(name): self._column(name, values) for name, values in source.items()}
        elif hasattr(source, "__arrow_c_stream__"):
            for batch in self._converted(pa.RecordBatchReader.from_stream, source):
                yield from self._of_batch(batch)
        elif hasattr(source, "__arrow_c_array__"):
            yield from self._of_batch(self._converted(pa.record_batch, source))
        elif hasattr(source, "__array__"):
            raise FileError(self.name, ONE_ARRAY)
        elif isinstance(source, Iterable):
            for table in source:
                yield from self._tables(table)
        else:
            yield from self._tables(self._collected(source))

    @staticmethod
    def _of_batch(batch: Any) -> Iterator[Table]:
        if batch.num_rows:
            yield dict(zip(map(str, batch.schema.names), batch.columns, strict=True))

    def _converted(self, convert: Any, source: Any, column: str | None = None) -> Any:
        try:
            return convert(source)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            what = f"is not a table that Arrow can hold: {error}"
            raise FileError(self.name, what, column=column) from None

    def _collected(self, source: Any) -> Any:
        """The rows of a lazy frame, or of a data frame without Arrow's interface."""
        try:
            import narwhals
        except ModuleNotFoundError:
            msg = "reading this kind of table needs narwhals: pip install narwhals"
            raise ModuleNotFoundError(msg, name="narwhals") from None
        try:
            frame = narwhals.from_native(source)
        except TypeError:
            what = "is no file name, table or batches of one. Give a path, a data frame (pandas, "
            what += "Polars, PyArrow, DuckDB), arrays by name, or an iterator of such tables."
            raise FileError(self.name, what) from None
        if isinstance(frame, narwhals.LazyFrame):
            frame = frame.collect(backend="pyarrow")
        return frame.to_arrow()

    def _column(self, name: Any, values: Any) -> Any:
        """An array of a column: NumPy's, a tensor's, a series', or that of a list."""
        if hasattr(values, "detach"):  # a tensor, maybe on another device
            values = values.detach().cpu()
            if "bfloat16" in str(values.dtype):
                values = values.float()
        elif hasattr(values, "__arrow_c_stream__"):
            chunks = self._converted(pa.chunked_array, values, str(name))
            return chunks.combine_chunks() if chunks.num_chunks != 1 else chunks.chunk(0)
        if hasattr(values, "__array__"):
            array = np.asarray(values)
            if not array.ndim:
                raise FileError(self.name, "one value; expected a column.", column=str(name))
            return (
                self._converted(pa.array, array.tolist(), str(name))
                if array.dtype.hasobject
                else array
            )
        return self._converted(pa.array, values, str(name))
