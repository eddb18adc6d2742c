"""Symptoms of scores and labels together: labels that belong to other columns, or to nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from xent._report import Finding, Level
from xent._validation import Array
from xent.check.batch.evidence import clearly
from xent.check.batch.facts import (
    ENOUGH,
    WORST,
    Facts,
    as_logits,
    log_probabilities,
)
from xent.check.batch.words import figure
from xent.functions import log_softmax

LEAST = 0.1
"""How much of log K the losses must differ by, however many rows there are."""

SLIGHT, FAR, VERY_FAR = 0.05, 1.5, 3.0
"""Beyond log K by a 20th a loss is worth a note; of 1.5 or 3 times log K it is a mistake."""


@dataclass(frozen=True)
class Reading:
    """Another way to read the labels: the column that each usable row's label may mean."""

    columns: Array
    test: Array
    """Which rows (of the usable ones) may speak for it."""
    tell: Callable[[Facts, float, float], Finding]
    """The finding, from the losses as given and as read so."""


@dataclass(frozen=True)
class At:
    """Logarithms of the probabilities at some column of each row, and less the column's mean."""

    level: Array
    above_usual: Array


def findings(facts: Facts) -> Iterator[Finding]:
    """The best other reading of the labels; or else how the loss compares with chance."""
    if len(facts.usable) < ENOUGH or (facts.columns.low == facts.columns.high).all():
        return
    read = _better_reading(facts)
    if read is not None:
        yield read
    else:
        yield from _chance(facts)


def _better_reading(facts: Facts) -> Finding | None:
    readings = list(_readings(facts))
    if not readings:
        return None
    own, others, negated = _look_up(facts, readings)
    found: list[tuple[float, Finding]] = []
    for reading, other in zip(readings, others, strict=True):
        test = reading.test
        gain = (other.level - own.level)[test]
        # A bias alone would be right under other labels too; what moves with the rows is not.
        moves = (other.above_usual - own.above_usual)[test]
        here, there = -float(own.level[test].mean()), -float(other.level[test].mean())
        if here > facts.chance and clearly(gain, LEAST * facts.chance) and clearly(moves):
            found.append((there, reading.tell(facts, here, there)))
    if negated is not None:
        gain, moves = negated - own.level, -own.above_usual
        if clearly(gain, LEAST * facts.chance) and clearly(moves):
            there = -float(negated.mean())
            found.append((there, _negated(-float(own.level.mean()), there)))
    if not found:
        return None
    best = min(loss for loss, _ in found)
    return next(told for loss, told in found if loss <= best + LEAST * facts.chance)


def _readings(facts: Facts) -> Iterator[Reading]:
    """Other readings worth looking at, the likelier first: of labels that do not fit as given."""
    permuted = list(_exchanged(facts))
    if facts.batch.words.names:  # named classes have no neighbours
        yield from permuted
    if np.minimum(facts.losses, WORST).mean() > facts.chance:
        labels, classes = facts.labels, facts.batch.classes
        everyone = np.ones(len(labels), dtype=bool)
        if classes == 2:
            yield Reading(1 - labels, everyone, _flipped)
        else:
            for step in (-1, 1):
                yield Reading((labels + step) % classes, everyone, _shifted(step))
        for step in (-1, 1):
            yield Reading(np.roll(labels, step), everyone, _late(step))
    if not facts.batch.words.names:
        yield from permuted


def _exchanged(facts: Facts) -> Iterator[Reading]:
    """Labels whose columns are exchanged, if there are rows enough to test it."""
    place = _permutation(facts)
    if place is None:
        return
    columns = place[facts.labels]
    test = (columns != facts.labels) & ~facts.half[facts.usable]
    if test.sum() >= ENOUGH:
        yield Reading(columns, test, _permuted(place, test))


def _permutation(facts: Facts) -> Array | None:
    """The column that each label's rows favour, where that exchanges labels among themselves."""
    by_label = facts.columns.by_label
    if by_label is None:
        return None
    classes = facts.batch.classes
    rows = np.bincount(facts.labels[facts.half[facts.usable]], minlength=classes)
    favourite = np.where(rows >= 2, by_label.argmax(axis=1), np.arange(classes))
    place = np.arange(classes)
    for cycle in _cycles(favourite):
        place[cycle] = favourite[cycle]
    return place if (place != np.arange(classes)).any() else None


def _cycles(to: Array) -> Iterator[list[int]]:
    """Cycles of two or more in the graph i -> to[i]."""
    seen = np.zeros(len(to), dtype=bool)
    for start in range(len(to)):
        path: list[int] = []
        here = start
        while not seen[here]:
            seen[here] = True
            path.append(here)
            here = int(to[here])
        if here in path and len(path) - path.index(here) > 1:
            yield path[path.index(here) :]


def _look_up(facts: Facts, readings: list[Reading]) -> tuple[At, list[At], Array | None]:
    """Log-probabilities at the labels, at each reading's columns, and for negated logits."""
    batch = facts.batch
    usual = facts.columns.log_probability / len(facts.usable)
    wanted = [facts.labels, *(reading.columns for reading in readings)]
    level = np.empty((len(wanted), len(facts.usable)))
    finite = bool(np.isfinite(facts.low).all() and np.isfinite(facts.high).all())
    sign = batch.kind == "logits" and batch.classes > 2 and finite
    negated = np.empty(len(facts.usable)) if sign else None
    place = np.cumsum(~np.isnan(facts.loss)) - 1  # of a kept row among the usable ones
    for part, raw in batch.blocks():
        usable = np.flatnonzero(~np.isnan(facts.loss[part]))
        z = as_logits(raw, batch)[usable]
        here = place[part][usable]
        each = np.arange(len(z))
        logs = log_probabilities(z)
        for k, columns in enumerate(wanted):
            level[k, here] = logs[each, columns[here]]
        if negated is not None:
            negated[here] = log_probabilities(-z)[each, facts.labels[here]]
    looked = [At(row, row - usual[columns]) for row, columns in zip(level, wanted, strict=True)]
    return looked[0], looked[1:], negated


def _against(facts: Facts, here: float) -> str:
    return f"The mean loss is {figure(here)}, worse than chance ({_chance_of(facts)})"


def _chance_of(facts: Facts) -> str:
    return f"log {facts.batch.classes} = {figure(facts.chance)}"


def _flipped(facts: Facts, here: float, there: float) -> Finding:
    return Finding(
        "labels flipped",
        f"{_against(facts, here)}; with the two labels exchanged it would be {figure(there)}.",
        "The model has learned the opposite of what the labels say, or is scored against it.",
        "Exchange the classes: 1 - targets, or look which class the score is of.",
    )


def _shifted(step: int) -> Callable[[Facts, float, float], Finding]:
    def tell(facts: Facts, here: float, there: float) -> Finding:
        change = "less 1" if step < 0 else "plus 1"
        return Finding(
            "labels off by one",
            f"{_against(facts, here)}; with each label {change} (mod {facts.batch.classes}) it "
            f"would be {figure(there)}.",
            "Each row is scored against its neighbour's class.",
            f"Take the labels {change}: targets {'-' if step < 0 else '+'} 1; look where labels "
            "and columns begin to be counted, and for a background class.",
        )

    return tell


def _late(step: int) -> Callable[[Facts, float, float], Finding]:
    def tell(facts: Facts, here: float, there: float) -> Finding:
        other = "next" if step < 0 else "previous"
        return Finding(
            "labels one row off",
            f"{_against(facts, here)}; with the label of the {other} row it would be "
            f"{figure(there)}.",
            "Each row is scored against another row's label.",
            "Pair them anew: "
            + ("logits[:-1] with targets[1:]" if step < 0 else "logits[1:] with targets[:-1]")
            + ". For a language model the targets are the inputs, one token on.",
        )

    return tell


def _permuted(place: Array, test: Array) -> Callable[[Facts, float, float], Finding]:
    def tell(facts: Facts, here: float, there: float) -> Finding:
        words = facts.batch.words
        moved = np.flatnonzero(place != np.arange(len(place)))
        pairs = ", ".join(f"{words.name(j)} in column {place[j]}" for j in moved[:10].tolist())
        more = f" and {len(moved) - 10} more" if len(moved) > 10 else ""
        order = f": logits[:, {place.tolist()}]" if len(place) <= 20 else ""
        return Finding(
            "columns permuted",
            f"The scores of {len(moved)} of {len(place)} classes are found in each other's "
            f"columns: {pairs}{more}. In {int(test.sum())} rows kept apart to test that, the mean "
            f"loss is {figure(here)}, and {figure(there)} with the columns put in order.",
            "Labels and columns count the classes in different orders.",
            f"Put the columns in the order of the labels{order}; or encode the labels by the "
            "model's own list of classes (often sorted by name).",
        )

    return tell


def _negated(here: float, there: float) -> Finding:
    return Finding(
        "logits negated",
        f"The mean loss is {figure(here)}; with the sign of all logits changed it would be "
        f"{figure(there)}.",
        "The lowest score marks the label: these are distances, energies or losses, or a sign "
        "was lost.",
        "Pass -logits.",
    )


def _chance(facts: Facts) -> Iterator[Finding]:
    """How the loss compares with chance, and with always predicting the labels' shares."""
    losses, chance = np.minimum(facts.losses, WORST), facts.chance
    mean, told = float(losses.mean()), figure(facts.mean_loss)
    commonest = max(1 / facts.batch.classes, facts.majority)
    skilled = clearly(facts.right - commonest)
    if clearly(losses - chance, SLIGHT * chance):
        yield _overconfident(facts, told) if skilled else _worse(facts, told, _level(facts, mean))
    elif mean > 0.98 * chance and not skilled:
        yield Finding(
            "at chance",
            f"The mean loss is {told}, no better than chance ({_chance_of(facts)}).",
            "This is what a model looks like that has learned nothing yet.",
            "Nothing, before the first step. Later look whether rows and labels were shuffled "
            "together, at the learning rate, and whether gradients reach the weights.",
            "note",
        )
    elif facts.base_loss > 0 and _worse_than_shares(facts, losses):
        yield Finding(
            "worse than the labels' shares",
            f"The mean loss is {told}; always predicting the labels' shares costs "
            f"{figure(facts.base_loss)}.",
            "The inputs have not helped so far: a constant does better.",
            "Start the last layer's bias at the logarithms of the shares, and look at the "
            "calibration of a model that is trained.",
            "note",
        )


def _worse_than_shares(facts: Facts, losses: Array) -> bool:
    """Does a constant do better? Of few rows the shares would be read off too well."""
    enough = len(losses) >= 10 * facts.batch.classes
    return enough and clearly(losses - facts.share_losses, 0.02)


def _level(facts: Facts, mean: float) -> Level:
    """A fresh model's bias alone can be wrong for labels that are mostly of one class."""
    if mean < FAR * facts.chance:
        return "note"
    usual = log_softmax(facts.columns.log_probability / len(facts.usable))
    by_bias = -float(usual[facts.labels].mean())
    rows_too = mean > by_bias + LEAST * facts.chance
    return "mistake" if rows_too or mean > VERY_FAR * facts.chance else "note"


def _worse(facts: Facts, told: str, level: Level) -> Finding:
    why = "a bias towards classes that few labels have, or scores that are too large."
    if level == "mistake":
        why = "scores and labels do not belong together, or the scores are far too large."
    return Finding(
        "worse than chance",
        f"The mean loss is {told}, and chance {_chance_of(facts)}; accuracy "
        f"{facts.accuracy:.4f}, and the commonest label's share {facts.majority:.4f}.",
        f"Holding all classes equally likely would do better: {why}",
        "Before training: make the last layer's weights smaller. Later: look whether rows and "
        "labels were shuffled apart, and at the order of the classes.",
        level,
    )


def _overconfident(facts: Facts, told: str) -> Finding:
    return Finding(
        "overconfident",
        f"The mean loss is {told}, worse than chance ({_chance_of(facts)}), though accuracy is "
        f"{facts.accuracy:.4f}.",
        "The wrong rows are wrong with near certainty, and cost more than the right ones save.",
        "Divide the logits by a temperature fitted on held-out rows; against overfitting, weight "
        "decay, label smoothing, or stopping earlier.",
        "note",
    )
