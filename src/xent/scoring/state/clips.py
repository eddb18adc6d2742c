"""What the log loss would be if no label had a probability of 0."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xent.scoring.state.accumulator import Accumulator, Batch, Schema
from xent.scoring.state.exact import Counts, ExactSums, ratio

CLIPS = (2.0**-52, 1e-7, 1e-5)
"""Least probabilities: scikit-learn's for float64, about that of float32, and a larger one."""

LIMITS = tuple(-math.log(clip) for clip in CLIPS)
"""The losses of labels with these probabilities."""


class Clips(Accumulator):
    """By how much losses exceed each limit, in sum, and the weight of infinite ones."""

    def _sums(self, schema: Schema) -> dict[str, Any]:  # noqa: ARG002
        n = len(CLIPS)
        return {"rows": Counts(1), "weights": ExactSums(1), "excess": ExactSums(n)}

    def add(self, batch: Batch) -> None:
        if batch.most <= min(LIMITS):
            return
        infinite = np.isinf(batch.losses)
        if infinite.any():
            self.sums["rows"].add_rows(0, int(infinite.sum()))
            self.sums["weights"].add_to(0, _weights(batch)[infinite])
        for number, limit in enumerate(LIMITS):
            above = (batch.losses > limit) & ~infinite
            with np.errstate(over="ignore"):
                excess = _weights(batch)[above] * (batch.losses[above] - limit)
            # A product that is too large for a float64 is counted among the infinite ones.
            self.sums["excess"].add_to(number, excess[np.isfinite(excess)])

    def loss(self, number: int, losses: int, weights: int) -> float:
        """The mean loss with a clip, given the sums of finite losses and of all weights."""
        limit = int(math.ldexp(LIMITS[number], 52))  # without rounding
        finite = losses - self.amounts("excess")[number]
        return ratio((finite << 52) + self.amounts("weights")[0] * limit, weights << 52)

    @property
    def rows(self) -> int:
        """Rows whose label has a probability of 0."""
        return self.amounts("rows")[0]


def _weights(batch: Batch) -> Any:
    return np.ones(len(batch.losses)) if batch.weight is None else batch.weight
