"""The losses of the rows that a state keeps, for what needs each row: quantiles, a histogram."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from xent._validation import Array
from xent.scoring.losses import scored
from xent.scoring.state import State

PART = 0.05
"""The share of the rows whose part of the total loss is told."""


class SampledLosses(NamedTuple):
    """Losses of all rows, or of a sample where there are many."""

    losses: Array
    """In nats, ascending."""
    weights: Array
    rows: int
    """Rows that were scored."""

    @property
    def some(self) -> bool:
        """Are these not all rows?"""
        return len(self.losses) < self.rows

    def quantile(self, share: float) -> float:
        """The least loss that is not below this share of the weight."""
        reached = self.weights.cumsum()
        # A rounded sum must not ask for more than there is.
        at = np.searchsorted(reached, share * reached[-1] * (1 - 1e-12))
        return float(self.losses[at])

    @property
    def concentration(self) -> tuple[float, float]:
        """A small share of the rows, those with the highest losses, and their part of the total."""
        worst = math.ceil(PART * len(self.losses))
        amounts = self.weights * self.losses
        part = float(self.weights[-worst:].sum() / self.weights.sum())
        return part, float(amounts[-worst:].sum() / amounts.sum())


def sampled_losses(state: State) -> SampledLosses | None:
    """The losses of the sample of a state; None if it keeps none."""
    rows = state.sample.rows
    if rows is None:
        return None
    schema = state.schema
    losses = scored(rows.scores, rows.labels, schema.kind, schema.clip).losses
    order = np.argsort(losses, kind="stable")
    return SampledLosses(losses[order], rows.weights[order], sum(state.counts))
