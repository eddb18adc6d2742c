"""What every reader of predictions offers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

from xent.scoring.sources.file import File
from xent.scoring.sources.sample import Sample

BATCH = 1 << 16
"""The most rows of a batch."""

BATCH_BYTES = 1 << 24
"""Bytes of the numbers of a batch, about: its arrays then fit into a cache of a processor."""

FEWEST = 256
"""The fewest rows of a batch, however wide: each column of a batch costs some microseconds."""

MOST_ROW = 1 << 24
"""The most bytes of a row: of a batch, at least the fewest rows are held at once."""

Batch = Mapping[str, Any]
"""Columns by name: Arrow arrays, or NumPy arrays."""


class Split(NamedTuple):
    """Some of the rows of a file, which can be read without the others."""

    first: int
    """The number of the first row."""
    rows: int
    units: tuple[int, int]
    """The first of the units that the file is made of, and the one after the last."""


class Reader:
    """The columns of one file or table, and its rows in batches."""

    names: list[str]

    unnamed: bool = False
    """May the names of the columns mean nothing?"""
    scores_only: bool = False
    """Can it hold scores alone, with the labels in a file beside it?"""
    labels: frozenset[str] = frozenset()
    """Columns of labels: of them, texts of whole numbers may be read as these numbers."""
    decimal: str = "."
    """What stands before the fractions of its numbers."""
    once: bool = False
    """Can its rows be read only once?"""

    def __init__(self, name: str) -> None:
        self.name = name
        """How errors call it."""

    @property
    def label_names(self) -> list[str]:
        """The columns among which labels are."""
        return self.names

    def called(self, name: str) -> str:
        """What a column of the predictions is called here."""
        return name

    def batches(self, columns: Sequence[str], numbers: Sequence[str]) -> Iterator[Batch]:
        """The rows, with the given columns; those in `numbers` hold numbers, or lists of them."""
        raise NotImplementedError

    def splits(self, columns: Sequence[str], most: int) -> Sequence[Split]:  # noqa: ARG002
        """Parts of the rows to be read on their own, given the columns; none if that is no use."""
        return ()

    def only(self, split: Split) -> Self:
        """The reader, of these rows alone."""
        raise NotImplementedError

    def sample(self) -> Sample:
        """The first rows, with all columns."""
        raise NotImplementedError

    def first_records(self) -> list[dict[str, Any]] | None:
        """The first rows as objects, if that is what the rows are."""
        return None

    def records(self) -> Iterator[tuple[int, list[dict[str, Any]]]] | None:
        """The rows as objects, in batches with the number of the first one."""
        return None

    def fraction(self, rows: int) -> float | None:  # noqa: ARG002
        """How much has been read when these rows have been, if that is known."""
        return None

    def check(self, name: str) -> None:
        """Fail if a column that no sample could be taken of cannot be read."""

    def line(self, row: int) -> int | None:  # noqa: ARG002
        """Line of the row (from 1), in a text file."""
        return None


class FileReader(Reader):
    """A reader of files of one format."""

    endings: ClassVar[tuple[str, ...]]
    """The file name extensions of its files."""
    streams: ClassVar[bool] = False
    """Does it read from front to back, so that a file may be compressed?"""

    def __init__(self, file: File) -> None:
        super().__init__(file.name)
        self.file = file


def rows_of(bytes_of_a_row: float) -> int:
    """The rows of a batch, so that neither their number nor their bytes are too many."""
    return min(BATCH, max(FEWEST, int(BATCH_BYTES / max(1, bytes_of_a_row))))


def sliced(batch: Any) -> Iterator[Any]:
    """An Arrow batch in parts that are no larger than a batch should be."""
    step = rows_of(batch.get_total_buffer_size() / max(1, batch.num_rows))
    for start in range(0, batch.num_rows, step):
        yield batch.slice(start, step)
