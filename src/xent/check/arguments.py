"""Arguments that the gradient check, the audit and the batch diagnosis have in common."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from xent._plausible import are_shares
from xent._validation import Array

Task = Literal["classes", "binary"]
"""Softmax cross-entropy over classes, or binary cross-entropy of one logit per row."""


def check_choice(value: Any, name: str, choices: tuple[Any, ...]) -> None:
    """Raise ValueError unless the value is one of the choices."""
    if value not in choices:
        *others, last = map(repr, choices)
        msg = f"{name} is {value!r}; expected {', '.join(others)} or {last}."
        raise ValueError(msg)


def are_distributions(targets: Array, axis: int, tolerance: float) -> bool:
    """Does every row of the targets along the axis hold probabilities that sum to 1?"""
    if not targets.ndim or targets.shape[axis] == 1:
        return False
    sums = targets.sum(axis=axis, dtype=np.float64)
    return are_shares(targets.min(axis=axis), targets.max(axis=axis), sums, tolerance)
