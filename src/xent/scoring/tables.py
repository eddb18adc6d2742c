"""CSV, JSON Lines, Parquet and Arrow files, read by PyArrow in batches."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from xent.scoring.errors import FileError
from xent.scoring.lines import (
    LONGEST,
    Wanted,
    check_text,
    find_bad_line,
    first_record,
    first_records,
    header_of,
    line_of,
)
from xent.scoring.reader import BATCH, Batch, Reader, batch_rows, endings
from xent.scoring.sample import ROWS, Sample

DELIMITERS = (",", "\t", ";", "|")
NOTHING = Wanted()
NULLS = ("", "na", "n/a", "#n/a", "nan", "null", "none")
"""Texts, in lower case, of numbers that are missing."""
DECIMAL_COMMA = re.compile(r"\s*[-+]?(?:0?|[1-9]\d*)(?:,\d+)?(?:[eE][-+]?\d+)?\s*")

BUFFER = 1 << 16
"""Bytes read at once from each column of a Parquet file."""

TEXT_BLOCK = LONGEST
"""Bytes of a batch of text."""

SAMPLE_BLOCK = 1 << 20
"""Bytes of text that are enough for a sample, unless a row is longer."""


class PyArrowReader(Reader):
    """What all formats read by PyArrow share: batches, and errors that name the file."""

    def batches(self, columns: Sequence[str], numbers: Sequence[str]) -> Iterator[Batch]:
        wanted = Wanted(columns, numbers)
        with self._explained(wanted):
            for batch in self._stream(wanted):
                yield dict(zip(columns, batch.columns, strict=True))

    def sample(self) -> Sample:
        with self._explained(Wanted(self.names)):
            for batch in self._first():
                if batch.num_rows:
                    return self._sampled(batch.schema.names, batch.slice(0, ROWS).columns)
        return Sample({name: pa.nulls(0) for name in self.names})

    def _first(self) -> Iterator[Any]:
        """Batches of all columns, of which only the first is used."""
        raise NotImplementedError

    def _sampled(self, names: Sequence[str], columns: Sequence[Any]) -> Sample:
        return Sample(dict(zip(names, columns, strict=True)))

    @contextmanager
    def _explained(self, wanted: Wanted = NOTHING) -> Iterator[None]:
        """Turn PyArrow's errors into those of this format."""
        try:
            yield
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise self._error(str(error), wanted) from None

    def _stream(self, wanted: Wanted) -> Any:
        """Batches of the wanted columns, in that order."""
        raise NotImplementedError

    def _error(self, reason: str, wanted: Wanted) -> FileError:
        raise NotImplementedError


def _has_decimal_commas(column: Any) -> bool:
    texts = [text for text in column.drop_null().to_pylist() if text.strip().lower() not in NULLS]
    return (
        bool(texts)
        and all(map(DECIMAL_COMMA.fullmatch, texts))
        and any("," in text for text in texts)
    )


def _as_numbers(column: Any, decimal: str) -> Any:
    """The texts as numbers, or as they are if one of them is none."""
    texts = pc.utf8_trim_whitespace(column)
    is_null = pc.is_in(pc.utf8_lower(texts), pa.array(NULLS))
    texts = pc.if_else(is_null, pa.scalar(None, pa.string()), texts)
    try:
        return pc.replace_substring(texts, decimal, ".").cast(pa.float64())
    except pa.ArrowInvalid:
        return column


def _array(values: list[Any]) -> Any:
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):  # of several types: their texts say which
        return pa.array([None if value is None else json.dumps(value) for value in values])


class TextReader(PyArrowReader):
    """What the text formats share: blocks of bytes, and errors with their line."""

    delimiter: str | None = None

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        check_text(path)

    def line(self, row: int) -> int | None:
        return line_of(self.path, self.delimiter, row)

    def _bytes(self) -> Any:
        return pa.input_stream(str(self.path), compression="detect")

    def _error(self, reason: str, wanted: Wanted) -> FileError:
        if "straddling" in reason:
            reason = f"a row is longer than {TEXT_BLOCK} bytes."
        return find_bad_line(self.path, self.delimiter, wanted, reason)


class CsvReader(TextReader):
    """Comma- or tab-separated text with a header line."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        # What stands between the columns counts, whatever the ending of the file says.
        own, header = "\t" if endings(path)[0] == ".tsv" else ",", header_of(path)
        self.delimiter = next((mark for mark in (own, *DELIMITERS) if mark in header), own)
        self.decimal = "."
        with self._explained():
            written = self._opened(NOTHING).schema.names
        self.names = [name.strip() for name in written]
        self.written = dict(zip(self.names, written, strict=True))

    def _first(self) -> Iterator[Any]:
        return iter(self._opened(Wanted(self.names)))

    def _opened(self, wanted: Wanted) -> Any:
        """The file with its first rows read."""
        try:
            return self._stream(wanted, SAMPLE_BLOCK)
        except pa.ArrowInvalid:
            return self._stream(wanted)

    def _sampled(self, names: Sequence[str], columns: Sequence[Any]) -> Sample:
        """Numbers where all texts of a column are some, also with decimal commas."""
        texts = dict(zip(map(str.strip, names), columns, strict=True))
        if any(map(_has_decimal_commas, columns)):
            self.decimal = ","
        found = {name: _as_numbers(column, self.decimal) for name, column in texts.items()}
        return Sample(found, texts)

    def _stream(self, wanted: Wanted, block: int = TEXT_BLOCK) -> Any:
        types = {
            self.written[name]: pa.float64() if name in wanted.numbers else pa.string()
            for name in wanted.columns
        }
        return pyarrow.csv.open_csv(
            self._bytes(),
            # Row numbers in errors need one thread. Parsing is not the slow part.
            read_options=pyarrow.csv.ReadOptions(block_size=block, use_threads=False),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=self.delimiter,
                newlines_in_values=True,  # else a block may end inside a quoted field
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=[
                    form for text in NULLS for form in {text, text.upper(), text.title(), "NaN"}
                ],
                decimal_point=self.decimal,
            ),
        )


class JsonReader(TextReader):
    """One JSON object per line; the first one determines the columns and their types."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with self._explained():
            self.first = first_record(path)
        self.names = list(self.first)

    def sample(self) -> Sample:
        rows = first_records(self.path, ROWS)
        return Sample({name: _array([row.get(name) for row in rows]) for name in self.names})

    def _stream(self, wanted: Wanted) -> Any:
        schema = pa.schema([(name, self._type(name, wanted)) for name in wanted.columns])
        return pyarrow.json.open_json(
            self._bytes(),
            read_options=pyarrow.json.ReadOptions(block_size=TEXT_BLOCK),
            parse_options=pyarrow.json.ParseOptions(
                explicit_schema=schema, unexpected_field_behavior="ignore"
            ),
        )

    def _type(self, name: str, wanted: Wanted) -> Any:
        """Numbers are read as floats, since later rows may have fractions."""
        if name in wanted.numbers:
            listed = isinstance(self.first[name], list)
            return pa.list_(pa.float64()) if listed else pa.float64()
        value = self.first[name]
        if isinstance(value, bool):
            return pa.bool_()
        return pa.float64() if isinstance(value, (int, float)) else pa.string()


class ArrowReader(PyArrowReader):
    """What Parquet and Arrow files share: a schema, and typed batches."""

    schema: Any
    kind: str

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with self._explained():
            self.schema = self._schema()
            self.names = list(self.schema.names)

    def _schema(self) -> Any:
        raise NotImplementedError

    def _error(self, reason: str, wanted: Wanted) -> FileError:  # noqa: ARG002
        reason = reason.splitlines()[0].strip()
        what = f"is not a complete {self.kind} file (truncated, or of another kind): {reason}"
        return FileError(self.path, what)


class ParquetReader(ArrowReader):
    """Parquet."""

    kind = "Parquet"

    def _schema(self) -> Any:
        return pyarrow.parquet.ParquetFile(self.path).schema_arrow

    def _stream(self, wanted: Wanted) -> Any:
        file = self._open()
        step = min(BATCH, batch_rows(_numbers_per_row(file.metadata, wanted.columns)))
        for batch in file.iter_batches(batch_size=step, columns=wanted.columns):
            yield batch.select(wanted.columns)  # the batch has them in the file's order

    def _first(self) -> Iterator[Any]:
        file = self._open()
        step = min(ROWS, batch_rows(_numbers_per_row(file.metadata, self.names)))
        yield from file.iter_batches(batch_size=step)

    def _open(self) -> Any:
        # A buffer filled ahead grows with the file.
        return pyarrow.parquet.ParquetFile(self.path, pre_buffer=False, buffer_size=BUFFER)


def _numbers_per_row(metadata: Any, columns: Sequence[str]) -> float:
    """How many values a row has in these columns, with those inside lists, in the first rows."""
    if not metadata.num_row_groups:
        return 1
    group, wanted = metadata.row_group(0), set(columns)
    parts = (group.column(i) for i in range(group.num_columns))
    numbers: int = sum(
        part.num_values
        for part in parts
        if part.path_in_schema in wanted or part.path_in_schema.partition(".")[0] in wanted
    )
    return float(numbers / max(1, group.num_rows))


class FeatherReader(ArrowReader):
    """Arrow IPC files (Feather version 2) and streams."""

    kind = "Arrow"

    def _schema(self) -> Any:
        return self._file()[0]

    def _stream(self, wanted: Wanted) -> Any:
        for batch in self._file()[1]:
            chosen = batch.select(wanted.columns)
            step = min(BATCH, batch_rows(chosen.nbytes / 8 / max(1, batch.num_rows)))
            for start in range(0, batch.num_rows, step):
                part = chosen.slice(start, step)
                part.validate(full=True)  # damaged offsets would point outside the file
                yield part

    def _first(self) -> Iterator[Any]:
        for batch in self._file()[1]:
            part = batch.slice(0, ROWS)
            part.validate(full=True)
            yield part

    def _file(self) -> tuple[Any, Iterator[Any]]:
        source = pa.OSFile(str(self.path))  # a memory map dies with SIGBUS if the file shrinks
        try:
            file = pa.ipc.open_file(source)
        except pa.ArrowInvalid:
            source.seek(0)
            stream = pa.ipc.open_stream(source)
            return stream.schema, iter(stream)
        return file.schema, (file.get_batch(i) for i in range(file.num_record_batches))
