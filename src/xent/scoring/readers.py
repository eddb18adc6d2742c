"""Which reader a file needs: by the ending of its name."""

from __future__ import annotations

from pathlib import Path

from xent.scoring.errors import FileError
from xent.scoring.npy import NpyReader
from xent.scoring.reader import Reader
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
    """Choose the reader by the name's ending; say what is wrong if there is no such file."""
    for each in [path, *([] if labels is None else [labels])]:
        if not each.exists():
            raise FileError(each, "no such file.")
        if each.is_dir():
            raise FileError(each, "is a folder; expected a file of predictions.")
        if each.stat().st_size == 0:
            raise FileError(each, "is empty (0 bytes).")
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] in (".gz", ".bz2", ".zst"):
        endings.pop()
    kind = READERS.get(endings[-1] if endings else "")
    if kind is None:
        known = ", ".join(READERS)
        raise FileError(path, f"unknown kind of file; expected a name ending in {known}.")
    if labels is not None:
        if kind is not NpyReader:
            raise FileError(path, "labels come from a column of this file, not from --labels.")
        return NpyReader(path, labels)
    return kind(path)
