"""Comma- or tab-separated text, also as spreadsheets write it: semicolons, decimal commas."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from xent.scoring.sources import csv_lines
from xent.scoring.sources.arrow_reader import NOTHING, TextReader
from xent.scoring.sources.file import File
from xent.scoring.sources.lines import Place, Wanted
from xent.scoring.sources.sample import Sample

DELIMITERS = (",", "\t", ";", "|")
NULLS = ("", "na", "n/a", "#n/a", "nan", "null", "none")
"""Texts, in lower case, of numbers that are missing."""
DECIMAL_COMMA = re.compile(r"\s*[-+]?(?:0?|[1-9]\d*)(?:,\d+)?(?:[eE][-+]?\d+)?\s*")

SAMPLE_BLOCK = 1 << 20
"""Bytes of text that are enough for a sample, unless a row is longer."""


class CsvReader(TextReader):
    """Comma- or tab-separated text with a header line."""

    endings = (".csv", ".tsv")

    def __init__(self, file: File) -> None:
        super().__init__(file)
        # What stands between the columns counts, whatever the ending of the file says.
        own, header = "\t" if file.ending == ".tsv" else ",", csv_lines.header_of(file)
        self.delimiter = next((mark for mark in (own, *DELIMITERS) if mark in header), own)
        self.decimal = "."
        with self._explained():
            written = self._opened(NOTHING).schema.names
        self.names = [name.strip() for name in written]
        self.written = dict(zip(self.names, written, strict=True))

    def _places(self) -> Iterator[Place]:
        with self.file.text() as text:
            yield from (place for place, _ in csv_lines.rows_of(self.file, text, self.delimiter))

    def _check(self, wanted: Wanted) -> None:
        csv_lines.check(self.file, self.delimiter, wanted)

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

    def _stream(self, wanted: Wanted, block: int = 0) -> Any:
        types = {
            self.written[name]: pa.float64() if name in wanted.numbers else pa.string()
            for name in wanted.columns
        }
        return pyarrow.csv.open_csv(
            self._content(),
            # Row numbers in errors need one thread. Parsing is not the slow part.
            read_options=pyarrow.csv.ReadOptions(block_size=block or self.block, use_threads=False),
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
