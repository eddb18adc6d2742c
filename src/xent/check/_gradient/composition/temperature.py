"""The temperature by which a loss divides its logits, found by the distance of its values."""

from __future__ import annotations

import numpy as np

from xent.check._gradient.composition.losses import Composition, at
from xent.check._gradient.composition.search import Search

LOWEST, HIGHEST, NUMBER = 0.02, 100.0, 60
GOLDEN = (np.sqrt(5) - 1) / 2


def best(search: Search) -> Composition:
    """The right loss at the temperature that is nearest to the values."""

    def distance(log: float) -> float:
        return search.distance(at(search.reference, float(np.exp(log))))

    grid = np.linspace(np.log(LOWEST), np.log(HIGHEST), NUMBER)
    step = grid[1] - grid[0]
    middle = grid[int(np.argmin([distance(log) for log in grid]))]
    low, high = middle - step, middle + step
    # By golden sections; the distance is a square, so half the digits of a float64 are found.
    while high - low > 1e-9:
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        low, high = (low, right) if distance(left) < distance(right) else (left, high)
    found = float(np.exp((low + high) / 2))
    # A temperature of few digits is exact.
    rounded = float(f"{found:.4g}")
    return at(search.reference, rounded if abs(found / rounded - 1) < 1e-6 else found)
