"""One file, wherever it lies: how it is called, and how it is opened."""

from __future__ import annotations

import io
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

import pyarrow as pa

from xent.scoring.errors import FileError
from xent.scoring.sources import content

CODECS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
NOT_ZIP = (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, ValueError)
"""What opening a damaged or encrypted archive raises."""


@dataclass(frozen=True)
class File:
    """A file that can be opened several times."""

    name: str
    """How errors call it."""
    opened: Callable[[], Any]
    """Opens it at its beginning."""
    ending: str
    """The file name extension of its format, in lower case, with its dot."""
    compression: str = ""
    """The extension of its compression, if any."""
    local: Path | None = None
    seekable: bool = True
    """Can it be read in any order?"""
    partitions: Mapping[str, str | None] = field(default_factory=dict)
    """Columns that the names of its folders hold, as in country=DE/part-0.parquet."""

    def open(self) -> Any:
        """The bytes of the file, as an Arrow file."""
        try:
            return self.opened()
        except FileError:
            raise
        except FileNotFoundError:
            raise FileError(self.name, "no such file.") from None
        except Exception as error:  # whatever a remote file system raises
            what = str(getattr(error, "strerror", None) or error or type(error).__name__)
            raise FileError(self.name, f"cannot be opened: {what.rstrip('.')}.") from None

    def content(self, source: Any = None) -> Any:
        """The bytes, decompressed; of the file that is open, if there is one."""
        source = self.open() if source is None else source
        return pa.input_stream(source, compression=CODECS.get(self.compression))

    def text(self) -> IO[str]:
        """The text, decompressed. What is not UTF-8 becomes surrogates."""
        stream = self.content()
        return io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")

    def check_content(self, *, known: bool = True) -> None:
        """Fail if there is nothing in the file, or something else than its name says.

        `known` says whether files of this name can be read.
        """
        try:
            with self.open() as source:
                start = bytes(source.read(content.START))
        except OSError as error:  # a damaged archive
            raise FileError(self.name, f"cannot be read: {error}") from None
        if not start:
            raise FileError(self.name, "is empty (0 bytes).")
        zipped = start.startswith(b"PK") and self.seekable
        names = (_names_in(self) if zipped else None) or []
        called = content.Called(self.name, self.ending, self.compression)
        if what := content.problem(start, called, names, known=known):
            raise FileError(self.name, what)


def endings(name: str) -> tuple[str, str]:
    """The file name extensions of the format and of the compression, in lower case."""
    found = ["", "", *(ending.lower() for ending in PurePosixPath(name).suffixes)]
    return (found[-2], found[-1]) if found[-1] in CODECS else (found[-1], "")


def by_content(name: str, opened: Callable[[], Any]) -> File:
    """A file whose name does not say its format: what it begins with does."""
    file = File(name, opened, "")
    file.check_content(known=False)
    with file.open() as source:
        start = source.read(8)
    compression = content.packed(start)
    file = File(name, opened, "", compression)
    try:
        with file.content() as stream:
            start = bytes(stream.read(1 << 10))
    except OSError as error:
        raise FileError(name, f"cannot be read: {error}") from None
    ending = content.format_of(start) or ".csv"
    if ending == ".zip" and not compression and _is_npz(file):
        ending = ".npz"
    return File(name, opened, ending, compression)


def _is_npz(file: File) -> bool:
    names = _names_in(file)
    return bool(names) and all(name.endswith(".npy") for name in names or ())


def _names_in(archive: File) -> list[str] | None:
    """The names in a zip archive; None if it cannot be read."""
    try:
        with archive.open() as source, zipfile.ZipFile(source) as opened:
            return opened.namelist()
    except NOT_ZIP:
        return None


def copied(name: str, source: IO[bytes]) -> File:
    """A stream that can be read once, such as standard input: kept in a file while it is used."""
    with tempfile.NamedTemporaryFile(prefix="xent-", delete=False) as kept:
        while block := source.read(1 << 20):
            kept.write(block)

    def opened() -> Any:
        return pa.OSFile(kept.name)

    weakref.finalize(opened, Path(kept.name).unlink)
    return by_content(name, opened)


def members(archive: File) -> list[File]:
    """The files in a zip archive, each of which is read as a stream."""
    archive.check_content()
    try:
        with zipfile.ZipFile(archive.local or archive.open()) as opened:
            infos = [each for each in opened.infolist() if not each.is_dir()]
    except NOT_ZIP as error:
        what = f"is not a complete zip archive (truncated, or of another kind): {error}"
        raise FileError(archive.name, what) from None
    if any(each.flag_bits & 1 for each in infos):
        raise FileError(archive.name, "is encrypted: unpack it with its password first.")
    names = [each.filename for each in infos]
    shown = [n for n in names if not any(p.startswith((".", "__")) for p in n.split("/"))]
    if not shown:
        raise FileError(archive.name, "holds no files.")
    return [_member(archive, name) for name in shown]


class _Member(io.RawIOBase):
    """A file in an archive; what is damaged is an OSError, as in other compressed files."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, as far as there is data."""
        try:
            data = self.stream.read(len(buffer))
        except (*NOT_ZIP, zlib.error, EOFError) as error:
            raise OSError(str(error)) from None
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self.stream.close()
        super().close()


def _member(archive: File, name: str) -> File:
    def opened() -> Any:
        try:
            with zipfile.ZipFile(archive.local or archive.open()) as inside:
                return pa.PythonFile(_Member(inside.open(name)), mode="r")
        except NOT_ZIP as error:
            raise FileError(archive.name, f"{name} cannot be read: {error}") from None

    ending, compression = endings(name)
    return File(f"{archive.name}/{name}", opened, ending, compression, seekable=False)
