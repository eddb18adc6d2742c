"""Columns of a batch as arrays: numbers, lists of numbers, and labels."""

from __future__ import annotations

import re
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from xent._validation import Array
from xent.scoring.errors import FileError

TEXT_TYPES = (types.is_string, types.is_large_string, types.is_string_view)
NUMBER_TYPES = (types.is_integer, types.is_floating, types.is_decimal)
LABEL_TYPES = (*TEXT_TYPES, *NUMBER_TYPES, types.is_boolean, types.is_null)
LIST_TYPES = (types.is_list, types.is_large_list, types.is_fixed_size_list)
WRITTEN_LIST = re.compile(r"\s*[\[(][^\"'{}]*[\])]\s*")
FEW_NUMBERS = 1024
"""Labels that are whole numbers in a range of so many are codes themselves."""
DROP = " xent score --missing drop leaves such rows out."
"""What to do about a value that is missing."""
LOST = "the value is missing." + DROP


def is_numeric(column: Any) -> bool:
    """Does the column hold a number per row?"""
    if isinstance(column, np.ndarray):
        return _is_single(column) and column.dtype.kind in "fiu"
    return _is(column, *NUMBER_TYPES, types.is_null)


def _is_single(column: Array) -> bool:
    """Does the array hold one value per row, maybe in an axis of its own?"""
    return column.ndim == 1 or column.shape[1:] == (1,)


def is_listed(column: Any) -> bool:
    """Does the column hold a list of numbers per row?"""
    if isinstance(column, np.ndarray):
        return not _is_single(column)
    if any(test(column.type) for test in LIST_TYPES):
        inner = column.type.value_type
        return any(test(inner) for test in (*NUMBER_TYPES, types.is_boolean, types.is_null))
    return is_written_list(column)


def is_written_list(column: Any) -> bool:
    """Does the column hold lists as text, such as [0.1, 0.9]?"""
    if isinstance(column, np.ndarray) or not _is(column, *TEXT_TYPES):
        return False
    texts = column.drop_null().to_pylist()
    return bool(texts) and all(WRITTEN_LIST.fullmatch(text) for text in texts)


def _is(column: Any, *tests: Any) -> bool:
    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    return any(test(kind) for test in tests)


def as_numpy(column: Any) -> Array:
    """An Arrow array as NumPy's, with NaN for nulls.

    Its `to_numpy` would first import pandas where that is installed, which takes 0.2 s.
    """
    kind = column.type
    number = types.is_integer(kind) or (types.is_floating(kind) and not types.is_float16(kind))
    if not number or not len(column):
        return np.asarray(column.to_numpy(zero_copy_only=False))
    if column.null_count:
        column = column.cast(kind if types.is_floating(kind) else pa.float64(), safe=False)
        column = column.fill_null(float("nan"))
    return np.asarray(np.from_dlpack(column))


class Values:
    """Turns columns into arrays; its errors name the file, and the row in the batch."""

    def __init__(self, name: str) -> None:
        self.name = name

    def fail(self, what: str, *, row: int | None = None, column: str | None = None) -> NoReturn:
        """Raise an error about the file."""
        raise FileError(self.name, what, row=row, column=column)

    def present(self, column: Any, name: str, what: str = LOST, per_row: int = 1) -> None:
        """Fail at the first value that is missing."""
        if column.null_count:
            row = pc.index(pc.is_null(column), True).as_py() // per_row
            self.fail(what, row=row, column=name)

    def numbers(self, column: Any, name: str, *, gaps: bool = False) -> Array:
        """A column of numbers as float64 or float32; missing ones are NaN if there may be gaps."""
        values = column
        if not isinstance(column, np.ndarray):
            if not gaps:
                self.present(column, name)
            if types.is_dictionary(column.type):
                column = column.dictionary_decode()
            if not _is(column, *NUMBER_TYPES, types.is_null):
                self.fail(f"holds {column.type}; expected numbers.", column=name)
            if types.is_decimal(column.type) or types.is_null(column.type):
                column = column.cast(pa.float64())
            values = as_numpy(column)
        elif _is_single(column):
            values = column.reshape(-1)
        if values.dtype.kind not in "fiu" or values.ndim != 1:
            what = f"holds {values.dtype} of shape {values.shape}; expected one number per row."
            self.fail(what, column=name)
        # Floats keep their precision, except for float16; whole numbers become float64.
        least = np.float32 if values.dtype.kind == "f" else np.float64
        return np.asarray(values.astype(np.promote_types(values.dtype, least), copy=False))

    def lists(self, column: Any, name: str, width: int = 0, *, gaps: bool = False) -> Array:
        """A column of lists of this length, or of the first one's, as a matrix."""
        if isinstance(column, np.ndarray):
            if column.ndim != 2:
                self.fail(f"has {column.ndim} axes; expected two, rows and classes.", column=name)
            return self.numbers(column.reshape(-1), name).reshape(column.shape)
        if _is(column, *TEXT_TYPES):
            column = self._parsed(column, name)
        if not gaps:
            self.present(column, name)
        known = as_numpy(column.is_valid().cast(pa.uint8())).astype(bool)
        lengths = as_numpy(pc.list_value_length(column))
        width = width or int(lengths[known][0] if known.any() else 0)
        odd = np.flatnonzero(known & (lengths != width))
        if odd.size:
            what = f"{int(lengths[odd[0]])} scores; expected {width}, one per class."
            self.fail(what, row=odd[0], column=name)
        inner = column.flatten()
        if not gaps:
            self.present(inner, name, "a score is missing." + DROP, per_row=width)
        found = self.numbers(inner, name, gaps=gaps).reshape(int(known.sum()), width)
        if known.all():
            return found
        matrix = np.full((len(column), width), np.nan, found.dtype)
        matrix[known] = found
        return matrix

    def _parsed(self, column: Any, name: str) -> Any:
        """Lists that were written as text, with commas or blanks between the numbers."""
        inner = pc.utf8_trim(column, " \t\n[]()")
        parts = pc.split_pattern_regex(inner, r"[,;\s]+")
        try:
            return parts.cast(pa.list_(pa.float64()))
        except pa.ArrowInvalid as error:
            return self.fail(f"holds a list as text that cannot be read: {error}", column=name)

    @staticmethod
    def texts(column: Any) -> Array:
        """What the column holds, as texts; nothing where a value is missing."""
        values = column.tolist() if isinstance(column, np.ndarray) else column.to_pylist()
        return np.array(["" if value is None else str(value) for value in values], object)

    def labels(self, column: Any, name: str) -> tuple[Array, list[Any]]:
        """Codes of the rows' labels, -1 where there is none, and the distinct labels."""
        if isinstance(column, np.ndarray):
            column = self._arrow(column, name)
        if not _is(column, *LABEL_TYPES):
            what = f"holds {column.type}; expected one label per row, a number or a name."
            self.fail(what, column=name)
        if types.is_integer(column.type) and len(column) and not column.null_count:
            values = as_numpy(column)
            least, most = int(values.min()), int(values.max())
            if most - least < FEW_NUMBERS:  # no dictionary is needed
                codes = values if least == 0 else values - values.dtype.type(least)
                return codes.astype(np.intp, copy=False), list(range(least, most + 1))
        encoded = column if types.is_dictionary(column.type) else column.dictionary_encode()
        codes = encoded.indices
        codes = as_numpy(codes.cast(pa.int64()).fill_null(-1) if codes.null_count else codes)
        return codes.astype(np.intp, copy=False), encoded.dictionary.to_pylist()

    def _arrow(self, column: Array, name: str) -> Any:
        """Labels from a NumPy file as an Arrow array, like those of other files."""
        if column.ndim == 2 and column.shape[1] == 1:
            column = column[:, 0]
        if column.ndim == 2 and column.dtype.kind in "biuf":
            column = self._chosen(column, name)
        if column.ndim != 1 or column.dtype.kind not in "biufUS":
            what = f"holds {column.dtype} of shape {column.shape[1:]} per row; expected one label."
            self.fail(what, column=name)
        if column.dtype.kind == "S":
            column = np.char.decode(column, "utf-8", "replace")
        if column.dtype.kind == "f":
            column = column.astype(np.float64)
        return pa.array(column.astype(column.dtype.newbyteorder("=")))

    def _chosen(self, rows: Array, name: str) -> Array:
        """Class indices of one-hot rows."""
        ones = ((rows == 0) | (rows == 1)).all(axis=1)
        bad = np.flatnonzero(~ones | (rows.sum(axis=1) != 1))
        if bad.size:
            row = int(bad[0])
            told = ", ".join(f"{value:g}" for value in rows[row][:8])
            what = f"the labels of a row are {told}; expected one label, or a row with a single 1."
            if ones[row]:
                what += (
                    " Several labels that may be true at once need a score each, in a list per row."
                )
            self.fail(what, row=row, column=name)
        return np.asarray(rows.argmax(axis=1))
