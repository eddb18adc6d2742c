"""Exact sums by key, of the keys that occur: values of columns, and values with clusters."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Self

import numpy as np

from xent._validation import Array
from xent.scoring.state.accumulator import Groups
from xent.scoring.state.exact import Counts, ExactSums

DENSE = 1 << 20
"""Possible keys up to which those that occur are found by counting all."""

Key = tuple[str, ...]


class KeyedSums:
    """Counts and exact sums by key; beyond `most` keys nothing is kept, in any order of rows.

    `counts` and `sums` have the names of what is kept, and how many numbers of each a key has.
    """

    def __init__(self, counts: Mapping[str, int], sums: Mapping[str, int], most: int) -> None:
        self.counts, self.exact, self.most = counts, sums, most
        self.width = {**counts, **sums}
        self.full = False
        """Were there too many keys? Then nothing is kept."""
        self._clear()

    def _clear(self) -> None:
        self.places: dict[Key, int] = {}
        """Where the sums of each key are."""
        self.sums: dict[str, Any] = {name: Counts(0) for name in self.counts}
        self.sums |= {name: ExactSums(0) for name in self.exact}

    def place(self, columns: Sequence[Groups]) -> Array | None:
        """Where the sums of each row's key are; None if there are too many keys."""
        if self.full:
            return None
        texts = [each.texts for each in columns]
        size = [len(each) for each in texts]
        codes = np.ravel_multi_index([each.codes for each in columns], size)
        found, codes = _present(codes, int(np.prod(size)))
        at = zip(texts, np.unravel_index(found, size), strict=True)
        parts = ([text[i] for i in places.tolist()] for text, places in at)
        placed = self._placed(list(zip(*parts, strict=True)))
        return None if placed is None else placed[codes]

    def _placed(self, keys: Collection[Key]) -> Array | None:
        places = self.places
        found = list(map(places.get, keys))
        if None in found:
            found = [places.setdefault(key, len(places)) for key in keys]
        if len(places) > self.most:
            self.full = True
            self._clear()
            return None
        for name, sums in self.sums.items():
            sums.grow(len(places) * self.width[name])
        return np.array(found, np.intp)

    def add(self, name: str, of: Array, values: Array | None = None, column: int = 0) -> None:
        """Add a number of each row, or 1, to one of the numbers at its place."""
        wide = self.width[name]
        to = of if wide == 1 else of * wide + column
        if values is None:
            self.sums[name].add(to)
        else:
            self.sums[name].add(values, to)

    def at(self, key: Key) -> dict[str, list[int]]:
        """The numbers of a key, by their names."""
        place = self.places[key]
        return {
            name: sums.whole[place * self.width[name] : (place + 1) * self.width[name]]
            for name, sums in self.sums.items()
        }

    def take(self, other: Self) -> None:
        """Add the sums of another."""
        if other.full and not self.full:
            self.full = True
            self._clear()
        if self.full or (of := self._placed(other.places)) is None:
            return
        for name, sums in self.sums.items():
            wide = self.width[name]
            sums.take(other.sums[name], (of[:, None] * wide + np.arange(wide)).ravel())

    def merge(self, other: Self) -> Self:
        """The sums of both."""
        both = type(self)(self.counts, self.exact, self.most)
        both.take(self)
        both.take(other)
        return both

    def to_data(self) -> Any:
        """Plain data, for JSON, in the order of the keys."""
        if self.full:
            return None
        data = {name: sums.whole for name, sums in self.sums.items()}
        data |= {name: self.sums[name].to_data() for name in self.exact}
        return [
            [*key, {name: self._of(name, values, place) for name, values in data.items()}]
            for key, place in sorted(self.places.items())
        ]

    def _of(self, name: str, values: Sequence[Any], place: int) -> Any:
        wide = self.width[name]
        return values[place] if wide == 1 else values[place * wide : (place + 1) * wide]

    def read(self, data: Any) -> None:
        """Take what was saved."""
        if data is None:
            self.full = True
            return
        self._placed([tuple(map(str, key)) for *key, _ in data])
        for name, sums in self.sums.items():
            saved = [values[name] for *_, values in data]
            sums.read(saved if self.width[name] == 1 else [x for each in saved for x in each])


def _present(codes: Array, size: int) -> tuple[Array, Array]:
    """The codes that occur, and for each row which of them it has."""
    if size > DENSE:
        found, of = np.unique(codes, return_inverse=True)
        return found, of
    found = np.flatnonzero(np.bincount(codes, minlength=size))
    places = np.zeros(size, np.intp)
    places[found] = np.arange(len(found))
    return found, places[codes]
