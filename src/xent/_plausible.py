"""What numbers can be, by their values alone: logits, probabilities, percentages, and more."""

from __future__ import annotations

import numpy as np

from xent._validation import Array

ROUNDING = 1e-6
"""How far a probability may be beyond 0 or 1, or a log-probability above 0, because of rounding."""

HALF_ROUNDING = 1e-2
"""The same for arrays of half precision: a little more than the spacing of bfloat16 above 1."""

FEW = 8
"""Below this many rows, values that all look alike may do so by chance."""

ABOVE_ONE = 2
"""Single scores are percentages only if one is above it: a little above 1 is rather a mistake."""


def rounding(dtype: str) -> float:
    """How far a probability of this dtype may be beyond 0 or 1 because of rounding."""
    return HALF_ROUNDING if dtype in ("float16", "bfloat16") else ROUNDING


def within(scores: Array, low: float, high: float) -> bool:
    """Is each score between the two, and a number?"""
    return bool(((scores >= low) & (scores <= high)).all())


def are_shares(low: Array, high: Array, sums: Array, tolerance: float, whole: float = 1.0) -> bool:
    """Are rows with these least and largest numbers and these sums shares of a whole?"""
    slack = tolerance * whole
    inside = bool((low >= -slack).all() and (high <= whole + slack).all())
    return inside and bool((np.abs(sums - whole) <= slack).all())


def are_logs_of_shares(high: Array, sums: Array, tolerance: float) -> bool:
    """Are rows with these largest numbers and sums of exponentials logarithms of shares?"""
    return bool((high <= tolerance).all() and (np.abs(sums - 1) <= tolerance).all())


def _rows_are_shares(scores: Array, tolerance: float, whole: float = 1.0) -> bool:
    with np.errstate(invalid="ignore"):  # inf - inf
        sums = scores.sum(axis=-1, dtype=np.float64)
    return are_shares(scores.min(axis=-1), scores.max(axis=-1), sums, tolerance, whole)


def are_probabilities(scores: Array, tolerance: float) -> bool:
    """Are these probabilities: of label 1 (n,), or rows of them (n, K)?"""
    if scores.ndim == 1:
        return within(scores, -ROUNDING, 1 + ROUNDING)
    return _rows_are_shares(scores, tolerance)


def are_percentages(scores: Array, tolerance: float) -> bool:
    """Are these probabilities times 100?"""
    return may_be_percentages(scores, tolerance) and (
        scores.ndim > 1 or bool((scores > ABOVE_ONE).any())
    )


def may_be_percentages(scores: Array, tolerance: float) -> bool:
    """The same of a part of the scores, of which none need be large."""
    if scores.ndim == 1:
        return within(scores, 0, 100)
    return _rows_are_shares(scores, tolerance, 100)


def are_log_probabilities(scores: Array, tolerance: float) -> bool:
    """Are these logarithms of probabilities?"""
    if scores.ndim == 1:
        return within(scores, -np.inf, ROUNDING)
    with np.errstate(over="ignore"):
        sums = np.exp(scores).sum(axis=-1, dtype=np.float64)
    return are_logs_of_shares(scores.max(axis=-1), sums, tolerance)


def are_decisions(scores: Array) -> bool:
    """Is each score 0 or 1, as where predicted labels are given instead of probabilities?"""
    return bool(((scores == 0) | (scores == 1)).all())


def are_confidences(scores: Array) -> bool:
    """Are these single probabilities that may be of the predicted label, which is the likelier?"""
    return scores.ndim == 1 and len(scores) > 1 and within(scores, 0.5, 1 + ROUNDING)
