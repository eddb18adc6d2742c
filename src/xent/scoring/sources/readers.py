"""Chooses the reader of a file by its file name extension."""

from __future__ import annotations

from pathlib import Path

from xent.scoring.errors import FileError
from xent.scoring.sources.arrow_files import ArrowReader
from xent.scoring.sources.csv_files import CsvReader
from xent.scoring.sources.file import File
from xent.scoring.sources.find import find
from xent.scoring.sources.json_columns import columns_in
from xent.scoring.sources.json_files import JsonReader
from xent.scoring.sources.memory import MemoryReader
from xent.scoring.sources.numpy_files import NumpyReader
from xent.scoring.sources.parquet_files import ParquetReader
from xent.scoring.sources.reader import FileReader, Reader

FORMATS: tuple[type[FileReader], ...] = (
    CsvReader, JsonReader, ParquetReader, ArrowReader, NumpyReader,
)  # fmt: skip
READERS = {ending: reader for reader in FORMATS for ending in reader.endings}


def is_known(ending: str) -> bool:
    """Can files with this extension be read, as they are or by what is in them?"""
    return ending in READERS or ending == ".zip"


def find_files(named: str | Path) -> list[File]:
    """The files that a path, an address or a pattern means."""
    return find(named, is_known)


def open_file(file: File, labels: File | None = None) -> Reader:
    """The reader of a file; fails if there is none."""
    reader = READERS.get(file.ending)
    file.check_content(known=reader is not None)
    if reader is None:
        known = ", ".join([*READERS, ".zip"])
        raise FileError(file.name, f"unknown kind of file; expected a name ending in {known}.")
    if not reader.streams:
        inside = file.compression or ("" if file.seekable else ".zip")
        if inside:
            what = f"a {file.ending} file cannot be read inside {inside}; decompress it first."
            raise FileError(file.name, what)
    if labels is not None:
        if reader is not NumpyReader:
            what = "labels come from a column of this file, not from --labels."
            what += " Labels of another table need --truth FILE --key COLUMN."
            raise FileError(file.name, what)
        return NumpyReader(file, labels)
    if file.ending == ".json" and (columns := columns_in(file)) is not None:
        return MemoryReader(columns, name=file.name)
    return reader(file)
