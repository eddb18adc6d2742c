"""Sums by the value of a column and the cluster: for slices of rows that are not independent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

from xent._validation import Array
from xent.scoring.state.accumulator import Groups
from xent.scoring.state.exact import SCALE
from xent.scoring.state.keyed import KeyedSums

TOO_MANY = "its values and the groups of clusters make too many pairs ({:,} are kept)"
"""Why the values of a column have no interval."""


class Sliced(NamedTuple):
    """The rows with one value of a column: lists with a number for each group that has some."""

    groups: list[int]
    rows: list[int]
    w: list[int]
    """Weights, in units of 2**-1126."""
    sums: list[list[int]]
    """Of each thing that is summed, in the same unit."""


class ClusteredSlices(KeyedSums):
    """Sums of products by the values of one column and the groups of clusters that occur in them.

    A cluster may have rows of several values. Beyond `most` pairs of a value and a group nothing is
    kept, so that memory is bounded.
    """

    @classmethod
    def of(cls, most: int, *, weighted: bool, products: int = 1) -> Self:
        """Those of no rows, with so many products of each row to be summed."""
        exact = {"sums": products} | ({"w": 1} if weighted else {})
        return cls({"rows": 1}, exact, most)

    def add_rows(
        self,
        column: Groups,
        clusters: Groups,
        weight: Array | None,
        products: Sequence[Array],
    ) -> None:
        """Add rows: their values, groups, weights, and finite products."""
        of = self.place([column, clusters])
        if of is None:
            return
        self.add("rows", of)
        if weight is not None:
            self.add("w", of, weight)
        for number, values in enumerate(products):
            self.add("sums", of, values, number)

    def by_value(self) -> dict[str, Sliced] | None:
        """What is known of each value; None if there were too many pairs."""
        if self.full:
            return None
        found: dict[str, list[tuple[int, int]]] = {}
        for (value, group), place in self.places.items():
            found.setdefault(value, []).append((int(group), place))
        return {value: self._sliced(sorted(places)) for value, places in found.items()}

    def _sliced(self, places: list[tuple[int, int]]) -> Sliced:
        def of(name: str, number: int = 0) -> list[int]:
            whole, wide = self.sums[name].whole, self.width[name]
            return [whole[place * wide + number] for _, place in places]

        rows = of("rows")
        return Sliced(
            [group for group, _ in places],
            rows,
            of("w") if "w" in self.exact else [n << SCALE for n in rows],
            [of("sums", number) for number in range(self.width["sums"])],
        )


def grouped(cluster: Groups, hashes: Array, groups: int) -> Groups:
    """The group of each row's cluster, one of so many, by the hashes of the clusters' names."""
    return Groups((hashes % groups)[cluster.codes], [str(number) for number in range(groups)])
