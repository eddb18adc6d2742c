"""Sums over all rows: of losses, hits and differences, and how often each model is the better."""

from __future__ import annotations

from typing import Any

import numpy as np

from xent.scoring.comparing.schema import Batch, Places, Schema
from xent.scoring.comparing.sums import names, powers, products, weights
from xent.scoring.intervals import LossMoments
from xent.scoring.products import kept, moments, usable
from xent.scoring.state.exact import ExactSums

COUNTS = ("classes", "infinite", "left_out", "undefined", "wins", "alone")
"""Arrays of counts."""


class Totals:
    """Exact sums of what means are taken of, and counts of rows."""

    def __init__(self, schema: Schema) -> None:
        self.schema, self.places = schema, Places(schema)
        self.names = names(schema)
        self.rows = 0
        self.classes = np.zeros(len(schema.classes), np.int64)
        """Rows of each class."""
        self.infinite = np.zeros(len(schema.models), np.int64)
        """Rows in which the loss of each model is infinite."""
        self.left_out = np.zeros(self.places.size, np.int64)
        """Rows of each value that are not in the sums of its powers, which are too large."""
        self.undefined = np.zeros(self.places.size, np.int64)
        """Those that are not in its sum, since they are not finite."""
        self.wins = np.zeros((len(schema.pairs), 2), np.int64)
        """For each pair, rows in which the first one's loss is lower, or the second one's."""
        self.alone = np.zeros((len(schema.pairs), 2), np.int64)
        """For each pair, rows in which only the first one is right, or only the second one."""
        self.sums = [{name: ExactSums(1) for name in self.names} for _ in range(self.places.size)]
        self.weights = {name: ExactSums(1) for name in weights(schema)}

    def add(self, batch: Batch) -> None:
        """Add rows."""
        self.rows += len(batch.labels)
        self.classes += np.bincount(batch.labels, minlength=len(self.classes))
        self.infinite += np.isinf(batch.losses).sum(axis=1)
        for i, (a, b) in enumerate(self.schema.pairs):
            loss, right = batch.losses, batch.right
            self.wins[i] += (loss[a] < loss[b]).sum(), (loss[b] < loss[a]).sum()
            self.alone[i] += (right[a] & ~right[b]).sum(), (right[b] & ~right[a]).sum()
        if batch.weight is not None:
            for name, power in powers(batch.weight).items():
                self.weights[name].add(power)
        for i, values in enumerate(batch.values):
            made = products(values, batch.weight)
            rows = usable(made)
            if rows is not None:
                self.undefined[i] += (~rows[0]).sum()
                self.left_out[i] += (~rows[1]).sum()
            for name, product in made.items():
                self.sums[i][name].add(product[kept(name, rows)])

    def merge(self, other: Totals) -> Totals:
        """The totals of both sets of rows."""
        both = Totals(self.schema)
        both.rows = self.rows + other.rows
        for name in COUNTS:
            setattr(both, name, getattr(self, name) + getattr(other, name))
        both.sums = [
            {name: one[name].merge(two[name]) for name in one}
            for one, two in zip(self.sums, other.sums, strict=True)
        ]
        both.weights = {n: each.merge(other.weights[n]) for n, each in self.weights.items()}
        return both

    def moments(self, value: int) -> LossMoments:
        """What an interval of the mean needs; its powers without rows left out."""
        sums = {name: each.whole[0] for name, each in (self.sums[value] | self.weights).items()}
        return moments(self.rows, sums, int(self.left_out[value]))

    def to_data(self) -> dict[str, Any]:
        """Plain data: equal for equal rows."""
        arrays = {name: getattr(self, name).tolist() for name in COUNTS}
        sums = [{name: each.to_data() for name, each in one.items()} for one in self.sums]
        weights = {name: each.to_data() for name, each in self.weights.items()}
        return {"rows": self.rows, **arrays, "sums": sums, "weights": weights}
