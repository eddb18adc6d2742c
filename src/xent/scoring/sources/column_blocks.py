"""Rows of a wide table, of which some columns at a time are in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

BLOCK = 256
"""Columns that are read at once: more would take more memory, and not less time."""
KEPT = 2
"""Blocks that are held at once: that of the labels, and that of the scores that are asked for."""


class ColumnBlocks(Mapping[str, Any]):
    """A batch whose columns are read when they are asked for, in blocks of neighbours."""

    def __init__(
        self, names: Sequence[str], read: Callable[[Sequence[str]], Sequence[Any]]
    ) -> None:
        self.names, self.read = names, read
        self.places = {name: i for i, name in enumerate(names)}
        self.held: dict[int, Mapping[str, Any]] = {}

    def __getitem__(self, name: str) -> Any:
        number = self.places[name] // BLOCK
        if number not in self.held:
            if len(self.held) == KEPT:
                del self.held[next(iter(self.held))]
            names = self.names[number * BLOCK : (number + 1) * BLOCK]
            self.held[number] = dict(zip(names, self.read(names), strict=True))
        return self.held[number][name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def blocks_of(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """The names, some at a time."""
    return (names[start : start + BLOCK] for start in range(0, len(names), BLOCK))
