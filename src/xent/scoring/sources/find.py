"""From what was named to files: paths, addresses, patterns, folders, archives, standard input."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from pyarrow import fs

from xent.scoring.errors import FileError
from xent.scoring.sources.file import File, by_content, copied, endings, members

ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)(?:::|://)", re.IGNORECASE)
WILD = re.compile(r"[*?[]")
PLAIN = ("", ".txt", ".dat", ".data", ".out", ".log")
"""File name extensions that say nothing of the format."""
BY_ARROW = ("file", "s3", "gs", "gcs", "hdfs", "viewfs", "abfs", "abfss")
"""Addresses that PyArrow opens by itself; fsspec opens the others."""
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
STDIN = "standard input"
SAMPLES, RESULTS = re.compile(r"samples_.*\.jsonl"), re.compile(r"results(_.*)?\.json")
"""What lm-evaluation-harness writes: the second are figures, not predictions."""


def find(named: str | Path, known: Callable[[str], bool]) -> list[File]:
    """The files that are meant; `known` says whether files with an extension can be read."""
    name = str(named)
    if name == "-":
        return _unpacked([copied(STDIN, sys.stdin.buffer)])
    if ADDRESS.match(name):
        system, path = _file_system(name)
    else:
        system, path = fs.LocalFileSystem(), name
        if Path(name).is_file() or not (WILD.search(name) or Path(name).is_dir()):
            file = _local(name)
            found = _partitions(name)
            return _unpacked([replace(file, partitions=found) if found else file])
    place = _Place(name, system, path)
    return _unpacked(place.files(known))


def _unpacked(files: list[File]) -> list[File]:
    """The files, with those in zip archives in place of the archives."""
    return [each for file in files for each in (members(file) if file.ending == ".zip" else [file])]


def _local(name: str) -> File:
    path = Path(name)
    place = os.path.abspath(name)  # another process may have another current folder

    def opened() -> Any:
        return pa.OSFile(os.fsencode(place))

    try:
        if path.exists() and not path.is_file():  # a pipe, as in <(zcat predictions.csv.gz)
            with path.open("rb") as source:
                return copied(name, source)
        with path.open("rb"):
            pass
    except FileNotFoundError:
        raise FileError(name, "no such file.") from None
    except OSError as error:
        raise FileError(name, f"cannot be opened: {error.strerror}.") from None
    ending, compression = endings(path.name)
    if ending in PLAIN:
        return by_content(name, opened)
    return File(name, opened, ending, compression, local=Path(place))


class _Place:
    """A file system, and the path in it that was named: a file, a folder or a pattern."""

    def __init__(self, name: str, system: Any, path: str) -> None:
        self.name, self.system, self.path = name, system, path.rstrip("/") or path
        self.before = name.removesuffix(path) if name.endswith(path) else ""
        """What stands before paths in names."""
        self.local = isinstance(system, fs.LocalFileSystem)

    def files(self, known: Callable[[str], bool]) -> list[File]:
        """The files; of a folder or a pattern, those that can be read."""
        if WILD.search(self.path) and self._type(self.path) == fs.FileType.NotFound:
            wild = WILD.search(self.path)
            base = self.path[: wild.start()].rpartition("/")[0] if wild else self.path
            pattern = re.compile(_translated(self.path))
            matching = [each for each in self._listed(base) if pattern.fullmatch(each)]
            if not matching:
                raise FileError(self.name, "no file has a name of this pattern.")
            found = [each for each in matching if known(endings(each)[0])] or matching
            return [self._file(path, base) for path in found]
        kind = self._type(self.path)
        if kind == fs.FileType.NotFound:
            raise FileError(self.name, "no such file.")
        if kind == fs.FileType.Directory:
            listed = list(self._listed(self.path))
            found = [each for each in listed if known(endings(each)[0])]
            if any(SAMPLES.fullmatch(_base(each)) for each in found):
                found = [each for each in found if not RESULTS.fullmatch(_base(each))]
            if not found:
                seen = ", ".join(each.rpartition("/")[2] for each in listed[:3]) or "nothing"
                raise FileError(self.name, f"a folder without files of predictions: {seen}.")
            return [self._file(path, self.path) for path in found]
        file = self._file(self.path, self.path.rpartition("/")[0])
        return [file]

    def _type(self, path: str) -> Any:
        try:
            return self.system.get_file_info(path).type
        except Exception as error:  # whatever a remote file system raises
            raise FileError(self.name, f"cannot be opened: {error}") from None

    def _listed(self, base: str) -> Iterator[str]:
        """The files in a folder and below it, in order, but for hidden ones."""
        start = len(base) + 1 if base else 0
        found = _on_disk(base) if self.local else self._by_system(base)
        for path in sorted(found):
            if not any(part.startswith((".", "_")) for part in path[start:].split("/")):
                yield path

    def _by_system(self, base: str) -> Iterator[str]:
        selector = fs.FileSelector(base, recursive=True, allow_not_found=True)
        try:
            infos = self.system.get_file_info(selector)
        except Exception as error:
            raise FileError(self.name, f"cannot be listed: {error}") from None
        return (info.path for info in infos if info.is_file)

    def _file(self, path: str, base: str) -> File:
        def opened() -> Any:
            try:
                return self.system.open_input_file(path)
            except (ValueError, NotImplementedError):  # a server that sends whole files only
                return self.system.open_input_stream(path)

        if self.local:
            file = _local(path)
        else:
            ending, compression = endings(path.partition("?")[0])
            file = File(self.before + path, opened, ending, compression)
            if ending in PLAIN:
                file = by_content(file.name, opened)
        found = _partitions(path[len(base) :])
        return replace(file, partitions=found) if found else file


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _on_disk(base: str) -> Iterator[str]:
    """The files below a folder, each once: folders that are links are not followed."""
    seen: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(base or "."):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            try:
                found = Path(path).stat()
            except OSError:  # a link to nothing
                continue
            if (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                yield path.removeprefix("./") if not base else path


def _partitions(path: str) -> Mapping[str, str | None]:
    """The columns that the names of folders hold."""
    pairs = (part.split("=", 1) for part in path.split("/")[:-1] if "=" in part)
    return {unquote(k): None if v == NO_VALUE else unquote(v) for k, v in pairs}


def _translated(pattern: str) -> str:
    """A pattern for paths as a regular expression: * stays in a folder, ** does not."""
    marks = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[!?[^\]]+\])", pattern)
    return "".join(
        marks.get(part) or (part.replace("[!", "[^") if i % 2 else re.escape(part))
        for i, part in enumerate(parts)
    )


def _file_system(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it."""
    found = ADDRESS.match(address)
    scheme = found[1].lower() if found else ""
    if scheme in BY_ARROW and "::" not in address:
        try:
            system, path = fs.FileSystem.from_uri(address)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise FileError(address, f"cannot be opened: {error}") from None
        return system, path
    try:
        import fsspec
    except ModuleNotFoundError:
        how = "pip install 'fsspec[http]', or xent with its extra remote"
        raise FileError(address, f"addresses of this kind are opened by fsspec: {how}.") from None
    try:
        system, path = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError, OSError) as error:
        raise FileError(address, f"cannot be opened: {error}") from None
    return fs.PyFileSystem(fs.FSSpecHandler(system)), path
