"""What `compare` found: figures of models and of pairs, what may be concluded, and notes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from xent._format import listed
from xent._report import Report
from xent.scoring.comparing.differing import DifferingRow
from xent.scoring.comparing.figures import Figures, ModelFigures, PairFigures, SliceFigures, best
from xent.scoring.comparing.state import CompareState
from xent.scoring.comparing.words import conclusions
from xent.scoring.report import Score

MOST_PAIRS = 30
"""The most pairs of which a report tells all."""


NAMED = 3
"""Models and pairs that a note names."""


@dataclass(frozen=True, repr=False)
class Compared(Report):
    """How models compare on the same rows, in figures and sentences."""

    path: str
    """The sources."""
    state: CompareState
    level: float = 0.95
    """Confidence level of intervals and tests."""
    margin: float | None = None
    """The difference in nats below which one model counts as not worse than another."""
    read: tuple[str, ...] = ()
    """How the scores of each model were read."""
    left_out: tuple[tuple[str, int], ...] = ()
    """How many rows were left out, by the reason."""
    files: tuple[str, ...] = ()
    show: tuple[str, ...] = ()
    """Columns that are shown beside the rows in which the losses differ most."""
    advice: str = ""
    """What was not used of the sources."""

    @cached_property
    def _figures(self) -> Figures:
        return Figures(self.state, self.level, self.margin)

    @property
    def rows(self) -> int:
        """Rows of weight above 0 that all models have."""
        return self.state.totals.rows

    @cached_property
    def scores(self) -> dict[str, Score]:
        """All that `score` tells of each model, by its name: on the rows that all models have."""
        return {
            name: Score(
                self.path, tally.state.schema.kind, tally.state.schema.classes, tally.state,
                level=self.level, read=read, files=self.files, show=self.show, **tally.described(),
            )
            for name, tally, read in zip(
                self.state.schema.models, self.state.scores.tallies, self.read, strict=True
            )
        }  # fmt: skip

    @cached_property
    def models(self) -> list[ModelFigures]:
        """The main figures of each model."""
        looks = self.state.looks
        return [
            ModelFigures.of(name, score, constant=looks.constant(i))
            for i, (name, score) in enumerate(self.scores.items())
        ]

    @property
    def pairs(self) -> list[PairFigures]:
        """Differences of each pair of models, or of each model from the baseline."""
        return self._figures.pairs

    @property
    def told_pairs(self) -> list[PairFigures]:
        """Those that reports tell: of many, the ones with the model of the lowest loss."""
        if len(self.pairs) <= MOST_PAIRS:
            return self.pairs
        least = best(self.models).name
        return [each for each in self.pairs if least in (each.first, each.second)]

    @property
    def baseline(self) -> str | None:
        """The model with which the others are compared, if one was named."""
        number = self.state.schema.baseline
        return None if number is None else self.state.schema.models[number]

    @property
    def conclusion(self) -> str:
        """What may be concluded about the log losses, in one sentence."""
        return self.conclusions[0]

    @cached_property
    def conclusions(self) -> list[str]:
        """The conclusion, and what follows with the margin if there is one."""
        pairs, level = self.pairs, self.level
        return list(conclusions(self.models, pairs, self.rows, level, self.baseline, self.margin))

    @property
    def differing(self) -> list[DifferingRow]:
        """The rows in which the losses differ most, these first."""
        return self.state.differing.rows

    def by_value(self, column: str) -> list[SliceFigures]:
        """The differences by the values of a column that was named after `by`."""
        return self._figures.slices(column)

    @property
    def reference(self) -> str:
        """The model beside which slices are told: the baseline, or that with the lowest loss.

        Of two models it is the second one.
        """
        if len(self.models) == 2:
            return self.pairs[0].second
        return best(self.models).name if self.baseline is None else self.baseline

    def beside_reference(self, column: str) -> list[SliceFigures]:
        """The differences by the values of a column, of each other model less the reference."""
        reference = self.reference
        return [
            each if each.second == reference else each.turned
            for each in self.by_value(column)
            if reference in (each.first, each.second)
        ]

    @property
    def notes(self) -> list[str]:
        """What a reader of the figures should know."""
        return [*self._notes_on_rows(), *self._notes_on_models(), *self._notes_on_intervals()]

    def _notes_on_rows(self) -> Iterator[str]:
        schema, counts = self.state.schema, self.state.totals.classes.tolist()
        present = [name for name, n in zip(schema.classes, counts, strict=True) if n]
        if len(present) == 1:
            yield (
                f"All rows are of class {present[0]}: they do not show how the models do on others."
            )
        if note := self.state.clusters.sizes.note(schema.cluster, self.rows):
            yield note

    def _notes_on_models(self) -> Iterator[str]:
        for model, score in zip(self.models, self.scores.values(), strict=True):
            if model.constant and self.rows > 1:
                yield f"{model.name} gives each row the same scores: it tells no row from another."
            if score.kind == "logits" and score.like_probabilities:
                yield (
                    f"The logits of {model.name} look like probabilities. If they are, pass "
                    "--kind probabilities."
                )

    def _notes_on_intervals(self) -> Iterator[str]:
        losses: dict[str, list[str]] = {}
        differences: dict[str, list[str]] = {}
        for model in self.models:
            if not model.loss_interval.known and not model.infinite:
                losses.setdefault(model.loss_interval.reason, []).append(model.name)
        for pair in self.pairs:
            if not pair.interval.known and not pair.same and not any(pair.infinite):
                both = f"{pair.first} less {pair.second}"
                differences.setdefault(pair.interval.reason, []).append(both)
        for reason in {**losses, **differences}:
            of = []
            if names := losses.get(reason):
                of.append(f"the log loss of {listed(names, NAMED)}")
            if names := differences.get(reason):
                of.append(f"the difference{'s' * (len(names) > 1)} {listed(names, NAMED)}")
            yield f"No interval of {', or of '.join(of)}: {reason}."
        if (tested := sum(pair.tested for pair in self.pairs)) > 1:
            alone = "intervals are"
            if self.state.schema.cluster is None:
                alone = "intervals and McNemar's p are"
            yield (
                f"The p of log losses is by Holm's correction over {tested:,} pairs; "
                f"{alone} for each pair alone."
            )
