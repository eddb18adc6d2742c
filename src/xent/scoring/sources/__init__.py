"""Where predictions come from: files of several formats, in any number, and tables in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from xent._format import counted
from xent.scoring.errors import FileError
from xent.scoring.reading import all_of
from xent.scoring.sources.file import File
from xent.scoring.sources.joined import JoinedReader, Truth
from xent.scoring.sources.keys import key_of
from xent.scoring.sources.memory import MemoryReader, is_named
from xent.scoring.sources.objects import ObjectsReader, has_objects
from xent.scoring.sources.partitions import PartitionedReader
from xent.scoring.sources.reader import Reader
from xent.scoring.sources.readers import find_files, open_file
from xent.scoring.sources.sample import Sample


@dataclass
class Source:
    """Files or tables with the same columns."""

    name: str
    parts: Sequence[tuple[str, Callable[[], Reader]]]
    """The name of each part, and what opens it."""
    skips: bool = False
    """Are parts that cannot be read left out?"""
    skipped: dict[str, FileError] = field(default_factory=dict)
    """The parts that were left out, by name."""
    truth: Truth | None = None
    """The table that holds the labels, if the predictions do not."""
    in_memory: bool = False
    """Is it a table in memory, and not files?"""
    _first: tuple[str, Reader, Sample] | None = None

    @property
    def first(self) -> tuple[Reader, Sample]:
        """The first part that can be read, with its sample."""
        if self._first is None:
            for name, opened in self.parts:
                with self.skipping(name):
                    reader = opened()
                    self._first = name, reader, reader.sample()
                    break
        self.check_any()
        if self._first is None:
            raise FileError(self.name, "holds no rows.")
        return self._first[1:]

    @property
    def first_name(self) -> str:
        """The name of the first part that can be read."""
        _ = self.first
        return self._first[0] if self._first else self.name

    def check_any(self) -> None:
        """Fail if all parts were left out, for the reason of the first one."""
        if all(name in self.skipped for name, _ in self.parts):
            raise next(iter(self.skipped.values()))

    def join(self, truth: Truth) -> None:
        """Take labels from another table."""

        def joined(name: str, opened: Callable[[], Reader]) -> Callable[[], Reader]:
            return lambda: JoinedReader(opened(), truth, name)

        self.truth, self._first = truth, None
        self.parts = [(name, joined(name, opened)) for name, opened in self.parts]

    def spread(self) -> None:
        """Give the fields of objects columns of their own."""
        if not has_objects(self.first[1]):
            return

        def spread(opened: Callable[[], Reader]) -> Callable[[], Reader]:
            return lambda: ObjectsReader(opened())

        self._first = None
        self.parts = [(name, spread(opened)) for name, opened in self.parts]

    def match(self, columns: Sequence[str]) -> None:
        """Find the labels of all rows, if they are in another table."""
        if self.truth is not None:
            used = [name for name in columns if name in self.truth.names]
            self.truth.match(self._unjoined(), used, self.skipping)

    def _unjoined(self) -> Iterator[tuple[str, Reader]]:
        for name, opened in self.parts:
            with self.skipping(name):
                reader = self.open(name, opened)
                yield name, reader.reader if isinstance(reader, JoinedReader) else reader

    def open(self, name: str, opened: Callable[[], Reader]) -> Reader:
        """A part."""
        return self._first[1] if self._first and self._first[0] == name else opened()

    @contextmanager
    def skipping(self, name: str) -> Iterator[None]:
        """Leaves a part out if it cannot be read, where that was asked for."""
        try:
            yield
        except FileError as error:
            if not self.skips:
                raise
            self.skipped[name] = error


def check_columns(reader: Reader, name: str, columns: Sequence[str]) -> None:
    """Fail unless a part has the columns."""
    names = set(reader.names)
    for column in columns:
        if column not in names:
            what = f"no column '{column}', unlike in the first file; the columns are "
            raise FileError(name, f"{what}{all_of(reader.names)}.")


def open_source(source: Any, labels: Any = None, *, skip_bad: bool = False) -> Source:
    """The files that are named, or the table that is given."""
    if not is_named(source):
        reader = MemoryReader(source, labels)
        return Source(reader.name, [(reader.name, lambda: reader)], in_memory=True)
    named: Sequence[Any] = source if isinstance(source, (list, tuple)) else [source]
    files: list[File] = []
    lost: dict[str, FileError] = {}
    for each in named:
        try:
            files += find_files(each)
        except FileError as error:
            if not skip_bad or len(named) == 1:
                raise
            lost[str(each)] = error
    if lost and not files:
        raise next(iter(lost.values()))
    if not files:
        msg = "no file is named; expected a path, an address, a table, or several of them."
        raise ValueError(msg)
    _check_distinct(files)
    beside = None
    if labels is not None:
        beside, *more = find_files(labels)
        if more or len(files) > 1:
            raise FileError(files[0].name, "--labels gives the labels of one file.")
    name = f"{files[0].name} and {counted(len(files) - 1, 'more file')}"
    if len(named) == 1:
        name = files[0].name if named[0] == "-" else str(named[0])
    elif len(files) == 1:
        name = files[0].name
    parts = [(each.name, _opener(each, beside)) for each in files]
    return Source(name, parts, skip_bad, skipped=lost)


def _check_distinct(files: Sequence[File]) -> None:
    """Fail if a file is named twice, or under two names."""
    seen: dict[Any, str] = {}
    for file in files:
        found = file.local.stat() if file.local else None
        key = (found.st_dev, found.st_ino) if found else file.name
        if key in seen:
            also = "" if seen[key] == file.name else f", as {seen[key]}, too"
            raise FileError(file.name, f"is named twice{also}: its rows would count twice.")
        seen[key] = file.name


def open_truth(source: Any, key: str | Sequence[str], *, drops: bool) -> Truth:
    """The table of labels; with `drops`, rows without a partner are left out."""
    opened = open_source(source)
    readers = [opened.open(name, open_part) for name, open_part in opened.parts]
    return Truth(readers, opened.name, key_of(key), drops=drops)


def _opener(file: File, labels: File | None) -> Callable[[], Reader]:
    def opened() -> Reader:
        reader = open_file(file, labels)
        return PartitionedReader(reader, file.partitions) if file.partitions else reader

    return opened
