"""Compiled kernels on disk, for several processes at once, and void when a source changes.

Numba numbers its files, in an index that processes overwrite for each other: of two that compile at
once, one may later load what the other has compiled, for other arguments. Here a file's name says
what it holds, and there is no index.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile


class Cache(FunctionCache):  # type: ignore[misc]
    """Numba's cache of a function, over such files."""

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        place, base = self._cache_path, self._impl.filename_base
        self._cache_file = _Files(place, base, _sources())


class _Files(IndexDataCacheFile):  # type: ignore[misc]
    """Files named by the sources, which are inlined, and by what a kernel is compiled for."""

    def __init__(self, place: str, base: str, stamp: str) -> None:
        super().__init__(place, base, stamp)
        self._base = base
        self._edition = _short(self._version, stamp)

    def save(self, key: Any, data: Any) -> None:
        """Write a file, if there is room for it, and remove those of other sources."""
        with contextlib.suppress(OSError):
            self._save_data(self._name_of(key), data)
        for other in Path(self._cache_path).glob(f"{self._base}.*.nb?"):
            if self._edition not in other.name:
                with contextlib.suppress(OSError):  # another process was faster
                    other.unlink()

    def load(self, key: Any) -> Any:
        """Read a file, if it is there and whole."""
        with contextlib.suppress(Exception):  # of damaged files any may come
            return self._load_data(self._name_of(key))
        return None

    def _name_of(self, key: Any) -> str:
        return f"{self._base}.{self._edition}-{_short(key)}.nbc"


def _short(*what: Any) -> str:
    return hashlib.sha256(repr(what).encode()).hexdigest()[:20]


def _sources() -> str:
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
