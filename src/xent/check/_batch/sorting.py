"""Labels that are sorted by class."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from xent._report import Finding
from xent._validation import Array
from xent.check._batch.significance import ENOUGH
from xent.check._batch.statistics import Statistics
from xent.check.mistakes import found

UNLIKELY = math.log(1e8)
"""Labels in random order are sorted less often than once in this many batches."""


def are_sorted(classes: Array, statistics: Statistics) -> bool:
    """Do the rows run through the classes one by one, which chance hardly brings about?"""
    if len(classes) < ENOUGH or not statistics.batch.names.numbered:
        return False
    steps = np.flatnonzero(np.diff(classes))
    counts = np.bincount(classes)
    if len(steps) != (counts > 0).sum() - 1:
        return False
    orders = math.lgamma(len(classes) + 1) - sum(math.lgamma(c + 1) for c in counts.tolist())
    return orders - math.lgamma((counts > 0).sum() + 1) > UNLIKELY


def caution(statistics: Statistics) -> float:
    """How many times the usual difference of losses proves something.

    Scores of neighbouring rows may be alike. If their labels are alike, too, then there are as many
    independent rows as there are runs of labels, and weak scores go with some reading by chance.
    """
    runs = 1 + int((np.diff(statistics.labels) != 0).sum())
    few = runs < max(ENOUGH, 0.1 * len(statistics.labels)) and len(np.unique(statistics.labels)) > 1
    return 4.0 if few else 1.0


def findings(statistics: Statistics) -> Iterator[Finding]:
    """Labels of one class after another."""
    if are_sorted(statistics.labels, statistics):
        rows, classes = len(statistics.labels), int((statistics.counts > 0).sum())
        seen = f"The labels of all {rows} rows are sorted: each of {classes} classes is in one run."
        yield found("sorted labels", seen)
