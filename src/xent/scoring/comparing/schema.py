"""What is fixed of a comparison before the first row, and the rows that are added to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from xent._validation import Array
from xent.scoring.state import Batch as ScoredBatch
from xent.scoring.state import Groups
from xent.scoring.state import Schema as Scoring


@dataclass(frozen=True)
class Schema:
    """Only states with the same schema merge."""

    models: tuple[str, ...]
    classes: tuple[str, ...]
    weighted: bool = False
    clip: float | None = None
    keep: int = 5
    """How many of the rows are kept in which the losses differ most."""
    by: tuple[str, ...] = ()
    """Columns by whose values the models are compared, too."""
    cluster: str | None = None
    """The column that says which rows are not independent."""
    baseline: int | None = None
    """The model with which each other one is compared; all with each other if None."""
    scoring: tuple[Scoring, ...] = ()
    """How the scores of each model are read."""

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The models that are compared, by number; the baseline is the second."""
        if self.baseline is None:
            return list(combinations(range(len(self.models)), 2))
        return [(i, self.baseline) for i in range(len(self.models)) if i != self.baseline]


@dataclass(frozen=True)
class Batch:
    """Rows of weight above 0, scored by each model."""

    schema: Schema
    labels: Array
    losses: Array
    """Shape (models, rows), in float64."""
    predicted: Array
    """The likeliest classes, of the same shape."""
    scores: Sequence[Array]
    """As each model gave them."""
    weight: Array | None
    places: Array
    """The rows' numbers in their source."""
    source: str = ""
    keys: Sequence[Array] = ()
    """Columns that identify the rows."""
    slices: Sequence[Groups] = ()
    cluster: Groups | None = None
    scored: Sequence[ScoredBatch] = ()
    """The same rows as `score` has them, for each model."""

    @cached_property
    def right(self) -> Array:
        """Is the likeliest class the true one? For each model and row."""
        return np.asarray(self.predicted == self.labels)

    @cached_property
    def differences(self) -> Array:
        """The first model's loss less the second's, for each pair; infinite or NaN if one is."""
        first, second = np.array(self.schema.pairs).T
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray(self.losses[first] - self.losses[second])

    @cached_property
    def values(self) -> Array:
        """What means are taken of: for each pair, the differences of losses and those of hits."""
        first, second = np.array(self.schema.pairs).T
        right = self.right.astype(np.float64)
        return np.concatenate([self.differences, right[first] - right[second]])


class Places:
    """Where in `Batch.values` a figure stands."""

    def __init__(self, schema: Schema) -> None:
        self.pairs = len(schema.pairs)
        self.size = 2 * self.pairs

    def difference(self, pair: int) -> int:
        """The difference of the losses of a pair."""
        return pair

    def right_difference(self, pair: int) -> int:
        """The difference of the hits of a pair: 1, 0 or -1."""
        return self.pairs + pair
