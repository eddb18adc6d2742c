"""Sums over clusters of rows, such as those of one user, which are not independent."""

from __future__ import annotations

from typing import Any

import numpy as np

from xent._engine.cpu.portable import KEYS
from xent.scoring.state.accumulator import Accumulator, Batch, Schema
from xent.scoring.state.cluster_sizes import ClusterSizes, hashes_of
from xent.scoring.state.clustered_slices import ClusteredSlices, Sliced, grouped
from xent.scoring.state.exact import Counts, ExactSums

BUCKETS = 1 << 10
"""Clusters are put into so many groups by a hash of their names, so that memory is bounded."""

BINNED = 64
"""Larger groups, of which each has a histogram."""

MOST_LABELS = 1 << 17
"""The most pairs of a group and a class that are counted."""


MOST_CELLS = 1 << 17
"""The most pairs of a group and a value of one column: 128 values whose clusters are in all groups.

Their sums take 50 MB, or 75 MB with weights.
"""


class Clusters(Accumulator):
    """Of each group of clusters: rows, weights, losses, right predictions and Brier scores.

    Also the weight of each class in it, of not too many classes; the histograms of 64 larger
    groups, by rows; and of each value of the columns `by` the rows, weights and losses in each
    group, unless there are too many of these pairs. Of pairs of columns there would be many more.
    """

    def _sums(self, schema: Schema) -> dict[str, Any]:
        if schema.cluster is None:
            return {}
        summed: Any = ExactSums if schema.weighted else Counts
        sums: dict[str, Any] = {
            "sizes": ClusterSizes(),
            "rows": Counts(BUCKETS),
            "losses": ExactSums(BUCKETS),
            "right": summed(BUCKETS),
            "brier": ExactSums(BUCKETS),
            "bins": Counts(BINNED * 2 * KEYS),
        }
        if (size := BUCKETS * len(schema.classes)) <= MOST_LABELS:
            sums["labels"] = summed(size)
        sums |= {"weights": ExactSums(BUCKETS)} if schema.weighted else {}
        for name in schema.by:
            sums[_of_column(name)] = ClusteredSlices.of(MOST_CELLS, weighted=schema.weighted)
        return sums

    def add(self, batch: Batch) -> None:
        if batch.cluster is None:
            return
        hashes = hashes_of(batch.cluster)
        self.sums["sizes"].add(batch.cluster, hashes)
        groups = grouped(batch.cluster, hashes, BUCKETS)
        of = groups.codes
        losses = batch.weighted
        if batch.infinite is not None:
            losses = np.where(batch.infinite, 0.0, losses)
        right = batch.scored.groups & 1 == 1
        place = of * len(self.schema.classes) + batch.labels
        self.sums["rows"].add(of)
        self.sums["losses"].add(losses, of)
        self.sums["bins"].add(of % BINNED * 2 * KEYS + batch.scored.keys)
        for name, values in zip(self.schema.by, batch.slices, strict=True):
            sums: ClusteredSlices = self.sums[_of_column(name)]
            sums.add_rows(values, groups, batch.weight, [losses])
        if batch.weight is None:
            self.sums["right"].add(of[right])
            self.sums["brier"].add(batch.scored.brier, of)
            if "labels" in self.sums:
                self.sums["labels"].add(place)
            return
        self.sums["weights"].add(batch.weight, of)
        self.sums["right"].add(batch.weight[right], of[right])
        self.sums["brier"].add(batch.weight * batch.scored.brier, of)
        if "labels" in self.sums:
            self.sums["labels"].add(batch.weight, place)

    @property
    def sizes(self) -> ClusterSizes:
        """How many clusters there are, and their rows."""
        found: ClusterSizes = self.sums["sizes"]
        return found

    @property
    def groups(self) -> int:
        """How many groups have a row."""
        return sum(n > 0 for n in self.amounts("rows"))

    def by_value(self, column: str) -> dict[str, Sliced] | None:
        """What is known of the values of a column; None if there are too many values and groups."""
        found: dict[str, Sliced] | None = self.sums[_of_column(column)].by_value()
        return found


def _of_column(name: str) -> str:
    return f"by {name}"
