"""Random directions through all entries of a gradient, for those that are not checked one by one.

Along a direction s of independent standard normal numbers, a gradient that is wrong by e is wrong
by <s, e>, which is normal with standard deviation ||e||. So a direction that allows a difference a
misses the error with probability erf(a / (sqrt(2) ||e||)), and there are as many directions as
it takes to make the product small for the least error that is to be found.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, log, sqrt

import numpy as np

from xent._validation import Array
from xent.check._gradient.behaviour import Behaviour
from xent.check._gradient.comparison import FAIL, INCONCLUSIVE, STRICT, verdicts_of
from xent.check._gradient.derivatives import default_step, row_weight
from xent.check._gradient.problem import Problem
from xent.check.dtypes import largest, rounded, unit_roundoff

LEAST_ERROR = 1e-4
"""The error that is to be excluded, ||e||, as a share of the norm of the gradient."""
CHANCE = 1e-9
"""The probability with which it may be missed."""
MOST = 24
"""Where the loss rounds too much, that many directions exclude what they can."""


@dataclass(frozen=True)
class Directions:
    """Derivatives along random directions through all entries."""

    analytic: Array
    numeric: Array
    allowed: Array
    verdict: Array
    norm: float
    """Norm of the gradient."""

    @property
    def failed(self) -> bool:
        """Does the given gradient disagree along any of them?"""
        return bool((self.verdict == FAIL).any())

    @property
    def excluded(self) -> float:
        """The least error that would be missed with no more than `CHANCE`, as a share."""
        low, high = 1e-16, 1e16
        while high / low > 1.001:
            middle = sqrt(low * high)
            found = _log_missed(self.allowed, middle * self.norm) <= log(CHANCE)
            low, high = (low, middle) if found else (middle, high)
        return high


def along_directions(
    problem: Problem, given: Array, h: float, behaviour: Behaviour, rng: np.random.Generator
) -> Directions:
    """Compare along random directions, so that no entry goes completely unchecked."""
    usual = np.isfinite(problem.logits)
    h = min(h, default_step("central", behaviour.precision))
    middle = np.sum(problem.losses(problem.logits))
    size, weight = largest(problem.logits), row_weight(problem)
    unit, fine = unit_roundoff(behaviour.precision), unit_roundoff(behaviour.grad_precision)
    known = np.nan_to_num(given)
    norm = float(np.linalg.norm(known))
    # Rounding errors of the rows are independent, so their sum grows as the square root of the
    # number of rows.
    rounding = 8 * unit * (abs(middle) + weight * np.sqrt(len(given)) * (1 + size)) / h
    rounding += (64 + 4 * size) * fine * norm
    found: list[tuple[float, float, float, float]] = []
    while len(found) < MOST:
        move = h * np.where(usual, rng.normal(size=problem.logits.shape), 0.0)
        slope, bend = {}, {}
        for k in (2, 1):
            up, down = (rounded(problem.logits + s * move, problem.dtype) for s in (k, -k))
            above, below = np.sum(problem.losses(up)), np.sum(problem.losses(down))
            slope[k] = float((above - below) / (2 * k * h))
            bend[k] = abs(above - 2 * middle + below) / (k * h)
        step = np.where(usual, up - down, 0.0)  # the step that was actually made, for k = 1
        analytic = float(np.sum(known * step)) / (2 * h)
        # A step may cross many corners, each with its own effect: a smooth loss bends twice as much
        # over twice the step, and the rest is due to corners.
        truncation = 3 * float(abs(slope[2] - slope[1]) + abs(2 * bend[1] - bend[2]))
        allowed = truncation + rounding + STRICT * np.sqrt(unit) * max(norm, abs(slope[1]))
        found.append((analytic, slope[1], truncation, float(allowed)))
        # Of a gradient of zeros, only the derivatives of the loss show the size.
        size_of_all = max(norm, float(np.sqrt(np.mean([one[1] ** 2 for one in found]))))
        if _log_missed([one[3] for one in found], LEAST_ERROR * size_of_all) <= log(CHANCE):
            break
    analytics, numerics, truncations, allowances = np.array(found).T
    verdict = verdicts_of(
        numerics, analytics, allowances, truncations, rounding, allowances <= 0.1 * size_of_all
    )
    verdict[~np.isfinite(numerics)] = INCONCLUSIVE
    return Directions(analytics, numerics, allowances, verdict, size_of_all)


def _log_missed(allowed: Array | list[float], error: float) -> float:
    """Logarithm of the probability that no direction shows an error of this norm.

    The numerical derivative may be off by what is allowed, on the side that hides the error.
    """
    if not error > 0:
        return 0.0
    each = [erf(min(sqrt(2) * float(one) / error, 10.0)) for one in allowed if np.isfinite(one)]
    return sum(log(max(one, 1e-300)) for one in each)
