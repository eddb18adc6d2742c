"""Targets of a binary loss that are not between 0 and 1, such as the 0 and 255 of a mask."""

from __future__ import annotations

import numpy as np

from xent._report import Finding
from xent.check._gradient.problem import Problem
from xent.check.mistakes import found

WHOLES = (255, 100)
"""What targets between 0 and 1 are often multiplied by."""


def targets_outside(problem: Problem) -> Finding | None:
    """The mistake if binary targets go beyond 1; -1 and 1 are another convention."""
    targets = problem.targets
    if problem.task != "binary" or targets is None or not np.isfinite(targets).all():
        return None
    low, high = float(targets.min()), float(targets.max())
    if low < 0 or high <= 1:
        return None
    values = np.unique(targets)
    if len(values) == 2 and low == 0:
        count = int((targets == high).sum())
        seen = f"{count} of {targets.size} targets are {high:g}, and the others 0."
        fix = f"Pass targets > 0, or targets / {high:g}."
        return found("labels outside 0 to 1", seen, fix=fix)
    seen = f"The targets run from {low:g} to {high:g}."
    whole = next((whole for whole in WHOLES if 0.8 < high / whole <= 1), None)
    fix = "" if whole is None else f"Pass targets / {whole}."
    return found("labels outside 0 to 1", seen, fix=fix)
