"""`Comparison`: what `compare` found, as figures, as a report and as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from xent._format import counted, plain, shown
from xent._report import Block, Report, Table, Text
from xent.scoring.comparing.differing import DifferingRow
from xent.scoring.comparing.figures import Figures, ModelFigures, PairFigures, SliceFigures, best
from xent.scoring.comparing.state import CompareState
from xent.scoring.comparing.words import (
    bounds,
    conclusions,
    p_value,
    percent,
    reason_of,
    rows_of,
    significant,
)
from xent.scoring.file_score import HIGHEST, LOWEST, MANY
from xent.scoring.intervals import Interval

SCHEMA_VERSION = 1
"""Of `to_dict`: a key that is removed or changes its meaning raises it."""


@dataclass(frozen=True, repr=False)
class Comparison(Report):
    """How models compare on the same rows."""

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
    kinds: tuple[str, ...] = ()
    """What the scores of each model are."""
    advice: str = ""
    """What was not used of the sources."""

    def __repr__(self) -> str:
        return f"Comparison({self.path!r}: {self.conclusion})"

    @cached_property
    def _figures(self) -> Figures:
        return Figures(self.state, self.level, self.margin)

    @property
    def rows(self) -> int:
        """Rows of weight above 0 that all models have."""
        return self.state.totals.rows

    @property
    def models(self) -> list[ModelFigures]:
        """The figures of each model."""
        return self._figures.models

    @property
    def pairs(self) -> list[PairFigures]:
        """Differences of each pair of models, or of each model from the baseline."""
        return self._figures.pairs

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
        clusters = self.state.clusters
        if clusters.single:
            some = "" if clusters.clusters is not None else ", as far as was looked at"
            yield (
                f"Each row is a cluster of its own in '{schema.cluster}'{some}: errors are those "
                "of independent rows."
            )

    def _notes_on_models(self) -> Iterator[str]:
        looks = self.state.looks
        for i, (model, kind) in enumerate(zip(self.models, self.kinds, strict=True)):
            if model.constant and self.rows > 1:
                yield f"{model.name} gives each row the same scores: it tells no row from another."
            if kind == "logits" and looks.like_probabilities[i]:
                yield (
                    f"The logits of {model.name} look like probabilities. If they are, pass "
                    "--kind probabilities."
                )

    def _notes_on_intervals(self) -> Iterator[str]:
        found: dict[str, list[str]] = {}
        for model in self.models:
            if not model.loss_interval.known and not model.infinite:
                found.setdefault(model.loss_interval.reason, []).append(
                    f"the log loss of {model.name}"
                )
        for pair in self.pairs:
            if not pair.interval.known and not pair.same and not any(pair.infinite):
                what = f"the difference of {pair.first} and {pair.second}"
                found.setdefault(reason_of(pair.interval), []).append(what)
        for reason, names in found.items():
            more = f" and {len(names) - 3} more" * (len(names) > 3)
            yield f"No interval of {', '.join(names[:3])}{more}: {reason}."
        if len(self.pairs) > 1:
            alone = "intervals are"
            if self.state.schema.cluster is None:
                alone = "intervals and McNemar's p are"
            yield (
                f"The p of log losses is by Holm's correction over {len(self.pairs)} pairs; "
                f"{alone} for each pair alone."
            )

    def blocks(self) -> Iterator[Block]:
        """What may be concluded, the models, their differences, slices, rows and notes."""
        many = counted(len(self.models), "model")
        yield Text(f"{self.path}: {many}, {rows_of(self.rows)}", "headline")
        found = any(significant(pair, self.level) for pair in self.pairs)
        for i, told in enumerate(self.conclusions):
            yield Text(told, "summary" if i or found else "unsure")
        yield Text(self._told_of_reading, "plain")
        if self.advice:
            yield Text(self.advice, "plain")
        if self.left_out:
            shown_counts = ", ".join(f"{n:,} with {why}" for why, n in self.left_out)
            yield Text(f"Left out: {shown_counts}.", "plain")
        yield self._models_table()
        yield self._differences()
        yield self._wins()
        for column in self.state.schema.by:
            yield from self._slices(column)
        if self.state.schema.cluster is not None:
            yield Text(self._told_of_clusters(), "plain")
        if self.differing:
            yield self._rows_table()
        for note in self.notes:
            yield Text(f"Note: {note}", "note")

    @property
    def _told_of_reading(self) -> str:
        """How the labels were read, and the scores of each model."""
        parts = [told.partition("; ") for told in self.read]
        names = [model.name for model in self.models]
        if len({labels for labels, _, _ in parts}) == 1:
            of = (f"{name}: {scores}" for name, (_, _, scores) in zip(names, parts, strict=True))
            return f"{parts[0][0]}. {' '.join(of)}"
        return " ".join(
            f"{name}: {told[0].lower()}{told[1:]}"
            for name, told in zip(names, self.read, strict=True)
        )

    def _told_of_clusters(self) -> str:
        clusters = self.state.clusters
        column = self.state.schema.cluster
        if clusters.clusters is not None:
            return f"Errors are those of {counted(clusters.clusters, 'cluster')} in '{column}'."
        groups = len(clusters.of(0))
        return f"Errors are those of {groups:,} groups of clusters in '{column}'."

    def _models_table(self) -> Table:
        interval = f"{percent(self.level)} interval"
        endless = any(model.infinite for model in self.models)
        heads = ("model", "log loss", interval, "accuracy", interval, *["infinite"] * endless)
        rows = [
            (
                model.name, shown(model.loss, trim=False), bounds(model.loss_interval),
                shown(model.accuracy, trim=False), bounds(model.accuracy_interval),
                *([str(model.infinite)] if endless else []),
            )
            for model in self.models
        ]  # fmt: skip
        return Table(heads, tuple(rows), left=(0,))

    def _differences(self) -> Table:
        test = "p (Holm)" if len(self.pairs) > 1 else "p"
        heads = ("log loss of", "less that of", "is", f"{percent(self.level)} interval", test,
                 "80 % power at")  # fmt: skip
        rows = [
            (
                pair.first, pair.second, _number(pair.difference) or "none",
                bounds(pair.interval), p_value(pair.corrected), _number(pair.detectable),
            )
            for pair in self.pairs
        ]  # fmt: skip
        return Table(heads, tuple(rows), left=(0, 1))

    def _wins(self) -> Table:
        schema = self.state.schema
        depends = schema.cluster is not None or schema.weighted  # McNemar's rows all count alike
        last = "accuracy differs by" if depends else "McNemar p"
        heads = ("rows of", "beside", "lower loss", "share", "right alone", last)
        rows = []
        for pair in self.pairs:
            test = bounds(pair.accuracy_interval) if depends else p_value(pair.mcnemar)
            for i, (name, other) in enumerate(
                ((pair.first, pair.second), (pair.second, pair.first))
            ):
                rows.append(
                    (
                        name, other, f"{pair.lower[i]:,}",
                        shown(pair.lower[i] / self.rows, trim=False), f"{pair.right_alone[i]:,}",
                        "" if i else test,
                    )
                )  # fmt: skip
        return Table(heads, tuple(rows), left=(0, 1))

    def _slices(self, column: str) -> Iterator[Block]:
        level = f"{percent(self.level)} interval"
        several = len(self.pairs) > 1
        pairs = ("log loss of", "less that of") if several else ()
        heads = (column, "rows", *pairs, "difference", level, "p (Holm)")
        least = best(self.models).name
        cells = [
            each
            for each in self.by_value(column)
            if self.baseline is not None or least in (each.first, each.second)
        ]
        cells.sort(key=lambda each: (each.difference != each.difference, -each.difference))
        rows = [
            (
                each.value, f"{each.rows:,}", *((each.first, each.second) if several else ()),
                _number(each.difference) or "none", bounds(each.interval),
                p_value(each.corrected),
            )
            for each in cells
        ]  # fmt: skip
        left = (0, 2, 3) if several else (0,)
        if not several:
            pair = self.pairs[0]
            what = f"Log loss of {pair.first} less that of {pair.second}, by {column}:"
            yield Text(what, "plain")
        if len(rows) <= MANY:
            yield Table(heads, tuple(rows), left=left)
        else:
            gap = ("...", *[""] * (len(heads) - 1))
            yield Table(heads, (*rows[:HIGHEST], gap, *rows[-LOWEST:]), left=left)
            told = f"The {HIGHEST} highest differences and the {LOWEST} lowest, of {len(rows):,}; "
            yield Text(told + "--format json has all.", "plain")
        slices = self.state.clusters.slices.get(column)
        if slices is not None and slices.full:
            yield Text(f"No interval by {column}: {cells[0].interval.reason}.", "plain")

    def _rows_table(self) -> Table:
        several = len(self.files) > 1
        names = self.state.schema.classes
        first = ("row", *["file"] * several, *self.show)
        heads = (*first, "label", *(f"loss of {model.name}" for model in self.models))
        rows = [
            (
                str(row.row), *([row.source] if several else []), *row.key, names[row.label],
                *(shown(loss, trim=False) for loss in row.losses),
            )
            for row in self.differing
        ]  # fmt: skip
        return Table(heads, tuple(rows), left=tuple(range(1, len(first) + 1)))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON: infinities as "inf", what is not defined as null."""
        schema = self.state.schema
        return {
            "schema_version": SCHEMA_VERSION,
            "sources": self.path,
            "rows": self.rows,
            "rows_left_out": dict(self.left_out),
            "level": self.level,
            "margin_nats": self.margin,
            "baseline_model": self.baseline,
            "conclusion": self.conclusion,
            "conclusions": self.conclusions,
            "models": [
                {
                    "model": model.name,
                    "read": read,
                    "scores": kind,
                    "log_loss_nats": plain(model.loss),
                    "log_loss_interval": _interval(model.loss_interval),
                    "accuracy": plain(model.accuracy),
                    "accuracy_interval": _interval(model.accuracy_interval),
                    "infinite_rows": model.infinite,
                    "same_scores_in_each_row": model.constant,
                }
                for model, read, kind in zip(self.models, self.read, self.kinds, strict=True)
            ],
            "pairs": [self._pair(pair) for pair in self.pairs],
            "slices": {
                column: [
                    {
                        "value": each.value,
                        "first": each.first,
                        "second": each.second,
                        "rows": each.rows,
                        "difference_nats": plain(each.difference),
                        "interval": _interval(each.interval),
                        "p": plain(each.p),
                        "p_holm": plain(each.corrected),
                    }
                    for each in self.by_value(column)
                ]
                for column in schema.by
            },
            "clusters": self.state.clusters.clusters if schema.cluster is not None else None,
            "differing_rows": [
                {
                    "file": row.source,
                    "row": row.row,
                    "shown": [*row.key],
                    "label": schema.classes[row.label],
                    "predicted": [schema.classes[each] for each in row.predicted],
                    "log_losses_nats": [plain(loss) for loss in row.losses],
                }
                for row in self.differing
            ],
            "notes": self.notes,
        }

    def _pair(self, pair: PairFigures) -> dict[str, Any]:
        found = {
            "first": pair.first,
            "second": pair.second,
            "difference_nats": plain(pair.difference),
            "interval": _interval(pair.interval),
            "p": plain(pair.p),
            "p_holm": plain(pair.corrected),
            "detectable_nats": plain(pair.detectable),
            "rows_lower": list(pair.lower),
            "rows_equal": pair.equal,
            "infinite_rows": list(pair.infinite),
            "accuracy_difference": plain(pair.accuracy_difference),
            "accuracy_difference_interval": _interval(pair.accuracy_interval),
            "rows_right_alone": list(pair.right_alone),
            "mcnemar_p": plain(pair.mcnemar),
        }
        if self.margin is not None:
            found["worse_by_at_most_nats"] = [plain(each) for each in pair.bounds]
            found["p_worse_by_margin"] = [plain(each) for each in pair.not_worse]
        return found


def _interval(interval: Interval | None) -> dict[str, Any] | None:
    if interval is None:
        return None
    return {
        "low": plain(interval.low),
        "high": plain(interval.high),
        "standard_error": plain(interval.error),
        "method": interval.method,
        "reason": interval.reason,
    }


def _number(value: float) -> str:
    return "" if value != value else shown(value, trim=False)
