"""CSV, JSON Lines, Parquet and Arrow files, read by PyArrow in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from xent.scoring.errors import FileError
from xent.scoring.lines import LONGEST, Wanted, check_text, find_bad_line, first_record, line_of
from xent.scoring.reader import BATCH, Batch, Reader, endings

TEXT_BLOCK = LONGEST
"""Bytes of a batch of text."""


class TextReader(Reader):
    """What the text formats share: blocks of bytes, and errors with their line."""

    delimiter: str | None = None

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        check_text(path)

    def batches(self, columns: Sequence[str], numbers: Sequence[str]) -> Iterator[Batch]:
        wanted = Wanted(columns, numbers)
        stream = self._guard(lambda: self._open(wanted), wanted)
        while (batch := self._guard(lambda: next(stream, None), wanted)) is not None:
            yield dict(zip(columns, batch.columns, strict=True))

    def line(self, row: int) -> int | None:
        return line_of(self.path, self.delimiter, row)

    def _open(self, wanted: Wanted) -> Any:
        raise NotImplementedError

    def _stream(self) -> Any:
        return pa.input_stream(str(self.path), compression="detect")

    def _guard(self, action: Callable[[], Any], wanted: Wanted) -> Any:
        try:
            return action()
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            reason = str(error)
            if "straddling" in reason:
                reason = f"a row is longer than {TEXT_BLOCK} bytes."
            raise find_bad_line(self.path, self.delimiter, wanted, reason) from None


class CsvReader(TextReader):
    """Comma- or tab-separated text with a header line."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.delimiter = "\t" if endings(path)[0] == ".tsv" else ","
        written = self._guard(lambda: self._open(Wanted()).schema.names, Wanted())
        self.names = [name.strip() for name in written]
        self.written = dict(zip(self.names, written, strict=True))
        self._check_delimiter()

    def _check_delimiter(self) -> None:
        words = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
        if len(self.names) > 1:
            return
        for mark, word in words.items():
            if mark in self.written[self.names[0]]:
                expected = words[str(self.delimiter)]
                what = f"the columns are separated by {word}; expected {expected}."
                if mark == "\t":
                    what += " Rename the file to end in .tsv."
                raise FileError(self.path, what)

    def _open(self, wanted: Wanted) -> Any:
        types = {
            self.written[name]: pa.float64() if name in wanted.numbers else pa.string()
            for name in wanted.columns
        }
        return pyarrow.csv.open_csv(
            self._stream(),
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
    """One JSON object per line; the first one tells the columns and their types."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.first = self._guard(lambda: first_record(path), Wanted())
        self.names = list(self.first)

    def is_list(self, name: str) -> bool:
        return isinstance(self.first[name], list)

    def _open(self, wanted: Wanted) -> Any:
        return pyarrow.json.open_json(
            self._stream(),
            read_options=pyarrow.json.ReadOptions(block_size=TEXT_BLOCK),
            parse_options=pyarrow.json.ParseOptions(
                explicit_schema=pa.schema(
                    [(name, self._type(name, wanted)) for name in wanted.columns]
                ),
                unexpected_field_behavior="ignore",
            ),
        )

    def _type(self, name: str, wanted: Wanted) -> Any:
        """Numbers are read as floats, since whole ones may be followed by others."""
        if self.is_list(name) and name in wanted.numbers:
            return pa.list_(pa.float64())
        value = self.first[name]
        if isinstance(value, bool) and name not in wanted.numbers:
            return pa.bool_()
        numeric = name in wanted.numbers or isinstance(value, (int, float))
        return pa.float64() if numeric else pa.string()


class ArrowReader(Reader):
    """What Parquet and Arrow files share: a schema, and typed batches."""

    schema: Any
    kind: str

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.schema = self._guard(self._open)
        self.names = self._guard(lambda: list(self.schema.names))

    def is_list(self, name: str) -> bool:
        kind = self.schema.field(name).type
        tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
        return any(test(kind) for test in tests)

    def batches(self, columns: Sequence[str], numbers: Sequence[str]) -> Iterator[Batch]:  # noqa: ARG002
        stream = self._guard(lambda: iter(self._stream(list(columns))))
        while (batch := self._guard(lambda: next(stream, None))) is not None:
            yield {name: batch.column(name) for name in columns}

    def _open(self) -> Any:
        raise NotImplementedError

    def _stream(self, columns: list[str]) -> Any:
        raise NotImplementedError

    def _guard(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            reason = str(error).splitlines()[0].strip()
            what = f"is not a whole {self.kind} file (truncated, or of another kind): {reason}"
            raise FileError(self.path, what) from None


class ParquetReader(ArrowReader):
    """Parquet."""

    kind = "Parquet"

    def _open(self) -> Any:
        return pyarrow.parquet.ParquetFile(self.path).schema_arrow

    def _stream(self, columns: list[str]) -> Any:
        file = pyarrow.parquet.ParquetFile(self.path)
        return file.iter_batches(batch_size=BATCH, columns=columns)


class FeatherReader(ArrowReader):
    """Arrow IPC files (Feather version 2) and streams."""

    kind = "Arrow"

    def _open(self) -> Any:
        return self._file()[0]

    def _stream(self, columns: list[str]) -> Any:
        for batch in self._file()[1]:
            for start in range(0, batch.num_rows, BATCH):
                part = batch.select(columns).slice(start, BATCH)
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
