"""Finds the line of a text file that cannot be read, and the reason.

Python reads the lines one by one, which is slow. So this is used only for the first record, and
after PyArrow has failed.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from pathlib import Path
from typing import IO, Any, NamedTuple, TypedDict

import pyarrow as pa

from xent._format import counted
from xent.scoring.errors import FileError

LONGEST = 1 << 23
"""The most characters in a field. A longer one is assumed to be a quote that is not closed."""

JSON_KINDS: tuple[tuple[Any, str], ...] = (
    (bool, "true or false"),  # before int, of which it is a kind
    ((int, float), "a number"),
    (str, "text"),
    (list, "a list"),
)

EXAMPLE = '{"label": 1, "prob": 0.9}'


class Place(TypedDict):
    """The place of a row."""

    row: int
    line: int


class Wanted(NamedTuple):
    """The columns that are read, and those of them that hold numbers."""

    columns: Sequence[str] = ()
    numbers: Sequence[str] = ()


def check_text(path: Path) -> None:
    """Check that the file can be decompressed and is not binary."""
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            start = stream.read(1 << 16)
    except OSError as error:
        raise FileError(path, f"cannot be read: {error}") from None
    if b"\0" in start:
        what = (
            "is not text in UTF-8: it holds zero bytes. Is the file extension right? A table "
            "saved by a spreadsheet as Unicode text must be saved as CSV in UTF-8."
        )
        raise FileError(path, what)


def find_bad_line(path: Path, delimiter: str | None, wanted: Wanted, reason: str) -> FileError:
    """The error with its line, or the parser's own message if no line is at fault."""
    try:
        with _open(path) as file:
            if delimiter:
                _check_csv(path, file, delimiter, wanted)
            else:
                _check_json(path, file, wanted)
    except FileError as found:
        return found
    except OSError as error:  # compressed data that is cut off or damaged
        reason = str(error)
    # The parser counts rows from the start of its block.
    return FileError(path, f"cannot be read: {re.sub(r' in row [0-9]+$', '', reason)}")


def first_record(path: Path) -> dict[str, Any]:
    """The first JSON object of a file."""
    with _open(path) as file:
        for place, text in _json_lines(file):
            return _parsed(path, text, place)
    raise FileError(path, "holds no rows.")


def header_of(path: Path) -> str:
    """The first line that is not blank, without what is in quotes."""
    with _open(path) as file:
        lines = (file.readline(LONGEST) for _ in range(LONGEST))
        header = next((line for line in takewhile(bool, lines) if line.strip()), "")
        return re.sub(r'"[^"]*"', "", header)


def first_records(path: Path, most: int) -> list[dict[str, Any]]:
    """The first JSON objects of a file."""
    with _open(path) as file:
        rows = [_parsed(path, text, place) for place, text in islice(_json_lines(file), most)]
    return [{k: dict(v) if _is_object(v) else v for k, v in row.items()} for row in rows]


def line_of(path: Path, delimiter: str | None, row: int) -> int | None:
    """Line on which a row begins."""
    with _open(path) as file:
        lines: Iterator[tuple[Place, Any]]
        lines = _csv_rows(file, delimiter) if delimiter else _json_lines(file)
        return next((place["line"] for place, _ in lines if place["row"] == row), None)


def _open(path: Path) -> IO[str]:
    stream = pa.input_stream(str(path), compression="detect")
    return io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")


def _csv_rows(file: IO[str], delimiter: str) -> Iterator[tuple[Place, list[str]]]:
    """Records that are not blank, each with its first line; the header is row -1."""
    lines = csv.reader(file, delimiter=delimiter)
    row, line = -1, 1
    limit = csv.field_size_limit(LONGEST)
    try:
        for fields in lines:
            if fields:
                yield {"row": row, "line": line}, fields
                row += 1
            line = lines.line_num + 1
    finally:
        csv.field_size_limit(limit)


def _check_csv(path: Path, file: IO[str], delimiter: str, wanted: Wanted) -> None:
    """Raise FileError at the first row that cannot be read."""
    at: Place = {"row": -1, "line": 0}
    header: list[str] = []
    try:
        for at, fields in _csv_rows(file, delimiter):
            if at["row"] >= 0:
                _check_fields(path, fields, header, wanted, at)
                continue
            header = [name.strip() for name in fields]
            if any(byte := _foreign(name) for name in header):
                raise FileError(path, f"the header is {byte}", line=at["line"])
    except csv.Error as error:
        what = f"{error}. Is a quote opened after row {at['row']} and not closed?"
        raise FileError(path, what) from None
    if at["row"] < 0:
        raise FileError(path, "holds no rows." if header else "has no header line.")


def _check_fields(
    path: Path, fields: list[str], header: list[str], wanted: Wanted, at: Place
) -> None:
    if len(fields) != len(header):
        what = f"{counted(len(fields), 'field')}, but the header names {len(header)} columns."
        raise FileError(path, what + " Is a quote not closed?" * ("\n" in fields[-1]), **at)
    for name in wanted.columns:
        text = fields[header.index(name)]
        if byte := _foreign(text):
            raise FileError(path, f"the text is {byte}", column=name, **at)
        if name in wanted.numbers and not _is_number(text):
            raise FileError(path, f"{text!r} is not a number.", column=name, **at)


def _foreign(text: str) -> str:
    """The first byte that is not UTF-8, in words."""
    if found := re.search("[\udc80-\udcff]", text):
        return f"not UTF-8: byte {ord(found[0]) - 0xDC00:#04x}. Save the file as UTF-8."
    return ""


def _is_number(text: str) -> bool:
    if text in ("", "NA", "null", "None"):  # reported as missing, once it has been read
        return True
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text  # PyArrow does not read 1_000


def _json_lines(file: IO[str]) -> Iterator[tuple[Place, str]]:
    row = 0
    for line, text in enumerate(file, start=1):
        if text.strip():
            yield {"row": row, "line": line}, text.strip()
            row += 1


def _parsed(path: Path, text: str, at: Place) -> dict[str, Any]:
    if not text.startswith("{"):
        what = f"expected one object per line, as in {EXAMPLE}, but found {text[:40]}"
        raise FileError(path, what, **at)
    if byte := _foreign(text):
        raise FileError(path, f"the text is {byte}", **at)
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except json.JSONDecodeError as error:
        what = f"not JSON: {error.msg} at character {error.colno}. Each line is one object."
        raise FileError(path, what, **at) from None
    except RecursionError:
        what = "not JSON that can be read: it is nested too deeply."
        raise FileError(path, what, **at) from None
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise FileError(path, "occurs more than once in the object.", column=name, **at)
    return dict(pairs)


def _check_json(path: Path, file: IO[str], wanted: Wanted) -> None:
    """Raise FileError at the first row that cannot be read."""
    kinds: dict[str, str] = {}
    for at, text in _json_lines(file):
        record = _parsed(path, text, at)
        for name in wanted.columns:
            if what := _json_problem(record.get(name), name, wanted, kinds):
                raise FileError(path, what, column=name, **at)


def _json_problem(value: Any, name: str, wanted: Wanted, kinds: dict[str, str]) -> str:
    if value is None:
        return "the value is missing."
    if name in wanted.numbers:
        if _is_object(value):
            return "an object is not a number."
        for each in value if isinstance(value, list) else [value]:
            if each is not None and _json_kind(each) != "a number":
                return f"{each!r} is not a number."
            if isinstance(each, float) and math.isinf(each):
                return "the number is larger than any float64."
    elif isinstance(value, list):
        return f"{value!r:.40} is not a label; expected a number or a name."
    kind = _json_kind(value)
    before = kinds.setdefault(name, kind)
    return "" if kind == before else f"{value!r:.40} is {kind}, but earlier rows have {before}."


def _is_object(value: Any) -> bool:
    """Objects are read as lists of pairs, so that repeated names are found."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], tuple)


def _json_kind(value: Any) -> str:
    return next((kind for types, kind in JSON_KINDS if isinstance(value, types)), "missing")
