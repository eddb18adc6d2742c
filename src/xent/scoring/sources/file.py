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

CODECS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
MAGIC = (
    (b"PAR1", ".parquet"),
    (b"ARROW1", ".arrow"),
    (b"\xff\xff\xff\xff", ".arrow"),
    (b"\x93NUMPY", ".npy"),
    (b"PK\x03\x04", ".zip"),
)
"""What files of a format begin with."""
PACKED = ((b"\x1f\x8b", ".gz"), (b"BZh", ".bz2"), (b"\x28\xb5\x2f\xfd", ".zst"))

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
        content = self.content()
        return io.TextIOWrapper(content, encoding="utf-8-sig", errors="surrogateescape", newline="")

    def check_not_empty(self) -> None:
        """Fail if there is nothing in the file."""
        try:
            with self.open() as source:
                empty = not source.read(1)
        except OSError as error:  # a damaged archive
            raise FileError(self.name, f"cannot be read: {error}") from None
        if empty:
            raise FileError(self.name, "is empty (0 bytes).")


def endings(name: str) -> tuple[str, str]:
    """The file name extensions of the format and of the compression, in lower case."""
    found = ["", "", *(ending.lower() for ending in PurePosixPath(name).suffixes)]
    return (found[-2], found[-1]) if found[-1] in CODECS else (found[-1], "")


def by_content(name: str, opened: Callable[[], Any]) -> File:
    """A file whose name does not say its format: what it begins with does."""
    file = File(name, opened, "")
    file.check_not_empty()
    with file.open() as source:
        start = source.read(8)
    compression = next((ending for magic, ending in PACKED if start.startswith(magic)), "")
    file = File(name, opened, "", compression)
    try:
        with file.content() as content:
            start = bytes(content.read(1 << 10))
    except OSError as error:
        raise FileError(name, f"cannot be read: {error}") from None
    ending = next((ending for magic, ending in MAGIC if start.startswith(magic)), "")
    if ending == ".zip" and not compression and _is_npz(file):
        ending = ".npz"
    if not ending:
        text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
        ending = ".json" if text.startswith((b"{", b"[")) else ".csv"
    return File(name, opened, ending, compression)


def _is_npz(file: File) -> bool:
    try:
        with file.open() as source, zipfile.ZipFile(source) as archive:
            names = archive.namelist()
    except NOT_ZIP:
        return False
    return bool(names) and all(name.endswith(".npy") for name in names)


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
