"""Moments of the losses, for intervals: sums over the rows whose loss is finite."""

from __future__ import annotations

from typing import Any

import numpy as np

from xent._engine.cpu.score_job import CHUNK, MOMENT_JOB, MOMENTS
from xent._validation import Array
from xent.scoring import compiled
from xent.scoring.state.accumulator import Accumulator, Batch, Schema
from xent.scoring.state.exact import ONE, Counts, ExactSums

SAFE = 1e60
"""No product overflows if losses and weights are below it."""

OF_ONE = {"w": "rows", "ww": "rows", "wwl": "wl", "wwll": "wll"}
"""What products are where each weight is 1."""


class Moments(Accumulator):
    """Exact sums of the products in `MOMENTS`, each of which is rounded at every multiplication.

    Rows with an infinite loss are not in them. Nor are those where another product overflows, as
    that of three losses of 1e110: `beyond` counts these.
    """

    def _sums(self, schema: Schema) -> dict[str, Any]:
        names = MOMENTS if schema.weighted else MOMENTS[:3]
        return {"rows": Counts(2), "products": ExactSums(len(names))}

    def add(self, batch: Batch) -> None:
        loss, weight = batch.losses, batch.weight
        kernel = compiled.kernel("moments", len(loss))
        if kernel is not None and loss.max() < SAFE and (weight is None or weight.max() < SAFE):
            self.sums["rows"].add_rows(0, len(loss))
            compiled.run(
                kernel, MOMENT_JOB, size=len(loss), losses=loss, weight=weight,
                limbs=self.sums["products"].limbs(len(loss)), scratch=np.empty(7 * CHUNK),
            )  # fmt: skip
            return
        products = _products(batch)
        fits = np.isfinite(products).all(axis=0)
        beyond = ~fits if batch.infinite is None else ~fits & ~batch.infinite
        self.sums["rows"].add_rows(0, int(fits.sum()))
        self.sums["rows"].add_rows(1, int(beyond.sum()))
        for number, values in enumerate(products):
            self.sums["products"].add_to(number, values[fits])

    @property
    def rows(self) -> int:
        """Rows in the sums."""
        return self.amounts("rows")[0]

    @property
    def beyond(self) -> int:
        """Rows of finite loss whose products are too large for any float64."""
        return self.amounts("rows")[1]

    def __getitem__(self, name: str) -> int:
        """A sum by its name, as `wwl`, in units of 2**-1126."""
        if not self.schema.weighted:
            name = OF_ONE.get(name, name)
            if name == "rows":
                return self.rows * ONE
        return self.amounts("products")[MOMENTS.index(name)]


def _products(batch: Batch) -> list[Array]:
    """The products of `MOMENTS`, as the kernel computes them."""
    x, w = batch.losses, batch.weight
    with np.errstate(all="ignore"):
        wl = batch.weighted
        wll = wl * x
        products = [wl, wll, wll * x]
        return products if w is None else [*products, w, w * w, w * wl, wl * wl]
