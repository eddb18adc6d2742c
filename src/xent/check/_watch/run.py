"""A training run as it was recorded, and statistics of it that several symptoms need."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from xent._report import Finding
from xent._validation import Array
from xent.check._watch.sample import Sample
from xent.check._watch.sampling import Schedule

ROWS = 64
"""A mean loss of at least so many rows is compared with the chance loss."""


class Fault(NamedTuple):
    """The first number that is not finite: in which step, the mistake's name, and what was seen."""

    step: int
    name: str
    seen: str


@dataclass(frozen=True)
class Evaluation:
    """Figures of held-out rows after so many steps."""

    step: int
    loss: float
    accuracy: float
    losses: Array
    labels: Array
    logits: Array


@dataclass
class Record:
    """What a loop told, as it came."""

    schedule: Schedule
    label_smoothing: float | None
    losses: array[float] = field(default_factory=lambda: array("d"))
    """The loss of each step; NaN until it is read."""
    rows: array[int] = field(default_factory=lambda: array("q"))
    """Rows of each step; 0 if no logits were given."""
    samples: list[Sample] = field(default_factory=list)
    repeated: int = 0
    """How many of the first steps had the labels of the step before."""
    unchanged: int = 0
    """How many of the first steps had the logits of the step before as well."""
    counts: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Rows of each class in the sampled steps."""
    soft: bool = False
    classes: int = 0
    fault: Fault | None = None
    found: list[Finding] = field(default_factory=list)
    """Findings on single batches."""
    evaluations: list[Evaluation] = field(default_factory=list)
    frozen: tuple[int, int] | None = None
    """First and last step between which no parameter of the model changed."""


class Window(NamedTuple):
    """The mean of some consecutive losses."""

    start: int
    end: int
    """The last step."""
    mean: float
    error: float


class Run:
    """A record, read only, with statistics."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.steps = len(record.losses)
        self.samples = [each for each in record.samples if math.isfinite(each.loss)]

    @cached_property
    def given(self) -> Array:
        """The loop's own losses, one for each step."""
        return np.array(self.record.losses, dtype=np.float64)

    @cached_property
    def finite(self) -> Array:
        """Steps whose loss is finite."""
        return np.flatnonzero(np.isfinite(self.given))

    @cached_property
    def form(self) -> str:
        """What the loop's own loss is: "mean", "sum", "smoothed", "twice", "near" or "".

        It is near the mean where no sample holds a whole batch, and the means of the samples are
        within their errors.
        """
        if self._all(lambda s: s.loss):
            return "mean"
        if self._all(lambda s: s.loss * s.rows):
            return "sum"
        if self.smoothing is not None:
            return "smoothed"
        if self._all(lambda s: s.twice):
            return "twice"
        close = (abs(s.given - s.loss) <= 5 * s.error + 1e-3 for s in self.samples)
        return "near" if not self._compared and self.samples and all(close) else ""

    @cached_property
    def smoothing(self) -> float | None:
        """The label smoothing that the loop's own losses follow, if they follow one."""
        compared = [s for s in self._compared if abs(s.uniform - s.loss) > 0.1 * s.loss]
        if len(compared) < 3:
            return None
        found = [(s.given - s.loss) / (s.uniform - s.loss) for s in compared]
        middle = float(np.median(found))
        near = 1e-3 < middle < 1 and max(abs(each - middle) for each in found) < 1e-3
        return round(middle, 6) if near else None

    @property
    def _compared(self) -> list[Sample]:
        return [s for s in self.samples if s.complete and math.isfinite(s.given)]

    def _all(self, expected: Callable[[Sample], float]) -> bool:
        """Are the loop's own losses the expected ones, in each sample that holds a whole batch?"""
        compared = self._compared
        return len(compared) >= 3 and all(
            abs(s.given - expected(s)) <= 1e-3 * abs(expected(s)) + 1e-6 for s in compared
        )

    @cached_property
    def losses(self) -> Array:
        """The finite losses per row: a loop's sums are divided by the rows."""
        given = self.given[self.finite]
        if self.form != "sum":
            return given
        rows = np.maximum(np.array(self.record.rows)[self.finite], 1)
        factors = [s.loss * self.record.rows[s.step] / s.given for s in self._compared if s.given]
        return np.asarray(given / rows * np.median(factors))

    @property
    def comparable(self) -> bool:
        """Are the losses those of the logits, so that log K is the loss of knowing nothing?"""
        return self.form in ("mean", "sum", "smoothed", "near")

    @property
    def chance(self) -> float:
        """Loss of predicting that all classes are equally likely; NaN if K is unknown."""
        return math.log(self.record.classes) if self.record.classes else math.nan

    @cached_property
    def base(self) -> float:
        """Loss of always predicting the labels' shares; NaN if it is unknown."""
        counts = self.record.counts
        total = int(counts.sum())
        if not total or self.record.soft:
            return math.nan
        shares = counts[counts > 0] / total
        return float(-(shares * np.log(shares)).sum()) + 0.0

    @cached_property
    def width(self) -> int:
        """Steps whose losses are averaged before they are compared with chance."""
        rows = np.array(self.record.rows)
        typical = float(np.median(rows)) if len(rows) else 0
        return max(3, math.ceil(ROWS / max(typical, 1)))

    def window(self, start: float, end: float) -> Window:
        """The mean loss of a part of the run, given as shares of its steps."""
        number = len(self.losses)
        first, last = int(start * number), max(int(end * number), int(start * number) + 1)
        part = self.losses[first:last]
        error = float(part.std(ddof=1)) / math.sqrt(len(part)) if len(part) > 1 else math.inf
        return Window(
            int(self.finite[first]), int(self.finite[last - 1]), float(part.mean()), error
        )

    def sampled(self, start: float, end: float) -> list[Sample]:
        """The samples of a part of the run."""
        return [s for s in self.samples if start * self.steps <= s.step < end * self.steps]


def moving(values: Array, width: int) -> Array:
    """Means of each `width` consecutive values."""
    return np.asarray(np.lib.stride_tricks.sliding_window_view(values, width).mean(axis=-1))
