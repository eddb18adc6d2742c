"""Moments of the losses and of the Brier scores, for means and their intervals."""

from __future__ import annotations

from typing import Any

import numpy as np

from xent._engine.cpu.score_job import CHUNK, MOMENT_JOB, MOMENTS
from xent._validation import Array
from xent.scoring import compiled
from xent.scoring.state.accumulator import Accumulator, Batch, Schema
from xent.scoring.state.exact import MOST_LIMBS, Counts, ExactSums

SAFE = 1e60
"""No product overflows if values and weights are below it."""

MOST = 1024
"""With more classes than these, only the first product is summed by class."""


class Moments(Accumulator):
    """Exact sums of products of weights w and losses l by class; each multiplication rounds.

    Rows with an infinite loss are not in them. Where another product than the first one overflows,
    as that of three losses of 1e110, a row is only in the sum of the first; `beyond` counts these.
    """

    def __init__(self, schema: Schema) -> None:
        self.groups = self._groups(schema)
        self.names = MOMENTS if schema.weighted else MOMENTS[:3]
        self.others = self.groups if self.groups <= MOST else 1
        super().__init__(schema)

    def _groups(self, schema: Schema) -> int:
        return len(schema.classes)

    def _sums(self, schema: Schema) -> dict[str, Any]:  # noqa: ARG002
        size = self.groups + (len(self.names) - 1) * self.others
        return {"beyond": Counts(1), "products": ExactSums(size)}

    def values(self, batch: Batch) -> tuple[Array, Array | None]:
        """What the moments are of, and the class of each."""
        return batch.losses, batch.labels

    def add(self, batch: Batch) -> None:
        (x, of), weight = self.values(batch), batch.weight
        products: ExactSums = self.sums["products"]
        safe = batch.most < SAFE and (weight is None or weight.max() < SAFE)
        kernel = compiled.kernel("moments", len(x)) if products.groups <= MOST_LIMBS else None
        if kernel is not None and safe:
            compiled.run(
                kernel, MOMENT_JOB, size=len(x), groups=self.groups,
                all_by_group=int(self.others > 1), values=x, weight=weight, of=of,
                limbs=products.limbs(len(x)), scratch=np.empty(6 * CHUNK),
            )  # fmt: skip
            return
        found = [product(name, x, weight) for name in self.names]
        kept = [np.isfinite(each) for each in (found[0], sum(found))]
        self.sums["beyond"].add_rows(0, int((kept[0] & ~kept[1]).sum()))
        start = 0
        for number, values in enumerate(found):
            rows = kept[number > 0]
            size = self.others if number else self.groups
            groups = np.zeros(rows.sum(), np.int64) if of is None or size == 1 else of[rows]
            products.add(values[rows], groups + start)
            start += size

    @property
    def beyond(self) -> int:
        """Rows of finite loss of which another product is too large for any float64."""
        return self.amounts("beyond")[0]

    def __getitem__(self, name: str) -> int:
        """A sum over all rows by its name, as `wwl`, in units of 2**-1126."""
        return sum(self.by_class(name))

    def by_class(self, name: str) -> list[int]:
        """Sums of each class; but for `wl`, one of all rows if there are more than `MOST`."""
        number, whole = self.names.index(name), self.amounts("products")
        if number == 0:
            return whole[: self.groups]
        start = self.groups + (number - 1) * self.others
        return whole[start : start + self.others]


class BrierMoments(Moments):
    """The same of Brier scores, over all rows."""

    def _groups(self, schema: Schema) -> int:  # noqa: ARG002
        return 1

    def values(self, batch: Batch) -> tuple[Array, Array | None]:
        return batch.scored.brier, None


def product(name: str, x: Array, weight: Array | None) -> Array:
    """A product of weights and values: factors are multiplied from the weight on."""
    with np.errstate(all="ignore"):
        wl = x if weight is None else weight * x
        if weight is not None and name.startswith("ww"):
            return np.asarray(weight * wl if name == "wwl" else wl * wl)
        for _ in name[2:]:
            wl = wl * x
        return np.asarray(wl)
