"""The summary of an explanation: one sentence, from its own numbers."""

from __future__ import annotations

import math
import tomllib
from importlib.resources import files

from xent._format import shown
from xent._report.expression import FULL
from xent.explanation.meaning import costs_a_guess, guessed_among
from xent.explanation.row import Row

SENTENCES: dict[str, str] = tomllib.loads(
    (files("xent.explanation") / "summary.toml").read_text(encoding="utf-8")
)

SURE = 0.9
"""From this probability on a model is called sure."""

TIE = 1e-4
"""Probabilities that differ by less, relative to the larger, are called alike."""


def summary(row: Row) -> str:
    """What to remember of a row."""
    best, among = int(row.p.argmax()), guessed_among(row)
    right = row.q >= (1 - TIE) * row.p[best]
    # Only two probabilities that stand beside each other need the digits in which they differ.
    top, q = _told_apart(float(row.p[best]), row.q) if not right else ("", shown(row.q))
    times = row.loss / math.log(among)
    return SENTENCES[_verdict(row, among, right=right)].format(
        true=row.names[row.label],
        rival=row.names[best],
        q=q,
        top=top,
        cost=f"costs {shown(row.loss)} nats",
        slope=f"the gradient {shown(row.slope)}",
        times=f"{times:.1f} times" if times < 1000 else f"{shown(times, 0)} times",
        loss=shown(row.loss),
        among=among,
        full="as good as full" if abs(row.slope) >= 0.9995 else "near full",
    )


def _verdict(row: Row, among: int, *, right: bool) -> str:
    """The name of the sentence."""
    top = row.p.max()
    tied = int((row.p >= (1 - TIE) * top).sum())
    if math.isinf(row.loss):
        return "masked" if row.slope == 0 else "impossible" if row.certain else "overflow"
    if row.loss == 0:
        return "certain" if row.certain else "underflow"
    if not right:
        return "sure_wrong" if top >= SURE else "wrong"
    if tied == among and costs_a_guess(row.loss, among):
        return "chance"
    if row.q >= SURE:
        return "sure" if row.loss >= 1e-3 else "very_sure"
    return "tie" if tied > 1 else "right"


def _told_apart(a: float, b: float) -> tuple[str, str]:
    """Two probabilities, with enough digits to differ."""
    digits = next((d for d in range(4, FULL) if shown(a, d) != shown(b, d)), FULL)
    return shown(a, digits), shown(b, digits)
