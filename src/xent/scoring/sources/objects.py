"""Objects in rows: scores by class, a vector of Spark, or lists of labels with scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from xent.scoring.errors import FileError
from xent.scoring.sources.reader import Batch, Reader
from xent.scoring.sources.sample import Sample
from xent.scoring.values import as_numpy

VECTOR = {"type", "values"}
"""Fields of a vector of Spark ML; those of a sparse one have indices, too."""
PAIR = {"label", "score"}
"""Fields of what a pipeline of Hugging Face says of a class."""


class Field(NamedTuple):
    """A column that is made of a part of another one."""

    column: str
    name: str
    """The field of its objects, or the label of those in its lists."""
    labels: str | None = None
    """Where the column holds lists: the column whose lists hold the labels, or itself."""


def has_objects(sample: Sample) -> bool:
    """Do rows hold objects, or lists of labels with scores?"""
    return any(map(_is_object, sample.columns.values())) or bool(_labelled(sample))


class ObjectsReader(Reader):
    """The rows of a reader, with a column for each field of the objects in them."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader.name)
        self.reader, self.once, self.unnamed = reader, reader.once, reader.unnamed
        self.first = reader.sample()
        self.fields: dict[str, Field] = {}
        self.names = []
        beside = _labelled(self.first)
        for name in reader.names:
            column = self.first.columns.get(name)
            found = _fields(name, column) if _is_object(column) else beside.get(name, {})
            self.fields |= found
            self.names += [*found] or [name]

    def batches(self, columns: Sequence[str], numbers: Sequence[str]) -> Iterator[Batch]:
        asked = [own for name in columns for own in self._own(name)]
        plain = [name for name in numbers if name not in self.fields]
        first = 0
        for batch in self.reader.batches(list(dict.fromkeys(asked)), plain):
            yield self._spread(batch, columns, first)
            first += len(batch[asked[0]])

    def sample(self) -> Sample:
        added = self._spread(self.first.columns, [*self.fields])
        return Sample({**self.first.columns, **added}, {**self.first.written, **added})

    def _own(self, name: str) -> list[str]:
        """The columns of the reader that a column is made of."""
        if name not in self.fields:
            return [name]
        return [own for own in (self.fields[name].column, self.fields[name].labels) if own]

    def _spread(self, batch: Batch, columns: Sequence[str], first: int = 0) -> Batch:
        try:
            return {n: self._column(batch, self.fields[n]) if n in self.fields else batch[n]
                    for n in columns}  # fmt: skip
        except FileError as error:
            if error.row is None:
                raise
            row = first + int(error.row)
            raise error.at(row, self.line(row)) from None

    def _column(self, batch: Batch, field: Field) -> Any:
        column = batch[field.column]
        if field.labels is not None:
            return self._of_label(column, batch[field.labels], field)
        if types.is_list(column.type) or types.is_large_list(column.type):
            inner = column.flatten()
            if len(inner) != len(column):
                many = pc.not_equal(pc.list_value_length(column), 1)
                self._fail(column, field, many, "expected one object in each list.")
            column = inner
        place = column.type.get_field_index(field.name)
        if place < 0:
            what = f"holds objects without '{field.name}', unlike in the first rows."
            raise FileError(self.name, what, column=field.column)
        if field.name == "values" and column.type.get_field_index("type") >= 0:
            sparse = pc.not_equal(column.flatten()[column.type.get_field_index("type")], 1)
            what = "a sparse vector of Spark: save vector_to_array(column)."
            self._fail(column, field, sparse, what)
        return column.flatten()[place]

    def _of_label(self, column: Any, beside: Any, field: Field) -> Any:
        """The score that each list has for a label."""
        labels, scores = beside.flatten(), column.flatten()
        if types.is_struct(scores.type):
            labels, scores = scores.field("label"), scores.field("score")
        lengths = pc.list_value_length(column), pc.list_value_length(beside)
        what = f"not as many as in '{field.labels}'."
        self._fail(column, field, pc.not_equal(*lengths), what)
        parents, own = pc.list_parent_indices(column), pc.equal(labels, field.name)
        known = pc.is_in(labels, pa.array(self._labels_of(field)))
        rows = as_numpy(parents.filter(own))
        twice = np.flatnonzero(np.diff(rows) == 0)
        odd = as_numpy(parents.filter(pc.invert(known)))
        for places, what in (
            (odd, "a label that the first row does not have."),
            (rows[twice], f"two scores for '{field.name}'."),
        ):
            if len(places):
                raise FileError(self.name, what, row=int(places[0]), column=field.column)
        found = np.full(len(column), np.nan)
        found[rows] = as_numpy(scores.filter(own).cast(pa.float64()))
        return pa.array(found, from_pandas=True)

    def _labels_of(self, field: Field) -> list[str]:
        return [each.name for each in self.fields.values() if each.column == field.column]

    def _fail(self, column: Any, field: Field, bad: Any, what: str) -> None:
        """Fail at the first row of which this is true."""
        row = pc.index(pc.and_kleene(bad, column.is_valid()), True).as_py()
        if row >= 0:
            raise FileError(self.name, what, row=row, column=field.column)

    def check(self, name: str) -> None:
        if name in self.reader.names:
            self.reader.check(name)

    def fraction(self, rows: int) -> float | None:
        return self.reader.fraction(rows)

    def line(self, row: int) -> int | None:
        return self.reader.line(row)


def _is_object(column: Any) -> bool:
    if not isinstance(column, pa.Array):
        return False
    kind = column.type
    if types.is_list(kind) or types.is_large_list(kind):
        inner = kind.value_type
        return types.is_struct(inner) and {each.name for each in inner} >= PAIR
    return bool(types.is_struct(kind))


def _fields(name: str, column: Any) -> dict[str, Field]:
    """The columns that stand for this one."""
    if types.is_struct(column.type):
        fields = [each.name for each in column.type]
        if set(fields) >= VECTOR:
            return {name: Field(name, "values")}
        return {f"{name}.{each}": Field(name, each) for each in fields}
    lengths = pc.unique(pc.list_value_length(column).drop_null()).to_pylist()
    if lengths == [1]:
        return {f"{name}.{each}": Field(name, each) for each in PAIR}
    inner = column.flatten()
    first = inner.slice(0, max(lengths, default=0)).field("label").to_pylist()
    labels = sorted({str(label) for label in first})
    return {f"{name}.{label}": Field(name, label, name) for label in labels}


def _labelled(sample: Sample) -> dict[str, dict[str, Field]]:
    """Lists of scores beside lists of the same labels in each row, in any order."""
    lists = {
        name: column
        for name, column in sample.columns.items()
        if isinstance(column, pa.Array) and types.is_list(column.type) and len(column)
    }
    found = {}
    for name, column in lists.items():
        rows = [] if not types.is_string(column.type.value_type) else column.to_pylist()
        sets = {frozenset(row) if row and len({*row}) == len(row) else None for row in rows}
        labels = next(iter(sets)) if len(sets) == 1 else None
        if not labels or None in labels:
            continue
        for scores, beside in lists.items():
            if types.is_floating(beside.type.value_type) and pc.list_value_length(beside).equals(
                pc.list_value_length(column)
            ):
                found[scores] = {f"{scores}.{each}": Field(scores, each, name)
                                 for each in sorted(labels)}  # fmt: skip
    return found
