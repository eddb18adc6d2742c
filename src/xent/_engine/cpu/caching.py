"""An on-disk cache of compiled kernels that several processes may share.

Numba's own cache numbers its files and keeps the numbers in an index. Processes overwrite each
other's index: of two that compile at the same time, one may later load what the other compiled for
other arguments. Here the file name is a hash of what the file holds, and there is no index.

Kernels are inlined into each other, so the name also has a hash of all their sources: a change to
any of them invalidates every file.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache

NOT_COMPILED = {
    Path(__file__).with_name(f"{name}.py")
    for name in ("__init__", "caching", "compiling", "engine", "launch", "objects")
}
"""Sources of this folder that no kernel is made of."""


def open_cache(function: Any, on_miss: Callable[[], None]) -> Any:
    """Return the cache of a function; `on_miss` is called before each compilation."""
    try:
        return Cache(function, on_miss)
    except RuntimeError:  # raised by Numba if no folder can be written
        return NoCache(on_miss)


class Cache(FunctionCache):  # type: ignore[misc]
    """Numba's cache of one function, with its files named as above."""

    def __init__(self, function: Any, on_miss: Callable[[], None]) -> None:
        super().__init__(function)
        folder, base = self._cache_path, self._impl.filename_base
        self._cache_file = _Files(folder, base, _hash_of_sources())
        self._on_miss = on_miss

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Load what was compiled for a signature. If this gives None, Numba compiles it."""
        compiled = super().load_overload(sig, target_context)
        if compiled is None:
            self._on_miss()
        return compiled


class NoCache(NullCache):  # type: ignore[misc]
    """No cache, for machines where no folder can be written."""

    def __init__(self, on_miss: Callable[[], None]) -> None:
        self._on_miss = on_miss

    def load_overload(self, sig: Any, target_context: Any) -> None:
        """Find nothing."""
        self._on_miss()


class _Files(IndexDataCacheFile):  # type: ignore[misc]
    """Files named by a hash of the sources and a hash of the signature."""

    def __init__(self, folder: str, base: str, source_hash: str) -> None:
        super().__init__(folder, base, source_hash)
        self._base = base
        self._edition = _short_hash(self._version, source_hash)  # with Numba's version

    def save(self, key: Any, data: Any) -> None:
        """Write a file if the disk has room; delete those of other versions of the sources."""
        with contextlib.suppress(OSError):
            self._save_data(self._name_of(key), data)
        for other in Path(self._cache_path).glob(f"{self._base}.*.nb?"):
            if self._edition not in other.name:
                with contextlib.suppress(OSError):  # another process may have deleted it
                    other.unlink()

    def load(self, key: Any) -> Any:
        """Read a file; None if it is missing or damaged."""
        with contextlib.suppress(Exception):  # unpickling a damaged file may raise anything
            return self._load_data(self._name_of(key))
        return None

    def _name_of(self, key: Any) -> str:
        return f"{self._base}.{self._edition}-{_short_hash(key)}.nbc"


def _short_hash(*values: Any) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()[:20]


@functools.cache
def _hash_of_sources() -> str:
    files = sorted(set(Path(__file__).parent.glob("*.py")) - NOT_COMPILED)
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
