"""The rows of a CSV file with their lines, and the first row that cannot be read."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import IO

from xent._format import counted
from xent.scoring.errors import FileError
from xent.scoring.labels import MISSING
from xent.scoring.sources.file import File
from xent.scoring.sources.lines import LONGEST, MOST_BLANK, Place, Wanted, foreign, lines_of


def header_of(file: File) -> str:
    """The first line that is not blank, without what is in quotes."""
    with file.text() as text:
        lines = (text.readline(LONGEST) for _ in range(MOST_BLANK))
        header = next((line for line in takewhile(bool, lines) if line.strip()), "")
        return re.sub(r'"[^"]*"', "", header)


def check_header(file: File, names: Sequence[str]) -> None:
    """Fail where the first line does not hold the names of columns."""
    first = names[0] if names else ""
    with file.text() as text:
        lines = [text.readline(LONGEST).split() for _ in range(2)]
    if first.lower().startswith("sep="):
        what = "the first line says to Excel what stands between columns (sep=): remove it."
        raise FileError(file.name, what, line=1)
    if len(names) == 1 and 1 < len(lines[0]) <= len(lines[1]):
        what = f"one column is called {first!r:.60}: are columns separated by blanks? Write commas "
        what += "between them; in R, write.csv(x, 'FILE.csv', row.names = FALSE)."
        raise FileError(file.name, what, line=1)
    if all(map(_is_float, names)) and not all(name.isdigit() for name in names):
        what = (
            f"the first line holds numbers, {', '.join(names[:4])}, and not the names of columns: "
        )
        raise FileError(file.name, what + "add a line such as label,prob before it.", line=1)


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def rows_of(file: File, text: IO[str], delimiter: str) -> Iterator[tuple[Place, list[str]]]:
    """Records that are not blank, each with its first line; the header is row -1."""
    lines = csv.reader(lines_of(file, text), delimiter=delimiter)
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


def check(file: File, delimiter: str, wanted: Wanted, decimal: str = ".") -> None:
    """Raise FileError at the first row that cannot be read."""
    at: Place = {"row": -1, "line": 0}
    header: list[str] = []
    try:
        with file.text() as text:
            for at, fields in rows_of(file, text, delimiter):
                if at["row"] >= 0:
                    _check_fields(file, fields, header, wanted, at, decimal)
                    continue
                header = [name.strip() for name in fields]
                if any(byte := foreign(name) for name in header):
                    raise FileError(file.name, f"the header is {byte}", line=at["line"])
    except csv.Error as error:
        what = f"{error}. Is a quote opened after row {at['row']} and not closed?"
        raise FileError(file.name, what) from None
    if at["row"] < 0:
        raise FileError(file.name, "holds no rows." if header else "has no header line.")


def _check_fields(
    file: File, fields: list[str], header: list[str], wanted: Wanted, at: Place, decimal: str
) -> None:
    if len(fields) != len(header):
        what = f"{counted(len(fields), 'field')}, but the header names {len(header)} columns."
        if len(header) == 1 and header[0].startswith("#"):
            what = f"the header is a comment, {header[0]:.60}: remove it."
        raise FileError(file.name, what + " Is a quote not closed?" * ("\n" in fields[-1]), **at)
    for name in wanted.columns:
        text = fields[header.index(name)]
        if byte := foreign(text):
            raise FileError(file.name, f"the text is {byte}", column=name, **at)
        if name in wanted.numbers and not _is_number(text, decimal):
            tensor = " Save numbers, as tensor.tolist() gives them." * text.startswith("tensor(")
            raise FileError(file.name, f"{text!r} is not a number.{tensor}", column=name, **at)


def _is_number(text: str, decimal: str) -> bool:
    if text.strip().lower() in MISSING:  # reported as missing, once it has been read
        return True
    try:
        float(text.replace(decimal, "."))
    except ValueError:
        return False
    return "_" not in text  # PyArrow does not read 1_000
