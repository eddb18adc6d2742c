"""Arrays in NumPy's own files, read front to back in batches and never unpickled."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from xent._validation import Array
from xent.scoring.errors import FileError
from xent.scoring.sources.file import File
from xent.scoring.sources.reader import MOST_ROW, Batch, FileReader, rows_of
from xent.scoring.sources.sample import ROWS, Sample

# What reading a damaged, encrypted or exotic archive raises.
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)


LONGEST_HEADER = 1 << 20
"""Bytes: a longer one is no header, and would be read whole."""
MOST_WHOLE = 1 << 28
"""The most bytes of a column-major array in an archive that are held at once."""
MOST_STREAMS = 64
"""The most columns of a larger one, each of which is then read as a stream of its own."""


class NumpyReader(FileReader):
    """Arrays in NumPy's own formats: the members of an NPZ, or the fields of an NPY.

    A plain NPY of scores is a column named `scores`, and goes with a second file of labels.
    """

    endings = (".npy", ".npz")

    def __init__(self, file: File, labels: File | None = None) -> None:
        super().__init__(file)
        self.members: dict[str, NpyMember] = {}
        self.unnamed = file.ending == ".npz"
        self.scores_only = file.ending == ".npy"
        if file.ending == ".npz":
            try:
                with file.open() as source, zipfile.ZipFile(source) as archive:
                    inside = [n for n in archive.namelist() if n.endswith(".npy")]
            except DAMAGE as error:
                what = f"is not a complete NPZ file (truncated, or of another kind): {error}"
                raise FileError(file.name, what) from None
            self.members = {n.removesuffix(".npy"): NpyMember(file, n) for n in inside}
        else:
            whole = NpyMember(file, None)
            self.members = dict.fromkeys(whole.dtype.names or ["scores"], whole)
        if labels is not None:
            self.members["label"] = NpyMember(labels, None)
        self.names = list(self.members)

    def sample(self) -> Sample:
        found = {}
        for name, member in self.members.items():
            if member.is_column(name):
                first: Any = next(member.batches(ROWS), np.empty(0))
                found[name] = first[name] if member.dtype.names else first
        return Sample(found)

    def fraction(self, rows: int) -> float | None:
        lengths = [member.shape[0] for member in self.members.values() if member.shape]
        return rows / max(1, *lengths) if lengths else None

    def check(self, name: str) -> None:
        self.members[name].check(name)

    def batches(self, columns: Sequence[str], numbers: Sequence[str]) -> Iterator[Batch]:  # noqa: ARG002
        used = {name: self.members[name] for name in columns}
        for name, member in used.items():
            member.check(name)
        lengths = {name: member.shape[0] for name, member in used.items()}
        if len(set(lengths.values())) > 1:
            shown = ", ".join(f"'{name}' has {n}" for name, n in lengths.items())
            raise FileError(self.name, f"the arrays differ in their number of rows: {shown}.")
        distinct = list(dict.fromkeys(used.values()))  # several fields may belong to one array
        step = rows_of(sum(member.width for member in distinct))
        for arrays in zip(*(member.batches(step) for member in distinct), strict=True):
            parts = dict(zip(distinct, arrays, strict=True))
            yield {
                name: parts[member][name] if member.dtype.names else parts[member]
                for name, member in used.items()
            }


class NpyMember:
    """One array in an NPY file, or inside an NPZ: its shape and dtype."""

    def __init__(self, file: File, member: str | None) -> None:
        self.file, self.member = file, member
        with self.open():
            pass

    def open(self) -> Any:
        """The file, positioned where the array begins."""
        try:
            file: Any = self.file.open()
            if self.member is None:
                self.size = file.size()
            else:
                with zipfile.ZipFile(file) as archive:
                    file = archive.open(self.member)
                    self.size = archive.getinfo(self.member).file_size
            try:
                self._header(file)
            except BaseException:
                file.close()
                raise
        except (*DAMAGE, SyntaxError, TypeError, tokenize.TokenError) as error:
            where = "" if self.member is None else f", member {self.member}"
            what = f"is not a complete NPY file{where} (truncated, or of another kind): {error}"
            raise FileError(self.file.name, what) from None
        return file

    def _header(self, file: Any) -> None:
        version = np.lib.format.read_magic(file)
        size = file.tell()
        length = int.from_bytes(file.read(2 if version == (1, 0) else 4), "little")
        if length > LONGEST_HEADER:
            msg = f"its header would be {length} bytes long."
            raise ValueError(msg)
        file.seek(size)
        first = version == (1, 0)
        read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
        self.shape, self.fortran, self.dtype = read(file)
        if version == (3, 0) and self.dtype.names:  # names in UTF-8, which NumPy keeps private
            self.dtype.names = tuple(n.encode("latin1").decode() for n in self.dtype.names)
        self.start = file.tell()

    def is_column(self, name: str) -> bool:
        """Can the array be a column?"""
        try:
            self.check(name)
        except FileError:
            return False
        return True

    def check(self, name: str) -> None:
        """Check that the array can be a column: plain data, complete, with a row per example."""
        size, width = self.size - self.start, self.width
        if self.dtype.hasobject:
            what = "holds Python objects (a pickle), which are never loaded: that could run code. "
            what += "Save numbers with array.astype(float), or names with array.astype(str)."
        elif not self.shape:
            what = "holds a single number; expected one row per example."
        elif self.dtype.names and name not in self.dtype.names:
            what = f"has fields ({', '.join(self.dtype.names)}); expected an array without fields."
        elif self.width > MOST_ROW:
            what = (
                f"has rows of {self.width} bytes, more than the {MOST_ROW} that are read at once."
            )
        elif (
            self.fortran
            and self._is_streamed
            and (len(self.shape) > 2 or self.shape[1:] > (MOST_STREAMS,))
        ):
            what = "is column-major and too large to be held in memory: save "
            what += "np.ascontiguousarray(array)."
        elif size < self.shape[0] * width:
            what = f"is truncated: its header says {self.shape[0]} rows, but it holds "
            what += f"{size // width}."
        else:
            return
        raise FileError(self.file.name, what, column=name)

    @property
    def width(self) -> int:
        """Bytes of a row."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    def batches(self, step: int) -> Iterator[Array]:
        """The rows, read on demand."""
        rows, *rest = self.shape
        with self.open() as file:
            if by_columns := self.fortran and rest:
                if self._is_streamed:
                    yield from self._of_columns(step)
                    return
                whole = self._transposed(file)
            for start in range(0, rows, step):
                count = min(step, rows - start)
                if by_columns:
                    yield whole[start : start + count]
                else:
                    yield self._items(file, count * math.prod(rest), start).reshape(count, *rest)

    @property
    def _is_streamed(self) -> bool:
        """Is it a column-major array in an archive that is too large to be held?"""
        return self.member is not None and self.shape[0] * self.width > MOST_WHOLE

    def _of_columns(self, step: int) -> Iterator[Array]:
        """The rows of a large column-major array, by a stream for each column."""
        rows, columns = self.shape
        with ExitStack() as stack:
            streams = [stack.enter_context(self.open()) for _ in range(columns)]
            for j, stream in enumerate(streams):
                stream.seek(self.start + j * rows * self.dtype.itemsize)
            for start in range(0, rows, step):
                count = min(step, rows - start)
                parts = [self._items(stream, count, start) for stream in streams]
                yield np.stack(parts, axis=1)

    def _transposed(self, file: Any) -> Array:
        """The rows of a column-major array, in which each row is spread over the whole file."""
        if self.member is None and self.file.local:  # mapped, not loaded
            return np.memmap(self.file.local, self.dtype, "r", self.start, self.shape, order="F")
        return self._items(file, math.prod(self.shape), 0).reshape(self.shape[::-1]).T

    def _items(self, file: Any, items: int, start: int) -> Array:
        try:
            data = file.read(items * self.dtype.itemsize)
            return np.frombuffer(data, self.dtype, count=items)
        except DAMAGE as error:
            raise FileError(self.file.name, f"is damaged: {error}", row=start) from None
