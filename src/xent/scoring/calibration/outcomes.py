"""Predictions of one event in ascending order, each with how often it came true."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from xent._validation import Array
from xent.scoring.state.histogram import edges

FINEST = 4096
"""Cells from which draws are taken, at most, where each row has weight 1."""


@dataclass(frozen=True)
class Outcomes:
    """Predictions of an event as cells in the order of their logits.

    A cell is some rows with the same prediction and the same weight: rows that are tied, a bin of a
    histogram, or, with weights, one row.
    """

    logits: Array
    """Of shape (m,), ascending, from -inf to inf; equal ones may follow each other."""
    rows: Array
    """Of shape (m,), in float64: how many rows, at least 1."""
    true: Array
    """Of shape (m,), in float64: how many of them came true."""
    weights: Array | None = None
    """Of shape (m,): the weight of one row of each cell; None if it is 1."""
    low: Array | None = None
    """Lowest logit of each cell; None if all its predictions are the same."""
    high: Array | None = None
    """Highest logit of each cell."""
    lost: int = 0
    """Rows with an infinite loss, as far as the cells do not show them."""

    @classmethod
    def of_rows(cls, logits: Array, came_true: Array, weights: Array | None = None) -> Outcomes:
        """Outcomes of single rows.

        Parameters
        ----------
        logits : array of shape (n,)
            Of the predicted probability.
        came_true : array of shape (n,)
            1 or True where the event happened.
        weights : array of shape (n,), optional
            Above 0.

        Examples
        --------
        >>> Outcomes.of_rows(np.array([1.0, -1.0, 1.0]), np.array([1, 0, 0])).rows
        array([1., 2.])
        """
        order = np.argsort(logits)
        z, y = logits[order], np.asarray(came_true, dtype=np.float64)[order]
        if weights is not None:
            return cls(z, np.ones(len(z)), y, np.asarray(weights, dtype=np.float64)[order])
        starts = _first_of_equals(z)
        sizes = np.diff(starts, append=len(z)).astype(np.float64)
        return cls(z[starts], sizes, np.add.reduceat(y, starts) if len(z) else y)

    @classmethod
    def of_histogram(cls, false: Array, true: Array) -> Outcomes:
        """Outcomes of a state's histogram: a cell for each bin that has rows.

        Its prediction is the middle of the bin in logits; the bins are 1/128 to 1/64 wide there.
        The first and the last, which have no end, count as 22.2 away from 0.

        Parameters
        ----------
        false, true : array of shape (4096,)
            Rows of each bin that did not come true, and that did.

        Examples
        --------
        >>> counts = np.zeros(4096)
        >>> counts[2048] = 3
        >>> found = Outcomes.of_histogram(counts, counts)
        >>> found.rows, found.logits.round(4)
        (array([6.]), array([0.0039]))
        """
        between = _edges()
        false, true = np.asarray(false, np.float64), np.asarray(true, np.float64)
        some = np.flatnonzero(false + true)
        ends = np.concatenate([[-np.inf], between, [np.inf]])
        middle = np.concatenate([between[:1], (between[1:] + between[:-1]) / 2, between[-1:]])
        rows = (false + true)[some]
        return cls(middle[some], rows, true[some], None, ends[some], ends[some + 1])

    @cached_property
    def per_row(self) -> Array:
        """The weight of one row of each cell."""
        return np.ones(len(self.logits)) if self.weights is None else self.weights

    @cached_property
    def all(self) -> Array:
        """Weight of each cell."""
        return self.rows * self.per_row

    @cached_property
    def happened(self) -> Array:
        """Weight of what came true in each cell."""
        return self.true * self.per_row

    @cached_property
    def p(self) -> Array:
        """Predicted probability of each cell."""
        return expit(self.logits)

    @cached_property
    def q(self) -> Array:
        """1 − p, accurate where p is near 1."""
        return expit(-self.logits)

    @cached_property
    def n(self) -> int:
        """Number of rows."""
        return int(self.rows.sum())

    @cached_property
    def events(self) -> int:
        """Number of rows that came true."""
        return int(self.true.sum())

    @cached_property
    def total(self) -> float:
        """Weight of all rows."""
        return float(self.all.sum())

    @cached_property
    def starts(self) -> Array:
        """Places of the first cells of those with equal predictions."""
        return _first_of_equals(self.logits)

    @cached_property
    def impossible(self) -> int:
        """Rows that came true at probability 0, or did not at probability 1: infinite losses."""
        never = self.true[np.isneginf(self.logits)].sum()
        surely = (self.rows - self.true)[np.isposinf(self.logits)].sum()
        return max(self.lost, int(never + surely))

    @cached_property
    def infinite_logits(self) -> int:
        """Rows whose probability is exactly 0 or 1."""
        return int(self.rows[np.isinf(self.logits)].sum())

    def coarse(self) -> Outcomes:
        """The same in the histogram's bins, if there are more than 4,096 cells.

        The prediction of a bin is then the mean logit of its rows; infinite logits stay apart.
        Rows with weights w count as (Σw)² / Σw² rows, rounded, that share the weight equally.
        """
        if len(self.logits) <= FINEST:
            return self
        apart = np.concatenate([[-np.finfo(np.float64).max], _edges(), [np.inf]])
        ends = np.searchsorted(self.logits, apart)  # the cells are in order
        starts = np.union1d(0, ends[ends < len(self.logits)])
        whole = np.add.reduceat(self.all, starts)
        mean = np.add.reduceat(self.logits * self.all, starts) / whole
        true = np.add.reduceat(self.true, starts)
        if self.weights is None:
            return Outcomes(mean, whole, true, lost=self.lost)
        squares = np.add.reduceat(self.all * self.per_row, starts)
        rows = np.maximum(1.0, np.round(whole * whole / squares))
        true = rows * np.add.reduceat(self.happened, starts) / whole
        return Outcomes(mean, rows, true, whole / rows, lost=self.lost)


def bins_of(logits: Array) -> Array:
    """The histogram's bin of each logit, from 0 to 4,095."""
    return np.searchsorted(_edges(), logits, side="right")


def expit(z: Array) -> Array:
    """1 / (1 + exp(−z)), without overflow."""
    t = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, t) / (1.0 + t)


def losses(z: Array) -> tuple[Array, Array]:
    """Losses −ln p of a row that came true, and −ln(1 − p) of one that did not."""
    rest = np.log1p(np.exp(-np.abs(z)))
    return np.maximum(-z, 0.0) + rest, np.maximum(z, 0.0) + rest


def softplus(z: Array) -> Array:
    """ln(1 + exp z), the loss of a row that did not come true."""
    return np.asarray(np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z))))


def times(weight: Array, amount: Array) -> Array:
    """weight · amount, which is 0 where the weight is 0, also if the amount is infinite."""
    return np.multiply(weight, amount, where=weight != 0, out=np.zeros(np.shape(weight)))


def _first_of_equals(sorted_values: Array) -> Array:
    if not len(sorted_values):
        return np.zeros(0, dtype=np.intp)
    return np.flatnonzero(np.concatenate([[True], sorted_values[1:] != sorted_values[:-1]]))


@lru_cache(maxsize=1)
def _edges() -> Array:
    found = np.array(edges())
    found.flags.writeable = False
    return found
