"""JSON Lines, and JSON arrays of objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.json
from pyarrow import types

from xent.scoring.errors import FileError
from xent.scoring.sources import json_lines
from xent.scoring.sources.arrow_reader import TextReader
from xent.scoring.sources.file import File
from xent.scoring.sources.lines import Place, Wanted
from xent.scoring.sources.sample import ROWS, Sample

RECORDS = 1000
"""The most objects of a batch."""


class JsonReader(TextReader):
    """One JSON object per row; the first ones determine the columns and their types."""

    endings = (".jsonl", ".ndjson", ".json")

    def __init__(self, file: File) -> None:
        super().__init__(file)
        with self._explained():
            self.rows = json_lines.first_records(file, ROWS)
        if not self.rows:
            raise FileError(self.name, "holds no rows.")
        self.names = list(dict.fromkeys(name for row in self.rows for name in row))

    def _places(self) -> Iterator[Place]:
        with json_lines.objects(self.file) as found:
            yield from (place for place, _ in found)

    def _check(self, wanted: Wanted) -> None:
        objects = [name for name in self.names if types.is_nested(self._sampled_type(name))]
        json_lines.check(
            self.file, wanted, [name for name in objects if name not in wanted.numbers]
        )

    def sample(self) -> Sample:
        return Sample({name: _array([row.get(name) for row in self.rows]) for name in self.names})

    def first_records(self) -> list[dict[str, Any]] | None:
        return [record for _, batch in islice(self._objects(1), len(self.rows)) for record in batch]

    def records(self) -> Iterator[tuple[int, list[dict[str, Any]]]] | None:
        return self._objects(RECORDS)

    def _objects(self, most: int) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        held: list[dict[str, Any]] = []
        size = row = 0
        with json_lines.objects(self.file) as found:
            for place, text in found:
                row = place["row"]
                json_lines.parsed(self.file, text, place)  # for its errors
                held.append(json.loads(text))
                size += len(text)
                if len(held) == most or size > self.block:
                    yield row + 1 - len(held), held
                    held, size = [], 0
        if held:
            yield row + 1 - len(held), held

    def _stream(self, wanted: Wanted) -> Any:
        self._check_fields(wanted)
        schema = pa.schema([(name, self._type(name, wanted)) for name in wanted.columns])
        return pyarrow.json.open_json(
            json_lines.lines_of(self.file) or self._content(),
            read_options=pyarrow.json.ReadOptions(block_size=self.block),
            parse_options=pyarrow.json.ParseOptions(
                explicit_schema=schema, unexpected_field_behavior="ignore"
            ),
        )

    def _check_fields(self, wanted: Wanted) -> None:
        """Fail where objects have a number more than those that say what there is to read.

        PyArrow would pass over it, and the other scores of the row would count as all of them.
        """
        kinds = {name: self._sampled_type(name) for name in wanted.columns}
        fields = {
            name: frozenset(field.name for field in kind)
            for name, kind in kinds.items()
            if types.is_struct(kind)
        }
        if fields and len(self.rows) == ROWS:
            json_lines.check_fields(self.file, fields)

    def _type(self, name: str, wanted: Wanted) -> Any:
        """Numbers are read as floats, since later rows may have fractions."""
        value = next((row[name] for row in self.rows if row.get(name) is not None), None)
        if name in wanted.numbers:
            return pa.list_(pa.float64()) if isinstance(value, list) else pa.float64()
        if isinstance(value, bool):
            return pa.bool_()
        if types.is_nested(kind := self._sampled_type(name)):
            return _wide(kind)
        return pa.float64() if isinstance(value, (int, float)) else pa.string()

    def _sampled_type(self, name: str) -> Any:
        return _array([row.get(name) for row in self.rows]).type


def _wide(kind: Any) -> Any:
    """The type with floats for whole numbers, since later rows may have fractions."""
    if types.is_struct(kind):
        return pa.struct([(field.name, _wide(field.type)) for field in kind])
    if types.is_list(kind):
        return pa.list_(_wide(kind.value_type))
    return pa.float64() if types.is_integer(kind) or types.is_null(kind) else kind


def _array(values: list[Any]) -> Any:
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):  # of several types: their texts say which
        return pa.array([None if value is None else json.dumps(value) for value in values])
