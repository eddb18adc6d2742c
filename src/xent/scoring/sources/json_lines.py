"""The objects of a JSON file with their lines, and the first one that cannot be read."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import IO, Any

import pyarrow as pa

from xent.scoring.errors import FileError
from xent.scoring.sources.file import File
from xent.scoring.sources.lines import LONGEST, Place, Wanted, foreign
from xent.scoring.sources.lines import lines_of as each_line
from xent.scoring.values import LOST

KINDS: tuple[tuple[Any, str], ...] = (
    (bool, "true or false"),  # before int, of which it is a kind
    ((int, float), "a number"),
    (str, "text"),
    (list, "a list"),
)

EXAMPLE = '{"label": 1, "prob": 0.9}'


class _Pairs(list[tuple[str, Any]]):
    """An object, read as its pairs, so that repeated names are found."""


CHUNK = 1 << 20
"""Characters of an array that are read at once."""


def first_records(file: File, most: int) -> list[dict[str, Any]]:
    """The first objects of a file."""
    rows: list[dict[str, Any]] = []
    with objects(file) as found:
        size = 0
        for place, text in islice(found, most):
            rows.append(parsed(file, text, place))
            size += len(text)
            if size > LONGEST:
                break
    return [{k: _plain(v) for k, v in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    """Objects as such, instead of as lists of pairs."""
    if _is_object(value):
        return {k: _plain(v) for k, v in value}
    return [_plain(each) for each in value] if isinstance(value, list) else value


@contextmanager
def objects(file: File) -> Iterator[Iterator[tuple[Place, str]]]:
    """The texts of the objects, each with its place."""
    of = _of_lines if _is_by_lines(file) else _of_values
    with file.text() as text:
        yield of(file, text)


def lines_of(file: File) -> Any:
    """An Arrow file with one object per line; None if the file itself has them so."""
    return None if _is_by_lines(file) else pa.PythonFile(_Lines(file), mode="r")


def _is_by_lines(file: File) -> bool:
    """Is each object on a line of its own, instead of in an array or written over several lines?"""
    with file.text() as text:
        start = text.read(1 << 10).lstrip()
    return not start.startswith("[") and start.partition("\n")[0].strip() != "{"


def _of_lines(file: File, text: IO[str]) -> Iterator[tuple[Place, str]]:
    row = 0
    for line, content in enumerate(each_line(file, text), 1):
        if found := content.strip():
            yield {"row": row, "line": line}, found
            row += 1


def _of_values(file: File, text: IO[str]) -> Iterator[tuple[Place, str]]:
    """The objects of an array, or those that follow each other with blanks between them."""
    decoder, row, size = json.JSONDecoder(), 0, CHUNK
    held = text.read(CHUNK).lstrip()
    is_array = held.startswith("[")
    held = held[is_array:]
    while True:
        held = held.lstrip()
        if is_array and row and held.startswith(","):
            held = held[1:].lstrip()
        place: Place = {"row": row, "line": None}
        if is_array and held.startswith("]"):
            if held[1:].strip() or text.read(CHUNK).strip():
                raise FileError(file.name, "text follows the array.", **place)
            return
        try:
            _, end = decoder.raw_decode(held)
        except (ValueError, RecursionError):
            end = 0
        if end:
            yield place, held[:end].replace("\n", " ").replace("\r", " ")
            held, row, size = held[end:], row + 1, CHUNK
            continue
        more = text.read(size)
        if not more or len(held) > LONGEST:
            if held.strip():
                yield place, held[:LONGEST]
            if is_array:
                what = "the array is not closed by ]: is the file truncated?"
                raise FileError(file.name, what, **place)
            return
        held, size = held + more, min(2 * size, LONGEST)


class _Lines(io.RawIOBase):
    """The objects of a file as a stream of lines."""

    def __init__(self, file: File) -> None:
        self.opened = objects(file)
        self.found = self.opened.__enter__()
        self.held = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer."""
        parts, size = [self.held], len(self.held)
        while size < len(buffer) and (found := next(self.found, None)):
            parts.append(found[1].encode("utf-8", "surrogateescape") + b"\n")
            size += len(parts[-1])
        held = b"".join(parts)
        count = min(len(held), len(buffer))
        buffer[:count] = held[:count]
        self.held = held[count:]
        return count

    def close(self) -> None:
        if not self.closed:
            self.opened.__exit__(None, None, None)
        super().close()


def parsed(file: File, text: str, at: Place) -> dict[str, Any]:
    """The object, whose names must differ; objects in it are lists of pairs."""
    if not text.startswith("{"):
        what = f"expected one object per line, as in {EXAMPLE}, but found {text[:40]}"
        raise FileError(file.name, what, **at)
    if byte := foreign(text):
        raise FileError(file.name, f"the text is {byte}", **at)
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        what = f"not JSON: {error.msg} at character {error.colno}. Each line is one object."
        raise FileError(file.name, what, **at) from None
    except RecursionError:
        what = "not JSON that can be read: it is nested too deeply."
        raise FileError(file.name, what, **at) from None
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise FileError(file.name, "occurs more than once in the object.", column=name, **at)
    return dict(pairs)


def check(file: File, wanted: Wanted, objects_in: Collection[str] = ()) -> None:
    """Raise FileError at the first row that cannot be read; some columns may hold objects."""
    kinds: dict[str, str] = {}
    with objects(file) as found:
        for at, text in found:
            record = parsed(file, text, at)
            for name in wanted.columns:
                if name in objects_in:
                    if changed := _changed(record.get(name), name, kinds):
                        raise FileError(file.name, changed[1], column=changed[0], **at)
                    continue
                if what := _problem(record.get(name), name, wanted, kinds):
                    raise FileError(file.name, what, column=name, **at)


def check_fields(file: File, known: Mapping[str, Collection[str]]) -> None:
    """Raise FileError at the first row whose objects have a number under a name that is not known.

    `known` has the names in the objects of each column.
    """
    with objects(file) as found:
        for at, text in found:
            try:
                record = json.loads(text)
            except (ValueError, RecursionError):
                return  # for this there is an error once the row is read
            for column, names in known.items():
                value = record.get(column) if isinstance(record, dict) else None
                for name, each in value.items() if isinstance(value, dict) else ():
                    if name not in names and _kind(each) == "a number":
                        what = (
                            f"the first rows, which say what there is to read, have no '{name}' "
                            "there. Give each row the scores of all classes."
                        )
                        raise FileError(file.name, what, column=f"{column}.{name}", **at)


def _problem(value: Any, name: str, wanted: Wanted, kinds: dict[str, str]) -> str:
    if value is None:
        return LOST
    if name in wanted.numbers:
        if _is_object(value):
            return "an object is not a number."
        for each in value if isinstance(value, list) else [value]:
            if each is not None and _kind(each) != "a number":
                return f"{each!r} is not a number."
            if isinstance(each, float) and math.isinf(each):
                return "the number is larger than any float64."
    elif isinstance(value, list):
        return f"{_written(value)} is not a label; expected a number or a name."
    changed = _changed(value, name, kinds)
    return changed[1] if changed else ""


def _changed(value: Any, name: str, kinds: dict[str, str]) -> tuple[str, str] | None:
    """The first part of a value, by name, that is of another kind than in earlier rows."""
    if value is None:
        return None
    kind = _kind(value)
    before = kinds.setdefault(name, kind)
    if kind != before:
        return name, f"{_written(value)} is {kind}, but earlier rows have {before}."
    parts: list[tuple[str, Any]] = []
    if _is_object(value):
        parts = [(f"{name}.{key}", each) for key, each in value]
    elif isinstance(value, list):
        parts = [(f"{name}[]", each) for each in value]
    found = (_changed(each, part, kinds) for part, each in parts)
    return next(filter(None, found), None)


def _written(value: Any) -> str:
    """A value as in the file, in short."""
    return f"{json.dumps(_plain(value)) if isinstance(value, list) else repr(value):.40}"


def _is_object(value: Any) -> bool:
    return isinstance(value, _Pairs)


def _kind(value: Any) -> str:
    if _is_object(value):
        return "an object"
    return next((kind for types, kind in KINDS if isinstance(value, types)), "missing")
