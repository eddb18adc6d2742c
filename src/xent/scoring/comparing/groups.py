"""Sums by the values of columns, and by clusters."""

from __future__ import annotations

import heapq
import zlib
from hashlib import blake2b
from typing import Any

import numpy as np

from xent.scoring.comparing.schema import Batch, Places, Schema
from xent.scoring.intervals import LossMoments
from xent.scoring.products import (
    PLAIN,
    WEIGHTED,
    WEIGHTS,
    kept,
    moments,
    powers,
    products,
    usable,
)
from xent.scoring.state import Groups
from xent.scoring.state.clusters import BUCKETS
from xent.scoring.state.exact import ONE, Counts, ExactSums, exact_sums

MOST_CELLS = 100_000
"""The most values of all columns, times the pairs of models: each is a test of its own."""

SKETCH = 1 << 10
"""How many clusters are looked at to see how many rows they have."""


class Slices:
    """For each value of each column: rows, weights, and sums of each pair's differences."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.names = WEIGHTED if schema.weighted else PLAIN
        self.weights = WEIGHTS if schema.weighted else ()
        self.columns: dict[str, dict[str, list[int]]] = {name: {} for name in schema.by}

    def add(self, batch: Batch) -> None:
        """Add rows."""
        for values, (codes, texts) in zip(self.columns.values(), batch.slices, strict=True):
            n = len(texts)
            found: list[dict[int, int]] = [_counts(codes, n)]
            if batch.weight is not None:
                found += [exact_sums(power, codes, n) for power in powers(batch.weight).values()]
            for difference in batch.differences:
                made = products(difference, batch.weight)
                rows = usable(made)
                for each in (None, None) if rows is None else (~rows[1], ~rows[0]):
                    found.append({} if each is None else _counts(codes[each], n))
                for name, product in made.items():
                    at = kept(name, rows)
                    found.append(exact_sums(product[at], codes[at], n))
            for code in found[0]:
                new = [each.get(code, 0) for each in found]
                old = values.get(texts[code])
                values[texts[code]] = new if old is None else _added(old, new)
        self._check()

    def merge(self, other: Slices) -> Slices:
        """The sums of both sets of rows."""
        both = Slices(self.schema)
        for name, values in both.columns.items():
            values.update(self.columns[name])
            for value, sums in other.columns[name].items():
                values[value] = _added(values[value], sums) if value in values else sums
        both._check()
        return both

    def _check(self) -> None:
        pairs = len(self.schema.pairs)
        if sum(map(len, self.columns.values())) * pairs <= MOST_CELLS:
            return
        name = max(self.columns, key=lambda each: len(self.columns[each]))
        many = f"{len(self.columns[name]):,} values"
        told = "" if pairs == 1 else f", for each of {pairs} pairs of models"
        msg = f"column '{name}' has {many} or more: too many to compare by each{told} (at most "
        msg += f"{MOST_CELLS:,} comparisons are made). Leave it out of --by, or make a column "
        raise ValueError(msg + "of fewer values, such as ranges.")

    def of(self, column: str, value: str, pair: int) -> tuple[int, int, int, LossMoments]:
        """Rows of a slice, those not in the sums of powers, those in none, and its moments."""
        sums = self.columns[column][value]
        weights = dict(zip(self.weights, sums[1:], strict=False))
        start = 1 + len(self.weights) + pair * (2 + len(self.names))
        powers = dict(zip(self.names, sums[start + 2 :], strict=False))
        made = moments(sums[0], weights | powers, sums[start])
        return sums[0], sums[start], sums[start + 1], made

    def to_data(self) -> Any:
        """Plain data: equal for equal rows."""
        return {name: sorted(values.items()) for name, values in self.columns.items()}


class Clusters:
    """Sums of each value by cluster: clusters are put into groups, so that memory is bounded."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        buckets, size = (BUCKETS, Places(schema).size) if schema.cluster is not None else (0, 0)
        self.rows = Counts(buckets)
        self.sums = [ExactSums(buckets) for _ in range(size)]
        self.weights = ExactSums(buckets if schema.weighted else 0)
        self.sizes: dict[int, int] = {}
        """Rows of the clusters whose names have the lowest hashes."""

    def add(self, batch: Batch) -> None:
        """Add rows."""
        if batch.cluster is None:
            return
        codes, texts = batch.cluster
        of = np.array([zlib.crc32(text.encode()) % BUCKETS for text in texts], np.int64)[codes]
        self.rows.add(of)
        if batch.weight is not None:
            self.weights.add(batch.weight, of)
        for sums, values in zip(self.sums, batch.values, strict=True):
            with np.errstate(all="ignore"):
                products = values if batch.weight is None else values * batch.weight
            sums.add(np.where(np.isfinite(products), products, 0.0), of)
        self._count(_sizes(batch.cluster))

    def _count(self, sizes: dict[int, int]) -> None:
        for name, rows in sizes.items():
            self.sizes[name] = self.sizes.get(name, 0) + rows
        if len(self.sizes) > SKETCH:  # what is among the lowest of all is so in each part
            self.sizes = {name: self.sizes[name] for name in heapq.nsmallest(SKETCH, self.sizes)}

    def merge(self, other: Clusters) -> Clusters:
        """The sums of both sets of rows."""
        both = Clusters(self.schema)
        both.rows = self.rows.merge(other.rows)
        both.weights = self.weights.merge(other.weights)
        both.sums = [a.merge(b) for a, b in zip(self.sums, other.sums, strict=True)]
        both._count(self.sizes)
        both._count(other.sizes)
        return both

    @property
    def clusters(self) -> int | None:
        """How many clusters there are; None if they were too many to count."""
        return len(self.sizes) if len(self.sizes) < SKETCH else None

    @property
    def single(self) -> bool:
        """Has each cluster one row, as far as was looked at?"""
        return bool(self.sizes) and max(self.sizes.values()) == 1

    def of(self, value: int) -> list[tuple[int, int]]:
        """The sum of a value, and the weight, of each group that has a row."""
        rows = self.rows.whole
        weights = self.weights.whole if self.schema.weighted else [n * ONE for n in rows]
        sums = self.sums[value].whole
        return [(s, w) for s, w, n in zip(sums, weights, rows, strict=True) if n]

    def to_data(self) -> Any:
        """Plain data: equal for equal rows."""
        sums = [each.to_data() for each in (*self.sums, self.weights)]
        return [self.rows.to_data(), sums, sorted(self.sizes.items())]


def _sizes(cluster: Groups) -> dict[int, int]:
    """Rows by a hash of the cluster's name."""
    counts = np.bincount(cluster.codes, minlength=len(cluster.texts))
    found: dict[int, int] = {}
    for code in np.flatnonzero(counts).tolist():
        digest = blake2b(cluster.texts[code].encode(), digest_size=8).digest()
        name = int.from_bytes(digest, "big")
        found[name] = found.get(name, 0) + int(counts[code])
    return found


def _counts(codes: Any, n: int) -> dict[int, int]:
    counts = np.bincount(codes, minlength=n)
    return {code: int(counts[code]) for code in np.flatnonzero(counts).tolist()}


def _added(a: list[int], b: list[int]) -> list[int]:
    return [x + y for x, y in zip(a, b, strict=True)]
