"""What finding the fault in a text file takes, whatever its format.

Python reads the lines one by one, which is slow. So this is used only for the first records, and
after PyArrow has failed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import IO, NamedTuple, TypedDict

from xent.scoring.errors import FileError
from xent.scoring.sources.file import File

LONGEST = 1 << 23
"""The most characters in a field. A longer one is assumed to be a quote that is not closed."""


MOST_BLANK = 1 << 20
"""The most blank lines that follow each other: Python passes over about a million in a second."""


class Place(TypedDict):
    """The place of a row; of an array in JSON, the line is not known."""

    row: int
    line: int | None


class Wanted(NamedTuple):
    """The columns that are read, and those of them that hold numbers."""

    columns: Sequence[str] = ()
    numbers: Collection[str] = ()


def lines_of(file: File, text: IO[str]) -> Iterator[str]:
    """The lines of a text; fails at one that is too long, and where only blank ones follow."""
    line = blank = 0
    while content := text.readline(LONGEST + 1):
        line += 1
        blank = 0 if content.strip() else blank + 1
        if len(content) > LONGEST:
            raise FileError(file.name, f"is longer than {LONGEST} characters.", line=line)
        if blank > MOST_BLANK:
            raise FileError(file.name, f"more than {MOST_BLANK} blank lines.", line=line)
        yield content


def check_text(file: File) -> None:
    """Check that the file can be decompressed and is not binary."""
    try:
        with file.content() as stream:
            start = stream.read(1 << 16)
    except OSError as error:
        raise FileError(file.name, f"cannot be read: {error}") from None
    if b"\0" in start:
        what = (
            "is not text in UTF-8: it holds zero bytes. Is the file extension right? A table "
            "saved by a spreadsheet as Unicode text must be saved as CSV in UTF-8."
        )
        raise FileError(file.name, what)


def foreign(text: str) -> str:
    """The first byte that is not UTF-8, in words."""
    if found := re.search("[\udc80-\udcff]", text):
        return f"not UTF-8: byte {ord(found[0]) - 0xDC00:#04x}. Save the file as UTF-8."
    return ""
