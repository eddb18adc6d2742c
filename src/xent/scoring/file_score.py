"""What the reports on files of predictions share: how they were read, their mean loss, saving."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

from xent._format import counted, plain, reasons, shown
from xent._kind import Kind
from xent._plausible import ABOVE_ONE, FEW
from xent._report import Block, Report, Table, Text
from xent._report.files import write_file
from xent.scoring.state import State, ratio

SCHEMA_VERSION = 1
"""Of `to_dict`: a key that is removed or changes its meaning raises it."""

STATE_FORMAT = "xent score"
STATE_VERSION = 3
"""What is written into saved states."""

SAVED = (
    "path", "read", "files", "skipped", "show",
    "like_probabilities", "like_percentages", "like_decisions",
)  # fmt: skip
"""What is saved of a result as it is."""

MANY, HIGHEST, LOWEST = 40, 15, 5
"""From how many classes on only some are shown, and how many."""


@dataclass(frozen=True, repr=False)
class FileScore(Report):
    """How good the predictions of files are, for one label per row or for several."""

    path: str
    kind: Kind
    _: KW_ONLY
    like_probabilities: bool = False
    """May all logits be probabilities, by their values?"""
    like_percentages: bool = False
    """The same for percentages."""
    highest: float = -math.inf
    """The largest score."""
    like_decisions: bool = False
    """Is each probability 0 or 1?"""
    read: str = field(default="", compare=False)
    """How the file was read: its columns, what they hold, and the classes or labels."""
    left_out: tuple[tuple[str, int], ...] = ()
    """How many rows (or cells) were left out, by the reason."""
    files: tuple[str, ...] = ()
    """The files or tables that were read."""
    skipped: tuple[str, ...] = ()
    """Why files were left out."""
    show: tuple[str, ...] = ()
    """Columns that are shown beside the worst rows."""

    @property
    def _states(self) -> Sequence[State]:
        """The states of which the figures are computed."""
        raise NotImplementedError

    @property
    def _size(self) -> int:
        """Number of rows (or cells) of weight above 0."""
        return self._total("counts")

    def _total(self, name: str) -> int:
        """The sum over classes and states."""
        return sum(sum(getattr(state, name)) for state in self._states)

    @property
    def infinite(self) -> int:
        """Number of rows (or cells) whose truth was given a probability of 0."""
        return self._total("infinite")

    @property
    def loss(self) -> float:
        """Log loss in nats: the weighted mean."""
        return math.inf if self.infinite else self.finite_loss

    @property
    def finite_loss(self) -> float:
        """The sum of the finite losses, over all weight."""
        return ratio(self._total("losses"), self._total("weights"))

    @property
    def bits(self) -> float:
        """Log loss in bits."""
        return self.loss / math.log(2)

    @property
    def base_loss(self) -> float:
        """Log loss of always predicting the shares."""
        raise NotImplementedError

    @property
    def skill(self) -> float:
        """1 - loss / base loss: 1 is perfect, 0 as good as the shares; NaN if these are certain."""
        return skill_of(self.loss, self.base_loss)

    @property
    def accuracy(self) -> float:
        """Share of the weight of what is predicted rightly."""
        return ratio(self._total("right"), self._total("weights"))

    def _opening(self, size: str) -> Iterator[Block]:
        """The headline of a report, how the file was read, and what was left out."""
        yield Text(f"{self.path}: {size}, {self.kind}", "headline")
        if self.read:
            yield Text(self.read, "plain")
        if clip := self._states[0].schema.clip:
            yield Text(f"No probability counts as less than {clip:g} (--clip).", "plain")
        if self.left_out:
            yield Text(f"Left out: {reasons(self.left_out)}.", "plain")
        if len(self.files) > 1:
            yield Text(f"Read from {counted(len(self.files), 'file')}.", "plain")
        for reason in self.skipped:
            yield Text(f"Left out: {reason}", "plain")

    def _opening_data(self, unit: str) -> dict[str, Any]:
        """The same as plain data; `unit` is rows or cells."""
        return {
            "schema_version": SCHEMA_VERSION,
            "file": self.path,
            "scores": self.kind,
            "read": self.read,
            unit: self._size,
            f"{unit}_left_out": dict(self.left_out),
            "files": list(self.files),
            "files_left_out": list(self.skipped),
            "log_loss_nats": plain(self.loss),
            "log_loss_bits": plain(self.bits),
        }

    def _worst_table(
        self,
        heads: Sequence[str],
        rows: Iterable[tuple[str, int, Sequence[str], Sequence[Any]]],
        left: Sequence[int] = (),
    ) -> Table:
        """The worst rows: file, row, columns that are shown, and figures; texts among these."""
        several = ("file",) * (len(self.files) > 1)
        first = ("worst row", *several, *self.show)
        found = [
            (str(row), *([self._short(file)] if several else []), *texts, *figures)
            for file, row, texts, figures in rows
        ]
        texts = tuple(len(first) + place for place in left)
        return Table((*first, *heads), cells(found), left=texts)

    def _short(self, file: str) -> str:
        """The name of a file without the folders that all files are in."""
        parts = zip(*(name.split("/")[:-1] for name in self.files), strict=False)
        same = list(takewhile(lambda each: len(set(each)) == 1, parts))
        return "/".join(file.split("/")[len(same) :])

    def _infinite_note(self, unit: str, truth: str) -> Iterator[str]:
        if self.infinite:
            rows = counted(self.infinite, f"{unit} gives", f"{unit}s give")
            yield (
                f"{rows} {truth} a probability of 0, so the log loss is infinite. Without "
                f"{'its' if self.infinite == 1 else 'their'} loss it would be at least "
                f"{self.finite_loss:.4f}; --clip sets a floor under the probabilities."
            )

    def _notes_on_scores(self, *, single: bool) -> Iterator[str]:
        """What the scores look like, where that is not what they were read as."""
        if self.kind == "probabilities" and self.like_decisions and self._size >= FEW:
            yield (
                "Every probability is 0 or 1: are these predicted labels? Save probabilities, as "
                "predict_proba returns them."
            )
        if self.kind == "logits" and self.like_probabilities:
            yield (
                "The logits look like probabilities: none is negative and every row "
                f"{'lies between 0 and 1' if single else 'sums to 1'}. "
                "If they are, pass --kind probabilities."
            )
        elif self.kind == "logits" and self.like_percentages and self.highest > ABOVE_ONE:
            seen = "all lie between 0 and 100" if single else "every row sums to 100"
            yield f"The logits look like percentages: {seen}. If they are, pass --kind percent."

    def _note_on_files(self) -> Iterator[str]:
        # Tables in memory are called alike, and have no such names.
        counts = Counter(name for name in self.files if "." in name or "/" in name)
        twice = sorted(name for name, n in counts.items() if n > 1)
        if twice:
            yield (
                f"Several of the merged results are of {', '.join(twice[:3])}"
                f"{', ...' * (len(twice) > 3)}: are rows counted twice?"
            )

    def to_state(self) -> str:
        """The result as text, for `merge`: JSON with every sum exact."""
        data = {
            "format": STATE_FORMAT,
            "version": STATE_VERSION,
            **{name: getattr(self, name) for name in SAVED},
            "left_out": dict(self.left_out),
            "highest": self.highest.hex(),
            "labels": getattr(self, "labels", None),
            "baseline": getattr(self, "baseline", None),
            "states": [json.loads(state.to_json()) for state in self._states],
            **self._more_state(),
        }
        return json.dumps(data, ensure_ascii=False) + "\n"

    def _more_state(self) -> dict[str, Any]:
        """What else is saved."""
        return {}

    def save_state(self, path: str | Path) -> None:
        """Write the result to a file, from which `merge` reads it."""
        write_file(Path(path), self.to_state())


def skill_of(loss: float, base: float) -> float:
    """1 - loss / base; NaN if the base is 0."""
    return 1 - loss / base if base > 0 else math.nan


def by_group(
    heads: tuple[str, ...], rows: Sequence[Any], what: str, left: tuple[int, ...]
) -> Iterator[Block]:
    """The classes or labels; of many, those with the highest and the lowest loss."""
    if len(rows) <= MANY:
        yield Table(heads, cells(rows), left=left)
        return
    rows = sorted(rows, key=lambda each: (-each.loss, -each.rows))
    gap = ("...", *[""] * (len(heads) - 1))
    yield Table(heads, (*cells(rows[:HIGHEST]), gap, *cells(rows[-LOWEST:])), left=left)
    told = f"{HIGHEST} {what} with the highest loss and {LOWEST} with the lowest, of "
    yield Text(f"The {told}{len(rows):,}; --format json has all.", "plain")


def cells(rows: Iterable[Iterable[Any]]) -> tuple[tuple[str, ...], ...]:
    """Text for a table; floats to four decimals, so that the cells of a column line up."""
    return tuple(tuple(map(_cell, row)) for row in rows)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return shown(value, trim=False)
    return f"{value:,}" if isinstance(value, int) else str(value)


def records(names: str, rows: Iterable[Iterable[Any]]) -> list[dict[str, Any]]:
    """Plain data: a record with these names for each row."""
    return [dict(zip(names.split(), map(plain, row), strict=True)) for row in rows]
