"""Calibration of each class against all others."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from xent._validation import Array
from xent.scoring.calibration.beside import Beside, beside
from xent.scoring.calibration.corp import scores
from xent.scoring.calibration.draws import SEED
from xent.scoring.calibration.ece import ece
from xent.scoring.calibration.outcomes import FINEST, Outcomes, bins_of
from xent.scoring.calibration.scores import class_logits

MOST_CLASSES = 100
DRAWS = 40


@dataclass(frozen=True)
class Classwise:
    """Means over the classes, each of them against all others."""

    miscalibration: Beside
    """CORP of the log score of "this class or another", in nats; infinite where a loss is."""
    ece15: Beside
    by_class: Array
    """Miscalibration of each class, of shape (K,)."""
    drawn_by_class: Array
    """Mean of each under perfect calibration, of shape (K,)."""
    rare: int = 0
    """Classes with fewer than 5 rows: theirs is mostly chance."""
    reason: str = ""


def classwise_of(
    u: Array, labels: Array, weights: Array | None = None, count: int = DRAWS
) -> Classwise:
    """Miscalibration and ECE15 of each class against the others, and their means over classes.

    Under perfect calibration whole rows are drawn, a label from each row's probabilities. Where
    there are more than 4,096 rows, predictions are put in the 4,096 bins of a state's histogram.

    Parameters
    ----------
    u : array of shape (n, K)
        As `shifted` returns it; K at most 100.
    labels : array of int of shape (n,)
        The true classes.
    weights : array of shape (n,), optional
        Above 0.
    count : int
        Draws of labels.

    Examples
    --------
    >>> u = np.tile([[0.0, -1.0, -2.0]], (600, 1))
    >>> found = classwise_of(u, np.repeat([0, 1, 2], [300, 180, 120]))
    >>> found.by_class.round(4), found.miscalibration.exceeds
    (array([0.0578, 0.0079, 0.0566]), True)

    References
    ----------
    Kull et al. (2019), arXiv:1910.12656.
    """
    n, classes = u.shape
    if classes > MOST_CLASSES:
        why = f"No figures by class: there are {classes:,} classes, more than {MOST_CLASSES}."
        none = Beside(math.nan, reason=why)
        return Classwise(none, none, np.zeros(0), np.zeros(0), reason=why)
    w = np.ones(n) if weights is None else weights
    z = class_logits(u)
    cells = [_Cells.of(z[:, k], w) for k in range(classes)]
    rng = np.random.Generator(np.random.PCG64(SEED))
    p = np.exp(u)
    ends = p.cumsum(axis=1)
    figures = np.empty((2, classes, count + 1))
    drawn = np.empty((n, count + 1), dtype=np.intp)
    drawn[:, 0] = labels
    for i in range(1, count + 1):
        at = rng.random(n) * ends[:, -1]
        drawn[:, i] = np.minimum((at[:, None] >= ends).sum(axis=1), classes - 1)
    for k, cell in enumerate(cells):
        happened = cell.happened(drawn == k, w)
        whole, best = scores(cell.outcomes, happened, "log")
        figures[0, k] = np.maximum(whole - best, 0.0)
        figures[1, k] = ece(cell.outcomes, happened)
    means = figures.mean(axis=1)
    sizes = np.bincount(labels, minlength=classes)
    return Classwise(
        beside(means[0, 0], means[0, 1:]),
        beside(means[1, 0], means[1, 1:]),
        figures[0, :, 0],
        figures[0, :, 1:].mean(axis=1),
        int((sizes < 5).sum()),
    )


@dataclass(frozen=True)
class _Cells:
    """The bins of the predictions of a class."""

    outcomes: Outcomes
    place: Array
    """Which cell each row is in."""

    @classmethod
    def of(cls, z: Array, weights: Array) -> _Cells:
        bins = z
        if len(z) > FINEST:  # infinite logits stay apart
            bins = np.where(np.isinf(z), np.copysign(FINEST, z), bins_of(z))
        some, place = np.unique(bins, return_inverse=True)
        rows = np.bincount(place, minlength=len(some)).astype(np.float64)
        whole = np.bincount(place, weights, len(some))
        mean = np.bincount(place, z * weights, len(some)) / whole
        return cls(Outcomes(mean, rows, np.zeros(len(some)), whole / rows), place)

    def happened(self, true: Array, weights: Array) -> Array:
        """Weight of what came true in each cell, for each column of `true`: shape (d, m)."""
        size = len(self.outcomes.logits)
        rows, columns = np.nonzero(true)
        at = columns * size + self.place[rows]
        sums = np.bincount(at, weights[rows], true.shape[1] * size)
        return np.asarray(sums.reshape(true.shape[1], size))
