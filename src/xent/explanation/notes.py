"""Where logits look like probabilities, which is what many people pass by mistake."""

from __future__ import annotations

import math

import numpy as np

from xent._format import shown
from xent._report import Finding
from xent._validation import Array
from xent.explanation.arguments import Scores
from xent.explanation.row import Row
from xent.explanation.scaling import Scaling
from xent.explanation.target import Target

NEAR = 1e-3
"""How near to 1 (to 100, in percent) the sum of scores is that look like probabilities."""

MOST = 10
"""Of more logits the command that takes them for probabilities is not written out."""


def notes(
    scores: Scores, target: Target, scaling: Scaling, kind: str, loss: float
) -> tuple[Finding, ...]:
    """What is odd about logits: that they look like probabilities, or like percentages."""
    if (scores.source, kind) != ("logits", "logits"):
        return ()
    row = np.atleast_1d(np.asarray(scores.values, float))
    if not np.isfinite(row).all() or (row < 0).any():
        return ()
    total = float(row.sum())
    one, percent = row.size == 1, abs(total - 100) <= 100 * NEAR
    if not (0 < total < 1 if one else percent or abs(total - 1) <= NEAR):
        return ()
    p = np.minimum(row / 100 if percent and not one else row, 1)
    every = np.array([1 - total, total]) if one else p
    meant = Row.of_probabilities(every, np.log(every), target, (), binary=one).loss
    if math.isinf(meant):  # then they are hardly probabilities
        return ()
    how = _command(p, target, scaling, percent=percent and not one)
    if one:
        return (
            Finding(
                "a logit that looks like a probability",
                f"The logit {shown(total)} lies between 0 and 1, as every probability does.",
                f"It was taken as a logit: its sigmoid gives the loss {shown(loss)}.",
                f"If it is a probability, {how}: the loss is then {shown(meant)}.",
                "note",
            ),
        )
    sums = "100, like percentages" if percent else "1"
    return (
        Finding(
            "logits that look like probabilities",
            f"No logit is negative, and they sum to {sums}.",
            f"They were taken as logits: their softmax gives the loss {shown(loss)}.",
            f"If they are probabilities, {how}: the loss is then {shown(meant)}.",
            "note",
        ),
    )


def _command(p: Array, target: Target, scaling: Scaling, *, percent: bool) -> str:
    """The command that takes them for probabilities."""
    if target.plain and not scaling.stages and p.size <= MOST:
        numbers = " ".join(f"{value:.12g}" for value in p.tolist())
        return f"use xent explain {numbers} --label {target.label} --probabilities"
    first = "divide them by 100, " if percent else ""
    out = "leave out --softcap and --temperature and " if scaling.stages else ""
    return f'{first}{out}add --probabilities (in Python: kind="probabilities")'
