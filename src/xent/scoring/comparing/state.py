"""What a comparison keeps of rows: small, and mergeable in any order to the same bits."""

from __future__ import annotations

from typing import Any

from xent.scoring.comparing.differing import DifferingRows
from xent.scoring.comparing.groups import Clusters, Slices
from xent.scoring.comparing.looks import Looks
from xent.scoring.comparing.schema import Batch, Schema
from xent.scoring.comparing.scores import Scores
from xent.scoring.comparing.totals import Totals
from xent.scoring.state import StateError

PARTS: dict[str, Any] = {
    "totals": Totals,
    "scores": Scores,
    "looks": Looks,
    "differing": DifferingRows,
    "slices": Slices,
    "clusters": Clusters,
}


class CompareState:
    """What is kept of rows with one schema: a part for each name in `PARTS`."""

    totals: Totals
    scores: Scores
    looks: Looks
    differing: DifferingRows
    slices: Slices
    clusters: Clusters

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        for name, part in PARTS.items():
            setattr(self, name, part(schema))

    def add(self, batch: Batch) -> None:
        """Add rows of weight above 0."""
        if len(batch.labels):
            for name in PARTS:
                getattr(self, name).add(batch)

    def merge(self, other: CompareState) -> CompareState:
        """The state of both sets of rows; the order of merging does not matter."""
        if self.schema != other.schema:
            msg = f"These states cannot be merged: one is of {self.schema}, "
            raise StateError(msg + f"the other of {other.schema}.")
        both = CompareState(self.schema)
        for name in PARTS:
            setattr(both, name, getattr(self, name).merge(getattr(other, name)))
        return both

    def to_data(self) -> dict[str, Any]:
        """Plain data: equal for equal rows."""
        return {name: getattr(self, name).to_data() for name in PARTS}

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, CompareState)
            and self.schema == other.schema
            and self.to_data() == other.to_data()
        )

    __hash__ = None  # type: ignore[assignment]
