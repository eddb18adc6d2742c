"""Scores that are something else than they are called: probabilities, or softmax done twice."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from xent._report import Finding
from xent._validation import Array
from xent.check.batch.evidence import clearly
from xent.check.batch.facts import Facts
from xent.check.batch.scores import sum_by_column, wrong_axis
from xent.check.batch.words import figure
from xent.metrics import log_loss

EDGE = 0.05
"""How near to 0 or 1 a certain model's probabilities are."""


def findings(facts: Facts) -> Iterator[Finding]:
    """What the scores seem to be, if not what they are called."""
    if not len(facts.usable):
        return
    if facts.batch.binary:
        yield from _binary(facts)
    elif facts.batch.kind == "logits":
        yield from _logits(facts)
    else:
        yield from _twice(facts)


def _logits(facts: Facts) -> Iterator[Finding]:
    """Rows that are probabilities or their logarithms already."""
    tolerance, rows = facts.batch.tolerance, len(facts.usable)
    low, high = facts.low[facts.usable], facts.high[facts.usable]
    off = np.abs(facts.total[facts.usable] - 1)
    if (low >= 0).all() and (high <= 1 + tolerance).all():
        if (off <= tolerance).all():
            yield _probabilities(facts, float(off.max()))
        elif sum_by_column(facts):
            yield wrong_axis(facts)
    elif (high <= tolerance).all():
        far = np.abs(facts.mass[facts.usable] - 1)
        if (far <= tolerance).all():
            yield Finding(
                "log-probabilities given as logits",
                f"No logit is above 0, and the exponentials of {_all(rows)} sum to 1 (within "
                f"{max(float(far.max()), 1e-16):.0e}).",
                "Harmless: the softmax of log-probabilities gives the probabilities back, and the "
                "loss is the same.",
                "Nothing; a log_softmax before the loss is only spent twice.",
                "note",
            )


def _all(rows: int) -> str:
    return "the only row" if rows == 1 else f"all {rows} rows"


def _probabilities(facts: Facts, off: float) -> Finding:
    rows, classes = len(facts.usable), facts.batch.classes
    least = math.log1p((classes - 1) / math.e)
    return Finding(
        "probabilities given as logits",
        f"In {_all(rows)} the {classes} logits lie between 0 and 1 and sum to 1 (within "
        f"{max(off, 1e-16):.0e}).",
        "The loss takes their softmax once more: however good the model, it cannot fall below "
        f"log(1 + (K - 1)/e) = {least:.4f}, and its gradient almost vanishes.",
        "Leave the softmax out of the model, the loss has its own; or say what they are: "
        "kind='probabilities' here, xent.log_loss(targets, probabilities) for the loss.",
        "note" if rows == 1 else "mistake",
    )


def _twice(facts: Facts) -> Iterator[Finding]:
    """Probabilities that are the softmax of probabilities."""
    twice, rows, classes = facts.twice, len(facts.usable), facts.batch.classes
    enough = 20 if classes == 2 else 3
    if twice.low < -1e-4 or twice.spread > 1 + 1e-4 or twice.near_one < enough:
        return
    least = math.log1p((classes - 1) / math.e)
    yield Finding(
        "softmax applied twice",
        f"In {_all(rows)} the probabilities are the softmax of numbers that are probabilities "
        f"themselves, of which one is above {1 - EDGE:g} in {twice.near_one} rows; so none is more "
        f"than e = 2.718 times another, the most being {math.exp(twice.spread):.3f} times.",
        f"The loss cannot fall below log(1 + (K - 1)/e) = {least:.4f}, and the gradient almost "
        "vanishes.",
        "Apply softmax once: to raw scores.",
    )


def _binary(facts: Facts) -> Iterator[Finding]:
    batch = facts.batch
    raw = batch.scores[batch.kept[facts.usable]].astype(np.float64)
    targets = facts.labels if batch.soft is None else batch.soft[facts.usable]
    if len(np.unique(facts.labels)) < 2:
        return
    if batch.kind == "probabilities":
        p = np.log(raw) - np.log1p(-raw)
        level = _unit(p, targets, facts.losses)
        if level is not None:
            yield _sigmoid_twice(raw, level)
    elif batch.kind == "logits":
        level = _unit(raw, targets, facts.losses)
        if level is not None:
            yield _binary_probabilities(raw, level)
        elif _log_probabilities(raw, targets, facts.losses):
            yield Finding(
                "log-probabilities given as logits",
                f"None of {len(raw)} logits is above 0, where they crowd: "
                f"{int((raw > -EDGE).sum())} are between {-EDGE:g} and 0. As logarithms of "
                "probabilities they cost far less than as logits.",
                "A logit of 0 stands for 0.5, so label 1 is never predicted, and the loss of a "
                "certain row stays at log 2 = 0.6931.",
                "Pass the raw scores (log-odds), or say what they are: kind='log-probabilities'.",
            )


def _unit(p: Array, targets: Array, losses: Array) -> str | None:
    """Are these probabilities? 'mistake' if surely so, 'note' if perhaps."""
    if len(p) < 8 or p.min() < 0 or p.max() > 1 or np.ptp(p) < 0.5:
        return None
    low, high = int((p <= EDGE).sum()), int((p >= 1 - EDGE).sum())
    # Logits would not crowd at 0 and at 1 without one of them going beyond.
    crowded = low >= 3 and high >= 3 and low + high >= 20
    better = _better(losses, log_loss(targets, p, clip=1e-3, reduction="none"))
    return "mistake" if crowded or better else "note"


def _better(losses: Array, otherwise: Array) -> bool:
    """Are the losses of another reading lower, and better than chance? A bias gives the first."""
    return clearly(losses - otherwise, 0.05) and clearly(math.log(2) - otherwise, 0.05)


def _binary_probabilities(raw: Array, level: str) -> Finding:
    unsure = "" if level == "mistake" else " It may be so by chance."
    return Finding(
        "probabilities given as logits",
        f"All {len(raw)} logits lie between 0 and 1: from {figure(float(raw.min()))} to "
        f"{figure(float(raw.max()))}.{unsure}",
        "Their sigmoid lies between 0.5 and 0.7311: label 0 is never predicted, and the loss of "
        "a certain row stays above 0.3133.",
        "Leave the sigmoid out of the model, the loss has its own; or say what they are: "
        "kind='probabilities' here, xent.log_loss(targets, probabilities) for the loss.",
        "mistake" if level == "mistake" else "note",
    )


def _sigmoid_twice(raw: Array, level: str) -> Finding:
    unsure = "" if level == "mistake" else " It may be so by chance."
    return Finding(
        "sigmoid applied twice",
        f"All {len(raw)} probabilities lie between 0.5 and 0.7311, the sigmoids of 0 and 1: from "
        f"{figure(float(raw.min()))} to {figure(float(raw.max()))}.{unsure}",
        "Label 0 is never predicted, the loss of a certain row stays above 0.3133, and the "
        "gradient almost vanishes.",
        "Apply the sigmoid once: to raw scores.",
        "mistake" if level == "mistake" else "note",
    )


def _log_probabilities(z: Array, targets: Array, losses: Array) -> bool:
    """Are binary logits the logarithms of probabilities?"""
    if len(z) < 8 or z.max() > 0 or z.min() > -1 or (z > -EDGE).sum() < 10:
        return False
    return _better(losses, log_loss(targets, np.exp(z), clip=1e-3, reduction="none"))
