"""`MultiLabelScore`: the figures of a file whose rows may have several labels at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import nsmallest
from typing import Any, NamedTuple

from xent._format import counted, listed, plain
from xent._report import Block, Text
from xent.scoring.figure import (
    Figure,
    between,
    data_of,
    figure_table,
    intervals_data,
    refusals,
    scaled,
    without_interval,
)
from xent.scoring.figures import Figures
from xent.scoring.file_score import FileScore, by_group, records
from xent.scoring.intervals import Interval
from xent.scoring.row_intervals import RowIntervals
from xent.scoring.state import State, ratio
from xent.scoring.state.label_rows import LabelRows

LABEL = "label rows true share log_loss_nats base_rate_loss skill accuracy"
WORST = "label truth probability log_loss_nats"

TOLD = 5
"""Labels that a sentence names."""

TAKEN = "Intervals take into account that the cells of one row go together"


class LabelScore(NamedTuple):
    """The rows of one label."""

    name: str
    rows: int
    positive: int
    """Rows in which the label is true."""
    share: float
    """Their share of the weight."""
    loss: float
    base_loss: float
    """Log loss of always predicting the share."""
    skill: float
    accuracy: float
    interval: Interval
    """Of the loss."""
    skill_interval: Interval
    accuracy_interval: Interval


class WorstCell(NamedTuple):
    """One of the pairs of a row and a label with the highest loss."""

    row: int
    label: str
    truth: int
    probability: float
    """Of the label being true."""
    loss: float
    file: str = ""
    shown: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class MultiLabelScore(FileScore):
    """How good the predictions of labels are that may be true at once.

    A cell is a row and a label: each counts as a binary prediction of its own.
    """

    labels: tuple[str, ...]
    states: tuple[State, ...]
    """A state for each label, of binary predictions."""
    together: LabelRows
    """Sums over rows, whose cells depend on each other."""
    level: float = 0.95
    """Confidence level of the intervals."""

    def __repr__(self) -> str:
        size = f"cells={self.cells}, labels={len(self.labels)}"
        return f"MultiLabelScore({self.path!r}, {size}, loss={self.loss:.6g})"

    @property
    def cells(self) -> int:
        """Number of cells of weight above 0."""
        return self._size

    @property
    def _states(self) -> Sequence[State]:
        return self.states

    @property
    def macro_loss(self) -> float:
        """Mean of the labels' log losses, each label counted once."""
        losses = [each.loss for each in self.by_label]
        return math.fsum(losses) / len(losses)

    @property
    def base_loss(self) -> float:
        """Log loss of always predicting each label's share."""
        whole = self._total("weights")
        return math.fsum(
            each.base_loss * ratio(sum(state.weights), whole)
            for each, state in zip(self.by_label, self._counted, strict=True)
        )

    @cached_property
    def by_label(self) -> list[LabelScore]:
        """The labels that have a row."""
        names = [
            name for name, state in zip(self.labels, self.states, strict=True) if sum(state.counts)
        ]
        return [
            _of_label(name, state, self.level)
            for name, state in zip(names, self._counted, strict=True)
        ]

    @cached_property
    def figures(self) -> list[Figure]:
        """The figures of all cells, in the order of a report."""
        intervals = self._intervals
        loss = intervals.loss
        return [
            Figure("log_loss_nats", "log loss", self.loss,
                   "nats per cell, a row and a label", loss),
            Figure("log_loss_bits", "", self.bits, "bits per cell", scaled(loss, math.log(2))),
            Figure("base_rate_loss", "base rate", self.base_loss,
                   "nats, predicting each label's share", None),
            Figure("skill", "skill", self.skill, "1 - log loss / base rate", intervals.skill),
            Figure("accuracy", "accuracy", self.accuracy, "likelier value is the true one",
                   intervals.accuracy(self.accuracy)),
            Figure("macro_log_loss_nats", "macro loss", self.macro_loss,
                   "nats, mean of the labels' losses", intervals.macro),
        ]  # fmt: skip

    @property
    def _intervals(self) -> RowIntervals:
        named = zip(self.labels, self.states, strict=True)
        counts = [
            (name, state.counts[0], state.counts[1]) for name, state in named if sum(state.counts)
        ]
        return RowIntervals(self.together, self.infinite, counts, self.level)

    @property
    def worst(self) -> list[WorstCell]:
        """The cells with the highest loss, worst first."""
        keep = self.states[0].schema.keep
        found = ((row, j) for j, state in enumerate(self.states) for row in state.worst)
        return [
            WorstCell(
                row.row,
                self.labels[j],
                row.label,
                row.probability if row.label else 1 - row.probability,
                row.loss,
                row.source,
                row.key,
            )
            for row, j in nsmallest(keep, found)
        ]

    @property
    def notes(self) -> list[str]:
        """What a reader of the figures should know."""
        notes = [
            *self._infinite_note("cell", "the truth"),
            *self._notes_on_scores(single=True),
            *self._note_on_files(),
        ]
        by_label = self.by_label
        missing = [name for name in self.labels if name not in {each.name for each in by_label}]
        never = [each.name for each in by_label if each.positive == 0]
        always = [each.name for each in by_label if each.positive == each.rows]
        worse = [each.name for each in by_label if each.loss > each.base_loss]
        if missing:
            notes.append(f"No row is left of {listed(missing, TOLD)}.")
        if never:
            notes.append(f"Never true: {listed(never, TOLD)}. Skill is undefined there.")
        if always:
            notes.append(f"Always true: {listed(always, TOLD)}. Skill is undefined there.")
        if worse:
            notes.append(f"Worse than always predicting the label's share: {listed(worse, TOLD)}.")
        return notes

    def blocks(self) -> Iterator[Block]:
        """The figures, the labels, the worst cells and the notes."""
        size = f"{counted(self.cells, 'cell')} of {counted(len(self.labels), 'label')}"
        yield from self._opening(size)
        yield figure_table(self.figures, self.level)
        yield from refusals(self.figures)
        if any(each.interval and each.interval.known for each in self.figures):
            yield Text(f"{TAKEN}: {counted(self.together.count('rows'), 'row')}.", "plain")
        sure = f"{100 * self.level:g} %"
        heads = ("label", "rows", "true", "share", "log loss", sure, "skill", "accuracy")
        shown = [_Shown.of(each) for each in self.by_label]
        yield from by_group(heads, shown, "labels", left=(0, 5))
        yield from without_interval(((e.name, e.interval) for e in self.by_label), "label ", TOLD)
        if self.worst:
            named = ("label", "truth", "p(true)", "log loss")
            rows = ((cell.file, cell.row, cell.shown, cell[1:5]) for cell in self.worst)
            yield self._worst_table(named, rows, left=(0,))
        for note in self.notes:
            yield Text(f"Note: {note}", "note")

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON: infinities as "inf", undefined skill as null."""
        return {
            **self._opening_data("cells"),
            **{each.key: plain(each.value) for each in self.figures},
            "level": self.level,
            "intervals": intervals_data(self.figures),
            "standard_error_nats": plain(self._intervals.loss.error),
            "infinite_cells": self.infinite,
            "labels": [
                dict(zip(LABEL.split(), map(plain, each[:8]), strict=True))
                | {"intervals": _intervals_of(each)}
                for each in self.by_label
            ],
            "worst_cells": [
                {"file": cell.file, "row": cell.row, "shown": [*cell.shown], **figures}
                for cell, figures in zip(
                    self.worst,
                    records(WORST, (cell[1:5] for cell in self.worst)),
                    strict=True,
                )
            ],
            "notes": self.notes,
        }

    def _more_state(self) -> dict[str, Any]:
        return {"together": self.together.to_data()}

    @property
    def _counted(self) -> list[State]:
        return [state for state in self.states if sum(state.counts)]


class _OfLabel(Figures):
    """The figures of a label: those of its state."""

    baseline = None

    def __init__(self, state: State, level: float) -> None:
        self.state, self.level = state, level


def _of_label(name: str, state: State, level: float) -> LabelScore:
    f = _OfLabel(state, level)
    figures = f.shares[1], f.loss, f.base_loss, f.skill, f.accuracy
    intervals = f.loss_interval, f.skill_interval, f.accuracy_interval
    return LabelScore(name, f.rows, state.counts[1], *figures, *intervals)


def _intervals_of(label: LabelScore) -> dict[str, Any]:
    """The intervals of a label's figures, as plain data."""
    names = "log_loss_nats", "skill", "accuracy"
    return {name: data_of(each) for name, each in zip(names, label[8:], strict=True)}


class _Shown(NamedTuple):
    """A row of the table of labels."""

    name: str
    rows: int
    positive: int
    share: float
    loss: float
    interval: str
    skill: float
    accuracy: float

    @classmethod
    def of(cls, label: LabelScore) -> _Shown:
        interval = between(label.interval)
        return cls(*label[:5], interval, label.skill, label.accuracy)
