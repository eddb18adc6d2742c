"""Arrays in NumPy's own files, read front to back in batches and never unpickled."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from xent.arrays import Array
from xent.scoring.errors import FileError
from xent.scoring.reader import BATCH, Batch, Reader


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
            except (zipfile.BadZipFile, OSError) as error:
                what = f"is not a whole NPZ file (truncated, or of another kind): {error}"
                raise FileError(path, what) from None
            self.members = {n.removesuffix(".npy"): NpyMember(path, n) for n in inside}
        else:
            whole = NpyMember(path, None)
            if whole.dtype.names:
                self.members = dict.fromkeys(whole.dtype.names, whole)
            else:
                self.members = {"scores": whole}
        if labels is not None:
            self.members["label"] = NpyMember(labels, None)
        self.names = list(self.members)

    def is_list(self, name: str) -> bool:
        member = self.members[name]
        field = member.dtype[name].shape if member.dtype.names else ()
        return len(member.shape) + len(field) > 1

    def batches(self, columns: Sequence[str], numbers: Sequence[str]) -> Iterator[Batch]:  # noqa: ARG002
        used = {name: self.members[name] for name in columns}
        lengths = {name: member.shape[0] for name, member in used.items()}
        if len(set(lengths.values())) > 1:
            shown = ", ".join(f"'{name}' has {n}" for name, n in lengths.items())
            raise FileError(self.path, f"the arrays differ in their number of rows: {shown}.")
        distinct = {id(member): member for member in used.values()}
        streams = {key: member.batches() for key, member in distinct.items()}
        for start in range(0, next(iter(lengths.values())), BATCH):
            parts = {key: stream.read(start) for key, stream in streams.items()}
            yield {
                name: parts[id(member)][name] if member.dtype.names else parts[id(member)]
                for name, member in used.items()
            }


class NpyMember:
    """One array in an NPY file, or inside an NPZ; read front to back, never unpickled."""

    def __init__(self, path: Path, member: str | None) -> None:
        self.path, self.member = path, member
        with self._open() as file:
            self._header(file)

    def _open(self) -> IO[bytes]:
        if self.member is None:
            return self.path.open("rb")
        return zipfile.ZipFile(self.path).open(self.member)

    def _header(self, file: IO[bytes]) -> None:
        try:
            version = np.lib.format.read_magic(file)
            reads = {(1, 0): np.lib.format.read_array_header_1_0}
            read = reads.get(version, np.lib.format.read_array_header_2_0)
            self.shape, self.fortran, self.dtype = read(file)
        except (ValueError, zipfile.BadZipFile, EOFError) as error:
            what = f"is not a whole NPY file (truncated, or of another kind): {error}"
            raise FileError(self.path, what) from None
        if self.dtype.hasobject:
            what = (
                "holds Python objects (a pickle), which are never loaded: that could run code. "
                "Save plain numbers: np.save(path, array.astype(float))."
            )
            raise FileError(self.path, what, column=self.member)
        if not self.shape:
            raise FileError(self.path, "holds a single number; expected one row per example.")

    def batches(self) -> NpyStream:
        """A stream of the array's rows, from the first."""
        file = self._open()
        self._header(file)
        if not self.fortran or len(self.shape) == 1:
            return NpyStream(self, file, None)
        # Columns lie one after the other, so a row is spread over the whole array.
        columns = NpyStream(self, file, None).rows(int(np.prod(self.shape)))
        return NpyStream(self, file, columns.reshape(self.shape[::-1]).T)


class NpyStream:
    """Rows of an array, read as they are asked for."""

    def __init__(self, member: NpyMember, file: IO[bytes], loaded: Array | None) -> None:
        self.member, self.file, self.loaded = member, file, loaded

    def read(self, start: int) -> Array:
        """The next batch of rows, which begins at `start`."""
        if self.loaded is not None:
            return self.loaded[start : start + BATCH]
        shape = self.member.shape
        count = min(BATCH, shape[0] - start)
        width = int(np.prod(shape[1:], dtype=np.int64))
        return self.rows(count * width, start).reshape(count, *shape[1:])

    def rows(self, items: int, start: int = 0) -> Array:
        """The next items, or word of where the file ends before them."""
        size = items * self.member.dtype.itemsize
        try:
            data = self.file.read(size)
        except (zipfile.BadZipFile, EOFError, OSError) as error:
            raise FileError(self.member.path, f"is damaged: {error}", row=start) from None
        if len(data) < size:
            what = f"is truncated: {self.member.shape[0]} rows were announced, and it ends here."
            width = size // max(1, min(BATCH, self.member.shape[0] - start))
            raise FileError(self.member.path, what, row=start + len(data) // max(1, width))
        return np.frombuffer(data, self.member.dtype)
