"""`MultiLabelScore`: the figures of a file whose rows may have several labels at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Any, NamedTuple

from xent._format import counted, plain
from xent._report import Block, Table, Text
from xent.metrics import log_loss
from xent.scoring.file_score import FileScore, by_group, cells, records, skill_of
from xent.scoring.state import State, ratio

WORST = "label truth probability log_loss_nats"


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

    @property
    def by_label(self) -> list[LabelScore]:
        """The labels that have a row."""
        names = [
            name for name, state in zip(self.labels, self.states, strict=True) if sum(state.counts)
        ]
        return [_of_label(*each) for each in zip(names, self._counted, strict=True)]

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
            notes.append(f"No row is left of {_few(missing)}.")
        if never:
            notes.append(f"Never true: {_few(never)}. Skill is undefined there.")
        if always:
            notes.append(f"Always true: {_few(always)}. Skill is undefined there.")
        if worse:
            notes.append(f"Worse than always predicting the label's share: {_few(worse)}.")
        return notes

    def blocks(self) -> Iterator[Block]:
        """The figures, the labels, the worst cells and the notes."""
        size = f"{counted(self.cells, 'cell')} of {counted(len(self.labels), 'label')}"
        yield from self._opening(size)
        figures = (
            ("log loss", self.loss, "nats per cell, a row and a label"),
            ("", self.bits, "bits per cell"),
            ("base rate", self.base_loss, "nats, always predicting each label's share"),
            ("skill", self.skill, "1 - log loss / base rate"),
            ("accuracy", self.accuracy, "likelier value is the true one"),
            ("macro loss", self.macro_loss, "nats, mean of the labels' losses"),
        )
        yield Table((), cells(figures), left=(0, 2))
        heads = ("label", "rows", "true", "share", "log loss", "base rate", "skill", "accuracy")
        yield from by_group(heads, self.by_label, "labels", left=(0,))
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
            "base_rate_loss": plain(self.base_loss),
            "skill": plain(self.skill),
            "accuracy": self.accuracy,
            "macro_log_loss_nats": plain(self.macro_loss),
            "infinite_cells": self.infinite,
            "labels": records(
                "label rows true share log_loss_nats base_rate_loss skill accuracy", self.by_label
            ),
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

    @property
    def _counted(self) -> list[State]:
        return [state for state in self.states if sum(state.counts)]


def _of_label(name: str, state: State) -> LabelScore:
    rows, weight = sum(state.counts), sum(state.weights)
    share = ratio(state.weights[1], weight)
    loss = math.inf if sum(state.infinite) else ratio(sum(state.losses), weight)
    # The shares of both values, so that the smaller keeps its digits.
    shares = [[ratio(state.weights[0], weight), share]]
    base = float(log_loss(shares, shares))
    right = ratio(sum(state.right), weight)
    return LabelScore(name, rows, state.counts[1], share, loss, base, skill_of(loss, base), right)


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + f" and {len(names) - 5} more" * (len(names) > 5)
