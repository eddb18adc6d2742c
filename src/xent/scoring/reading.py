"""How a file is read: its columns of labels, scores and weights, their kind and their classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from xent._format import listed
from xent._kind import Kind
from xent.scoring.labels import Labels
from xent.scoring.slicing import Slicing

if TYPE_CHECKING:
    from xent.scoring.values import Values

Shape = Literal["binary", "columns", "lists"]


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    label_column: str | Sequence[str] | None = None
    score_columns: Sequence[str] | None = None
    weight_column: str | None = None
    predicted_column: str | None = None
    kind: str | None = None
    classes: Sequence[str] | None = None
    tolerance: float = 1e-3
    normalize: bool = False
    show: Sequence[str] = ()
    by: tuple[Slicing, ...] = ()
    cluster: str | None = None
    multi_label: bool | None = None
    """May several labels be true at once, where columns or lists of 0 and 1 hold the labels?"""
    ignored: frozenset[str] = frozenset()
    """Labels of rows that are left out."""
    lenient: bool = False
    """Accept what `score` would refuse: `diagnose` explains it."""

    @property
    def more(self) -> list[str]:
        """Columns that are asked for beside labels and scores."""
        others = (self.weight_column, *self.show, *(each.column for each in self.by), self.cluster)
        return [name for name in others if name is not None]


@dataclass(frozen=True)
class Reading:
    """How a file is read."""

    label: str
    scores: tuple[str, ...]
    shape: Shape
    """One number per row for label 1, a column for each class, or a list in each row."""
    kind: Kind
    labels: Labels
    weight: str | None = None
    predicted: str | None = None
    """Predicted labels, of which the scores are the probabilities."""
    percent: bool = False
    """Are the probabilities given times 100?"""
    normalize: bool = False
    """Are rows of probabilities divided by their sums?"""
    show: tuple[str, ...] = ()
    """Columns that are shown beside the worst rows."""
    by: tuple[Slicing, ...] = ()
    """By what the rows are scored, too."""
    cluster: str | None = None
    """The column that says which rows are not independent."""
    truth: str = ""
    """The table that holds the labels, if it is another one."""
    texts: frozenset[str] = field(default_factory=frozenset)
    """Columns of lists that are written as text."""

    @property
    def columns(self) -> list[str]:
        """All columns to be read."""
        more = [self.predicted] if self.predicted else []
        return list(
            dict.fromkeys([*self.label_columns, *self.numbers, *more, *self.show, *self.groups])
        )

    @property
    def label_columns(self) -> tuple[str, ...]:
        """The columns that hold labels."""
        return (self.label,)

    @property
    def parts(self) -> Sequence[Reading]:
        """Readings of which each has one label per row."""
        return (self,)

    def prepared(self, batch: Mapping[str, Any], values: Values) -> Mapping[str, Any]:  # noqa: ARG002
        """The batch, with columns that are made of others."""
        return batch

    @property
    def groups(self) -> list[str]:
        """The columns by whose values there are sums."""
        return [*(each.column for each in self.by), *([self.cluster] if self.cluster else [])]

    @property
    def numbers(self) -> list[str]:
        """The columns that hold scores and weights."""
        return [*self.scores, *([self.weight] if self.weight else [])]

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the scores."""
        return self.labels.classes

    @property
    def names(self) -> list[str] | None:
        """The names of the classes, unless they are just the indices."""
        return None if self.labels.are_indices else self.classes

    @property
    def description(self) -> str:
        """How the file is read, in a sentence for the result."""
        kind = "percentages" if self.percent else self.kind
        if self.shape == "columns":
            where = f"in {quoted(self.scores)}"
        else:
            where = f"in '{self.scores[0]}'" + ", a list per row" * (self.shape == "lists")
        classes = ", ".join(self.classes[:6]) + f", ... ({len(self.classes)})" * (
            len(self.classes) > 6
        )
        which = f"for label {self.classes[1]} (not {self.classes[0]})"
        if self.predicted:
            which = f"for the label in '{self.predicted}' (of {classes})"
        of = which if self.shape == "binary" else f"for the classes {classes}"
        weight = f"; weights in '{self.weight}'" if self.weight else ""
        other = f" of {self.truth}" if self.truth else ""
        divided = ", each row divided by its sum" if self.normalize else ""
        return f"{self._labels_in}{other}; {kind} {where}, {of}{divided}{weight}."

    @property
    def _labels_in(self) -> str:
        return f"Labels in '{self.label}'"


def quoted(names: Sequence[str]) -> str:
    """Names of columns for a message."""
    shown = [f"'{name}'" for name in names]
    return listed(shown, 4) if len(shown) > 4 else ", ".join(shown)


def all_of(names: Sequence[str]) -> str:
    """All names of columns for a message, unless they are too many."""
    return ", ".join(names[:30]) + f", ... ({len(names)} in all)" * (len(names) > 30)
