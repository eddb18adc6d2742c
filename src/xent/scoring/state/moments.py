"""Moments of the losses and of the Brier scores, for intervals."""

from __future__ import annotations

from typing import Any

import numpy as np

from xent._validation import Array
from xent.scoring.state.accumulator import Accumulator, Batch, Schema
from xent.scoring.state.exact import Counts, ExactSums

SAFE = 1e60
"""No product overflows if values and weights are below it."""


class Moments(Accumulator):
    """Exact sums of products of weights w and losses l by class; each multiplication rounds.

    Rows with an infinite loss are not in them. Nor are those where another product overflows, as
    that of three losses of 1e110: `beyond` counts these.
    """

    NAMES: tuple[str, ...] = ("wll", "wlll", "wwl", "wwll")
    MOST = 1024
    """With more classes than these, sums are kept of all rows, and not by class."""

    def _sums(self, schema: Schema) -> dict[str, Any]:
        groups = len(schema.classes) if len(schema.classes) <= self.MOST else 1
        kept = [name for name in self.NAMES if schema.weighted or not name.startswith("ww")]
        return {"rows": Counts(2)} | {name: ExactSums(groups) for name in kept}

    def values(self, batch: Batch) -> Array:
        """What the moments are of."""
        return batch.losses

    def add(self, batch: Batch) -> None:
        x, weight = self.values(batch), batch.weight
        products = {name: product(name, x, weight) for name in self.sums if name != "rows"}
        labels = batch.labels
        if x.max() >= SAFE or (weight is not None and weight.max() >= SAFE):
            fits = np.isfinite(x) & np.all([np.isfinite(p) for p in products.values()], axis=0)
            beyond = ~fits if batch.infinite is None else ~fits & ~batch.infinite
            self.sums["rows"].add_rows(1, int(beyond.sum()))
            products = {name: values[fits] for name, values in products.items()}
            labels = labels[fits]
        self.sums["rows"].add_rows(0, len(labels))
        for name, values in products.items():
            sums = self.sums[name]
            sums.add(values, labels if sums.groups > 1 else None)

    @property
    def rows(self) -> int:
        """Rows in the sums."""
        return self.amounts("rows")[0]

    @property
    def beyond(self) -> int:
        """Rows of finite loss whose products are too large for any float64."""
        return self.amounts("rows")[1]

    def __getitem__(self, name: str) -> int:
        """A sum over all rows by its name, as `wwl`, in units of 2**-1126."""
        return sum(self.by_class(name))

    def by_class(self, name: str) -> list[int]:
        """Sums of each class; one of all rows, if there are more than `MOST` classes."""
        return self.amounts(name)


class BrierMoments(Moments):
    """The same of Brier scores, over all rows."""

    NAMES = ("wl", "wll", "wlll", "wwl", "wwll")
    MOST = 0

    def values(self, batch: Batch) -> Array:
        return batch.scored.brier


def product(name: str, x: Array, weight: Array | None) -> Array:
    """A product of weights and values: factors are multiplied from the weight on."""
    with np.errstate(all="ignore"):
        wl = x if weight is None else weight * x
        if weight is not None and name.startswith("ww"):
            return np.asarray(weight * wl if name == "wwl" else wl * wl)
        for _ in name[2:]:
            wl = wl * x
        return np.asarray(wl)
