"""CSV, JSON Lines, Parquet and Arrow files, read by PyArrow in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from xent.scoring.errors import FileError
from xent.scoring.lines import find_bad_line
from xent.scoring.reader import BATCH, Batch, Reader

try:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.json
    import pyarrow.parquet
except ModuleNotFoundError:
    message = "reading files of predictions needs PyArrow: pip install 'xent[score]'"
    raise ModuleNotFoundError(message) from None

TEXT_BLOCK = 1 << 23
"""Bytes of a batch of text."""


class CsvReader(Reader):
    """Comma- or tab-separated text with a header line."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.delimiter = "\t" if ".tsv" in path.suffixes else ","
        self.names = list(self._open([], []).schema.names)
        doubled = {name for name in self.names if self.names.count(name) > 1}
        if doubled:
            raise FileError(path, f"column '{min(doubled)}' occurs more than once in the header.")

    def batches(self, columns: Sequence[str], numbers: Sequence[str]) -> Iterator[Batch]:
        try:
            for batch in self._open(columns, numbers):
                yield {name: batch.column(name) for name in columns}
        except pa.ArrowInvalid as error:
            raise find_bad_line(self.path, self.delimiter, numbers, str(error)) from None

    def _open(self, columns: Sequence[str], numbers: Sequence[str]) -> Any:
        types = {name: pa.float64() if name in numbers else pa.string() for name in columns}
        try:
            return pyarrow.csv.open_csv(
                pa.input_stream(str(self.path), compression="detect"),
                # Row numbers in errors need one thread; parsing is not what takes the time.
                read_options=pyarrow.csv.ReadOptions(block_size=TEXT_BLOCK, use_threads=False),
                parse_options=pyarrow.csv.ParseOptions(delimiter=self.delimiter),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types=types,
                    include_columns=list(columns),
                    strings_can_be_null=True,
                    null_values=["", "NA", "null", "None"],
                ),
            )
        except pa.ArrowInvalid as error:
            raise find_bad_line(self.path, self.delimiter, numbers, str(error)) from None
        except (OSError, UnicodeDecodeError) as error:
            raise FileError(self.path, f"cannot be read: {error}") from None


class JsonReader(Reader):
    """One JSON object per line."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.schema = self._open(None).schema
        self.names = list(self.schema.names)

    def is_list(self, name: str) -> bool:
        return bool(pa.types.is_list(self.schema.field(name).type))

    def batches(self, columns: Sequence[str], numbers: Sequence[str]) -> Iterator[Batch]:
        fields = []
        for name in columns:
            kind = self.schema.field(name).type
            if name in numbers:  # a first row of whole numbers must not make a column of integers
                kind = pa.list_(pa.float64()) if self.is_list(name) else pa.float64()
            fields.append(pa.field(name, kind))
        try:
            for batch in self._open(pa.schema(fields)):
                yield {name: batch.column(name) for name in columns}
        except pa.ArrowInvalid as error:
            raise find_bad_line(self.path, None, numbers, str(error)) from None

    def _open(self, schema: Any) -> Any:
        try:
            return pyarrow.json.open_json(
                pa.input_stream(str(self.path), compression="detect"),
                read_options=pyarrow.json.ReadOptions(block_size=TEXT_BLOCK),
                parse_options=pyarrow.json.ParseOptions(
                    explicit_schema=schema,
                    unexpected_field_behavior="infer" if schema is None else "ignore",
                ),
            )
        except pa.ArrowInvalid as error:
            raise find_bad_line(self.path, None, [], str(error)) from None
        except OSError as error:
            raise FileError(self.path, f"cannot be read: {error}") from None


class ArrowReader(Reader):
    """What Parquet and Arrow files share: a schema, and typed batches."""

    schema: Any
    kind: str

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.schema = self._guard(self._open)
        self.names = list(self.schema.names)

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
        except (pa.ArrowException, OSError) as error:
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
                yield batch.select(columns).slice(start, BATCH)

    def _file(self) -> tuple[Any, Iterator[Any]]:
        source = pa.memory_map(str(self.path))
        try:
            file = pa.ipc.open_file(source)
        except pa.ArrowInvalid:
            source.seek(0)
            stream = pa.ipc.open_stream(source)
            return stream.schema, iter(stream)
        return file.schema, (file.get_batch(i) for i in range(file.num_record_batches))
