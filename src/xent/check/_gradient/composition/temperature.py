"""The temperature by which a loss divides its logits, found by the distance of its values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xent.check._gradient.composition.links import at_temperature
from xent.check._gradient.composition.losses import Composition, right
from xent.check._gradient.composition.search import Search

LOWEST, HIGHEST, NUMBER = 0.02, 100.0, 60
GOLDEN = (np.sqrt(5) - 1) / 2


def best(search: Search) -> Composition:
    """The right loss at the temperature that is nearest to the values."""
    plain = right(search.reference)

    def at(temperature: float) -> Composition:
        return replace(plain, link=at_temperature(search.reference, temperature))

    def distance(log: float) -> float:
        return search.distance(at(float(np.exp(log))))

    grid = np.linspace(np.log(LOWEST), np.log(HIGHEST), NUMBER)
    step = grid[1] - grid[0]
    middle = grid[int(np.argmin([distance(log) for log in grid]))]
    low, high = middle - step, middle + step
    # By golden sections, each of which needs one new distance; it is a square, so half the digits
    # of a float64 are found.
    left, other = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    to_left, to_right = distance(left), distance(other)
    while high - low > 1e-9:
        if to_left < to_right:
            high, other, to_right = other, left, to_left
            left = high - GOLDEN * (high - low)
            to_left = distance(left)
        else:
            low, left, to_left = left, other, to_right
            other = low + GOLDEN * (high - low)
            to_right = distance(other)
    found = float(np.exp((low + high) / 2))
    # A temperature of few digits is exact.
    rounded = float(f"{found:.4g}")
    return at(rounded if abs(found / rounded - 1) < 1e-6 else found)
