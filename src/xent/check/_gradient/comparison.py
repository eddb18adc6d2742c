"""Compare the given gradient with numerical derivatives: allowed differences and verdicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xent._validation import Array
from xent.check._gradient.behaviour import Behaviour
from xent.check._gradient.derivatives import Derivatives, default_step, row_weight
from xent.check._gradient.problem import Problem
from xent.check.dtypes import largest, rounded, unit_roundoff

PASS, INCONCLUSIVE, FAIL = 1, 0, -1

STRICT = 2.0**2
"""Relative error up to which a gradient counts as right, in square roots of the unit roundoff."""
DIRECTIONS = 8


@dataclass(frozen=True)
class Directions:
    """Derivatives along random directions through all entries."""

    analytic: Array
    numeric: Array
    allowed: Array
    verdict: Array

    @property
    def failed(self) -> bool:
        """Does the given gradient disagree along any of them?"""
        return bool((self.verdict == FAIL).any())


def compare(
    problem: Problem, numeric: Derivatives, analytic: Array, behaviour: Behaviour
) -> tuple[Array, Array]:
    """Allowed difference and verdict of each entry."""
    size = largest(problem.logits)
    # The gradient's own rounding: its exponentials have a relative error of |z| units each.
    unit = unit_roundoff(behaviour.grad_precision)
    relative = STRICT * np.sqrt(unit_roundoff(behaviour.precision))
    relative = max(relative, (64 + 4 * size) * unit)
    steepest = largest(numeric.value)
    larger = np.maximum(np.abs(numeric.value), np.abs(analytic))
    # Error estimates may be off by a factor of 2, and the gradient rounds its largest terms.
    allowed = 2 * numeric.error + relative * larger + 16 * unit * steepest
    # A zero is confirmed if the allowed difference is small compared with a usual derivative.
    usual = max(steepest, row_weight(problem))
    zero = (numeric.value == 0) & (analytic == 0) & (allowed <= 0.1 * usual)
    verdict = _verdicts(
        numeric.value, analytic, allowed, numeric.truncation, numeric.rounding, zero
    )
    # At a corner of the loss, any slope between those of its sides is acceptable; none is right.
    verdict[numeric.kinked] = INCONCLUSIVE
    verdict[~np.isfinite(numeric.value)] = INCONCLUSIVE
    verdict[np.isfinite(numeric.value) & ~np.isfinite(analytic)] = FAIL
    return allowed, verdict


def along_directions(
    problem: Problem, given: Array, h: float, behaviour: Behaviour, rng: np.random.Generator
) -> Directions:
    """Compare along random signs of all entries, so that no entry goes completely unchecked."""
    usual = np.isfinite(problem.logits)
    h = min(h, default_step("central", behaviour.precision))
    middle = np.sum(problem.losses(problem.logits))
    size, weight = largest(problem.logits), row_weight(problem)
    unit, fine = unit_roundoff(behaviour.precision), unit_roundoff(behaviour.grad_precision)
    known = np.nan_to_num(given)
    # Rounding errors of the rows are independent, so their sum grows as the square root of the
    # number of rows.
    rounding = 8 * unit * (abs(middle) + weight * np.sqrt(len(given)) * (1 + size)) / h
    rounding += (64 + 4 * size) * fine * np.linalg.norm(known)
    analytic, numeric, truncation = np.empty((3, DIRECTIONS))
    for i in range(DIRECTIONS):
        signs = np.where(usual, rng.choice([-1.0, 1.0], size=problem.logits.shape), 0.0)
        slope, bend = {}, {}
        for k in (2, 1):
            up, down = (rounded(problem.logits + s * h * signs, problem.dtype) for s in (k, -k))
            above, below = np.sum(problem.losses(up)), np.sum(problem.losses(down))
            slope[k] = float((above - below) / (2 * k * h))
            bend[k] = abs(above - 2 * middle + below) / (k * h)
        step = np.where(usual, up - down, 0.0)  # the step that was actually made, for k = 1
        analytic[i] = np.sum(known * step) / (2 * h)
        numeric[i] = slope[1]
        # A step may cross many corners, each with its own effect: a smooth loss bends twice as much
        # over twice the step, and the rest is due to corners.
        truncation[i] = 3 * (abs(slope[2] - slope[1]) + abs(2 * bend[1] - bend[2]))
    larger = np.maximum(np.abs(analytic), np.abs(numeric))
    allowed = truncation + rounding + STRICT * np.sqrt(unit) * larger
    verdict = _verdicts(numeric, analytic, allowed, truncation, rounding)
    verdict[~np.isfinite(numeric)] = INCONCLUSIVE
    return Directions(analytic, numeric, allowed, verdict)


def _verdicts(
    numeric: Array,
    analytic: Array,
    allowed: Array,
    truncation: Array,
    rounding: Array | float,
    zero: Array | bool = False,
) -> Array:
    """Agreement passes only if the allowed difference is small; `zero` marks confirmed zeros."""
    near = np.abs(numeric - analytic) <= allowed
    tells = (allowed <= 0.1 * np.maximum(np.abs(numeric), np.abs(analytic))) | zero
    verdict = np.where(near, np.where(tells, PASS, INCONCLUSIVE), FAIL)
    # If two step sizes give two slopes, the loss bends too sharply for them to prove a failure.
    unsettled = truncation > np.maximum(0.1 * np.abs(numeric), rounding)
    verdict[unsettled & ~near] = INCONCLUSIVE
    return verdict
