"""What is added to a state: a scored batch; and what each part of a state offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np

from xent._kind import Kind
from xent._validation import Array
from xent.scoring.losses import Scored


@dataclass(frozen=True)
class Schema:
    """What is fixed before the first row; only states with the same schema merge."""

    kind: Kind
    classes: tuple[str, ...]
    binary: bool
    """Is a score that of label 1, and not a number for each class?"""
    weighted: bool = False
    clip: float | None = None
    keep: int = 5
    """How many of the worst rows are kept."""
    by: tuple[str, ...] = ()
    """Columns by whose values there are sums."""
    cluster: str | None = None
    """The column that says which rows are not independent."""

    def to_data(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self) | {"classes": list(self.classes), "by": list(self.by)}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Schema:
        """The schema of plain data."""
        return cls(**(data | {"classes": tuple(data["classes"]), "by": tuple(data["by"])}))


class Groups(NamedTuple):
    """Which value of a column each row has: its place in the list of values, as texts."""

    codes: Array
    texts: list[str]

    @property
    def values(self) -> Array:
        """The value of each row, as a text."""
        return np.array(self.texts, object)[self.codes]

    def of(self, rows: Array) -> Groups:
        """The same of these rows."""
        return Groups(self.codes[rows], self.texts)


@dataclass(frozen=True)
class Batch:
    """Rows of weight above 0, scored."""

    scores: Array
    labels: Array
    scored: Scored
    weight: Array | None
    """In float64; None if each row has weight 1."""
    places: Array
    """The rows' numbers in their source."""
    source: str = ""
    keys: Sequence[Array] = ()
    """Columns that identify the rows."""
    slices: Sequence[Groups] = ()
    """The values of the schema's columns `by`."""
    cluster: Groups | None = None

    @property
    def losses(self) -> Array:
        """Losses in float64."""
        return self.scored.losses

    @cached_property
    def most(self) -> float:
        """The highest loss."""
        return float(self.losses.max())

    @cached_property
    def weighted(self) -> Array:
        """Weight times loss, which may be infinite."""
        if self.weight is None:
            return self.losses
        with np.errstate(over="ignore"):
            return np.asarray(self.weight * self.losses)

    @cached_property
    def infinite(self) -> Array | None:
        """Rows whose weight times loss is infinite; None if there is none."""
        most = self.most if self.weight is None else self.weighted.max()
        return None if most < np.inf else np.isinf(self.weighted)


class Accumulator:
    """A part of a state: sums by name, each of them exact, so they merge in any order."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.sums = self._sums(schema)

    def _sums(self, schema: Schema) -> dict[str, Any]:
        """`Counts` and `ExactSums` by name, before the first row."""
        raise NotImplementedError

    def add(self, batch: Batch) -> None:
        """Add rows."""
        raise NotImplementedError

    def merge(self, other: Self) -> Self:
        """The same of both sets of rows."""
        merged = type(self)(self.schema)
        for name, sums in self.sums.items():
            merged.sums[name] = sums.merge(other.sums[name])
        return merged

    def amounts(self, name: str) -> list[int]:
        """Sums by their name, as integers."""
        found: list[int] = self.sums[name].whole
        return found

    def to_data(self) -> Any:
        """Plain data, for JSON."""
        return {name: sums.to_data() for name, sums in self.sums.items()}

    def read(self, data: Any) -> None:
        """Take what was saved."""
        for name, sums in self.sums.items():
            sums.read(data[name])

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Accumulator)
            and type(other) is type(self)
            and other.schema == self.schema
            and other.to_data() == self.to_data()
        )

    __hash__ = None  # type: ignore[assignment]
