"""In which dtype does a function compute, whatever it is given and whatever it returns?"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from xent._validation import Array
from xent.check.frameworks import PRECISION, rounded
from xent.check.problem import Problem

STEPS = {"float64": 2.0**-34, "float32": 2.0**-16, "float16": 2.0**-9.5, "bfloat16": 2.0**-4}
"""Relative steps that a dtype tells apart, and the next narrower one does not."""

NARROWNESS = {name: i for i, name in enumerate(PRECISION)}
TRIALS = 16


def precisions(problem: Problem) -> tuple[str, str]:
    """In which dtypes loss and gradient compute."""
    loss = precision_of(problem.losses, problem.logits, problem.dtype)
    grad = precision_of(problem.gradient, problem.logits, problem.dtype)
    # A wrong gradient may jump, and so feel no small step either: that is none of the dtype.
    grad = min(grad, "float32", key=NARROWNESS.__getitem__)
    loss = _narrowest(loss, problem.dtypes["loss"])
    return loss, _narrowest(loss, grad, problem.dtypes["grad"])


def _narrowest(*names: str) -> str:
    return max((name for name in names if name in PRECISION), key=NARROWNESS.__getitem__)


def precision_of(function: Callable[[Array], Any], logits: Array, dtype: str) -> str:
    """The widest dtype, up to the given one, whose small steps the function feels.

    A function that casts its logits to float32 does not tell apart what float32 does not; one that
    casts its result returns numbers of float32.
    """
    largest = np.abs(logits[np.isfinite(logits)]).max(initial=2.0**-9)
    found = []
    # At a size where a cross-entropy is not saturated; and where it is, for losses that are cut.
    for size in (2.0 ** np.floor(2 - np.log2(largest)), 1.0):
        found.append(_felt(function, _on_coarse_grid(logits * size), dtype))
        if found[-1] == dtype:
            return dtype
    return min(filter(None, found), key=NARROWNESS.__getitem__, default=dtype)


def _on_coarse_grid(logits: Array) -> Array:
    """The logits in bfloat16, and none near to 0: no small step leads to another narrow number."""
    base = rounded(logits, "bfloat16")
    return np.where(np.abs(base) < 0.125, np.copysign(0.125, base), base)


def _felt(function: Callable[[Array], Any], base: Array, dtype: str) -> str | None:
    """The widest dtype whose steps are felt there; None if that cannot be told."""
    size = np.where(np.isfinite(base), np.abs(base), 0)
    usual = np.asarray(function(base))
    rng = np.random.default_rng(0)
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
                feels = (small != usual) & (small != rounded(small, narrower))
                if np.mean(feels[telling]) > 0.1:
                    return name
        # What feels no small step may as well be all jumps and plateaus, in any dtype.
        values, felt = after(0.5), change(STEPS[names[-1]]) > 0
        coarse = np.all(values == rounded(values, names[-1])) and len(np.unique(values)) >= 5
        return names[-1] if coarse or felt.sum() > 0.35 * (values != usual).sum() else None
