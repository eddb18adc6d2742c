"""Scores that are not what they are called: probabilities for logits, softmax applied twice."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from xent._plausible import (
    FEW,
    are_log_probabilities,
    are_logs_of_shares,
    are_probabilities,
    are_shares,
)
from xent._report import Finding, Level
from xent._validation import Array
from xent.check._batch.data import Batch
from xent.check._batch.scores import in_percent, sum_by_column, wrong_axis
from xent.check._batch.significance import significantly_positive
from xent.check._batch.statistics import Statistics
from xent.check.mistakes import found
from xent.check.naming import figure
from xent.metrics import log_loss

EDGE = 0.05
"""How near to 0 or 1 a certain model's probabilities are."""


def findings(statistics: Statistics) -> Iterator[Finding]:
    """What the scores seem to be instead of what they are called."""
    if not len(statistics.usable):
        return
    if statistics.decisions and statistics.batch.kind != "log-probabilities":
        yield _predicted_labels(statistics)
    elif statistics.batch.binary:
        yield from _binary(statistics)
    elif statistics.batch.kind == "logits":
        yield from _logits(statistics)
    else:
        yield from _softmax_of_softmax(statistics)


def repaired(batch: Batch, names: list[str]) -> Batch:
    """The batch with its scores as what they seem to be, by the names of the mistakes found."""
    if "probabilities given as logits" in names:
        return replace(batch, kind="probabilities")
    if "log-probabilities given as logits" in names:
        return replace(batch, kind="log-probabilities")
    if "percentages" in names:
        return replace(batch, kind="probabilities", scores=batch.scores / 100)
    scores = batch.scores.astype(np.float64)
    if "sigmoid applied twice" in names:
        inner = np.log(scores) - np.log1p(-scores)
        return replace(batch, scores=np.clip(inner, 0, 1))
    if "softmax applied twice" in names:
        log_p = scores if batch.kind == "log-probabilities" else np.log(scores)
        inner = log_p + (1 - log_p.sum(axis=1, keepdims=True)) / batch.classes
        return replace(batch, kind="probabilities", scores=np.clip(inner, 0, 1))
    return batch


def _predicted_labels(statistics: Statistics) -> Finding:
    """Scores that are predicted labels, and what they would cost as constant probabilities."""
    columns, rows = statistics.columns, len(statistics.batch.kept)
    right, others = float(statistics.right.mean()), statistics.batch.classes - 1
    low, high = (f"{value:g}" for value in (columns.lowest, columns.highest))
    seen = f"Every score of {_all(rows)} is {low} or {high}, and the predicted label is right in "
    seen += f"{right:.0%} of the rows."
    if 0 < right < 1:
        loss = -right * math.log(right) - (1 - right) * math.log((1 - right) / others)
        seen += f" With that probability in each row the mean loss would be {figure(loss)}."
    return found("predicted labels given as scores", seen)


def _logits(statistics: Statistics) -> Iterator[Finding]:
    """Rows that are probabilities or their logarithms already."""
    tolerance, usable = statistics.batch.tolerance, statistics.usable
    rows, low, high = len(usable), statistics.low[usable], statistics.high[usable]
    sums, mass = statistics.total[usable], statistics.mass[usable]
    level: Level = "note" if rows == 1 else "mistake"
    if are_shares(low, high, sums, tolerance):
        inside = f"the {statistics.batch.classes} logits lie between 0 and 1"
        seen = f"In {_all(rows)} {inside} and {_sum_to_1(sums)}. {_floor(statistics)}"
        yield found("probabilities given as logits", seen, level=level)
    elif in_percent(statistics):
        seen = f"In {_all(rows)} the {statistics.batch.classes} logits sum to 100."
        yield found("percentages", seen, level=level)
    elif sum_by_column(statistics):
        yield wrong_axis(statistics)
    elif are_logs_of_shares(high, mass, tolerance):
        seen = f"No logit is above 0, and the exponentials of {_all(rows)} {_sum_to_1(mass)}."
        yield found("log-probabilities given as logits", seen, level="note")


def _sum_to_1(sums: Array) -> str:
    """Says that they sum to 1, and how closely."""
    return f"sum to 1 (within {max(float(np.abs(sums - 1).max()), 1e-16):.0e})"


def _all(rows: int) -> str:
    return "the only row" if rows == 1 else f"all {rows} rows"


def _floor(statistics: Statistics) -> str:
    """The lowest loss of probabilities that go through another softmax."""
    classes = statistics.batch.classes
    floor = math.log1p((classes - 1) / math.e)
    return f"With {classes} classes no loss falls below log(1 + (K - 1)/e) = {floor:.4f}."


def _softmax_of_softmax(statistics: Statistics) -> Iterator[Finding]:
    """Probabilities that are the softmax of probabilities."""
    double = statistics.double_softmax
    # Two certain classes are common by chance: then p is near e/(1 + e) in any case.
    enough = 20 if statistics.batch.classes == 2 else 3
    if double.low < -1e-4 or double.spread > 1 + 1e-4 or double.near_one < enough:
        return
    yield found(
        "softmax applied twice",
        f"In {_all(len(statistics.usable))} the probabilities are the softmax of numbers that are "
        f"probabilities themselves (in {double.near_one} rows one of them is above {1 - EDGE:g}), "
        "so none is more than e = 2.718 times another; the largest ratio is "
        f"{math.exp(double.spread):.3f}. {_floor(statistics)}",
    )


def _binary(statistics: Statistics) -> Iterator[Finding]:
    batch, losses = statistics.batch, statistics.losses
    raw = batch.scores[batch.kept[statistics.usable]].astype(np.float64)
    targets = statistics.labels if batch.soft is None else batch.soft[statistics.usable]
    # With one label only, a bias explains everything.
    if len(np.unique(statistics.labels)) < 2:
        return
    if batch.kind == "probabilities":
        # The logits of sigmoid(p) are p.
        if level := _are_probabilities(np.log(raw) - np.log1p(-raw), targets, losses):
            bounds = "0.5 and 0.7311, the sigmoids of 0 and 1"
            yield _between("sigmoid applied twice", "probabilities", bounds, raw, level)
    elif batch.kind == "logits":
        if level := _are_probabilities(raw, targets, losses):
            more = " Their sigmoid lies between 0.5 and 0.7311, so label 0 is never predicted."
            yield _between("probabilities given as logits", "logits", "0 and 1", raw, level, more)
        elif level := _are_probabilities(raw / 100, targets, losses):
            yield _between("percentages", "logits", "0 and 100", raw, level)
        elif _are_log_probabilities(raw, targets, losses):
            crowd = f"{(raw > -EDGE).sum()} are between {-EDGE:g} and 0"
            seen = f"None of {len(raw)} logits is above 0, and many are just below it: {crowd}. "
            seen += "Read as log-probabilities, they give a far lower loss than read as logits."
            yield found("log-probabilities given as logits", seen)


def _between(
    name: str, what: str, bounds: str, raw: Array, level: Level, more: str = ""
) -> Finding:
    """Binary scores that all lie between two bounds."""
    unsure = " That may be chance." if level == "note" else ""
    run = f"from {figure(raw.min())} to {figure(raw.max())}"
    seen = f"All {len(raw)} {what} lie between {bounds}: {run}.{unsure}{more}"
    return found(name, seen, level=level)


def _are_probabilities(p: Array, targets: Array, losses: Array) -> Level | None:
    """'mistake' if these are certainly probabilities, 'note' if they may be."""
    # An untrained model's logits may lie between 0 and 1 too, but hardly span half of that range.
    if len(p) < FEW or not are_probabilities(p, 0) or np.ptp(p) < 0.5:
        return None
    low, high = int((p <= EDGE).sum()), int((p >= 1 - EDGE).sum())
    # Logits would not cluster at 0 and at 1 without any of them going beyond.
    crowded = low >= 3 and high >= 3 and low + high >= 20
    return "mistake" if crowded or _reads_better(losses, targets, p) else "note"


def _are_log_probabilities(z: Array, targets: Array, losses: Array) -> bool:
    """Are binary logits the logarithms of probabilities?"""
    if len(z) < FEW or not are_log_probabilities(z, 0):
        return False
    if z.min() > -1 or (z > -EDGE).sum() < 10:
        return False
    return _reads_better(losses, targets, np.exp(z))


def _reads_better(losses: Array, targets: Array, p: Array) -> bool:
    """With p as the probabilities, are the losses lower, and better than a constant's?

    Lower losses alone prove nothing: the bias of a model that has learned nothing may give them.
    """
    share = targets.mean()
    constant = log_loss(targets, np.full(len(targets), share), reduction="none")
    as_p = log_loss(targets, p, clip=1e-3, reduction="none")
    lower = significantly_positive(losses - as_p, 0.05)
    return lower and significantly_positive(constant - as_p, 0.05)
