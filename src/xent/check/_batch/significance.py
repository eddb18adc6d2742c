"""When a mean of a batch is more than chance."""

from __future__ import annotations

import math

import numpy as np

from xent._validation import Array

ENOUGH = 20
"""Below this many rows, statistics prove nothing."""

ERRORS = 5.6
"""Standard errors that a mean must be above 0.

A normal variable is that high once in 10⁸ times. A batch is tested about 10 times, so that chance
alone gives 0.01 false alarms in 100,000 batches.
"""


def mean(values: Array) -> float:
    """The mean; NaN if there are no values."""
    return float(values.mean()) if len(values) else math.nan


def margin_of_error(values: Array) -> float:
    """How far chance moves the mean of at least two values: `ERRORS` standard errors.

    The spread of few rows is itself uncertain, so more is required of them: 8.4 standard errors for
    20 rows, 6.2 for 100.
    """
    rows = len(values)
    error = float(np.std(values, ddof=1)) / math.sqrt(rows)
    return ERRORS * (1 + 10 / rows) * error


def significantly_positive(differences: Array, least: float = 0.0) -> bool:
    """Is the mean above 0 by more than its margin of error, and more than `least`?"""
    if len(differences) < ENOUGH:
        return False
    return float(np.mean(differences)) > max(margin_of_error(differences), least)
