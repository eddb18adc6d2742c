"""The rows of a batch as arrays: texts with their losses, or questions with their choices."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

import numpy as np

from xent._validation import Array
from xent.scoring.errors import FileError
from xent.scoring.language.form import COUNTS

ROUNDING = 1e-6
"""How far above 0 rounding may take a log-probability."""

EXCERPT = 30
"""Characters of a row's name and text that are shown."""

FIRST = "no log-probability (first token)"


@dataclass
class Texts:
    """Documents, or tokens that stand alone; `losses` are those of tokens where these are known."""

    places: Array
    """Row number of each document."""
    losses: Array
    owners: Array | None
    """The document of each loss, by its place here; none where each document has one loss."""
    counts: dict[str, Array] = field(default_factory=dict)
    """Tokens, bytes, words and characters of each document; -1 where unknown."""
    greedy: Array | None = None
    """Whether the text is what greedy decoding gives; -1 where unknown."""
    excerpt: Callable[[int], str] = lambda _: ""
    left_out: Counter[str] = field(default_factory=Counter)


@dataclass
class Questions:
    """Questions with their choices, one after the other."""

    places: Array
    sizes: Array
    """Number of choices of each question."""
    values: Array
    """Log-likelihood of each choice."""
    right: Array
    """Is the choice a right one?"""
    lengths: dict[str, Array] = field(default_factory=dict)
    """Characters and bytes of each choice; -1 where unknown."""
    reported: dict[str, Array] = field(default_factory=dict)
    """What the file itself says of each question's accuracy; NaN where it does not."""
    excerpt: Callable[[int], str] = lambda _: ""
    left_out: Counter[str] = field(default_factory=Counter)


class Document(NamedTuple):
    """A document of a record: its tokens' log-probabilities, or their sum alone."""

    row: int
    values: Sequence[float]
    counts: dict[str, int]
    greedy: int = -1
    text: str = ""


class Question(NamedTuple):
    """A question of a record."""

    row: int
    values: Sequence[float]
    right: Sequence[int]
    lengths: dict[str, list[int]]
    reported: dict[str, float]
    text: str = ""


def texts_of(documents: Sequence[Document], left_out: Counter[str]) -> Texts:
    """Documents of records as arrays."""
    n = len(documents)
    return Texts(
        np.array([each.row for each in documents], np.int64),
        -_flat(each.values for each in documents),
        np.repeat(np.arange(n), [len(each.values) for each in documents]),
        {
            unit: np.array([each.counts.get(unit, -1) for each in documents], np.int64)
            for unit in COUNTS
        },
        np.array([each.greedy for each in documents], np.int8),
        lambda i: documents[i].text,
        left_out,
    )


def questions_of(questions: Sequence[Question], checks: Checks, field: str) -> Questions:
    """Questions of records as arrays."""
    for each in questions:
        if max(each.values) == -math.inf:
            what = "every choice has a log-likelihood of -inf, so that they cannot be normalised."
            checks.fail(what, each.row, field)
    sizes = np.array([len(each.values) for each in questions], np.int64)
    right = np.zeros(sizes.sum(), bool)
    starts = np.cumsum(sizes) - sizes
    for start, each in zip(starts.tolist(), questions, strict=True):
        right[[start + i for i in each.right]] = True
    unknown = [-1]
    return Questions(
        np.array([each.row for each in questions], np.int64),
        sizes,
        _flat(each.values for each in questions),
        right,
        {
            unit: np.array(
                [n for each in questions
                 for n in each.lengths.get(unit, unknown * len(each.values))],
                np.float64,
            )
            for unit in ("characters", "bytes")
        },
        {
            key: np.array([each.reported.get(key, math.nan) for each in questions])
            for key in ("acc", "acc_norm", "acc_bytes")
        },
        lambda i: questions[i].text,
    )  # fmt: skip


def _flat(lists: Iterable[Sequence[float]]) -> Array:
    return np.array([value for values in lists for value in values], np.float64)


class Checks:
    """Checks the numbers of a file; its errors name the file, the row and the field."""

    def __init__(self, name: str) -> None:
        self.name = name

    def fail(self, what: str, row: int | None, field: str | None) -> NoReturn:
        """Raise an error about a row."""
        raise FileError(self.name, what, row=row, column=field)

    def number(self, value: Any, row: int, field: str, what: str = "a log-probability") -> float:
        """A log-probability, which some tools write as text."""
        if isinstance(value, str):
            with suppress(ValueError):
                value = float(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.fail(f"{value!r:.60} is not {what}; expected a number.", row, field)
        if not value <= ROUNDING:  # NaN, too
            self.fail(wrong(value), row, field)
        return min(float(value), 0.0)

    def count(self, value: Any, row: int, field: str, unit: str) -> int:
        """A number of words or bytes."""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e15:
            what = f"{value!r:.60} is no number of {unit}; expected a whole number, 0 or more."
            self.fail(what, row, field)
        return int(value)

    def numbers(self, values: Array, row_of: Callable[[int], int], field: str) -> Array:
        """Log-probabilities of a column."""
        bad = ~(values <= ROUNDING)
        if bad.any():
            at = int(np.argmax(bad))
            self.fail(wrong(float(values[at])), row_of(at), field)
        return np.asarray(np.minimum(values, 0.0))


def wrong(value: float) -> str:
    """What to do about a number that is no log-probability."""
    if math.isnan(value):
        return (
            "the log-probability is NaN: the model gave NaN, or a division went wrong. Score the "
            "text again, or remove the row; null marks a first token that has none."
        )
    return (
        f"{value:g} is positive, but a log-probability is 0 at most. Of probabilities, write the "
        "natural logarithm; of losses (negative log-likelihoods), change the sign."
    )


def excerpt_of(name: Any, text: Any, *, tail: bool = False) -> str:
    """A row's name, and the beginning or the end of its text, on one line."""
    named, line = (" ".join(str(each).split()) if each is not None else "" for each in (name, text))
    most = EXCERPT - len(named) - bool(named)
    if len(line) > most:
        kept = max(most - 3, 0)  # beside a long name, nothing
        line = "..." + line[len(line) - kept :] if tail else line[:kept] + "..."
    return f"{named} {line}".strip()
