"""What is learned about a loss and its gradient by calling them."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from xent.check._gradient.precision import precisions
from xent.check._gradient.problem import Problem
from xent.check.dtypes import largest, rounded, unit_roundoff


@dataclass(frozen=True)
class Behaviour:
    """How the functions under test behave, apart from being right or wrong."""

    precision: str
    """The dtype in which the loss computes."""
    grad_precision: str
    deterministic: bool
    rows_coupled: bool
    """Does the loss of a row change with another row's logits?"""
    independent: bool
    """Is there a loss per row, which depends on that row alone?"""
    seconds: float
    """Duration of one call of the loss."""


def observe(problem: Problem, rng: np.random.Generator) -> Behaviour:
    """Call the functions and see."""
    precision, grad_precision = precisions(problem)
    deterministic, seconds = _call_twice(problem)
    rows_coupled = problem.per_row and _are_rows_coupled(problem, precision, rng)
    if rows_coupled:
        # A loss that changes only now and then looks the same: two equal calls prove little.
        deterministic = deterministic and all(_call_twice(problem)[0] for _ in range(8))
    independent = problem.per_row and not rows_coupled
    return Behaviour(precision, grad_precision, deterministic, rows_coupled, independent, seconds)


def _call_twice(problem: Problem) -> tuple[bool, float]:
    """Whether the loss is the same when called again, and how long a call takes."""
    # The first call may compile or allocate, so the second is the one to be timed.
    first = problem.losses(problem.logits)
    began = time.perf_counter()
    again = problem.losses(problem.logits)
    seconds = time.perf_counter() - began
    # The tolerance is wide: a sum over threads may differ in its last digits.
    return bool(np.allclose(first, again, rtol=1e-3, atol=1e-6, equal_nan=True)), seconds


def _are_rows_coupled(problem: Problem, precision: str, rng: np.random.Generator) -> bool:
    """Does moving one row change the loss of another?"""
    rows = len(problem.logits)
    if rows == 1:
        return False
    base = problem.losses(problem.logits)
    # Each class moves by a different and large amount, so that batch statistics, a softmax over
    # the rows and a maximum over the rows all show it.
    moves = (0.5 + np.abs(problem.logits)) * rng.uniform(-1, 1, problem.logits.shape)
    moves[~np.isfinite(moves)] = 0
    noise = 64 * unit_roundoff(precision) * (1 + largest(problem.logits) + np.abs(base))
    for row in np.unique([0, rows // 2, rows - 1]):
        moved = problem.logits.copy()
        moved[row] = rounded(moved[row] + moves[row], problem.dtype)
        change = np.abs(problem.losses(moved) - base)
        change[row] = 0
        if np.any(change > noise):
            return True
    return False
