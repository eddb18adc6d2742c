"""By what rows are sliced: the values of a column, or bins of its numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xent._format import shown
from xent._validation import Array

NOTHING = "(missing)"
"""What stands for a missing value."""


@dataclass(frozen=True)
class Slicing:
    """A column by whose values there are sums, and the edges of its bins, if it has any."""

    text: str
    """As it was asked for."""
    column: str
    edges: tuple[float, ...] = ()

    @property
    def bins(self) -> list[str]:
        """Names of the bins, each of which has its lower edge and not its upper one."""
        edges = [shown(edge) for edge in self.edges]
        inner = [f"{a} to {b}" for a, b in itertools.pairwise(edges)]
        return [f"below {edges[0]}", *inner, f"{edges[-1]} and above"]

    def bins_of(self, numbers: Array) -> Array:
        """The bin of each number, and one more for NaN."""
        places = np.searchsorted(np.array(self.edges), numbers, side="right")
        return np.where(np.isnan(numbers), len(self.edges) + 1, places)


def slicings(asked: Sequence[str], columns: Sequence[str]) -> tuple[Slicing, ...]:
    """Columns, given by name or as ``age:18:40:65``, which has the edges of bins."""
    return tuple(_slicing(text, columns) for text in dict.fromkeys(asked))


def _slicing(text: str, columns: Sequence[str]) -> Slicing:
    if text in columns or ":" not in text:
        return Slicing(text, text)
    column, *rest = text.split(":")
    try:
        edges = tuple(float(each) for each in rest)
    except ValueError:
        edges = ()
    if not edges or not all(map(math.isfinite, edges)) or list(edges) != sorted({*edges}):
        msg = f"by has {text!r}; expected a column, or one with rising edges of bins, as in "
        msg += "'age:18:40:65'."
        raise ValueError(msg)
    return Slicing(text, column, edges)
