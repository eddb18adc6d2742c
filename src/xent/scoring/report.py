"""`Score`: the figures computed from a state, as properties, as a report and as plain data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from xent._format import counted, plain
from xent._report import Block, Report, Table, Text
from xent.metrics import log_loss
from xent.scoring.file_score import FileScore, by_group, cells, records
from xent.scoring.state import State, WorstRow, ratio
from xent.scoring.state.clusters import BUCKETS

WORST = "label predicted probability_of_label log_loss_nats"


class ClassScore(NamedTuple):
    """The rows of one true class, or of one value of a column."""

    name: str
    rows: int
    share: float
    loss: float
    accuracy: float


@dataclass(frozen=True, repr=False)
class Score(FileScore):
    """How good the predictions of a file are."""

    classes: tuple[str, ...]
    state: State

    def __repr__(self) -> str:
        return f"Score({self.path!r}, rows={self.rows}, loss={self.loss:.6g})"

    @property
    def rows(self) -> int:
        """Number of rows of weight above 0."""
        return self._size

    @property
    def _states(self) -> Sequence[State]:
        return [self.state]

    @property
    def macro_loss(self) -> float:
        """Mean of the classes' log losses, each class counted once."""
        losses = [each.loss for each in self.by_class]
        return math.fsum(losses) / len(losses)

    @property
    def perplexity(self) -> float:
        """Number of equally likely classes that would be as hard to guess."""
        return math.exp(self.loss) if self.loss < 709 else math.inf

    @property
    def shares(self) -> list[float]:
        """Share of each class among the labels, by weight: the base rates."""
        whole = sum(self.state.weights)
        return [ratio(weight, whole) for weight in self.state.weights]

    @property
    def base_loss(self) -> float:
        """Log loss of always predicting the base rates."""
        row = np.array([self.shares])
        return float(log_loss(row, row))

    @property
    def worst(self) -> list[WorstRow]:
        """The rows with the highest loss, worst first."""
        return self.state.worst

    @property
    def by_class(self) -> list[ClassScore]:
        """The classes that occur among the labels."""
        s, shares = self.state, self.shares
        return [
            ClassScore(
                name,
                s.counts[j],
                shares[j],
                math.inf if s.infinite[j] else ratio(s.losses[j], s.weights[j]),
                ratio(s.right[j], s.weights[j]),
            )
            for j, name in enumerate(self.classes)
            if s.counts[j]
        ]

    def by_value(self, column: str) -> list[ClassScore]:
        """The rows by the values of a column that was named after `by`."""
        whole = sum(self.state.weights)
        return [
            ClassScore(
                value,
                cell.rows,
                ratio(cell.w, whole),
                math.inf if cell.infinite else ratio(cell.wl, cell.w),
                ratio(cell.right, cell.w),
            )
            for (value,), cell in self.state.slices.cells[(column,)]
        ]

    @property
    def standard_error(self) -> float:
        """Of the log loss in nats, over clusters; NaN without clusters, or of few."""
        if self.state.schema.cluster is None or self.infinite:
            return math.nan
        return self.state.clusters.standard_error()

    def _told_of_clusters(self) -> str:
        groups = self.state.clusters.groups
        of = f"clusters in '{self.state.schema.cluster}'"
        if math.isnan(self.standard_error):
            why = "the log loss is infinite" if self.infinite else f"there are only {groups}"
            return f"No standard error over {of}: {why}."
        many = f"{groups} groups of {of}" if groups > BUCKETS // 4 else f"{groups} {of}"
        return f"Standard error of the log loss: {self.standard_error:.4g} nats, over {many}."

    @property
    def notes(self) -> list[str]:
        """What a reader of the figures should know."""
        notes = [
            *self._infinite_note("row", "the true class"),
            *self._notes_on_scores(single=len(self.classes) == 2),
            *self._note_on_files(),
        ]
        missing = [name for name, n in zip(self.classes, self.state.counts, strict=True) if not n]
        if missing:
            more = f" or {len(missing) - 5} more" if len(missing) > 5 else ""
            notes.append(f"No row has the label {', '.join(missing[:5])}{more}.")
        if len(self.by_class) == 1:
            notes.append("Only one class occurs, so the base rate is 0 and skill undefined.")
        elif self.loss > self.base_loss:
            notes.append("The predictions are worse than always predicting the base rates.")
        return notes

    def blocks(self) -> Iterator[Block]:
        """The figures, the classes, the worst rows and the notes."""
        yield from self._opening(counted(self.rows, "row"))
        figures = (
            ("log loss", self.loss, "nats per row"),
            ("", self.bits, "bits per row"),
            ("perplexity", self.perplexity, "classes as hard to guess"),
            ("base rate", self.base_loss, "nats, always predicting the labels' shares"),
            ("skill", self.skill, "1 - log loss / base rate"),
            ("accuracy", self.accuracy, "likeliest class is the true one"),
            ("macro loss", self.macro_loss, "nats, mean of the classes' losses"),
        )
        yield Table((), cells(figures), left=(0, 2))
        heads = ("class", "rows", "share", "log loss", "accuracy")
        yield from by_group(heads, self.by_class, "classes", left=())
        for column in self.state.schema.by:
            worst_first = sorted(self.by_value(column), key=lambda each: (-each.loss, each.name))
            yield from by_group((column, *heads[1:]), worst_first, "values", left=(0,))
        if self.state.schema.cluster is not None:
            yield Text(self._told_of_clusters(), "plain")
        if self.worst:
            rows = [
                (row.source, row.row, row.key, figures)
                for row, figures in zip(self.worst, self._worst_figures(), strict=True)
            ]
            yield self._worst_table(("label", "predicted", "p(label)", "log loss"), rows)
        for note in self.notes:
            yield Text(f"Note: {note}", "note")

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON: infinities as "inf", undefined skill as null."""
        return {
            **self._opening_data("rows"),
            "perplexity": plain(self.perplexity),
            "base_rate_loss": plain(self.base_loss),
            "skill": plain(self.skill),
            "accuracy": self.accuracy,
            "macro_log_loss_nats": plain(self.macro_loss),
            "infinite_rows": self.infinite,
            "classes": records("class rows share log_loss_nats accuracy", self.by_class),
            "slices": {
                column: records("value rows share log_loss_nats accuracy", self.by_value(column))
                for column in self.state.schema.by
            },
            "standard_error_nats": plain(self.standard_error),
            "worst_rows": [
                {"file": row.source, "row": row.row, "shown": [*row.key], **figures}
                for row, figures in zip(
                    self.worst, records(WORST, self._worst_figures()), strict=True
                )
            ],
            "notes": self.notes,
        }

    def _worst_figures(self) -> list[tuple[str, str, float, float]]:
        """Label, predicted class, probability and loss of the worst rows."""
        names = self.classes
        return [
            (names[row.label], names[row.predicted], row.probability, row.loss)
            for row in self.worst
        ]


@dataclass(frozen=True, repr=False)
class FileColumns(Report):
    """How the columns of a file are read."""

    path: str
    columns: tuple[tuple[str, str, str], ...]
    """Name, what the first rows hold, and what it is used as."""
    read: str

    def __repr__(self) -> str:
        return f"FileColumns({self.path!r}: {self.read})"

    def blocks(self) -> Iterator[Block]:
        """How the file is read, and its columns."""
        yield Text(f"{self.path}: {counted(len(self.columns), 'column')}", "headline")
        yield Text(self.read, "plain")
        yield Table(("column", "holds", "read as"), self.columns, left=(0, 1, 2))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        columns = records("column holds read_as", self.columns)
        return {"file": self.path, "read": self.read, "columns": columns}
