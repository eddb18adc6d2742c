"""What the reports of texts and of choices share."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from xent._format import counted, reasons
from xent._report import Block, Report, Text
from xent._report.files import write_file
from xent.scoring.figure import Figure, figure_table, refusals
from xent.scoring.intervals import (
    Interval,
    LossMoments,
    Units,
    mean_interval,
    proportion_interval,
    refused,
)
from xent.scoring.language.form import Form
from xent.scoring.language.state import LanguageState
from xent.scoring.state import SCALE, ratio

State = TypeVar("State", bound=LanguageState)

STATE_FORMAT = "xent score of a language model"
STATE_VERSION = 2
"""What is written into saved states."""

FEW = 5
"""Rows below which no standard error is given."""


@dataclass(frozen=True, repr=False)
class LanguageScore(Report, Generic[State]):
    """What the scores of texts and of choices share."""

    path: str
    form: Form
    state: State
    skipped: tuple[str, ...] = ()
    """Why files were left out."""
    level: float = 0.95
    """Confidence level of the intervals."""

    units: ClassVar[Units]
    """What is independent: texts or questions."""

    @property
    def figures(self) -> list[Figure]:
        """The figures that are known, in the order of a report."""
        return [each for each in self._figures if not math.isnan(each.value)]

    @property
    def _figures(self) -> list[Figure]:
        """All figures; NaN if they are not known."""
        raise NotImplementedError

    @property
    def read(self) -> str:
        """How the file was read."""
        return self.form.told

    @property
    def left_out(self) -> tuple[tuple[str, int], ...]:
        """How many tokens or rows were left out, by the reason."""
        return tuple((why, n) for why, n in sorted(self.state.left_out.items()) if n)

    @property
    def worst(self) -> list[Any]:
        """The rows with the highest loss, worst first."""
        return self.state.worst

    def to_state(self) -> str:
        """The result as text, for `merge`: JSON with every sum exact."""
        data = {
            "format": STATE_FORMAT,
            "version": STATE_VERSION,
            "path": self.path,
            "form": asdict(self.form),
            "skipped": self.skipped,
            "state": self.state.to_json(),
        }
        return json.dumps(data, ensure_ascii=False) + "\n"

    def save_state(self, path: str | Path) -> None:
        """Write the result to a file, from which `merge` reads it."""
        write_file(Path(path), self.to_state())

    def _per(self, number: int) -> float:
        """The loss in nats, divided by a number."""
        if not number:
            return math.nan
        return math.inf if self.state.infinite else ratio(self.state.losses, number << SCALE)

    def _error(self, error: float) -> float:
        """A standard error; NaN of a few rows."""
        return error if self.state.rows >= FEW else math.nan

    def _interval(self, moments: LossMoments, lost: int) -> Interval:
        """Of a mean of rows of which so many have a loss that is infinite or too large."""
        infinite = lost if self.state.infinite else 0
        if reason := self._too_large(lost):
            return refused(reason, "Hall")
        return mean_interval(moments, self.level, infinite=infinite, units=self.units)

    def _too_large(self, lost: int) -> str:
        """That losses are too large for their powers, or nothing."""
        if not lost or self.state.infinite:
            return ""
        return f"the losses of {counted(lost, self.units.name)} are too large to square"

    def _share_interval(self, share: float) -> Interval:
        """Of a share of all rows."""
        if math.isnan(share):
            return refused("it is not known", "Wilson")
        return proportion_interval(share, self.state.rows, self.level, units=self.units)

    def _told(self, headline: str) -> Iterator[Block]:
        """The beginning of a report: what was read, what was left out, and the figures."""
        yield Text(headline, "headline")
        yield Text(self.read, "plain")
        if self.left_out:
            yield Text(f"Left out: {reasons(self.left_out)}.", "plain")
        for reason in self.skipped:
            yield Text(f"Left out: {reason}", "plain")
        yield figure_table(self.figures, self.level)
        yield from refusals(self.figures)
