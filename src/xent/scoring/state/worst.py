"""The rows with the highest loss."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

import numpy as np

from xent.scoring.losses import probabilities_of
from xent.scoring.state.accumulator import Accumulator, Batch, Schema


@dataclass(frozen=True, order=True)
class WorstRow:
    """One of the rows with the highest loss; ordered worst first, then by source and row."""

    negative_loss: float
    source: str
    row: int
    label: int
    predicted: int
    probability: float
    key: tuple[str, ...] = ()
    """What identifies the row, if columns for that were named."""
    scores: tuple[float, ...] = ()
    """Its scores, unless there are too many of them."""

    @property
    def loss(self) -> float:
        """Loss in nats."""
        return -self.negative_loss


MOST_SCORES = 1 << 16
"""The most scores that are kept of all worst rows."""


class WorstRows(Accumulator):
    """As many of the rows with the highest loss as were asked for."""

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema)
        self.rows: list[WorstRow] = []

    def _sums(self, schema: Schema) -> dict[str, Any]:  # noqa: ARG002
        return {}

    def add(self, batch: Batch) -> None:
        keep, losses = self.schema.keep, batch.losses
        if not keep or not len(losses):
            return
        least = self.rows[-1].loss if len(self.rows) == keep else 0.0
        if batch.most < least:
            return
        rows = np.flatnonzero(losses >= least)
        if len(rows) > keep:
            top = np.partition(losses[rows], len(rows) - keep)[-keep]
            # Ties with the last kept row stay candidates, so that the earliest win in any batching.
            rows = rows[losses[rows] >= top]
        at = rows[np.lexsort((batch.places[rows], -losses[rows]))[:keep]]
        p = probabilities_of(batch.scores[at], batch.labels[at], self.schema.kind)
        keys = [tuple(str(column[i]) for column in batch.keys) for i in at]
        fields = (-losses[at], batch.places[at], batch.labels[at], batch.scored.predicted[at], p)
        scores = batch.scores[at].reshape(len(at), -1)
        if keep * scores.shape[1] > MOST_SCORES:
            scores = scores[:, :0]
        found = [
            WorstRow(loss, batch.source, row, label, predicted, probability, key, tuple(values))
            for loss, row, label, predicted, probability, values, key in zip(
                *(each.tolist() for each in (*fields, scores)), keys, strict=True
            )
        ]
        self.rows = sorted([*self.rows, *found])[:keep]

    def merge(self, other: WorstRows) -> WorstRows:
        merged = WorstRows(self.schema)
        merged.rows = sorted([*self.rows, *other.rows])[: self.schema.keep]
        return merged

    def to_data(self) -> Any:
        return [[_text(value) for value in astuple(row)] for row in self.rows]

    def read(self, data: Any) -> None:
        self.rows = [
            WorstRow(
                float.fromhex(loss),
                source,
                row,
                label,
                predicted,
                float.fromhex(p),
                (*key,),
                tuple(map(float.fromhex, scores)),
            )
            for loss, source, row, label, predicted, p, key, scores in data
        ]


def _text(value: Any) -> Any:
    """Floats as text that has all their digits, and infinities."""
    if isinstance(value, tuple):
        return [_text(each) for each in value]
    return value.hex() if isinstance(value, float) else value
