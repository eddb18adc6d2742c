"""Which line of a text file is at fault, and why: looked for only once reading has failed."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, TypedDict

from xent.scoring.errors import FileError


class Place(TypedDict):
    """Where a row is."""

    row: int
    line: int


_OPENERS: dict[str, Callable[..., IO[str]]] = {".gz": gzip.open, ".bz2": bz2.open}


def find_bad_line(
    path: Path, delimiter: str | None, numbers: Sequence[str], reason: str
) -> FileError:
    """The problem with its line; the parser's own words where no line can be blamed."""
    opener = _OPENERS.get(path.suffix.lower(), open)
    try:
        with opener(path, "rt", encoding="utf-8", newline="") as file:
            found = (
                _csv(path, file, delimiter, numbers) if delimiter else _json(path, file, numbers)
            )
    except UnicodeDecodeError as error:
        return FileError(path, f"is not UTF-8 text: {error.reason} at byte {error.start}.")
    return found or FileError(path, f"cannot be read: {reason}")


def _csv(path: Path, file: IO[str], delimiter: str, numbers: Sequence[str]) -> FileError | None:
    lines = csv.reader(file, delimiter=delimiter)
    header = next(lines, None)
    if header is None:
        return FileError(path, "has no header line.")
    places = {header.index(name): name for name in numbers if name in header}
    row = 0
    for fields in lines:
        if not fields:  # a blank line is no row
            continue
        at: Place = {"row": row, "line": lines.line_num}
        if len(fields) != len(header):
            what = f"{len(fields)} fields, but the header names {len(header)} columns."
            return FileError(path, what, **at)
        for place, name in places.items():
            if not _is_number(fields[place]):
                what = f"{fields[place]!r} is not a number."
                return FileError(path, what, column=name, **at)
        row += 1
    return None


def _is_number(text: str) -> bool:
    try:
        float(text or "nan")
    except ValueError:
        return text in ("NA", "null", "None")
    return True


def _json(path: Path, file: IO[str], numbers: Sequence[str]) -> FileError | None:
    row = 0
    kinds: dict[str, type] = {}
    for line, text in enumerate(file, start=1):
        if not text.strip():
            continue
        at: Place = {"row": row, "line": line}
        try:
            record = json.loads(text)
        except json.JSONDecodeError as error:
            return FileError(path, f"not JSON: {error.msg} at character {error.pos}.", **at)
        if not isinstance(record, dict):
            what = f'expected an object, as in {{"label": 1}}, but found {text.strip()[:40]}.'
            return FileError(path, what, **at)
        for name in numbers:
            values = record.get(name)
            for value in values if isinstance(values, list) else [values]:
                if isinstance(value, bool) or not isinstance(value, (int, float, type(None))):
                    return FileError(path, f"{value!r} is not a number.", column=name, **at)
        for name, value in record.items():
            kind: Any = float if isinstance(value, (int, float)) else type(value)
            if value is not None and kinds.setdefault(name, kind) is not kind:
                what = f"{value!r} is of another type than the values before it."
                return FileError(path, what, column=name, **at)
        row += 1
    return None
