"""What every reader of a file of predictions offers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from xent.scoring.sample import Sample

BATCH = 1 << 16
"""The most rows of a batch; text files are split by bytes instead."""

BATCH_BYTES = 1 << 23
"""Bytes of the numbers of a batch, about: its arrays then fit into a cache of a processor."""

FEWEST = 256
"""The fewest rows of a batch, however wide: each column of a batch costs some microseconds."""

Batch = dict[str, Any]
"""Columns by name: Arrow arrays, or NumPy arrays from NPY and NPZ."""


class Reader:
    """One open file: the names of its columns, and its rows in batches."""

    names: list[str]

    def __init__(self, path: Path) -> None:
        self.path = path

    def batches(self, columns: Sequence[str], numbers: Sequence[str]) -> Iterator[Batch]:
        """The rows, with the given columns; those in `numbers` hold numbers, or lists of them."""
        raise NotImplementedError

    def sample(self) -> Sample:
        """The first rows, with all columns."""
        raise NotImplementedError

    def check(self, name: str) -> None:
        """Fail if a column that no sample could be taken of cannot be read."""

    def line(self, row: int) -> int | None:  # noqa: ARG002
        """Line of the row (from 1), in a text file."""
        return None


def endings(path: Path) -> tuple[str, str]:
    """The file name extensions of the format and of the compression, in lower case."""
    found = ["", "", *(ending.lower() for ending in path.suffixes)]
    return (found[-2], found[-1]) if found[-1] in (".gz", ".bz2", ".zst") else (found[-1], "")


def batch_rows(numbers: float) -> int:
    """How many rows of so many numbers are read at a time, unless `BATCH` is less."""
    return max(FEWEST, int(BATCH_BYTES / (8 * max(1, numbers))))
