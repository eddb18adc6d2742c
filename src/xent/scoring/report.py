"""`Score`: the figures computed from a state, as properties, as a report and as plain data."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from xent._format import counted, plain, shown
from xent._kind import Kind
from xent._plausible import ABOVE_ONE, FEW
from xent._report import Block, Report, Table, Text
from xent._report.files import write_file
from xent.metrics import log_loss
from xent.scoring.state import State, WorstRow, ratio

SCHEMA_VERSION = 1
"""Of `to_dict`: a key that is removed or changes its meaning raises it."""

STATE_FORMAT = "xent score"
STATE_VERSION = 1
"""What is written into saved states."""

SAVED = (
    "path", "read", "files", "skipped", "show",
    "like_probabilities", "like_percentages", "like_decisions",
)  # fmt: skip
"""What is saved of a result as it is."""

MANY, HIGHEST, LOWEST = 40, 15, 5
"""From how many classes on only some are shown, and how many."""

WORST = "label predicted probability_of_label log_loss_nats"


class ClassScore(NamedTuple):
    """The rows of one true class."""

    name: str
    rows: int
    share: float
    loss: float
    accuracy: float


@dataclass(frozen=True, repr=False)
class Score(Report):
    """How good the predictions of a file are."""

    path: str
    kind: Kind
    classes: tuple[str, ...]
    state: State
    like_probabilities: bool = False
    """May all scores be probabilities, by their values?"""
    like_percentages: bool = False
    """The same for percentages."""
    highest: float = -math.inf
    """The largest score."""
    like_decisions: bool = False
    """Is each score 0 or 1?"""
    read: str = field(default="", compare=False)
    """How the file was read: its columns, what they hold, and the classes."""
    left_out: tuple[tuple[str, int], ...] = ()
    """How many rows were left out, by the reason."""
    files: tuple[str, ...] = ()
    """The files or tables that were read."""
    skipped: tuple[str, ...] = ()
    """Why files were left out."""
    show: tuple[str, ...] = ()
    """Columns that are shown beside the worst rows."""

    def __repr__(self) -> str:
        return f"Score({self.path!r}, rows={self.rows}, loss={self.loss:.6g})"

    @property
    def rows(self) -> int:
        """Number of rows of weight above 0."""
        return sum(self.state.counts)

    @property
    def infinite(self) -> int:
        """Number of rows whose true class was given a probability of 0."""
        return sum(self.state.infinite)

    @property
    def loss(self) -> float:
        """Log loss in nats: the weighted mean over the rows."""
        return math.inf if self.infinite else self.finite_loss

    @property
    def finite_loss(self) -> float:
        """The sum of the finite losses, over the weight of all rows."""
        return ratio(sum(self.state.losses), sum(self.state.weights))

    @property
    def macro_loss(self) -> float:
        """Mean of the classes' log losses, each class counted once."""
        losses = [each.loss for each in self.by_class]
        return math.fsum(losses) / len(losses)

    @property
    def bits(self) -> float:
        """Log loss in bits."""
        return self.loss / math.log(2)

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
    def skill(self) -> float:
        """1 - loss / base loss: 1 is perfect, 0 as good as the base rates; NaN for one class."""
        return 1 - self.loss / self.base_loss if self.base_loss > 0 else math.nan

    @property
    def accuracy(self) -> float:
        """Share of the weight of the rows whose likeliest class is the true one."""
        return ratio(sum(self.state.right), sum(self.state.weights))

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

    @property
    def notes(self) -> list[str]:
        """What a reader of the figures should know."""
        notes = []
        if self.infinite:
            rows = counted(self.infinite, "row gives", "rows give")
            notes.append(
                f"{rows} the true class a probability of 0, so the log loss is infinite. Without "
                f"{'its' if self.infinite == 1 else 'their'} loss it would be at least "
                f"{self.finite_loss:.4f}; --clip sets a floor under the probabilities."
            )
        notes += notes_on_scores(self, self.rows, single=len(self.classes) == 2)
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
        yield from opening(self, counted(self.rows, "row"))
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
        if self.worst:
            several = ("file",) * (len(self.files) > 1)
            shown = ("label", "predicted", "p(label)", "log loss")
            rows = [
                (row.row, *([short(row.source, self.files)] if several else []), *row.key, *rest)
                for row, rest in zip(self.worst, self._worst_figures(), strict=True)
            ]
            yield Table(("worst row", *several, *self.show, *shown), cells(rows), left=())
        for note in self.notes:
            yield Text(f"Note: {note}", "note")

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON: infinities as "inf", undefined skill as null."""
        return {
            "schema_version": SCHEMA_VERSION,
            "file": self.path,
            "scores": self.kind,
            "read": self.read,
            "rows": self.rows,
            "rows_left_out": dict(self.left_out),
            "files": list(self.files),
            "files_left_out": list(self.skipped),
            "log_loss_nats": plain(self.loss),
            "log_loss_bits": plain(self.bits),
            "perplexity": plain(self.perplexity),
            "base_rate_loss": plain(self.base_loss),
            "skill": plain(self.skill),
            "accuracy": self.accuracy,
            "macro_log_loss_nats": plain(self.macro_loss),
            "infinite_rows": self.infinite,
            "classes": records("class rows share log_loss_nats accuracy", self.by_class),
            "worst_rows": [
                {"file": row.source, "row": row.row, "shown": [*row.key], **figures}
                for row, figures in zip(
                    self.worst, records(WORST, self._worst_figures()), strict=True
                )
            ],
            "notes": self.notes,
        }

    def to_state(self) -> str:
        """The result as text, for `merge`: JSON with every sum exact."""
        return state_text(self, [self.state])

    def save_state(self, path: str | Path) -> None:
        """Write the result to a file, from which `merge` reads it."""
        write_file(Path(path), self.to_state())

    def _worst_figures(self) -> list[tuple[str, str, float, float]]:
        """Label, predicted class, probability and loss of the worst rows."""
        names = self.classes
        return [
            (names[row.label], names[row.predicted], row.probability, row.loss)
            for row in self.worst
        ]


def state_text(score: Any, states: Sequence[State], labels: Sequence[str] | None = None) -> str:
    """A result as text; `labels` are those of the states of labels that may be true at once."""
    data = {
        "format": STATE_FORMAT,
        "version": STATE_VERSION,
        **{name: getattr(score, name) for name in SAVED},
        "left_out": dict(score.left_out),
        "highest": score.highest.hex(),
        "labels": labels,
        "states": [json.loads(state.to_json()) for state in states],
    }
    return json.dumps(data, ensure_ascii=False) + "\n"


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


class OnFiles(Protocol):
    """What the reports on files have in common."""

    @property
    def path(self) -> str: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def like_probabilities(self) -> bool: ...
    @property
    def like_percentages(self) -> bool: ...
    @property
    def highest(self) -> float: ...
    @property
    def like_decisions(self) -> bool: ...
    @property
    def read(self) -> str: ...
    @property
    def left_out(self) -> tuple[tuple[str, int], ...]: ...
    @property
    def files(self) -> tuple[str, ...]: ...
    @property
    def skipped(self) -> tuple[str, ...]: ...


def opening(score: OnFiles, size: str) -> Iterator[Block]:
    """The headline of a report, how the file was read, and what was left out."""
    yield Text(f"{score.path}: {size}, {score.kind}", "headline")
    if score.read:
        yield Text(score.read, "plain")
    if score.left_out:
        told = ", ".join(f"{n} with {why}" for why, n in score.left_out)
        yield Text(f"Left out: {told}.", "plain")
    if len(score.files) > 1:
        yield Text(f"Read from {len(score.files)} files.", "plain")
    for reason in score.skipped:
        yield Text(f"Left out: {reason}", "plain")


def notes_on_scores(score: OnFiles, size: int, *, single: bool) -> Iterator[str]:
    """What the scores look like, where that is not what they were read as."""
    if score.kind == "probabilities" and score.like_decisions and size >= FEW:
        yield (
            "Every probability is 0 or 1: are these predicted labels? Save probabilities, as "
            "predict_proba returns them."
        )
    if score.kind == "logits" and score.like_probabilities:
        yield (
            "The logits look like probabilities: none is negative and every row "
            f"{'lies between 0 and 1' if single else 'sums to 1'}. "
            "If they are, pass --kind probabilities."
        )
    elif score.kind == "logits" and score.like_percentages and score.highest > ABOVE_ONE:
        seen = "all lie between 0 and 100" if single else "every row sums to 100"
        yield f"The logits look like percentages: {seen}. If they are, pass --kind percent."


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


def short(file: str, files: Sequence[str]) -> str:
    """The name of a file without the folders that all files are in."""
    parts = zip(*(name.split("/")[:-1] for name in files), strict=False)
    same = list(takewhile(lambda each: len(set(each)) == 1, parts))
    return "/".join(file.split("/")[len(same) :])


def cells(rows: Iterable[Iterable[Any]]) -> tuple[tuple[str, ...], ...]:
    """Text for a table; floats to four decimals, so that the cells of a column line up."""
    return tuple(
        tuple(shown(x, trim=False) if isinstance(x, float) else str(x) for x in row) for row in rows
    )


def records(names: str, rows: Iterable[Iterable[Any]]) -> list[dict[str, Any]]:
    """Plain data: a record with these names for each row."""
    return [dict(zip(names.split(), map(plain, row), strict=True)) for row in rows]
