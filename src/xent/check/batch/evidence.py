"""Evidence: is a mean above 0 by more than luck?"""

from __future__ import annotations

import math

import numpy as np

from xent._validation import Array
from xent.check.batch.facts import ENOUGH


def clearly(differences: Array, least: float = 0.0) -> bool:
    """Is the mean beyond 5 standard errors, and beyond `least`?

    Of few rows the spread is itself a guess, so more is asked: 7.5 of 20 rows, 5.5 of 100.
    """
    rows = len(differences)
    if rows < ENOUGH:
        return False
    error = float(np.std(differences, ddof=1)) / math.sqrt(rows)
    return float(np.mean(differences)) > max(5 * (1 + 10 / rows) * error, least)
