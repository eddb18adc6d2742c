"""JSON files that are a single object with the columns, as data frames are written by default."""

from __future__ import annotations

import json
from typing import Any

from xent.scoring.errors import FileError
from xent.scoring.sources.file import File
from xent.scoring.sources.lines import LONGEST

MOST = 1 << 28
"""The most characters of such a file: it is read whole."""


def columns_in(file: File) -> dict[str, list[Any]] | None:
    """The columns by name, if the file is such an object."""
    try:
        whole = _whole(file)
    except OSError:  # the reader of JSON says what is wrong
        return None
    return None if whole is None else _columns(file, whole)


def _whole(file: File) -> Any:
    """The object, unless the first line shows that it is none of columns."""
    with file.text() as text:
        start = text.readline(LONGEST)
        if not start.lstrip().startswith("{"):
            return None
        try:
            if not _nested(json.loads(start)):
                return None
        except (ValueError, RecursionError):  # an object over several lines, or no JSON
            if start.strip() != "{" and len(start) < LONGEST:
                return None
        content = start + text.read(MOST + 1 - len(start))
    if len(content) > MOST:
        if len(start) == LONGEST:
            what = f"one object of more than {MOST >> 20} MB, which would be read whole: write one "
            raise FileError(file.name, what + "object per row, as JSON Lines.")
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _nested(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(v, (dict, list)) for v in value.values())


def _columns(file: File, whole: Any) -> dict[str, list[Any]] | None:
    if not _nested({k: v for k, v in whole.items() if k != "schema"}):
        return None
    if {"columns", "data"} <= whole.keys() <= {"columns", "index", "data"}:  # orient="split"
        names = map(str, whole["columns"])
        return {name: [row[j] for row in whole["data"]] for j, name in enumerate(names)}
    if whole.keys() == {"schema", "data"}:  # orient="table"
        return {str(name): [row.get(name) for row in whole["data"]] for name in whole["data"][0]}
    first = next(iter(whole.values()), None)
    if (
        all(map(str.isdigit, whole))
        and isinstance(first, dict)
        and not all(map(str.isdigit, first))
    ):
        # orient="index": an object for each row
        return {name: [row.get(name) for row in whole.values()] for name in first}
    rows = {name: list(values) for name, values in whole.items()}
    if all(isinstance(values, dict) for values in whole.values()):
        for name, keys in rows.items():
            if keys != list(first or ()):
                raise FileError(
                    file.name, "its rows differ from those of other columns.", column=name
                )
        return {name: list(values.values()) for name, values in whole.items()}
    return rows if len({len(values) for values in rows.values()}) == 1 else None
