"""Bands that hold the whole calibration curve with a given probability, for any number of rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from xent._validation import Array
from xent.scoring.calibration.outcomes import Outcomes, expit

MOST_GROUPS = 1024
LENGTHS = 1.5
"""Runs of groups are each about this much longer than the next shorter ones."""


@dataclass(frozen=True)
class Bands:
    """A band of steps around the calibration curve p ↦ P(y = 1 | p)."""

    level: float
    """The probability that the whole curve is in the band, at least."""
    low_from: Array
    """Predictions, ascending: from each on the curve is at least the bound beside it."""
    low: Array
    """Lower bounds, ascending; below the first prediction 0."""
    high_to: Array
    """Predictions, ascending: up to each the curve is at most the bound beside it."""
    high: Array
    """Upper bounds, ascending; above the last prediction 1."""

    def at(self, p: Array) -> tuple[Array, Array]:
        """Lower and upper bound at these predictions."""
        low = np.concatenate([[0.0], self.low])[np.searchsorted(self.low_from, p, side="right")]
        high = np.concatenate([self.high, [1.0]])[np.searchsorted(self.high_to, p, side="left")]
        return low, high

    def excluded(self) -> list[tuple[float, float, str]]:
        """Ranges of predictions that cannot be right: from, to, and "too low" or "too high".

        In them the band does not hold p itself: perfect calibration there is rejected at 1 − level.
        """
        p = np.union1d(self.low_from, self.high_to)
        low, high = self.at(p)
        found: list[tuple[float, float, str]] = []
        for wrong, word in ((p < low, "too low"), (p > high, "too high")):
            turns = np.flatnonzero(np.diff(np.concatenate([[False], wrong, [False]]).astype(int)))
            found += [
                (float(p[a]), float(p[b - 1]), word)
                for a, b in zip(turns[::2].tolist(), turns[1::2].tolist(), strict=True)
            ]
        return sorted(found)


def bands_of(outcomes: Outcomes, level: float = 0.95) -> Bands:
    """Bands that hold simultaneously, if the curve does not fall.

    Let a run of rows with ascending predictions have n rows, of which s came true. Where the curve
    P(y = 1 | p) does not fall, s is at most (stochastically) binomial with the probability at the
    run's last prediction, and at least with that at its first. So Clopper and Pearson's bounds of
    s of n, each at level 1 − δ, bound the curve from its last prediction on from below, and up to
    its first from above. With R runs and δ = (1 − level)/2R all of them hold at once; the band at p
    is the best of the bounds that reach it. Nothing is asymptotic: the level is a lower bound.

    The runs are fixed by the predictions alone. The article takes all n(n + 1)/2 of them. Here rows
    are put in about 10·n^(1/3) groups, at most 1,024, and runs have 1, 2, 3, 4, 6, 9, … groups:
    fewer runs make δ larger, so the band is narrower, and it costs milliseconds.

    Parameters
    ----------
    outcomes : Outcomes
        Rows without weights, taken as independent.
    level : float
        Of the band.

    Examples
    --------
    >>> cells = Outcomes(np.array([-1.0, 1.0]), np.array([100.0, 100.0]), np.array([25.0, 75.0]))
    >>> low, high = bands_of(cells).at(np.array([0.5]))
    >>> low.round(3), high.round(3)
    (array([0.154]), array([0.846]))

    References
    ----------
    Dimitriadis, Dümbgen, Henzi, Puke & Ziegel (2023), doi:10.1093/biomet/asac068.
    """
    from scipy.special import betaincinv

    if outcomes.weights is not None:
        msg = "the rows have weights; expected rows that count alike."
        raise ValueError(msg)
    starts = _groups(outcomes)
    last = np.append(starts[1:], len(outcomes.logits)) - 1
    of_low = outcomes.logits if outcomes.low is None else outcomes.low
    of_high = outcomes.logits if outcomes.high is None else outcomes.high
    rows = np.concatenate([[0.0], np.add.reduceat(outcomes.rows, starts).cumsum()])
    true = np.concatenate([[0.0], np.add.reduceat(outcomes.true, starts).cumsum()])
    first, final = _runs(len(starts))
    n, s = rows[final + 1] - rows[first], true[final + 1] - true[first]
    delta = (1 - level) / (2 * len(first))
    # 1 − upper bound is the lower bound of what did not come true.
    above = np.where(s < n, 1 - betaincinv(np.maximum(n - s, 0.5), s + 1, delta), 1.0)
    below = np.where(s > 0, betaincinv(np.maximum(s, 0.5), n - s + 1, delta), 0.0)
    high = np.ones(len(starts))
    np.minimum.at(high, first, above)
    low = np.zeros(len(starts))
    np.maximum.at(low, final, below)
    return Bands(
        level,
        expit(of_high[last]),
        np.maximum.accumulate(low),
        expit(of_low[starts]),
        np.minimum.accumulate(high[::-1])[::-1],
    )


def _groups(outcomes: Outcomes) -> Array:
    """First cells of groups of about equal size; equal predictions are in one group."""
    most = min(MOST_GROUPS, math.ceil(10 * outcomes.n ** (1 / 3)))
    at = outcomes.starts
    before = np.concatenate([[0.0], outcomes.rows.cumsum()])[at]
    group = (before * most / outcomes.n).astype(np.intp)
    return np.asarray(at[np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))])


def _runs(groups: int) -> tuple[Array, Array]:
    """First and last group of each run."""
    length, lengths = 1, []
    while length <= groups:
        lengths.append(length)
        length = max(length + 1, int(length * LENGTHS))
    first = np.concatenate([np.arange(groups - each + 1) for each in lengths])
    return first, first + np.repeat(lengths, [groups - each + 1 for each in lengths]) - 1
