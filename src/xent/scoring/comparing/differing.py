"""The rows in which the losses of the models differ most."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

import numpy as np

from xent.scoring.comparing.schema import Batch, Schema


@dataclass(frozen=True, order=True)
class DifferingRow:
    """A row; ordered by how much the losses differ, then by source and row."""

    negative_spread: float
    source: str
    row: int
    label: int
    losses: tuple[float, ...]
    """Of each model, in nats."""
    predicted: tuple[int, ...]
    key: tuple[str, ...] = ()
    """What identifies the row, if columns for that were named."""

    @property
    def spread(self) -> float:
        """The highest loss less the lowest, in nats."""
        return -self.negative_spread


class DifferingRows:
    """As many rows as were asked for, those first whose losses differ most."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.rows: list[DifferingRow] = []

    def add(self, batch: Batch) -> None:
        """Add rows."""
        keep = self.schema.keep
        least = batch.losses.min(axis=0)
        with np.errstate(invalid="ignore"):
            spread = batch.losses.max(axis=0) - least
        spread = np.where(np.isinf(least), 0.0, spread)  # all of them are infinite
        if not keep or spread.max() == 0:
            return
        floor = self.rows[-1].spread if len(self.rows) == keep else 0.0
        rows = np.flatnonzero((spread >= floor) & (spread > 0))
        if len(rows) > keep:  # ties with the last one stay, so that the earliest win
            rows = rows[spread[rows] >= np.partition(spread[rows], len(rows) - keep)[-keep]]
        found = [
            DifferingRow(
                -float(spread[i]), batch.source, int(batch.places[i]), int(batch.labels[i]),
                tuple(batch.losses[:, i].tolist()), tuple(batch.predicted[:, i].tolist()),
                tuple(str(column[i]) for column in batch.keys),
            )
            for i in rows[np.lexsort((batch.places[rows], -spread[rows]))[:keep]]
        ]  # fmt: skip
        self.rows = sorted([*self.rows, *found])[:keep]

    def merge(self, other: DifferingRows) -> DifferingRows:
        """Those of both sets of rows."""
        both = DifferingRows(self.schema)
        both.rows = sorted([*self.rows, *other.rows])[: self.schema.keep]
        return both

    def to_data(self) -> Any:
        """Plain data: equal for equal rows."""
        return [astuple(row) for row in self.rows]
