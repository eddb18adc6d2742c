"""`Score`: how good the predictions are, as properties, as a report and as plain data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from xent._format import counted, listed, plain
from xent._report import Block, Report, Table, Text, to_markdown
from xent.scoring.figure import between, data_of, figure_table, refusals, without_interval
from xent.scoring.file_score import by_group, cells, records
from xent.scoring.grouped import TOO_MANY_CELLS, Group
from xent.scoring.intervals.clusters import FEWEST_CLUSTERS
from xent.scoring.page.calibration import brief
from xent.scoring.page.told import Told
from xent.scoring.page.wording import column_name, cut
from xent.scoring.state import State, WorstRow
from xent.scoring.state.clips import CLIPS
from xent.scoring.weak_slices import FEWEST

WORST = "label predicted probability_of_label log_loss_nats"

CLIPPED = "The log loss if no label had a probability below the one in parentheses"

WEAKEST = 10
"""How many slices are shown that are worse than the other rows."""

TOLD = 5
"""Groups of rows of which it is told together why they have no interval."""

CONFUSED = 5
"""How many pairs of classes are shown that are taken for one another."""


@dataclass(frozen=True, repr=False)
class Score(Told):
    """How good the predictions of a file are."""

    classes: tuple[str, ...]
    state: State
    level: float = 0.95
    baseline: tuple[float, ...] | None = None

    def __repr__(self) -> str:
        return f"Score({self.path!r}, rows={self.rows}, loss={self.loss:.6g})"

    @property
    def _states(self) -> Sequence[State]:
        return [self.state]

    @property
    def worst(self) -> list[WorstRow]:
        """The rows with the highest loss, worst first."""
        return self.state.worst

    @property
    def clipped(self) -> dict[float, float]:
        """The log loss if labels had at least some probabilities, where some loss is infinite."""
        if not self.infinite or self.state.clips.rows != self.infinite:
            return {}
        losses, of = sum(self.state.losses), self.state.clips.loss
        return {clip: of(i, losses, self.weight) for i, clip in enumerate(CLIPS)}

    @property
    def confused(self) -> list[tuple[str, str, int]]:
        """True class, likeliest class and rows of the pairs that are mistaken most often."""
        if not self.state.confusion.known:
            return []
        names = self.classes
        return [(names[a], names[b], n) for a, b, n in self.state.confusion.mistaken()]

    @property
    def notes(self) -> list[str]:
        """What a reader of the figures should know."""
        notes = [
            *self.infinite_note,
            *self._notes_on_scores(single=len(self.classes) == 2),
            *self._note_on_files(),
        ]
        if clipped := self.clipped:
            told = ", ".join(f"{loss:.4f} ({clip:.2g})" for clip, loss in clipped.items())
            notes.append(f"{CLIPPED}: {told}.")
        missing = [name for name, n in zip(self.classes, self.state.counts, strict=True) if not n]
        if missing:
            notes.append(f"No row has the label {listed(missing, 5, 'or')}.")
        if len(self.by_class) == 1:
            notes.append("Only one class occurs, so the base rate is 0 and skill undefined.")
        if self.clustered and (
            note := self.state.clusters.sizes.note(self.state.schema.cluster, self.rows)
        ):
            notes.append(note)
        return [*notes, *self.beaten_note]

    @property
    def infinite_note(self) -> Iterator[str]:
        """On infinite losses, if there are any."""
        return self._infinite_note("row", "the true class")

    @property
    def beaten_note(self) -> Iterator[str]:
        """On a loss above that of the base rates."""
        if len(self.by_class) > 1 and self.skill < 0:
            yield "The log loss is higher than that of always predicting the base rates."
        if math.isinf(self.base_loss):
            yield "The baseline has no row of some classes that occur, so skill is undefined."

    def blocks(self) -> Iterator[Block]:
        """The figures, the classes, the worst rows and the notes."""
        yield from self.opening()
        yield from self.figure_blocks()
        yield from brief(self)
        yield from self.class_blocks()
        for columns in self.state.slices.cells:
            if len(columns) == 1:
                yield from self.slice_blocks(*columns)
        yield from self.weak_blocks()
        if self.worst:
            yield self.worst_table()
        for note in self.notes:
            yield Text(f"Note: {note}", "note")

    # ---- parts of the reports

    def opening(self) -> Iterator[Block]:
        """The headline, how the file was read, and what was left out."""
        return self._opening(counted(self.rows, "row"))

    def figure_blocks(self) -> Iterator[Block]:
        """The figures of all rows, and why some have no interval."""
        yield figure_table(self.figures, self.level)
        yield from refusals(self.figures)
        if self.clustered and any(f.interval and f.interval.known for f in self.figures):
            yield Text(self._told_of_clusters, "plain")

    def class_blocks(self) -> Iterator[Block]:
        """The classes, and which are taken for which."""
        yield from self._groups("class", "classes", self.by_class)
        yield from self._mistaken()

    def slice_blocks(self, column: str, least: int = 1) -> Iterator[Block]:
        """The values of a column that have at least so many rows, worst first."""
        found = [each for each in self.by_value(column) if each.rows >= least]
        worst_first = sorted(found, key=lambda each: (-each.loss, each.name))
        if found:
            yield from self._groups(column, "values", worst_first)

    def worst_table(self) -> Table:
        """The worst rows."""
        rows = [
            (row.source, row.row, row.key, figures)
            for row, figures in zip(self.worst, self._worst_figures(), strict=True)
        ]
        return self._worst_table(("label", "predicted", "p(label)", "log loss"), rows)

    def to_markdown(self) -> str:
        """The whole report as Markdown."""
        from xent.scoring.page.report import ScoreReport

        return ScoreReport(self).to_markdown()

    def to_page(self) -> str:
        """The whole report as a page of HTML that needs neither network nor script."""
        from xent.scoring.page.report import ScoreReport

        return ScoreReport(self).to_page()

    def _repr_markdown_(self) -> str:
        return to_markdown(self.blocks())

    def _groups(self, head: str, what: str, groups: Sequence[Group]) -> Iterator[Block]:
        heads = (head, "rows", "share", "log loss", f"{100 * self.level:g} %", "accuracy")
        yield from by_group(heads, [_Shown.of(each) for each in groups], what, left=(0, 4))
        # Of columns with too many cells `weak_blocks` says it.
        told = [each for each in groups if each.interval.reason != TOO_MANY_CELLS]
        intervals = ((cut(each.name), each.interval) for each in told)
        yield from without_interval(intervals, f"{column_name(head)} ", TOLD)

    @property
    def _told_of_clusters(self) -> str:
        clusters = self.state.clusters
        number = clusters.sizes.number
        many = f"{clusters.groups:,} groups of clusters"
        if number is not None:
            many = counted(number, "cluster")
        many += f" in '{self.state.schema.cluster}'"
        return f"Intervals take into account that rows of one cluster go together: {many}."

    def weak_blocks(self) -> Iterator[Block]:
        """The slices that are worse than the other rows."""
        by = self.state.schema.by
        if not by:
            return
        for column in self.untested_columns:
            yield Text(f"No interval by {column}, and no test: {TOO_MANY_CELLS}.", "plain")
        if not (tested := len(self.slices)):
            yield Text(f"No slice is tested: {self._untested}.", "plain")
            return
        how = f"{counted(tested, 'slice')} of at least {FEWEST} rows tested, Holm's correction"
        if self.clustered and len(by) > 1:
            how += "; no pairs of values, since rows are clustered"
        if not self.weak:
            yield Text(f"No slice is worse than the other rows beyond chance ({how}).", "plain")
            return
        yield Text(f"Worse than the other rows, beyond chance ({how}):", "plain")
        rows = [(w.name, w.rows, w.loss, w.elsewhere, f"{w.p_value:.2g}") for w in self.weak]
        heads = ("slice", "rows", "log loss", "elsewhere", "p")
        yield Table(heads, cells(rows[:WEAKEST]))
        if len(rows) > WEAKEST:
            yield Text(f"{len(rows) - WEAKEST} more are in --format json.", "plain")

    @property
    def _untested(self) -> str:
        if self.infinite:
            return "some losses are infinite"
        enough = f"none has {FEWEST} rows, and {FEWEST} others, whose losses differ"
        return f"{enough}, in {FEWEST_CLUSTERS} clusters each" if self.clustered else enough

    def _mistaken(self) -> Iterator[Block]:
        if len(self.classes) > 2 and (pairs := self.confused[:CONFUSED]):
            rows = tuple((true, taken, f"{n:,}") for true, taken, n in pairs)
            yield Table(("label", "predicted instead", "rows"), rows, left=(0, 1))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON: infinities as "inf", undefined skill as null."""
        from xent.scoring.page.data import calibration_data, figures_data
        from xent.scoring.page.findings import findings
        from xent.scoring.page.warnings import warnings_of

        return {
            **self._opening_data("rows"),
            **figures_data(self),
            "level": self.level,
            "calibration": calibration_data(self),
            "standard_error_nats": plain(self.standard_error),
            "infinite_rows": self.infinite,
            "clip": self.state.schema.clip,
            "clipped_log_loss_nats": {f"{clip:g}": loss for clip, loss in self.clipped.items()},
            "classes": [_group_data("class", each) for each in self.by_class],
            "confusion": self.confusion,
            "slices": {
                ", ".join(columns): [_group_data("value", each) for each in self.by_value(*columns)]
                for columns, cells in self.state.slices.cells.items()
                if not cells.full
            },
            "weak_slices": [
                {
                    "slice": w.name,
                    "columns": [*w.columns],
                    "values": [*w.values],
                    "rows": w.rows,
                    "log_loss_nats": w.loss,
                    "elsewhere_nats": w.elsewhere,
                    "p_value": w.p_value,
                }
                for w in self.slices
            ],
            "worst_rows": [
                {"file": row.source, "row": row.row, "shown": [*row.key], **figures}
                for row, figures in zip(
                    self.worst, records(WORST, self._worst_figures()), strict=True
                )
            ],
            "notes": self.notes,
            "findings": [each._asdict() for each in findings(self)],
            "warnings": [each.to_dict() for each in warnings_of(self)],
        }

    def _worst_figures(self) -> list[tuple[str, str, float, float]]:
        """Label, predicted class, probability and loss of the worst rows."""
        names = self.classes
        return [
            (names[row.label], names[row.predicted], row.probability, row.loss)
            for row in self.worst
        ]


class _Shown(NamedTuple):
    """A row of a table of groups."""

    name: str
    rows: int
    share: float
    loss: float
    interval: str
    accuracy: float

    @classmethod
    def of(cls, group: Group) -> _Shown:
        return cls(*group[:4], between(group.interval), group.accuracy)


def _group_data(key: str, group: Group) -> dict[str, Any]:
    figures = {"rows": group.rows, "share": group.share, "log_loss_nats": plain(group.loss)}
    more = {"accuracy": group.accuracy, "intervals": {"log_loss_nats": data_of(group.interval)}}
    return {key: group.name, **figures, **more}


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
