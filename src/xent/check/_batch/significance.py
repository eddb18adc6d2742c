"""Whether a mean is above 0 by more than chance."""

from __future__ import annotations

import math

import numpy as np

from xent._validation import Array

ENOUGH = 20
"""Rows below which statistics prove nothing."""


def significantly_positive(differences: Array, least: float = 0.0) -> bool:
    """Is the mean more than 5 standard errors above 0, and more than `least`?

    The spread of few rows is itself uncertain, so more is asked of them: 7.5 standard errors of 20
    rows, 5.5 of 100.
    """
    rows = len(differences)
    if rows < ENOUGH:
        return False
    error = float(np.std(differences, ddof=1)) / math.sqrt(rows)
    return float(np.mean(differences)) > max(5 * (1 + 10 / rows) * error, least)
