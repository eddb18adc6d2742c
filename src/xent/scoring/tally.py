"""What is found in rows: their state, what was left out, and what the scores look like."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from xent._plausible import are_decisions, are_probabilities, may_be_percentages
from xent._validation import Array
from xent.scoring.columns import Rows
from xent.scoring.state import Batch, State


@dataclass
class Tally:
    """What was found in some of the rows."""

    state: State
    """Counts and sums of the rows that count."""
    seen: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """How many rows were left out, by the reason."""
    like_probabilities: bool = True
    like_percentages: bool = True
    like_decisions: bool = True
    highest: float = -math.inf
    """The largest score."""

    def add(self, rows: Rows, source: str) -> None:
        """Add a batch."""
        if not len(rows.places):  # all were left out
            return
        self.seen += len(rows.places)
        if rows.weight is not None:
            self.left_out["weight 0"] += int((rows.weight == 0).sum())
        self.state.add(
            rows.scores, rows.labels, rows.weight, rows.places, source, rows.shown, rows.groups
        )
        self._look_at(rows.scores)

    def add_batch(self, batch: Batch) -> None:
        """Add rows that were scored already."""
        self.seen += len(batch.labels)
        self.state.add_batch(batch)
        self._look_at(batch.scores)

    def described(self) -> dict[str, Any]:
        """What a report says of the looks of the scores."""
        names = "like_probabilities", "like_percentages", "like_decisions", "highest"
        return {name: getattr(self, name) for name in names}

    def _look_at(self, scores: Array) -> None:
        """Find out what the scores look like, as far as a note may say so of their kind."""
        kind = self.state.schema.kind
        if kind == "logits":
            self.like_probabilities = self.like_probabilities and are_probabilities(scores, 1e-3)
            self.like_percentages = self.like_percentages and may_be_percentages(scores, 1e-3)
            self.highest = max(self.highest, float(scores.max()))
        elif kind == "probabilities":
            self.like_decisions = self.like_decisions and are_decisions(scores)

    def merge(self, other: Tally) -> Tally:
        """What was found in both sets of rows."""
        return Tally(
            self.state.merge(other.state),
            self.seen + other.seen,
            self.left_out + other.left_out,
            self.like_probabilities and other.like_probabilities,
            self.like_percentages and other.like_percentages,
            self.like_decisions and other.like_decisions,
            max(self.highest, other.highest),
        )


Tallies = list[Tally]
"""One for each part of a reading: a label, where several of a row may be true."""


def merged(a: Tallies, b: Tallies) -> Tallies:
    """What was found in both sets of rows, for each part of the reading."""
    return [one.merge(other) for one, other in zip(a, b, strict=True)]
