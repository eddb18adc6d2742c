"""Sums by the values of columns, and by clusters."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from xent._validation import Array
from xent.scoring.comparing.schema import Batch, Places, Schema
from xent.scoring.comparing.sums import names, powers, products, weights
from xent.scoring.intervals import LossMoments
from xent.scoring.products import kept, moments, usable
from xent.scoring.state.cluster_sizes import ClusterSizes, hashes_of
from xent.scoring.state.clustered_slices import ClusteredSlices, grouped
from xent.scoring.state.clusters import BUCKETS
from xent.scoring.state.exact import ONE, Counts, ExactSums
from xent.scoring.state.keyed import KeyedSums

MOST_CELLS = 100_000
"""The most values of all columns, times the pairs of models: each is a test of its own."""

MOST_SUMS = 1 << 18
"""The most pairs of a group of clusters and a value of one column, times the pairs of models.

With one pair of models these are 256 values whose clusters are in all groups; they take 100 MB.
"""


class Slice(NamedTuple):
    """The rows with one value of a column."""

    rows: int
    ones: int
    """Rows of the second class."""
    lost: tuple[int, int]
    """Rows that are not in the sums of powers, and those in no sum."""
    moments: LossMoments
    """Of the differences of a pair."""


class Slices:
    """For each value of each column: rows, weights, and sums of each pair's differences."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.names = names(schema)
        self.weights = weights(schema)
        pairs = len(schema.pairs)
        counts = {"rows": 1, "ones": 1, "left_out": pairs, "undefined": pairs}
        sums = dict.fromkeys(self.weights, 1) | dict.fromkeys(self.names, pairs)
        most = MOST_CELLS // pairs
        self.columns = {name: KeyedSums(counts, sums, most) for name in schema.by}

    def add(self, batch: Batch) -> None:
        """Add rows."""
        at = [
            (sums, of)
            for sums, groups in zip(self.columns.values(), batch.slices, strict=True)
            if (of := sums.place([groups])) is not None
        ]
        self._check()
        weights = {} if batch.weight is None else powers(batch.weight)
        for sums, of in at:
            sums.add("rows", of)
            sums.add("ones", of[batch.labels == 1])
            for name, power in weights.items():
                sums.add(name, of, power)
        for pair, difference in enumerate(batch.differences):
            made = products(difference, batch.weight)
            rows = usable(made)
            for sums, of in at:
                if rows is not None:
                    sums.add("undefined", of[~rows[0]], column=pair)
                    sums.add("left_out", of[~rows[1]], column=pair)
                for name, product in made.items():
                    some = kept(name, rows)
                    sums.add(name, of[some], product[some], pair)

    def merge(self, other: Slices) -> Slices:
        """The sums of both sets of rows."""
        both = Slices(self.schema)
        both.columns = {n: each.merge(other.columns[n]) for n, each in self.columns.items()}
        both._check()
        return both

    def _check(self) -> None:
        pairs = len(self.schema.pairs)
        sizes = {
            name: each.most + 1 if each.full else len(each.places)
            for name, each in self.columns.items()
        }
        if sum(sizes.values()) * pairs <= MOST_CELLS:
            return
        name = max(sizes, key=lambda each: sizes[each])
        many = f"{sizes[name]:,} values"
        told = "" if pairs == 1 else f", for each of {pairs} pairs of models"
        msg = f"column '{name}' has {many} or more: too many to compare by each{told} (at most "
        msg += f"{MOST_CELLS:,} comparisons are made). Leave it out of --by, or make a column "
        raise ValueError(msg + "of fewer values, such as ranges.")

    def values(self, column: str) -> list[str]:
        """The values of a column, in the order of their names."""
        return sorted(value for (value,) in self.columns[column].places)

    def of(self, column: str, value: str, pair: int) -> Slice:
        """What is known of a pair of models on a slice."""
        found = self.columns[column].at((value,))
        sums = {name: found[name][0] for name in self.weights}
        sums |= {name: found[name][pair] for name in self.names}
        rows, lost, undefined = found["rows"][0], found["left_out"][pair], found["undefined"][pair]
        return Slice(rows, found["ones"][0], (lost, undefined), moments(rows, sums, lost))

    def to_data(self) -> Any:
        """Plain data: equal for equal rows."""
        return {name: each.to_data() for name, each in self.columns.items()}


class Clusters:
    """Sums of each value by cluster: clusters are put into groups, so that memory is bounded."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        buckets, size = (BUCKETS, Places(schema).size) if schema.cluster is not None else (0, 0)
        self.rows = Counts(buckets)
        self.sums = [ExactSums(buckets) for _ in range(size)]
        self.weights = ExactSums(buckets if schema.weighted else 0)
        self.slices = {
            name: ClusteredSlices.of(
                most_cells(schema), weighted=schema.weighted, products=len(schema.pairs)
            )
            for name in (schema.by if schema.cluster is not None else ())
        }  # fmt: skip
        """The same of the pairs' differences, by the values of columns."""
        self.sizes = ClusterSizes()

    def add(self, batch: Batch) -> None:
        """Add rows."""
        if batch.cluster is None:
            return
        hashes = hashes_of(batch.cluster)
        self.sizes.add(batch.cluster, hashes)
        groups = grouped(batch.cluster, hashes, BUCKETS)
        of = groups.codes
        self.rows.add(of)
        if batch.weight is not None:
            self.weights.add(batch.weight, of)
        for sums, values in zip(self.sums, batch.values, strict=True):
            sums.add(_finite(values, batch.weight), of)
        differences = [_finite(each, batch.weight) for each in batch.differences]
        for slices, column in zip(self.slices.values(), batch.slices, strict=True):
            slices.add_rows(column, groups, batch.weight, differences)

    def merge(self, other: Clusters) -> Clusters:
        """The sums of both sets of rows."""
        both = Clusters(self.schema)
        both.rows = self.rows.merge(other.rows)
        both.weights = self.weights.merge(other.weights)
        both.sums = [a.merge(b) for a, b in zip(self.sums, other.sums, strict=True)]
        both.slices = {n: each.merge(other.slices[n]) for n, each in self.slices.items()}
        both.sizes = self.sizes.merge(other.sizes)
        return both

    def of(self, value: int) -> list[tuple[int, int]]:
        """The sum of a value, and the weight, of each group that has a row."""
        rows = self.rows.whole
        weights = self.weights.whole if self.schema.weighted else [n * ONE for n in rows]
        sums = self.sums[value].whole
        return [(s, w) for s, w, n in zip(sums, weights, rows, strict=True) if n]

    def to_data(self) -> Any:
        """Plain data: equal for equal rows."""
        sums = [each.to_data() for each in (*self.sums, self.weights)]
        slices = {name: each.to_data() for name, each in self.slices.items()}
        return [self.rows.to_data(), sums, slices, self.sizes.to_data()]


def most_cells(schema: Schema) -> int:
    """The most pairs of a group of clusters and a value of a column that are kept."""
    return max(1, MOST_SUMS // len(schema.pairs))


def _finite(values: Array, weight: Array | None) -> Array:
    """Values times weights; 0 where that is not finite."""
    with np.errstate(all="ignore"):
        products = values if weight is None else values * weight
    return np.where(np.isfinite(products), products, 0.0)
