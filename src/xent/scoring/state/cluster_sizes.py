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

NEARLY = 0.9
"""Clusters per row from which on nearly each row has its own."""


class ClusterSizes:
    """Rows of the clusters whose names have the lowest hashes: the same ones in any order."""

    def __init__(self) -> None:
        self.rows: dict[int, int] = {}
        """By a hash of the name: its CRC, mixed, which is fast, before one that is distinct."""

    def add(self, clusters: Groups, hashes: Array) -> None:
        """Add rows; `hashes` are the CRC of the clusters' names."""
        counts = np.bincount(clusters.codes, minlength=len(clusters.texts))
        some, hashes = counts > 0, _mixed(hashes)
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

    def note(self, column: str | None, rows: int) -> str:
        """That the clusters in a column are of no use, if nearly all rows have their own."""
        if max(self.rows.values(), default=0) != 1:
            return ""
        if self.number is not None:
            told = f"Each row is a cluster of its own in '{column}'"
            return f"{told}: errors are those of independent rows."
        # The lowest hashes lie as close as there are many clusters: this errs by 3 %.
        clusters = (MOST - 1) / (max(self.rows) >> 64) * 2**32
        if clusters < NEARLY * rows:
            return ""
        told = f"Nearly each row is a cluster of its own in '{column}'"
        return f"{told}: errors are about those of independent rows."

    def to_data(self) -> Any:
        """Plain data, for JSON."""
        return sorted([f"{name:x}", rows] for name, rows in self.rows.items())

    def read(self, data: Any) -> None:
        """Take what was saved."""
        self.rows = {int(name, 16): int(rows) for name, rows in data}


def hashes_of(clusters: Groups) -> Array:
    """The CRC of each cluster's name."""
    return np.array([zlib.crc32(text.encode()) for text in clusters.texts], np.int64)


def _mixed(hashes: Array) -> Array:
    """The same 32 bits spread evenly, as CRC of names that are alike are not (MurmurHash3)."""
    x: Array = hashes.astype(np.uint32)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x = (x ^ (x >> shift)) * np.uint32(factor)
    return np.asarray(x ^ (x >> 16), np.int64)


def _distinct(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
