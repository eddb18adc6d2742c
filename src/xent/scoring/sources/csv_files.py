"""Comma- or tab-separated text, also as spreadsheets write it: semicolons, decimal commas."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from xent._validation import Array
from xent.scoring.errors import FileError
from xent.scoring.labels import MISSING
from xent.scoring.sources import csv_lines
from xent.scoring.sources.arrow_reader import NOTHING, TextReader
from xent.scoring.sources.file import File
from xent.scoring.sources.lines import Place, Wanted
from xent.scoring.sources.reader import Batch
from xent.scoring.sources.sample import Sample

DELIMITERS = (",", "\t", ";", "|")
NULLS = sorted({form for text in MISSING for form in (text, text.upper(), text.title())} | {"NaN"})
"""Texts of numbers that are missing."""
WHOLE = re.compile(r"0|-?[1-9]\d{0,17}")
THOUSANDS = re.compile(r"\s*[-+]?[1-9]\d{0,2},\d{3}\s*")
"""A number that may be whole, with a mark between thousands."""
DECIMAL_COMMA = re.compile(r"\s*[-+]?(?:0?|[1-9]\d*)(?:,\d+)?(?:[eE][-+]?\d+)?\s*")

BLOCK = 1 << 20
"""Bytes of a batch, unless a row is longer: what is made of them then fits into a cache."""
WIDE = 1 << 12
"""Bytes of a batch for each column, if that is more: a batch costs time for each column."""


class CsvReader(TextReader):
    """Comma- or tab-separated text with a header line."""

    endings = (".csv", ".tsv")

    def __init__(self, file: File) -> None:
        super().__init__(file)
        # What stands between the columns counts, whatever the ending of the file says.
        own, header = "\t" if file.ending == ".tsv" else ",", csv_lines.header_of(file)
        self.delimiter = next((mark for mark in (own, *DELIMITERS) if mark in header), own)
        self.decimal = "."
        self.whole: frozenset[str] = frozenset()
        """Columns that hold whole numbers in the first rows."""
        self.sampled: Sample | None = None
        with self._explained():
            written = self._opened(NOTHING).schema.names
        self.names = [name.strip() for name in written]
        csv_lines.check_header(file, self.names)
        self.written = dict(zip(self.names, written, strict=True))

    def _places(self) -> Iterator[Place]:
        with self.file.text() as text:
            yield from (place for place, _ in csv_lines.rows_of(self.file, text, self.delimiter))

    def _check(self, wanted: Wanted) -> None:
        csv_lines.check(self.file, self.delimiter, wanted, self.decimal)

    def _first(self) -> Iterator[Any]:
        return iter(self._opened(Wanted(self.names)))

    def _opened(self, wanted: Wanted) -> Any:
        """The file with its first rows read."""
        try:
            return self._stream(wanted, BLOCK)
        except pa.ArrowInvalid:
            return self._stream(wanted)

    def batches(self, columns: Sequence[str], numbers: Sequence[str]) -> Iterator[Batch]:
        self.sample()  # which shows decimal commas, and whole numbers
        wanted, done = Wanted(columns, frozenset(numbers)), 0
        whole = self.labels & self.whole & frozenset(columns)
        with self._explained(wanted):
            try:
                for batch in self._stream(wanted, max(BLOCK, WIDE * len(self.names)), whole):
                    yield dict(zip(columns, batch.columns, strict=True))
                    done += batch.num_rows
            except pa.ArrowInvalid:  # a long row, a label that is no whole number, or a fault
                for batch in self._stream(wanted):
                    rest = batch.slice(min(done, batch.num_rows))
                    done -= batch.num_rows - rest.num_rows
                    if rest.num_rows:
                        yield dict(zip(columns, rest.columns, strict=True))

    def sample(self) -> Sample:
        if self.sampled is None:
            self.sampled = super().sample()
        return self.sampled

    def _sampled(self, names: Sequence[str], columns: Sequence[Any]) -> Sample:
        """Numbers where all texts of a column are some, also with decimal commas."""
        texts = dict(zip(map(str.strip, names), columns, strict=True))
        lists = {name: column.to_pylist() for name, column in texts.items()}
        commas = [each for each in lists.values() if _has_decimal_commas(each)]
        if commas and not any(map(_has_decimal_points, lists.values())):
            self.decimal = ","
            marked = [text for each in commas for text in each if text and "," in text]
            # Between semicolons, a comma is a decimal one.
            if self.delimiter != ";" and all(map(THOUSANDS.fullmatch, marked)):
                what = f"{marked[0]!r} may be {marked[0].replace(',', '.')} or "
                what += f"{marked[0].replace(',', '')}: write numbers with decimal points, and "
                raise FileError(self.name, what + "without marks between thousands.")
        self.whole = frozenset(name for name, each in lists.items() if all(map(_is_whole, each)))
        numbers = {name: _as_numbers(each, self.decimal) for name, each in lists.items()}
        found = {n: texts[n] if each is None else each for n, each in numbers.items()}
        return Sample(found, texts)

    def _stream(self, wanted: Wanted, block: int = 0, whole: frozenset[str] = frozenset()) -> Any:
        types = {
            self.written[name]: pa.float64() if name in wanted.numbers else
            pa.int64() if name in whole else pa.string()
            for name in wanted.columns
        }  # fmt: skip
        return pyarrow.csv.open_csv(
            self._content(),
            # Row numbers in errors need one thread. Parsing is not the slow part.
            read_options=pyarrow.csv.ReadOptions(
                block_size=min(block or self.block, self.block), use_threads=False
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=self.delimiter,
                newlines_in_values=True,  # else a block may end inside a quoted field
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=NULLS,
                decimal_point=self.decimal,
            ),
        )


def _is_missing(text: str | None) -> bool:
    return text is None or text.strip().lower() in MISSING


def _is_whole(text: str | None) -> bool:
    """Is this a whole number in its usual form, or missing?"""
    return text is None or WHOLE.fullmatch(text) is not None


def _has_decimal_commas(texts: Sequence[str | None]) -> bool:
    known = [text for text in texts if text is not None and not _is_missing(text)]
    return (
        bool(known)
        and all(map(DECIMAL_COMMA.fullmatch, known))
        and any("," in text for text in known)
    )


def _has_decimal_points(texts: Sequence[str | None]) -> bool:
    return any(text and "." in text for text in texts) and _as_numbers(texts, ".") is not None


def _as_numbers(texts: Sequence[str | None], decimal: str) -> Array | None:
    """The texts as numbers, with NaN for missing ones; None if one of them is no number."""
    if any("_" in text for text in texts if text):  # Python reads 1_000
        return None
    known = ["nan" if text is None or _is_missing(text) else text for text in texts]
    try:
        return np.array([float(text.replace(decimal, ".")) for text in known])
    except ValueError:
        return None
