"""What `score` keeps of each model's rows, so that a comparison tells all that a score does."""

from __future__ import annotations

from typing import Any

from xent.scoring.comparing.schema import Batch, Schema
from xent.scoring.state import State
from xent.scoring.tally import Tally


class Scores:
    """A tally for each model, of the rows that all models have."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.tallies = [Tally(State(each)) for each in schema.scoring]

    def add(self, batch: Batch) -> None:
        """Add rows."""
        for tally, scored in zip(self.tallies, batch.scored, strict=True):
            tally.add_batch(scored)

    def merge(self, other: Scores) -> Scores:
        """The same of both sets of rows."""
        both = Scores(self.schema)
        both.tallies = [a.merge(b) for a, b in zip(self.tallies, other.tallies, strict=True)]
        return both

    def to_data(self) -> Any:
        """Plain data: equal for equal rows."""
        return [tally.state.to_json() for tally in self.tallies]
