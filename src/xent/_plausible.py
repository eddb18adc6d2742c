"""What numbers can be, by their values alone: logits, probabilities, percentages, and more."""

from __future__ import annotations

import numpy as np

from xent._validation import Array

ROUNDING = 1e-6
"""How far a single probability may be beyond 0 or 1 because of rounding."""


def within(scores: Array, low: float, high: float) -> bool:
    """Is each score between the two, and a number?"""
    return bool(((scores >= low) & (scores <= high)).all())


def rows_sum_to(scores: Array, total: float, tolerance: float) -> bool:
    """Does each row sum to it?"""
    with np.errstate(invalid="ignore"):  # inf - inf
        sums = scores.sum(axis=-1, dtype=np.float64)
    return bool((np.abs(sums - total) <= tolerance).all())


def are_probabilities(scores: Array, tolerance: float) -> bool:
    """Are these probabilities: of label 1 (n,), or rows of them (n, K)?"""
    if scores.ndim == 1:
        return within(scores, -ROUNDING, 1 + ROUNDING)
    return within(scores, -tolerance, 1 + tolerance) and rows_sum_to(scores, 1, tolerance)


def are_percentages(scores: Array, tolerance: float) -> bool:
    """Are these probabilities times 100? A score a little above 1 is rather a mistake."""
    if scores.ndim == 1:
        return within(scores, 0, 100) and bool((scores > 2).any())
    most = 100 * tolerance
    return within(scores, -most, 100 + most) and rows_sum_to(scores, 100, most)


def are_log_probabilities(scores: Array, tolerance: float) -> bool:
    """Are these logarithms of probabilities?"""
    if scores.ndim == 1:
        return within(scores, -np.inf, ROUNDING)
    return within(scores, -np.inf, tolerance) and rows_sum_to(np.exp(scores), 1, tolerance)


def are_decisions(scores: Array) -> bool:
    """Is each score 0 or 1, as where predicted labels are given instead of probabilities?"""
    return bool(((scores == 0) | (scores == 1)).all())
