"""The summary of an explanation: one sentence, from its own numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from xent._format import shown
from xent._report.expression import FULL
from xent._validation import Array
from xent.explanation.meaning import costs_a_guess, guessed_among

SURE = 0.9
"""From this probability on a model is called sure."""

TIE = 1e-4
"""Probabilities that differ by less, relative to the larger, are called alike."""


def summary(
    p: Array,
    label: int,
    loss: float,
    gradient: float,
    names: Sequence[str],
    masked: int = 0,
    *,
    certain: bool = False,
) -> str:
    """What to remember of a row.

    `p` holds the probability of every class, and `masked` says how many are masked. `gradient` is
    for the logit of the true class; one logit belongs to label 1, so its gradient is positive if
    the true label is 0. `certain` says that a loss of 0 or inf is exact, not the result of
    rounding.
    """
    true, q = names[label], float(p[label])
    best = int(np.argmax(p))
    among = guessed_among(len(p), masked)
    chance = math.log(among)
    tied = int((p >= (1 - TIE) * p[best]).sum())
    if math.isinf(loss):
        return _impossible(true, masked=gradient == 0, certain=certain)
    if loss == 0 and certain:
        return f"Right and certain: {true} costs nothing, and nothing is left to learn."
    if loss == 0:
        return (
            f"Right and very sure: {true} costs too little for a double, so the loss reads 0; it "
            "is not nothing, but next to nothing is left to learn."
        )
    cost, slope = f"costs {shown(loss)} nats", f"the gradient {shown(gradient)}"
    if q >= (1 - TIE) * p[best]:
        if tied == among and costs_a_guess(loss, among):
            return (
                f"At chance: {shown(loss)} nats is ln {among}, the cost of a uniform guess, "
                "where an untrained model should begin."
            )
        if q >= SURE:
            how = "sure" if loss >= 1e-3 else "very sure"
            left = "little" if loss >= 1e-3 else "next to nothing"
            return f"Right and {how}: {true} {cost}, and {slope} leaves {left} to learn."
        how = "A tie" if tied > 1 else "Right but not sure"
        return f"{how}: {true} has {shown(q)} and {cost}; {slope} makes it likelier still."
    most, least = _told_apart(float(p[best]), q)
    rival = f"{names[best]} has {most}"
    if float(p[best]) >= SURE:
        full = "as good as full" if abs(gradient) >= 0.9995 else "near full"
        return (
            f"Wrong and sure: {rival}, so {true} {cost}, {_times(loss / chance)} a guess, and "
            f"{slope} is {full}."
        )
    return (
        f"Wrong but not sure: {rival} and {true} only {least}, which {cost}, "
        f"{_times(loss / chance)} a guess."
    )


def _told_apart(a: float, b: float) -> tuple[str, str]:
    """Two probabilities, with enough digits to differ."""
    digits = next((d for d in range(4, FULL) if shown(a, d) != shown(b, d)), FULL)
    return shown(a, digits), shown(b, digits)


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times" if ratio < 1000 else f"{shown(ratio, 0)} times"


def _impossible(true: str, *, masked: bool, certain: bool) -> str:
    if masked:
        return (
            f"A masked label: {true} costs an infinite loss at gradient 0, so training cannot mend "
            "it. Unmask it, or leave the row out."
        )
    if not certain:
        return (
            f"Wrong and sure: {true} costs more than the largest double, so the loss reads inf, "
            "and one such row makes every mean infinite."
        )
    return (
        f"Never say never: {true} was given no probability at all, and one such row makes every "
        "mean infinite."
    )
