"""The summary of an explanation: one sentence, from its own numbers."""

from __future__ import annotations

import math

from xent._format import shown
from xent._report.evaluation import FULL
from xent.explanation.meaning import costs_a_guess, guessed_among
from xent.explanation.row import Row
from xent.explanation.texts import texts

SENTENCES: dict[str, str] = texts("summary.toml")

SURE = 0.9
"""From this probability on a model is called sure."""

MUCH = 0.5
"""A softcap that lets through less of a gradient is mentioned."""

TIE = 1e-4
"""Probabilities that differ by less, relative to the larger, are called alike."""


def summary(row: Row) -> str:
    """What to remember of a row."""
    facts = {
        "cost": f"costs {shown(row.loss)} nats",
        "loss": shown(row.loss),
        "among": guessed_among(row),
        "entropy": shown(row.target.entropy),
        "kl": shown(row.divergence),
        "weight": shown(row.target.total),
        "unit": shown(row.loss_per_weight),
        "per": " per unit of weight" if row.target.total != 1 else "",
    }
    if row.target.label is None:
        return SENTENCES[_verdict_on_shares(row)].format(**facts)
    facts |= _facts_on_label(row)
    return " ".join(SENTENCES[name] for name in _verdicts(row)).format(**facts)


def _facts_on_label(row: Row) -> dict[str, str]:
    """What is said of a row that has a true class."""
    target, label, best = row.target, row.label or 0, int(row.p.argmax())
    # Only two probabilities that stand beside each other need the digits in which they differ.
    top, q = ("", shown(row.q)) if _right(row) else _told_apart(float(row.p[best]), row.q)
    times = row.loss_per_weight / math.log(guessed_among(row))
    counted = f"{times:.1f} times" if times < 1000 else f"{shown(times, 0)} times"
    toward = _toward_label(row)
    direction = "raises" if toward > 0 else "lowers" if toward < 0 else "stays"
    return {
        "true": row.names[label],
        "rival": row.names[best],
        "q": q,
        "top": top,
        "slope": f"the gradient {shown(row.slope)}",
        "gradient": shown(row.slope),
        "direction": SENTENCES[direction].format(gradient=shown(row.slope)),
        "times": "about" if abs(times - 1) < 0.05 else counted,
        "full": "all but at its limit" if abs(row.slope) >= 0.9995 else "near its limit",
        "share": shown(float(target.masses[label]) / target.total),
        "let": shown(_let_through(row)),
    }


def _right(row: Row) -> bool:
    """Is the true class the likeliest?"""
    return bool(row.q >= (1 - TIE) * row.p.max())


def _toward_label(row: Row) -> float:
    """How far a step down the gradient raises the probability of the true class, by its sign."""
    return row.slope if row.binary and row.label == 0 else -row.slope


def _let_through(row: Row) -> float:
    """What the softcap leaves of the gradient for the true class."""
    inner = float(row.inner if row.binary else row.inner[row.label or 0])
    return row.slope * row.scaling.temperature / inner if inner else 1.0


def _verdict_on_shares(row: Row) -> str:
    """The name of the sentence on a label that classes share."""
    if math.isinf(row.loss):
        return "out_of_reach"
    if row.target.weights is not None:
        return "shared_weighted"
    return "shared" if row.divergence else "perfect"


def _verdicts(row: Row) -> list[str]:
    """The names of the sentences on a label."""
    target, among = row.target, guessed_among(row)
    tied = int((row.p >= (1 - TIE) * row.p.max()).sum())
    if math.isinf(row.loss):
        if target.smoothing:
            return ["out_of_reach"]
        return ["masked" if row.slope == 0 else "impossible" if row.certain else "overflow"]
    if tied == among and costs_a_guess(row.loss_per_weight, among):
        return ["chance"]
    if not target.plain or row.scaling.stages:
        return [*_verdict_with_options(row), *_remarks(row)]
    if row.loss == 0:
        return ["certain" if row.certain else "underflow"]
    if not _right(row):
        return ["sure_wrong" if row.p.max() >= SURE else "wrong"]
    if row.q >= SURE:
        return ["sure" if row.loss >= 1e-3 else "very_sure"]
    return ["tie" if tied > 1 else "right"]


def _verdict_with_options(row: Row) -> list[str]:
    assert row.label is not None
    if row.target.smoothing == 1 or not row.target.masses[row.label]:
        return ["no_label"]
    return ["label_first" if _right(row) else "label_behind"]


def _remarks(row: Row) -> list[str]:
    """What options add to the verdict."""
    target = row.target
    above = bool(target.smoothing and _right(row) and _toward_label(row) < 0)
    held = row.scaling.softcap is not None and _let_through(row) < MUCH
    remarks = {
        "beyond_target": above,
        "smoothed": target.smoothing > 0 and target.weights is None,
        "weighted": target.one_hot and target.total != 1,
        "capped": held and row.slope != 0,
        "blocked": held and row.slope == 0,
    }
    return [name for name, holds in remarks.items() if holds]


def _told_apart(a: float, b: float) -> tuple[str, str]:
    """Two probabilities, with enough digits to differ."""
    digits = next((d for d in range(4, FULL) if shown(a, d) != shown(b, d)), FULL)
    return shown(a, digits), shown(b, digits)
