"""What a file of a language model's log-probabilities holds, and how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa

from xent.scoring.errors import FileError

Part = Literal["prompt", "generated"]
Shape = Literal["token", "list", "document", "rolling", "continuation", "choices"]
Batch = list[dict[str, Any]] | Mapping[str, Any]
"""Records of JSON Lines, or columns by name: Arrow arrays, or NumPy arrays."""

COUNTS = ("tokens", "bytes", "words", "characters")


@dataclass(frozen=True)
class Form:
    """How a file is read: the tool whose records it holds, or the columns by their roles."""

    source: Literal["columns", "responses", "harness"]
    shape: Shape
    """What a row holds: a token, a list of tokens, the sum of a document, or choices."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Column by role: values, label, choices, text, id, and the counts."""
    part: Part | None = None
    """Which tokens of a response count."""
    told: str = ""
    """How the file is read, in a sentence."""
    problem: str = ""
    """Why the file, though of a language model, cannot be scored."""

    @property
    def unit(self) -> str:
        """What a loss is given per: token, byte, document or question."""
        if self.shape == "choices":
            return "question"
        if self.shape in ("token", "list") or "tokens" in self.columns:
            return "token"
        return "byte" if self.shape == "rolling" or "bytes" in self.columns else "document"

    @property
    def by_record(self) -> bool:
        """Are whole records read, of which the fields are those of a tool?"""
        return self.source != "columns"

    @property
    def numbers(self) -> list[str]:
        """The columns that hold one number per row, which a reader of text may parse."""
        roles = COUNTS if self.shape == "list" else ("values", *COUNTS)
        return [self.columns[role] for role in roles if role in self.columns]


def records_of(batch: Batch) -> list[dict[str, Any]]:
    """The rows of a batch as records."""
    if isinstance(batch, list):
        return batch
    lists = [
        column.tolist() if not isinstance(column, (pa.Array, pa.ChunkedArray)) else
        column.to_pylist() for column in batch.values()
    ]  # fmt: skip
    return [dict(zip(batch, row, strict=True)) for row in zip(*lists, strict=True)]


def column_of(batch: Batch, column: str, name: str, first: int = 0) -> Any:
    """A column of a batch as an array."""
    if not isinstance(batch, list):
        return batch[column]
    values = [record.get(column) for record in batch]
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        pass
    kinds = [_kind(value) for value in values]
    usual = next((kind for kind in kinds if kind), "")
    row = next((i for i, kind in enumerate(kinds) if kind and kind != usual), 0)
    what = f"{values[row]!r:.60} is not like the rows before it: expected {usual}."
    raise FileError(name, what, row=first + row, column=column)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, list):
        return "a list of numbers" if any(isinstance(v, (int, float)) for v in value) else "a list"
    kinds = {int: "a number", float: "a number", str: "a text", dict: "an object"}
    return kinds.get(type(value), "")
