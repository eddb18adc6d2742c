"""Are the scores of a model the same in all rows?"""

from __future__ import annotations

from typing import Any

import numpy as np

from xent._validation import Array
from xent.scoring.comparing.schema import Batch, Schema


class Looks:
    """The least and the largest score of each class, for each model."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        models = len(schema.models)
        self.least: list[Array | None] = [None] * models
        self.most: list[Array | None] = [None] * models

    def add(self, batch: Batch) -> None:
        """Add rows."""
        for i, scores in enumerate(batch.scores):
            self._widen(i, scores.min(axis=0), scores.max(axis=0))

    def _widen(self, model: int, least: Any, most: Any) -> None:
        low, high = self.least[model], self.most[model]
        self.least[model] = least if low is None else np.minimum(low, least)
        self.most[model] = most if high is None else np.maximum(high, most)

    def constant(self, model: int) -> bool:
        """Does the model give each row the same scores?"""
        low, high = self.least[model], self.most[model]
        return low is not None and bool(np.array_equal(low, high))  # type: ignore[arg-type]

    def merge(self, other: Looks) -> Looks:
        """The same of both sets of rows."""
        both = Looks(self.schema)
        for each in (self, other):
            for i, (least, most) in enumerate(zip(each.least, each.most, strict=True)):
                if least is not None:
                    both._widen(i, least, most)
        return both

    def to_data(self) -> Any:
        """Plain data: equal for equal rows."""
        return [[None if a is None else a.tolist() for a in s] for s in (self.least, self.most)]
