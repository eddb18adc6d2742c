"""The report of `check.watch`: findings, figures, and the course of the run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from xent._format import counted, plain
from xent._report import Block, Finding, Table, Text
from xent.check._watch import beginning, course, forms, held_out, scores
from xent.check._watch.run import Record, Run
from xent.check.mistakes import catalogue, found
from xent.check.naming import figure
from xent.check.report import CheckReport

PARTS = 8
"""Rows of the table of the course."""

LATER = (
    "initial loss too high", "learning rate too high", "loss rises", "loss does not fall",
    "loss at the base rate", "logits drift apart", "saturated and wrong rows", "worse than chance",
)  # fmt: skip

CONSEQUENCES: dict[str, tuple[str, ...]] = {
    "other number of classes": ("class never in the labels",),
    "labels out of range": LATER,
    "labels one-based": LATER,
    "labels -1 and +1": (*LATER, "negative loss"),
    "percentages": LATER,
    "softmax applied twice": ("probabilities given as logits", *LATER),
    "probabilities given as logits": LATER,
    "parameters do not change": (*LATER[1:5], "identical rows", "worse than chance"),
    "learning rate too high": (*LATER[2:], "identical rows"),
    "loss does not fall": ("loss at the base rate", "identical rows"),
    "loss at the base rate": ("identical rows",),
    "initial loss too high": (
        *LATER[5:], "initial loss above the base rate", "scores and labels do not belong together",
    ),
    "loss rises": (*LATER[5:], "logits negated"),
    "overconfident": ("logits drift apart",),
    "logits negated": ("worse than chance",),
    "logits drift apart": ("worse than chance", "loss does not fall"),
}  # fmt: skip
"""What a mistake explains of what is found besides."""


@dataclass(frozen=True)
class Part:
    """Some consecutive steps: means of their losses and of their samples."""

    start: int
    end: int
    loss: float
    plain: float
    accuracy: float
    scale: float

    @property
    def steps(self) -> str:
        """The steps, as they are shown."""
        return f"{self.start} to {self.end}" if self.end > self.start else str(self.start)


@dataclass(frozen=True, repr=False)
class TrainingReport(CheckReport):
    """What is odd about a training run. It is true if no mistake was found.

    `findings` holds mistakes first, then notes. Losses are in nats per row.
    """

    findings: tuple[Finding, ...]
    steps: int
    sampled: tuple[int, ...]
    """The steps of which logits and labels were looked at."""
    schedule: str
    classes: int
    """0 if no logits were given."""
    first_loss: float
    last_loss: float
    """Mean of the last tenth of the steps."""
    chance: float
    """Loss of predicting that all classes are equally likely: log K."""
    base_loss: float
    """Loss of always predicting the labels' shares."""
    floor: float
    """The least possible loss with the label smoothing of the run; NaN without."""
    parts: tuple[Part, ...]
    """The course of the run, by its finite losses."""

    def blocks(self) -> Iterator[Block]:
        """The report as text and tables."""
        yield Text(f"Training run: {self.verdict}", "title")
        yield Text(self._what(), "good" if self else "bad")
        yield from self.findings
        if not self.steps:
            return
        yield Text("Figures", "section")
        yield self._figures()
        if self.parts:
            yield Text("Course", "section")
            yield self._course()
        if self.steps < course.STEPS:
            yield Text(
                f"Fewer than {course.STEPS} steps are too few to say that a loss does not fall, "
                "or rises again."
            )

    def _what(self) -> str:
        text = f"{counted(self.steps, 'step')}"
        if self.classes:
            text += f" with {self.classes} classes; logits and labels of {self.schedule}"
        return f"{text}."

    def _figures(self) -> Table:
        rows = [
            ("first loss", self.first_loss, "of step 0"),
            ("last loss", self.last_loss, "mean of the last tenth of the steps"),
        ]
        if self.classes:
            rows += [
                ("chance", self.chance, f"log {self.classes}: all classes equally likely"),
                ("base rate", self.base_loss, "always predicting the labels' shares"),
            ]
        if not math.isnan(self.floor):
            rows.append(("floor", self.floor, "the least loss that label smoothing allows"))
        cells = tuple((name, figure(value), about) for name, value, about in rows)
        return Table(("figure", "value", "what it is"), cells, left=(0, 2))

    def _course(self) -> Table:
        if not self.classes:
            cells = tuple((part.steps, figure(part.loss)) for part in self.parts)
            return Table(("steps", "loss"), cells)
        heads = ("steps", "loss", "cross-entropy", "accuracy", "scale of logits")
        rows = tuple(
            (p.steps, *map(figure, (p.loss, p.plain, p.accuracy, p.scale))) for p in self.parts
        )
        return Table(heads, rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON: infinities as "inf", what is undefined as null."""
        return {
            "mistakes": self.mistakes,
            "findings": [finding.to_dict() for finding in self.findings],
            "steps": self.steps,
            "sampled": list(self.sampled),
            "classes": self.classes,
            "first_loss": plain(self.first_loss),
            "last_loss": plain(self.last_loss),
            "chance": plain(self.chance),
            "base_rate_loss": plain(self.base_loss),
            "floor": plain(self.floor),
            "course": [
                {
                    "first_step": part.start,
                    "last_step": part.end,
                    "loss": plain(part.loss),
                    "cross_entropy": plain(part.plain),
                    "accuracy": plain(part.accuracy),
                    "scale": plain(part.scale),
                }
                for part in self.parts
            ],
        }

    def __repr__(self) -> str:
        named = f": {', '.join(self.mistakes)}" if self.mistakes else ""
        return f"<TrainingReport: {self.verdict}{named}>"


def report_of(record: Record, last: list[Finding]) -> TrainingReport:
    """The report; `last` are the mistakes of the last batch that was sampled."""
    run = Run(record)
    floor = forms.floor(run)
    parts = tuple(_parts(run))
    return TrainingReport(
        findings=_findings(run, last),
        steps=run.steps,
        sampled=tuple(step for step in range(run.steps) if step in record.schedule),
        schedule=record.schedule.told(run.steps),
        classes=record.classes,
        first_loss=float(run.given[0]) if run.steps else math.nan,
        last_loss=run.window(0.9, 1).mean if len(run.losses) else math.nan,
        chance=run.chance,
        base_loss=run.base,
        floor=math.nan if floor is None else floor,
        parts=parts,
    )


def _findings(run: Run, last: list[Finding]) -> tuple[Finding, ...]:
    """Mistakes first, without what other mistakes explain."""
    every = list(run.record.found)
    if run.record.fault is not None:
        every.append(found(run.record.fault.name, run.record.fault.seen))
    if len(run.losses):
        for symptoms in (forms, course, scores):
            every += symptoms.findings(run)
    every += [*beginning.findings(run), *held_out.findings(run)]
    every += last
    once = list({finding.name: finding for finding in reversed(every)}.values())[::-1]
    named = {finding.name for finding in once}
    explained = {name for cause in named for name in CONSEQUENCES.get(cause, ())}
    explained |= {note for cause in named for note in catalogue()[cause].explains}
    kept = [finding for finding in once if finding.name not in explained]
    return tuple(sorted(kept, key=lambda finding: finding.level == "note"))


def _parts(run: Run) -> Iterator[Part]:
    """The run in parts of equal length; the first step is a part of its own."""
    if not run.steps:
        return
    edges = np.unique(np.concatenate([[0], np.linspace(1, run.steps, PARTS).astype(int)]))
    for start, end in pairwise(edges.tolist()):
        inside = [s for s in run.samples if start <= s.step < end]
        each = run.given[start:end]
        each = each[np.isfinite(each)]
        if not len(each):
            continue
        yield Part(
            start=start,
            end=end - 1,
            loss=float(each.mean()),
            plain=_mean([s.loss for s in inside]),
            accuracy=_mean([s.accuracy for s in inside]),
            scale=_mean([s.scale for s in inside]),
        )


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else math.nan
