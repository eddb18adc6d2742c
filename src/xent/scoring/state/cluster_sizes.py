"""How many clusters there are, and the rows of each: of some of them where they are many."""

from __future__ import annotations

import heapq
import zlib
from hashlib import blake2b
from typing import Any

import numpy as np

from xent._validation import Array
from xent.scoring.state.accumulator import Groups

MOST = 1 << 10
"""How many clusters are looked at."""


class ClusterSizes:
    """Rows of the clusters whose names have the lowest hashes: the same ones in any order."""

    def __init__(self) -> None:
        self.rows: dict[int, int] = {}
        """By a hash of the name: its CRC, which is fast, before a longer one, which is distinct."""

    def add(self, clusters: Groups, hashes: Array) -> None:
        """Add rows; `hashes` are the CRC of the clusters' names."""
        counts = np.bincount(clusters.codes, minlength=len(clusters.texts))
        some = counts > 0
        if len(self.rows) == MOST:  # no other can be among the lowest any more
            some &= hashes <= max(self.rows) >> 64
        found: dict[int, int] = {}
        for code in np.flatnonzero(some).tolist():
            name = int(hashes[code]) << 64 | _distinct(clusters.texts[code])
            found[name] = found.get(name, 0) + int(counts[code])
        self._take(found)

    def _take(self, rows: dict[int, int]) -> None:
        for name, count in rows.items():
            self.rows[name] = self.rows.get(name, 0) + count
        if len(self.rows) > MOST:  # what is among the lowest of all is so in each part
            self.rows = {name: self.rows[name] for name in heapq.nsmallest(MOST, self.rows)}

    def merge(self, other: ClusterSizes) -> ClusterSizes:
        """Those of both sets of rows."""
        both = ClusterSizes()
        both._take(self.rows)
        both._take(other.rows)
        return both

    @property
    def number(self) -> int | None:
        """How many clusters there are; None if they were too many to count."""
        return len(self.rows) if len(self.rows) < MOST else None

    @property
    def single(self) -> bool:
        """Has each cluster one row, as far as was looked at?"""
        return bool(self.rows) and max(self.rows.values()) == 1

    def note(self, column: str | None) -> str:
        """That the clusters in a column are of no use, if each has one row; or nothing."""
        some = "" if self.number else ", as far as was looked at"
        told = f"Each row is a cluster of its own in '{column}'{some}: errors are those of "
        return f"{told}independent rows." if self.single else ""

    def to_data(self) -> Any:
        """Plain data, for JSON."""
        return sorted([f"{name:x}", rows] for name, rows in self.rows.items())

    def read(self, data: Any) -> None:
        """Take what was saved."""
        self.rows = {int(name, 16): int(rows) for name, rows in data}


def hashes_of(clusters: Groups) -> Array:
    """The CRC of each cluster's name."""
    return np.array([zlib.crc32(text.encode()) for text in clusters.texts], np.int64)


def _distinct(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
