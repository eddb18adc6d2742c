"""Moments of the losses, for intervals: sums over the rows whose loss is finite."""

from __future__ import annotations

from typing import Any

import numpy as np

from xent._validation import Array
from xent.scoring.state.accumulator import Accumulator, Batch, Schema
from xent.scoring.state.exact import ONE, Counts, ExactSums

NAMES = ("w", "ww", "wl", "wll", "wlll", "wwl", "wwll")
"""Products of the weight w and the loss l."""


class Moments(Accumulator):
    """Exact sums of products, each of which is rounded at every multiplication.

    Rows with an infinite loss are not in them. Nor are those where another product overflows, as
    that of three losses of 1e110: `beyond` counts these.
    """

    def _sums(self, schema: Schema) -> dict[str, Any]:
        names = NAMES if schema.weighted else ("wl", "wll", "wlll")
        return {"rows": Counts(2), **{name: ExactSums(1) for name in names}}

    def add(self, batch: Batch) -> None:
        loss, weight = batch.losses, batch.weight
        with np.errstate(over="ignore", under="ignore"):
            square = loss * loss
            products = [loss, square, square * loss]
            if weight is not None:
                wl = batch.weighted
                wll = wl * loss
                products = [weight, weight * weight, wl, wll, wll * loss, weight * wl, wl * wl]
        if batch.infinite is None and loss.max(initial=0.0) < 1e100 and weight is None:
            beyond: Array = np.zeros(len(loss), np.intp)
        else:
            fits = np.isfinite(products).all(axis=0)
            finite = fits if batch.infinite is None else fits & ~batch.infinite
            products = [np.where(finite, each, 0.0) for each in products]
            beyond = np.asarray(~fits, np.intp)
            if batch.infinite is not None:
                beyond = beyond[~batch.infinite]
        self.sums["rows"].add(beyond)
        for name, values in zip(list(self.sums)[1:], products, strict=True):
            self.sums[name].add(values)

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
            if name in ("w", "ww"):
                return self.rows * ONE
            name = {"wwl": "wl", "wwll": "wll"}.get(name, name)
        return self.amounts(name)[0]
