"""What figures are computed from: sums of a state, of all rows, of classes and of clusters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from xent._format import counted
from xent._validation import Array
from xent.scoring.intervals import (
    ClassMoments,
    Interval,
    class_moments,
    ratio_interval,
)
from xent.scoring.state import State, ratio
from xent.scoring.state.exact import ONE
from xent.scoring.state.moments import Moments


class Summed:
    """The sums of a state."""

    state: State
    level: float
    """Confidence level of the intervals."""
    baseline: tuple[float, ...] | None
    """Shares of the classes that the base rate is made of, if not those of the rows themselves."""

    @property
    def rows(self) -> int:
        """Number of rows of weight above 0."""
        return sum(self.state.counts)

    @cached_property
    def weight(self) -> int:
        """The weight of all rows, in units of 2**-1126."""
        return sum(self.state.weights)

    @property
    def infinite(self) -> int:
        """Rows with an infinite loss."""
        return sum(self.state.infinite)

    @cached_property
    def shares(self) -> list[float]:
        """Share of each class among the labels, by weight."""
        return [ratio(weight, self.weight) for weight in self.state.weights]

    @property
    def counts(self) -> dict[str, int]:
        """Rows of each class that occurs."""
        names = self.state.schema.classes
        return {name: n for name, n in zip(names, self.state.counts, strict=True) if n}

    @cached_property
    def _sums(self) -> dict[str, list[int]]:
        """Sums of products of weights and losses by class, as `intervals` calls them."""
        return self._weights | sums_in(self.state.moments)

    @property
    def _weights(self) -> dict[str, list[int]]:
        """Sums of weights by class, if there are weights."""
        of = self.state.classes
        return {"w": of.weights, "ww": of.squares} if self.state.schema.weighted else {}

    @cached_property
    def _by_class(self) -> ClassMoments | None:
        """Moments of each class; None if they are not kept by class, or not of all rows."""
        if self._unusable or len(self._sums["wll"]) < len(self.state.counts):
            return None
        return class_moments(self.state.schema.classes, self.state.counts, ONE, self._sums)

    @property
    def _unusable(self) -> str:
        """Why the moments of the losses are of no use; or nothing."""
        if self.infinite:
            return f"{counted(self.infinite, 'row has', 'rows have')} an infinite loss"
        if n := self.state.moments.beyond:
            return f"the losses of {counted(n, 'row')} are too large to square"
        return ""

    @property
    def clustered(self) -> bool:
        """Are rows of one cluster not independent?"""
        return self.state.schema.cluster is not None

    def _of_clusters(self, name: str, unit: int = ONE) -> Array:
        return np.array([ratio(each, unit) for each in self.state.clusters.amounts(name)])

    @property
    def _cluster_weights(self) -> Array:
        weighted = self.state.schema.weighted
        return self._of_clusters("weights") if weighted else self._of_clusters("rows", 1)

    def _ratio(self, name: str) -> Interval:
        """The interval of a sum over clusters, divided by their weights."""
        counted = name == "right" and not self.state.schema.weighted
        tops = self._of_clusters(name, 1 if counted else ONE)
        counts = None if name == "right" else self.counts
        return ratio_interval(tops, self._cluster_weights, self.level, counts=counts)

    @property
    def binary(self) -> bool:
        """Are there two classes?"""
        return len(self.state.schema.classes) == 2


def sums_in(moments: Moments) -> dict[str, list[int]]:
    """All sums by class."""
    return {name: moments.by_class(name) for name in moments.names}


def numbers_of(amounts: Sequence[int]) -> Array:
    """Exact sums as numbers."""
    return np.array([ratio(each, ONE) for each in amounts])
