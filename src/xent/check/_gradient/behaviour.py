"""What calling a loss and its gradient shows about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from xent._validation import Array
from xent.check._gradient.problem import Problem
from xent.check.dtypes import PRECISION, largest, rounded, unit_roundoff

STEPS = {"float64": 2.0**-34, "float32": 2.0**-16, "float16": 2.0**-9.5, "bfloat16": 2.0**-4}
"""Relative steps that a dtype resolves and the next narrower one does not."""

NARROWNESS = {name: i for i, name in enumerate(PRECISION)}
TRIALS, FEWER_TRIALS = 16, 4
MANY = 1 << 14
"""Logits that react together, so that fewer trials are enough."""


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


def observe(problem: Problem, rng: np.random.Generator) -> Behaviour:
    """Call the functions and observe how they behave."""
    precision, grad_precision = _precisions(problem)
    deterministic = is_deterministic(problem, calls=1)
    rows_coupled = problem.per_row and _are_rows_coupled(problem, precision, rng)
    if rows_coupled:
        # A loss that changes only occasionally looks the same.
        deterministic = deterministic and is_deterministic(problem)
    independent = problem.per_row and not rows_coupled
    return Behaviour(precision, grad_precision, deterministic, rows_coupled, independent)


def is_deterministic(problem: Problem, calls: int = 8) -> bool:
    """Is the loss the same when it is called again? One equal value proves little."""
    first = problem.losses(problem.logits)
    # The tolerance is wide: a sum over threads may differ in its last digits.
    return all(
        np.allclose(first, problem.losses(problem.logits), rtol=1e-3, atol=1e-6, equal_nan=True)
        for _ in range(calls)
    )


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


# The dtype in which a function computes, which may be neither that of its input nor its output.


def _precisions(problem: Problem) -> tuple[str, str]:
    """In which dtypes loss and gradient compute."""
    loss = _precision_of(problem.losses, problem.logits, problem.dtype)
    grad = _precision_of(problem.gradient, problem.logits, problem.dtype)
    # A wrong gradient may be a step function, which does not react to small steps either. So half
    # precision is assumed only for a loss, or for a gradient that is returned in it.
    grad = min(grad, "float32", key=NARROWNESS.__getitem__)
    loss = _narrowest(loss, problem.dtypes["loss"])
    return loss, _narrowest(loss, grad, problem.dtypes["grad"])


def _narrowest(*names: str) -> str:
    return max((name for name in names if name in PRECISION), key=NARROWNESS.__getitem__)


def _precision_of(function: Callable[[Array], Any], logits: Array, dtype: str) -> str:
    """The widest dtype, up to the given one, whose small steps the function reacts to.

    A function that casts its logits to float32 does not react to steps that float32 cannot
    represent; one that casts its result returns float32 numbers.
    """
    found = []
    # First at a size where a cross-entropy is not saturated. Then at the given size: a loss that
    # clips its logits may be constant at the first.
    for size in (2.0 ** np.floor(2 - np.log2(max(largest(logits), 2.0**-9))), 1.0):
        found.append(_resolved(function, _on_coarse_grid(logits * size), dtype))
        if found[-1] == dtype:
            return dtype
    return min(filter(None, found), key=NARROWNESS.__getitem__, default=dtype)


def _on_coarse_grid(logits: Array) -> Array:
    """The logits in bfloat16, none of them near 0.

    A step from a number of the narrowest dtype never lands on another such number, and near 0
    even a narrow dtype would resolve it.
    """
    base = rounded(logits, "bfloat16")
    return np.where(np.abs(base) < 0.125, np.copysign(0.125, base), base)


def _resolved(function: Callable[[Array], Any], base: Array, dtype: str) -> str | None:
    """The widest dtype whose steps change the result; None if unknown."""
    size = np.where(np.isfinite(base), np.abs(base), 0)
    usual = np.asarray(function(base))
    rng = np.random.default_rng(0)
    # A loss of many rows shows each row's reaction at once; a single number needs more trials.
    trials = -(-TRIALS // usual.size)
    patterns = [
        size * rng.choice([-1, 1], size.shape) * rng.uniform(0.5, 1, size.shape)
        for _ in range(trials if size.size <= MANY else min(trials, FEWER_TRIALS))
    ]

    def after(step: float) -> Array:
        return np.stack([function(rounded(base + step * p, dtype)) for p in patterns])

    def change(step: float) -> Array:
        return np.asarray(np.nan_to_num(np.abs(after(step) - usual), posinf=0))

    names = list(PRECISION)[NARROWNESS[dtype] :]
    for name, narrower in pairwise(names):
        large = change(STEPS[narrower])
        telling = (large > 0) & (large >= 0.05 * large.max())
        if telling.any():
            small = after(STEPS[name])
            reacts = (small != usual) & (small != rounded(small, narrower))
            if np.mean(reacts[telling]) > 0.1:
                return name
    # A step function does not react to small steps in any dtype. Only results that lie on the
    # narrowest grid, or react to its steps, are evidence of the narrowest dtype.
    values, reacted = after(0.5), change(STEPS[names[-1]]) > 0
    coarse = np.all(values == rounded(values, names[-1])) and len(np.unique(values)) >= 5
    return names[-1] if coarse or reacted.sum() > 0.35 * (values != usual).sum() else None
