"""Chooses the reader of a file by its file name extension."""

from __future__ import annotations

from pathlib import Path

from xent.scoring.errors import FileError
from xent.scoring.npy import NpyReader
from xent.scoring.reader import Reader, endings
from xent.scoring.tables import CsvReader, FeatherReader, JsonReader, ParquetReader

READERS: dict[str, type[Reader]] = {
    ".csv": CsvReader,
    ".tsv": CsvReader,
    ".jsonl": JsonReader,
    ".ndjson": JsonReader,
    ".parquet": ParquetReader,
    ".feather": FeatherReader,
    ".arrow": FeatherReader,
    ".npy": NpyReader,
    ".npz": NpyReader,
}


def open_file(path: Path, labels: Path | None = None) -> Reader:
    """Choose the reader by the file name extension; raises if the file cannot be read."""
    for each in filter(None, (path, labels)):
        _check_exists(each)
    ending, compression = endings(path)
    kind = READERS.get(ending)
    if kind is None:
        known = ", ".join(READERS)
        raise FileError(path, f"unknown kind of file; expected a name ending in {known}.")
    if compression and kind not in (CsvReader, JsonReader):
        what = f"a {ending} file cannot be read inside {compression}; decompress it first."
        raise FileError(path, what)
    if labels is not None:
        if kind is not NpyReader:
            raise FileError(path, "labels come from a column of this file, not from --labels.")
        return NpyReader(path, labels)
    return kind(path)


def _check_exists(path: Path) -> None:
    try:
        if path.is_dir():
            raise FileError(path, "is a folder; expected a file of predictions.")
        with path.open("rb") as file:
            empty = not file.read(1)
    except FileNotFoundError:
        raise FileError(path, "no such file.") from None
    except OSError as error:
        raise FileError(path, f"cannot be opened: {error.strerror}.") from None
    if empty:
        raise FileError(path, "is empty (0 bytes).")
