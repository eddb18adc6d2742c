"""What the simulations of score_coverage.py share: their cells, and tallies of intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from score_coverage_page import Found

from xent.scoring.intervals import Interval

Array = Any
SETS = 4_000
"""Data sets in each cell: an error of at most 0.4 percentage points at 95 %."""
SIZES = (100, 1_000, 10_000)
MODELS = {"calibrated": 1.0, "over-confident": 2.0}
"""How many times as large as the true logits those of the models are."""
BALANCED = (0.0, 1.5)
"""Mean and standard deviation of the true logits."""
WEIGHTS = {0.25: 0.05, 0.5: 0.25, 1.0: 0.4, 2.0: 0.25, 4.0: 0.05}
"""Weights and their shares."""


class Case(NamedTuple):
    """A cell of a table: of which population, model and size."""

    table: str
    population: str
    model: str
    """Empty where there is only one."""
    rows: int
    simulated: Callable[[int], dict[str, Found]]
    """Simulates so many data sets."""
    sets: int = SETS


def log1pexp(z: Array) -> Array:
    return np.logaddexp(0, z)


def sigmoid(z: Array) -> Array:
    return 0.5 + 0.5 * np.tanh(z / 2)


class Tally:
    """For each figure, how many intervals were shown, held the truth, and lay above it."""

    def __init__(self, truth: dict[str, float]) -> None:
        self.truth = truth
        self.found: dict[str, Found] = {}

    def add(self, name: str, interval: Interval, of: str = "") -> None:
        found = self.found.setdefault(name, {"sets": 0, "shown": 0, "held": 0, "above": 0})
        truth = self.truth[of or name]
        found["sets"] += 1
        found["shown"] += interval.known
        found["held"] += interval.low <= truth <= interval.high
        found["above"] += interval.low > truth
