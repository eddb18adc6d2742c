"""What `score` keeps of the rows it has read: small, and mergeable in any order.

A state is a composition of accumulators, each in a file of its own with `add` and `merge`. Sums are
exact, so the same rows give the same bits however they are split into batches. Losses are computed
by + - * / alone, which IEEE 754 rounds alike everywhere; that was seen on one machine only.
A further accumulator is a class like these, and a line in `PARTS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xent._validation import Array
from xent.scoring.losses import scored
from xent.scoring.state.accumulator import Accumulator, Batch, Groups, Schema
from xent.scoring.state.classes import ClassSums
from xent.scoring.state.clips import Clips
from xent.scoring.state.clusters import Clusters
from xent.scoring.state.confusion import Confusion
from xent.scoring.state.exact import SCALE, exact_sums, ratio
from xent.scoring.state.histogram import Histogram
from xent.scoring.state.moments import BrierMoments, Moments
from xent.scoring.state.sample import Sample
from xent.scoring.state.saving import StateError, check_same, from_json, to_json
from xent.scoring.state.slices import Slices
from xent.scoring.state.worst import WorstRow, WorstRows

if TYPE_CHECKING:  # PyArrow is needed only once a file is read
    from xent.scoring.columns import Rows

__all__ = [
    "SCALE",
    "Batch",
    "Groups",
    "Schema",
    "State",
    "StateError",
    "WorstRow",
    "exact_sums",
    "ratio",
    "state_of",
]

PARTS: dict[str, type[Accumulator]] = {
    "classes": ClassSums,
    "moments": Moments,
    "brier": BrierMoments,
    "clips": Clips,
    "confusion": Confusion,
    "histogram": Histogram,
    "sample": Sample,
    "worst": WorstRows,
    "slices": Slices,
    "clusters": Clusters,
}


class State:
    """What is kept of rows with one schema: an accumulator for each name in `PARTS`."""

    classes: ClassSums
    moments: Moments
    brier: BrierMoments
    clips: Clips
    confusion: Confusion
    histogram: Histogram
    sample: Sample
    worst_rows: WorstRows
    slices: Slices
    clusters: Clusters

    def __init__(self, schema: Schema, parts: dict[str, Any] | None = None) -> None:
        self.schema = schema
        self.parts: dict[str, Any] = dict(parts or _empty(schema))
        self.worst_rows = self.parts["worst"]
        for name in PARTS.keys() - {"worst"}:
            setattr(self, name, self.parts[name])

    def add(
        self,
        scores: Array,
        labels: Array,
        weight: Array | None,
        places: Array,
        source: str = "",
        keys: Sequence[Array] = (),
        groups: Sequence[Groups] = (),
    ) -> Batch | None:
        """Add rows: scores of the schema's kind, class indices, weights, and numbers of the rows.

        `groups` are those of the schema's columns `by`, and of its cluster if there is one. Rows of
        weight 0 are left out. What was added is returned; None if no row was.
        """
        if weight is not None and not (weight > 0).all():
            kept = weight > 0
            scores, labels, weight, places = (
                values[kept] for values in (scores, labels, weight, places)
            )
            keys = [column[kept] for column in keys]
            groups = [each.of(kept) for each in groups]
        if not len(labels):
            return None
        if weight is not None:
            weight = weight.astype(np.float64, copy=False)
        scores = scores.astype(np.float64, copy=False)
        labels = labels.astype(np.int64, copy=False)
        made = scored(scores, labels, self.schema.kind, self.schema.clip)
        slices = groups[: len(self.schema.by)]
        cluster = groups[-1] if self.schema.cluster is not None else None
        batch = Batch(scores, labels, made, weight, places, source, keys, slices, cluster)
        self.add_batch(batch)
        return batch

    def add_batch(self, batch: Batch) -> None:
        """Add rows that were scored already."""
        for part in self.parts.values():
            part.add(batch)

    def merge(self, other: State) -> State:
        """The state of both sets of rows; the order of merging does not matter."""
        check_same(self.schema, other.schema)
        merged = {name: part.merge(other.parts[name]) for name, part in self.parts.items()}
        return State(self.schema, merged)

    def to_json(self) -> str:
        """The state as text, with every sum exact."""
        return to_json(self.schema, self.parts)

    @staticmethod
    def from_json(text: str, name: str = "the state") -> State:
        """The state of such a text; `name` is what errors call it."""
        return State(*from_json(text, name, _empty))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, State) and (self.schema, self.parts) == (other.schema, other.parts)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"State({self.schema.kind}, rows={sum(self.counts)})"

    # What a report shows. Sums are integers in units of 2**-1126.

    @property
    def counts(self) -> list[int]:
        """Rows of each class."""
        return self.classes.rows

    @property
    def infinite(self) -> list[int]:
        """Rows of each class whose loss is infinite."""
        return self.classes.infinite

    @property
    def weights(self) -> list[int]:
        """Weight of each class."""
        return self.classes.weights

    @property
    def right(self) -> list[int]:
        """Weight of the rows of each class that are predicted rightly."""
        return self.classes.right

    @property
    def losses(self) -> list[int]:
        """Sum of weight times loss of each class, where that is finite."""
        return self.moments.by_class("wl")

    @property
    def worst(self) -> list[WorstRow]:
        """The rows with the highest loss, worst first."""
        return self.worst_rows.rows


def _empty(schema: Schema) -> dict[str, Accumulator]:
    return {name: kind(schema) for name, kind in PARTS.items()}


def state_of(rows: Rows, schema: Schema, source: str = "") -> State:
    """The state of a batch of rows, which depends on nothing else."""
    state = State(schema)
    state.add(rows.scores, rows.labels, rows.weight, rows.places, source, rows.shown, rows.groups)
    return state
