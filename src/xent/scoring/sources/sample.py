"""The first rows of a file, with all of its columns: what they show decides how it is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import types

from xent._validation import Array
from xent.scoring.values import Values, is_listed, is_numeric

ROWS = 1000
"""The most rows that are looked at."""


class Sample:
    """Columns by name, as Arrow arrays, or NumPy arrays from NPY and NPZ."""

    def __init__(self, columns: dict[str, Any], written: dict[str, Any] | None = None) -> None:
        self.columns = columns
        self.written = written or columns
        """The texts of a text file, in which 01 is not 1."""

    def __getitem__(self, name: str) -> Any:
        return self.columns[name]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def numeric(self, name: str) -> bool:
        """Does the column hold a number per row?"""
        return name in self.columns and is_numeric(self.columns[name])

    def listed(self, name: str) -> bool:
        """Does the column hold a list of numbers per row?"""
        return name in self.columns and is_listed(self.columns[name])

    def holds_numbers(self, name: str) -> bool:
        """Does the column hold a number, or a list of numbers, per row?"""
        return self.numeric(name) or self.listed(name)

    def describe(self, name: str) -> str:
        """What the column holds, in a few words."""
        if name not in self.columns:
            return "no plain data"
        if self.listed(name):
            return "lists of numbers"
        if self.nested(name):
            return "objects"
        if self.numeric(name):
            numbers = Values(name).numbers(self.columns[name], name, gaps=True)
            known = numbers[~np.isnan(numbers)]
            if not known.size:
                return "nothing"
            return f"numbers from {known.min():.6g} to {known.max():.6g}"
        texts = [text for text in self.texts(name) if text]
        return "text: " + ", ".join(texts[:3]) + ", ..." * (len(texts) > 3)

    def nested(self, name: str) -> bool:
        """Does the column hold an object per row?"""
        column = self.columns.get(name)
        return isinstance(column, pa.Array) and types.is_nested(column.type)

    def values(self, name: str) -> list[Any]:
        """What the rows hold, as objects of Python."""
        column = self.columns[name]
        return list(column.tolist() if isinstance(column, np.ndarray) else column.to_pylist())

    def runs(self, name: str) -> list[Array]:
        """The rows that follow each other with the same value, run by run."""
        values = self.values(name)
        ends = [i for i in range(1, len(values)) if values[i] != values[i - 1]]
        return np.split(np.arange(len(values)), ends)

    def texts(self, name: str) -> list[str]:
        """The distinct values, as texts; nothing for lists."""
        column = self.written.get(name)
        if column is None or self.listed(name) or self.nested(name):
            return []
        values = column.ravel().tolist() if isinstance(column, np.ndarray) else column.to_pylist()
        return list(dict.fromkeys(str(value).strip() for value in values if value is not None))
