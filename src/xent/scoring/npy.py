"""Arrays in NumPy's own files, read front to back in batches and never unpickled."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from xent._validation import Array
from xent.scoring.errors import FileError
from xent.scoring.reader import BATCH, Batch, Reader, batch_rows
from xent.scoring.sample import ROWS, Sample

# What reading a damaged, encrypted or exotic archive raises.
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)


class NpyReader(Reader):
    """Arrays in NumPy's own formats: the members of an NPZ, or the fields of an NPY.

    A plain NPY of scores is a column named `scores`, and goes with a second file of labels.
    """

    def __init__(self, path: Path, labels: Path | None = None) -> None:
        super().__init__(path)
        self.members: dict[str, NpyMember] = {}
        if path.suffix.lower() == ".npz":
            try:
                with zipfile.ZipFile(path) as archive:
                    inside = [n for n in archive.namelist() if n.endswith(".npy")]
            except DAMAGE as error:
                what = f"is not a complete NPZ file (truncated, or of another kind): {error}"
                raise FileError(path, what) from None
            self.members = {n.removesuffix(".npy"): NpyMember(path, n) for n in inside}
        else:
            whole = NpyMember(path, None)
            self.members = dict.fromkeys(whole.dtype.names or ["scores"], whole)
        if labels is not None:
            self.members["label"] = NpyMember(labels, None)
        self.names = list(self.members)

    def sample(self) -> Sample:
        found = {}
        for name, member in self.members.items():
            if member.is_column(name):
                first: Any = next(member.batches(), np.empty(0))
                found[name] = (first[name] if member.dtype.names else first)[:ROWS]
        return Sample(found)

    def check(self, name: str) -> None:
        self.members[name].check(name)

    def batches(self, columns: Sequence[str], numbers: Sequence[str]) -> Iterator[Batch]:  # noqa: ARG002
        used = {name: self.members[name] for name in columns}
        for name, member in used.items():
            member.check(name)
        lengths = {name: member.shape[0] for name, member in used.items()}
        if len(set(lengths.values())) > 1:
            shown = ", ".join(f"'{name}' has {n}" for name, n in lengths.items())
            raise FileError(self.path, f"the arrays differ in their number of rows: {shown}.")
        distinct = list(dict.fromkeys(used.values()))  # several fields may belong to one array
        step = batch_rows(sum(math.prod(member.shape[1:]) for member in distinct))
        for arrays in zip(*(member.batches(step) for member in distinct), strict=True):
            parts = dict(zip(distinct, arrays, strict=True))
            yield {
                name: parts[member][name] if member.dtype.names else parts[member]
                for name, member in used.items()
            }


class NpyMember:
    """One array in an NPY file, or inside an NPZ: its shape and dtype."""

    def __init__(self, path: Path, member: str | None) -> None:
        self.path, self.member = path, member
        with self.open():
            pass

    def open(self) -> IO[bytes]:
        """The file, positioned where the array begins."""
        try:
            if self.member is None:
                file: IO[bytes] = self.path.open("rb")
                self.size = self.path.stat().st_size
            else:
                with zipfile.ZipFile(self.path) as archive:
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
            raise FileError(self.path, what) from None
        return file

    def _header(self, file: IO[bytes]) -> None:
        version = np.lib.format.read_magic(file)
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
        size, width = self.size - self.start, math.prod(self.shape[1:]) * self.dtype.itemsize
        if self.dtype.hasobject:
            what = "holds Python objects (a pickle), which are never loaded: that could run code. "
            what += "Save numbers with array.astype(float), or names with array.astype(str)."
        elif not self.shape:
            what = "holds a single number; expected one row per example."
        elif self.dtype.names and name not in self.dtype.names:
            what = f"has fields ({', '.join(self.dtype.names)}); expected an array without fields."
        elif size < self.shape[0] * width:
            what = f"is truncated: its header says {self.shape[0]} rows, but it holds "
            what += f"{size // width}."
        else:
            return
        raise FileError(self.path, what, column=name)

    def batches(self, step: int = ROWS) -> Iterator[Array]:
        """The rows, read on demand."""
        rows, *rest = self.shape
        step = min(step, BATCH)
        with self.open() as file:
            if by_columns := self.fortran and rest:
                whole = self._transposed(file)
            for start in range(0, rows, step):
                count = min(step, rows - start)
                if by_columns:
                    yield whole[start : start + count]
                else:
                    yield self._items(file, count * math.prod(rest), start).reshape(count, *rest)

    def _transposed(self, file: IO[bytes]) -> Array:
        """The rows of a column-major array, in which each row is spread over the whole file."""
        if self.member is None:  # mapped, not loaded
            return np.memmap(self.path, self.dtype, "r", self.start, self.shape, order="F")
        return self._items(file, math.prod(self.shape), 0).reshape(self.shape[::-1]).T

    def _items(self, file: IO[bytes], items: int, start: int) -> Array:
        try:
            data = file.read(items * self.dtype.itemsize)
            return np.frombuffer(data, self.dtype, count=items)
        except DAMAGE as error:
            raise FileError(self.path, f"is damaged: {error}", row=start) from None
