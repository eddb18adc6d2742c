"""Says what scores may be that are not what their name, or an option, says."""

from __future__ import annotations

import numpy as np

from xent._plausible import ROUNDING, are_log_probabilities, are_percentages, are_probabilities
from xent._validation import Array
from xent.scoring.reading import Reading

MANY = 0.25
"""The least share of rows that are beyond 0 and 1 where the numbers are of another kind."""

CORRECT = "; correct this one, or leave it blank and pass --missing drop"


def rule(scores: Array, reading: Reading, tolerance: float) -> str:
    """What a score of this kind is, and which kind the scores of a batch rather are."""
    if reading.kind == "logits":
        return "a score must be a number, and only one of a row may be inf"
    if reading.kind == "log-probabilities":
        if are_probabilities(scores, tolerance):
            return "a log-probability is not above 0; for probabilities pass --kind probabilities"
        return "a log-probability is not above 0" + _or_logits(scores, scores > ROUNDING)
    if reading.percent:
        return "a percentage lies between 0 and 100" + CORRECT
    what = "a probability lies between 0 and 1"
    with np.errstate(invalid="ignore"):  # a NaN is in no range
        outside = outside_of(scores)
        if are_log_probabilities(scores, tolerance) and (scores < 0).any():
            return what + "; for log-probabilities pass --kind log-probabilities"
        if are_percentages(scores, tolerance) and share_of(scores > 1) > 1 / 2:
            return what + "; for percentages pass --kind percent"
        if scores.ndim > 1 and (scores >= 0).all() and share_of(outside) > 1 / 2:
            return what + "; to divide counts or votes by their sum in each row, pass --normalize"
        return what + _or_logits(scores, outside)


def outside_of(scores: Array) -> Array:
    """Which scores are no probabilities."""
    return ~((scores >= -ROUNDING) & (scores <= 1 + ROUNDING))


def share_of(marked: Array) -> float:
    """The share of the rows in which something is marked."""
    return float((marked if marked.ndim == 1 else marked.any(axis=1)).mean())


def _or_logits(scores: Array, outside: Array) -> str:
    if share_of(outside) >= MANY and (scores < -ROUNDING).any() and (scores > 1 + ROUNDING).any():
        return "; for raw scores pass --kind logits"
    return CORRECT
