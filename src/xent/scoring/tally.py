"""What is found in rows: their state, what was left out, and what the scores look like."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from xent._plausible import are_decisions, are_probabilities, may_be_percentages
from xent._validation import Array
from xent.scoring.columns import Rows
from xent.scoring.state import Batch, Schema, State
from xent.scoring.state.label_rows import LabelRows


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

    def add(self, rows: Rows, source: str) -> Batch | None:
        """Add a batch, and return what was scored; None if all rows were left out."""
        if not len(rows.places):
            return None
        self.seen += len(rows.places)
        if rows.weight is not None:
            self.left_out["weight 0"] += int((rows.weight == 0).sum())
        batch = self.state.add(
            rows.scores, rows.labels, rows.weight, rows.places, source, rows.shown, rows.groups
        )
        self._look_at(rows.scores)
        return batch

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


@dataclass
class Tallies:
    """What was found for each part of a reading: a label, where several of a row may be true."""

    parts: list[Tally]
    together: LabelRows | None = None
    """Sums over the rows of all labels, if there are several."""

    @classmethod
    def of(cls, schemas: Sequence[Schema]) -> Tallies:
        """What is found in no rows."""
        several = len(schemas) > 1
        together = LabelRows(len(schemas), weighted=schemas[0].weighted) if several else None
        return cls([Tally(State(schema)) for schema in schemas], together)

    @property
    def seen(self) -> int:
        """Rows that were read, of the first part."""
        return self.parts[0].seen

    def add(self, several: Sequence[Rows], source: str) -> None:
        """Add a batch of each part."""
        made = (tally.add(rows, source) for tally, rows in zip(self.parts, several, strict=True))
        if self.together is None:
            for _ in made:
                pass
        else:
            self.together.add([rows.places for rows in several], made)

    def merge(self, other: Tallies) -> Tallies:
        """What was found in both sets of rows."""
        parts = [one.merge(two) for one, two in zip(self.parts, other.parts, strict=True)]
        if self.together is None or other.together is None:
            return Tallies(parts)
        return Tallies(parts, self.together.merge(other.together))
