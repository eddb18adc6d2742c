"""Compare the given gradient with numerical derivatives: allowed differences and verdicts."""

from __future__ import annotations

import numpy as np

from xent._validation import Array
from xent.check._gradient.behaviour import Behaviour
from xent.check._gradient.derivatives import Derivatives, row_weight
from xent.check._gradient.problem import Problem
from xent.check.dtypes import largest, unit_roundoff

PASS, INCONCLUSIVE, FAIL = 1, 0, -1

STRICT = 2.0**2
"""Relative error up to which a gradient counts as right, in square roots of the unit roundoff."""


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
    verdict = verdicts_of(
        numeric.value, analytic, allowed, numeric.truncation, numeric.rounding, zero
    )
    # At a corner of the loss, any slope between those of its sides is acceptable; none is right.
    verdict[numeric.kinked] = INCONCLUSIVE
    verdict[~np.isfinite(numeric.value)] = INCONCLUSIVE
    verdict[np.isfinite(numeric.value) & ~np.isfinite(analytic)] = FAIL
    return allowed, verdict


def verdicts_of(
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
