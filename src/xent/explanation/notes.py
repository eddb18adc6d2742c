"""Where the scores look like something else than they were taken for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xent._format import shown
from xent._report import Finding
from xent._validation import Array
from xent.explanation.arguments import Scores
from xent.explanation.target import Target
from xent.metrics import log_loss

NEAR = 1e-3
"""How near to 1 (to 100, in percent) the sum of scores is that look like probabilities."""


ADD = 'add --probabilities (in Python: kind="probabilities")'


def notes(scores: Scores, target: Target, kind: str, loss: float) -> tuple[Finding, ...]:
    """What is odd about logits: that they look like probabilities, or like percentages."""
    if (scores.source, kind) != ("logits", "logits"):
        return ()
    row = np.atleast_1d(np.asarray(scores.values, float))
    if not np.isfinite(row).all() or (row < 0).any():
        return ()
    if row.size == 1:
        return (_of_one(row.item(), target, loss),) if 0 < row.item() < 1 else ()
    total = float(row.sum())
    if abs(total - 1) <= NEAR:
        return (_of_many("sum to 1", "", row, target, loss),)
    if abs(total - 100) <= 100 * NEAR:
        percent = "divide them by 100 and "
        return (_of_many("sum to 100, like percentages", percent, row / 100, target, loss),)
    return ()


def _of_one(p: float, target: Target, loss: float) -> Finding:
    return Finding(
        "a logit that looks like a probability",
        f"The logit {shown(p)} lies between 0 and 1, as every probability does.",
        f"It was taken as a logit: its sigmoid gives the loss {shown(loss)}.",
        f"If it is a probability, {ADD}: the loss is then {shown(_loss([1 - p, p], target))}.",
        "note",
    )


def _of_many(sums: str, first: str, p: Array, target: Target, loss: float) -> Finding:
    return Finding(
        "logits that look like probabilities",
        f"No logit is negative, and they {sums}.",
        f"They were taken as logits: their softmax gives the loss {shown(loss)}.",
        f"If they are probabilities, {first}{ADD}: the loss is then "
        f"{shown(_loss(p.tolist(), target))}.",
        "note",
    )


def _loss(p: Any, target: Target) -> float:
    """The loss if these are the probabilities."""
    masses = target.masses.tolist()
    pairs = zip(p, masses, strict=True)
    return math.fsum(v * float(log_loss([1], [min(share, 1.0)])) for share, v in pairs if v)
