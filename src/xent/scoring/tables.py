"""CSV, JSON Lines, Parquet and Arrow files, read by PyArrow in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from xent.scoring.errors import FileError
from xent.scoring.lines import LONGEST, Wanted, check_text, find_bad_line, first_record, line_of
from xent.scoring.reader import BATCH, Batch, Reader, endings

DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
NOTHING = Wanted()

TEXT_BLOCK = LONGEST
"""Bytes of a batch of text."""


class PyArrowReader(Reader):
    """What all formats read by PyArrow share: batches, and errors that name the file."""

    def batches(self, columns: Sequence[str], numbers: Sequence[str]) -> Iterator[Batch]:
        wanted = Wanted(columns, numbers)
        with self._explained(wanted):
            for batch in self._stream(wanted):
                yield dict(zip(columns, batch.columns, strict=True))

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
        own = self.delimiter = "\t" if endings(path)[0] == ".tsv" else ","
        with self._explained():
            written = self._stream(NOTHING).schema.names
        self.names = [name.strip() for name in written]
        self.written = dict(zip(self.names, written, strict=True))
        for mark, word in DELIMITERS.items():
            if len(written) == 1 and mark in written[0]:
                what = f"the columns are separated by {word}; expected {DELIMITERS[own]}."
                raise FileError(path, what + " Rename the file to end in .tsv." * (mark == "\t"))

    def _stream(self, wanted: Wanted) -> Any:
        types = {
            self.written[name]: pa.float64() if name in wanted.numbers else pa.string()
            for name in wanted.columns
        }
        return pyarrow.csv.open_csv(
            self._bytes(),
            # Row numbers in errors need one thread. Parsing is not the slow part.
            read_options=pyarrow.csv.ReadOptions(block_size=TEXT_BLOCK, use_threads=False),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=self.delimiter,
                newlines_in_values=True,  # else a block may end inside a quoted field
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=["", "NA", "null", "None"],
            ),
        )


class JsonReader(TextReader):
    """One JSON object per line; the first one determines the columns and their types."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with self._explained():
            self.first = first_record(path)
        self.names = list(self.first)

    def is_list(self, name: str) -> bool:
        return isinstance(self.first[name], list)

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
            return pa.list_(pa.float64()) if self.is_list(name) else pa.float64()
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

    def is_list(self, name: str) -> bool:
        kind = self.schema.field(name).type
        tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
        return any(test(kind) for test in tests)

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
        file = pyarrow.parquet.ParquetFile(self.path)
        for batch in file.iter_batches(batch_size=BATCH, columns=wanted.columns):
            yield batch.select(wanted.columns)  # the batch has them in the file's order


class FeatherReader(ArrowReader):
    """Arrow IPC files (Feather version 2) and streams."""

    kind = "Arrow"

    def _schema(self) -> Any:
        return self._file()[0]

    def _stream(self, wanted: Wanted) -> Any:
        for batch in self._file()[1]:
            for start in range(0, batch.num_rows, BATCH):
                part = batch.select(wanted.columns).slice(start, BATCH)
                part.validate(full=True)  # damaged offsets would point outside the file
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
