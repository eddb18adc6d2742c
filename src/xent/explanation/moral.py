"""The moral of an explanation: one sentence, from its own numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from xent.arrays import Array
from xent.explanation.expression import shown

SURE = 0.9
"""From this probability on a model is called sure."""


def moral(p: Array, label: int, loss: float, gradient: float, names: Sequence[str]) -> str:
    """What to remember of a row.

    `p` holds the probability of every class; `gradient` is that for the logit of the true class
    (for one logit, which is that of label 1, it pushes down where label 0 is true).
    """
    true, q = names[label], float(p[label])
    best = int(np.argmax(p))
    guessed = max(int((p > 0).sum()), 2)
    chance = math.log(guessed)
    if math.isinf(loss):
        return _impossible(true, masked=gradient == 0)
    if loss == 0:
        return f"Right and certain: {true} costs nothing, and nothing is left to learn."
    cost, slope = f"costs {shown(loss)} nats", f"the gradient {shown(gradient)}"
    if q == float(p[best]):
        if float(np.ptp(p[p > 0])) < 1e-9:
            return (
                f"At chance: {shown(loss)} nats is ln {guessed}, the cost of a uniform guess, "
                "where an untrained model should begin."
            )
        if q >= SURE:
            how = "sure" if loss >= 1e-3 else "very sure"
            left = "little" if loss >= 1e-3 else "next to nothing"
            return f"Right and {how}: {true} {cost}, and {slope} leaves {left} to learn."
        how = "A tie" if int((p == q).sum()) > 1 else "Right but not sure"
        return f"{how}: {true} has {shown(q)} and {cost}; {slope} makes it likelier still."
    rival = f"{names[best]} has {shown(float(p[best]))}"
    if float(p[best]) >= SURE:
        full = "as good as full" if abs(gradient) >= 0.9995 else "near full"
        return (
            f"Wrong and sure: {rival}, so {true} {cost}, {_times(loss / chance)} a guess, and "
            f"{slope} is {full}."
        )
    return (
        f"Wrong but not sure: {rival} and {true} only {shown(q)}, which {cost}, "
        f"{_times(loss / chance)} a guess."
    )


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times" if ratio < 1000 else f"{shown(ratio, 0)} times"


def _impossible(true: str, *, masked: bool) -> str:
    if masked:
        return (
            f"A masked label: {true} costs an infinite loss at gradient 0, so training cannot mend "
            "it. Unmask it, or leave the row out."
        )
    return (
        f"Never say never: {true} was given no probability at all, and one such row makes every "
        "mean infinite."
    )
