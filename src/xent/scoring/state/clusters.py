"""Sums over clusters of rows, such as those of one user, which are not independent."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from xent._engine.cpu.portable import KEYS
from xent.scoring.state.accumulator import Accumulator, Batch, Schema
from xent.scoring.state.exact import Counts, ExactSums

BUCKETS = 1 << 10
"""Clusters are put into so many groups by a hash of their names, so that memory is bounded."""

BINNED = 64
"""Larger groups, of which each has a histogram."""

MOST_LABELS = 1 << 17
"""The most pairs of a group and a class that are counted."""


class Clusters(Accumulator):
    """Of each group of clusters: rows, weights, losses, right predictions and Brier scores.

    Also the weight of each class in it, of not too many classes; and the histograms of 64 larger
    groups, by rows.
    """

    def _sums(self, schema: Schema) -> dict[str, Any]:
        if schema.cluster is None:
            return {}
        summed: Any = ExactSums if schema.weighted else Counts
        sums = {
            "rows": Counts(BUCKETS),
            "losses": ExactSums(BUCKETS),
            "right": summed(BUCKETS),
            "brier": ExactSums(BUCKETS),
            "bins": Counts(BINNED * 2 * KEYS),
        }
        if (size := BUCKETS * len(schema.classes)) <= MOST_LABELS:
            sums["labels"] = summed(size)
        return sums | ({"weights": ExactSums(BUCKETS)} if schema.weighted else {})

    def add(self, batch: Batch) -> None:
        if batch.cluster is None:
            return
        codes, texts = batch.cluster
        buckets = np.array([zlib.crc32(text.encode()) % BUCKETS for text in texts], np.int64)
        of = buckets[codes]
        losses = batch.weighted
        if batch.infinite is not None:
            losses = np.where(batch.infinite, 0.0, losses)
        right = batch.scored.groups & 1 == 1
        place = of * len(self.schema.classes) + batch.labels
        self.sums["rows"].add(of)
        self.sums["losses"].add(losses, of)
        self.sums["bins"].add(of % BINNED * 2 * KEYS + batch.scored.keys)
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
    def groups(self) -> int:
        """How many groups have a row."""
        return sum(n > 0 for n in self.amounts("rows"))
