"""What the reports of texts and of choices share."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from xent._report import Block, Report, Table, Text
from xent._report.files import write_file
from xent.scoring.file_score import cells
from xent.scoring.language.form import Form
from xent.scoring.language.state import LanguageState
from xent.scoring.state import SCALE, ratio

State = TypeVar("State", bound=LanguageState)
Figure = tuple[str, float, str]

STATE_FORMAT = "xent score of a language model"
STATE_VERSION = 1
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

    def _error(self, variance: float) -> float:
        """A standard error; NaN of a few rows."""
        return math.sqrt(variance) if self.state.rows >= FEW else math.nan

    def _told(self, headline: str, figures: Iterable[Figure]) -> Iterator[Block]:
        """The beginning of a report: what was read, what was left out, and the figures."""
        yield Text(headline, "headline")
        yield Text(self.read, "plain")
        if self.left_out:
            told = ", ".join(f"{n} with {why}" for why, n in self.left_out)
            yield Text(f"Left out: {told}.", "plain")
        for reason in self.skipped:
            yield Text(f"Left out: {reason}", "plain")
        known = [figure for figure in figures if not math.isnan(figure[1])]
        yield Table((), cells(known), left=(0, 2))


def exp(loss: float) -> float:
    """exp(loss), or inf where that is too large."""
    return math.inf if loss > 709 else math.exp(loss)
