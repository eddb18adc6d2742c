"""Find the dtype in which a function computes, which may be neither what it gets nor returns."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from xent._validation import Array
from xent.check._gradient.problem import Problem
from xent.check.dtypes import PRECISION, largest, rounded

STEPS = {"float64": 2.0**-34, "float32": 2.0**-16, "float16": 2.0**-9.5, "bfloat16": 2.0**-4}
"""Relative steps that a dtype resolves and the next narrower one does not."""

NARROWNESS = {name: i for i, name in enumerate(PRECISION)}
TRIALS = 16


def precisions(problem: Problem) -> tuple[str, str]:
    """In which dtypes loss and gradient compute."""
    loss = precision_of(problem.losses, problem.logits, problem.dtype)
    grad = precision_of(problem.gradient, problem.logits, problem.dtype)
    # A wrong gradient may jump and so not react to small steps either. Half precision is
    # therefore believed only of a loss, or of a gradient that is returned in it.
    grad = min(grad, "float32", key=NARROWNESS.__getitem__)
    loss = _narrowest(loss, problem.dtypes["loss"])
    return loss, _narrowest(loss, grad, problem.dtypes["grad"])


def _narrowest(*names: str) -> str:
    return max((name for name in names if name in PRECISION), key=NARROWNESS.__getitem__)


def precision_of(function: Callable[[Array], Any], logits: Array, dtype: str) -> str:
    """The widest dtype, up to the given one, whose small steps the function reacts to.

    A function that casts its logits to float32 does not distinguish what float32 does not; one that
    casts its result returns numbers of float32.
    """
    found = []
    # First at a size where a cross-entropy is not saturated. Then at the given size: a loss that
    # clips its logits may be constant at the other.
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
    patterns = [
        size * rng.choice([-1, 1], size.shape) * rng.uniform(0.5, 1, size.shape)
        for _ in range(-(-TRIALS // usual.size))
    ]

    def after(step: float) -> Array:
        return np.stack([function(rounded(base + step * p, dtype)) for p in patterns])

    def change(step: float) -> Array:
        return np.asarray(np.nan_to_num(np.abs(after(step) - usual), posinf=0))

    with np.errstate(invalid="ignore"):
        names = list(PRECISION)[NARROWNESS[dtype] :]
        for name, narrower in pairwise(names):
            large = change(STEPS[narrower])
            telling = (large > 0) & (large >= 0.05 * large.max())
            if telling.any():
                small = after(STEPS[name])
                reacts = (small != usual) & (small != rounded(small, narrower))
                if np.mean(reacts[telling]) > 0.1:
                    return name
        # A function of jumps and plateaus reacts to no small step in any dtype. Only results that
        # lie on the narrowest grid, or react to its steps, are evidence of the narrowest dtype.
        values, reacted = after(0.5), change(STEPS[names[-1]]) > 0
        coarse = np.all(values == rounded(values, names[-1])) and len(np.unique(values)) >= 5
        return names[-1] if coarse or reacted.sum() > 0.35 * (values != usual).sum() else None
