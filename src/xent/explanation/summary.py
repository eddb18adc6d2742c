"""The summary of an explanation: one sentence, from its own numbers."""

from __future__ import annotations

import math

from xent._format import shown
from xent._report.expression import FULL
from xent.explanation.meaning import costs_a_guess, guessed_among
from xent.explanation.row import Row
from xent.explanation.texts import texts

SENTENCES: dict[str, str] = texts("summary.toml")

SURE = 0.9
"""From this probability on a model is called sure."""

TIE = 1e-4
"""Probabilities that differ by less, relative to the larger, are called alike."""


def summary(row: Row) -> str:
    """What to remember of a row."""
    target, among = row.target, guessed_among(row)
    facts = {
        "cost": f"costs {shown(row.loss)} nats",
        "loss": shown(row.loss),
        "among": among,
        "entropy": shown(target.entropy),
        "kl": shown(row.divergence),
        "weight": shown(target.total),
    }
    if target.label is None:
        return SENTENCES[_verdict_on_shares(row)].format(**facts)
    best = int(row.p.argmax())
    right = row.q >= (1 - TIE) * row.p[best]
    # Only two probabilities that stand beside each other need the digits in which they differ.
    top, q = _told_apart(float(row.p[best]), row.q) if not right else ("", shown(row.q))
    times = row.loss_per_weight / math.log(among)
    facts |= {
        "true": row.names[target.label],
        "rival": row.names[best],
        "q": q,
        "top": top,
        "slope": f"the gradient {shown(row.slope)}",
        "times": f"{times:.1f} times" if times < 1000 else f"{shown(times, 0)} times",
        "full": f"{'all but at' if abs(row.slope) >= 0.9995 * target.total else 'near'} its limit",
        "share": shown(float(target.shares[target.label])),
    }
    told = [_verdict(row, row.q, among, right=right)]
    if math.isfinite(row.loss):
        told += ["smoothed"] * (target.smoothing > 0 and target.weights is None)
        told += ["weighted"] * (target.weights is not None and target.one_hot)
    return " ".join(SENTENCES[name] for name in told).format(**facts)


def _verdict_on_shares(row: Row) -> str:
    """The name of the sentence on a label that classes share."""
    if math.isinf(row.loss):
        return "out_of_reach"
    if row.target.weights is not None:
        return "shared_weighted"
    return "shared" if row.divergence else "perfect"


def _verdict(row: Row, q: float, among: int, *, right: bool) -> str:
    """The name of the sentence on a label."""
    top, smoothed = row.p.max(), row.target.smoothing > 0
    tied = int((row.p >= (1 - TIE) * top).sum())
    if math.isinf(row.loss):
        if smoothed:
            return "out_of_reach"
        return "masked" if row.slope == 0 else "impossible" if row.certain else "overflow"
    if row.loss == 0:
        return "certain" if row.certain else "underflow"
    if not right:
        return "sure_wrong" if top >= SURE else "wrong"
    if tied == among and costs_a_guess(row.loss_per_weight, among):
        return "chance"
    if smoothed and q > row.target.shares[row.target.label]:
        return "too_sure"
    if q >= SURE and not smoothed:
        return "sure" if row.loss >= 1e-3 else "very_sure"
    return "tie" if tied > 1 else "right"


def _told_apart(a: float, b: float) -> tuple[str, str]:
    """Two probabilities, with enough digits to differ."""
    digits = next((d for d in range(4, FULL) if shown(a, d) != shown(b, d)), FULL)
    return shown(a, digits), shown(b, digits)
