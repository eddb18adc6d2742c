"""Do the labels match the scores? Missing, shifted and permuted labels; the loss against chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from xent._report import Finding, Level
from xent._validation import Array
from xent.check._batch import compositions, confidences, independence, sorting
from xent.check._batch.logits import WORST, as_logits, log_probabilities
from xent.check._batch.significance import ENOUGH, mean, significantly_positive
from xent.check._batch.statistics import Statistics
from xent.check.mistakes import found
from xent.check.naming import figure, plural
from xent.functions import log_softmax

LEAST = 0.1
"""The fraction of log K by which losses must differ, however many rows there are."""

SLIGHT, FAR, VERY_FAR = 0.05, 1.5, 3.0
"""A loss 5 % above log K is worth a note; a loss of 1.5 or 3 times log K is a mistake."""


SPREAD = 0.5
"""The fraction of log K that scores of untrained models may cost beside their bias."""


@dataclass(frozen=True)
class Reading:
    """Another way to read the labels, under which the loss might be low."""

    name: str
    """The mistake, if this reading is right."""
    columns: Array
    """The column that each usable row's label may mean."""
    change: str
    """The change in words: "with each label less 1"."""
    test: Array
    """Usable rows that count as evidence for it."""
    where: str = "The mean loss"


def findings(statistics: Statistics) -> Iterator[Finding]:
    """Missing classes; then the best other reading of the labels, or the loss against chance."""
    columns = statistics.columns
    if len(statistics.usable) < ENOUGH:  # in a few rows, any class may be missing
        return
    yield from _never_a_label(statistics)
    if (columns.low < columns.high).any():
        yield from _never_predicted(statistics)
    if (columns.low == columns.high).all():
        return
    if reading := _best_reading(statistics):
        yield reading
    elif together := _composed(statistics):
        yield from together
    else:
        yield from _against_chance(statistics)
    yield from sorting.findings(statistics)


def _composed(statistics: Statistics) -> list[Finding]:
    """Another order of the scores, or several mistakes at once; at last, no order at all."""
    losses = np.minimum(statistics.losses, WORST)
    if losses.mean() < 0.9 * mean(statistics.share_losses):
        return []
    apart = independence.finding(statistics)
    suspect = apart is not None or _level(statistics, float(losses.mean())) == "mistake"
    if confident := confidences.finding(statistics, suspect):
        return [confident]
    if together := compositions.findings(statistics):
        return together
    return [apart] if apart else []


def _never_a_label(statistics: Statistics) -> Iterator[Finding]:
    rows, counts, names = len(statistics.usable), statistics.counts, statistics.batch.names
    missing = np.flatnonzero(counts == 0)
    if len(missing) == len(counts) - 1:
        seen = f"All {rows} labels are {names.of_class(int(counts.argmax()))}."
        yield found("only one class in the labels", seen)
    elif len(missing) and rows >= 5 * len(counts):
        seen = f"None of {rows} labels is {names.classes(missing)}."
        yield found("class never in the labels", seen)


def _never_predicted(statistics: Statistics) -> Iterator[Finding]:
    rows, counts, names = len(statistics.usable), statistics.counts, statistics.batch.names
    predicted = np.bincount(statistics.predicted[statistics.usable], minlength=len(counts))
    absent = np.flatnonzero((predicted == 0) & (counts >= 5))
    labelled = int(counts[absent].sum())
    if not labelled:
        return
    if (predicted > 0).sum() == 1:
        seen = f"All {rows} rows are predicted {names.of_class(int(predicted.argmax()))}; "
        seen += f"{labelled} of them have another label."
    else:
        such = plural(len(absent), "that label", "such a label")
        seen = f"None of {rows} rows is predicted {names.classes(absent)}, though {labelled} "
        seen += f"have {such}."
    yield found("class never predicted", seen)


def _best_reading(statistics: Statistics) -> Finding | None:
    readings = list(_readings(statistics))
    if not readings:
        return None
    chance, least = statistics.chance, LEAST * statistics.chance
    level, above_usual, negated = _look_up(statistics, readings)

    def is_better(gain: Array, moves: Array) -> bool:
        # A bias alone may fit other labels better, so what varies with the rows must fit better,
        # too.
        return significantly_positive(gain, least) and significantly_positive(moves)

    # A bias or a drift of the scores may go with the labels, too, but makes no good model of them.
    good = min(chance, mean(statistics.share_losses)) - least * sorting.caution(statistics)
    better: list[tuple[float, Finding]] = []
    for k, reading in enumerate(readings, 1):
        gain, moves = ((x[k] - x[0])[reading.test] for x in (level, above_usual))
        here, there = (-float(level[i, reading.test].mean()) for i in (0, k))
        enough = there < good or statistics.decisions
        if here > chance and enough and is_better(gain, moves):
            loss = f"{figure(here)}, worse than chance ({_chance(statistics)})"
            seen = f"{reading.where} is {loss}; {reading.change} it would be {figure(there)}."
            better.append((there, found(reading.name, seen)))
    if negated is not None and is_better(negated - level[0], -above_usual[0]):
        here, there = -float(level[0].mean()), -float(negated.mean())
        change = f"with all logits negated it would be {figure(there)}"
        seen = f"The mean loss is {figure(here)}; {change}."
        if there < good:
            better.append((there, found("logits negated", seen)))
    if not better:
        return None
    # The first that is as good as the best, up to chance.
    best = min(loss for loss, _ in better)
    return next(finding for loss, finding in better if loss <= best + least)


def _readings(statistics: Statistics) -> Iterator[Reading]:
    """Other readings worth testing if the labels do not fit as given, the likelier first."""
    permuted = list(_permuted(statistics))
    named = bool(statistics.batch.names.of_classes)
    if named:  # named classes have no neighbours
        yield from permuted
    # Labels that fit better than chance are not questioned: a few wrong rows do not prove a shift.
    if np.minimum(statistics.losses, WORST).mean() > statistics.chance:
        labels, classes = statistics.labels, statistics.batch.classes
        everyone = np.ones(len(labels), dtype=bool)
        if classes == 2:
            change = "with the two labels swapped"
            yield Reading("labels flipped", 1 - labels, change, everyone)
        else:
            for step, change in ((-1, "less 1 (targets - 1"), (1, "plus 1 (targets + 1")):
                columns = (labels + step) % classes
                change = f"with each label {change}, mod {classes})"
                yield Reading("labels off by one", columns, change, everyone)
        # With several labels per row, the next one is of another label, with another bias.
        in_one_row = statistics.batch.binary and len(statistics.batch.names.row_shape) > 1
        steps = (
            ()
            if in_one_row
            else (
                (-1, "next", "logits[:-1] with targets[1:]"),
                (1, "previous", "logits[1:] with targets[:-1]"),
            )
        )
        for step, other, pairs in steps:
            change = f"with the label of the {other} row ({pairs})"
            yield Reading("labels one row off", np.roll(labels, step), change, everyone)
    if not named:
        yield from permuted


def _permuted(statistics: Statistics) -> Iterator[Reading]:
    """Labels whose columns are exchanged, if there are enough rows to test it."""
    place = _permutation(statistics)
    if place is None:
        return
    columns = place[statistics.labels]
    # Not on the rows that it was inferred from, which fit it better by chance.
    test = (columns != statistics.labels) & ~statistics.half[statistics.usable]
    if test.sum() < ENOUGH:
        return
    names, moved = statistics.batch.names, np.flatnonzero(place != np.arange(len(place)))
    shift = (place - np.arange(len(place))) % len(place)
    if (shift == shift[0]).all() and not names.of_classes:
        change = (
            f"with each label plus {shift[0]}, mod {len(place)}, in {test.sum()} held-out rows,"
        )
        yield Reading("labels shifted", columns, change, test)
        return
    pairs = ", ".join(f"{names.of_class(j)} in column {place[j]}" for j in moved[:10].tolist())
    more = f" and {len(moved) - 10} more" if len(moved) > 10 else ""
    order = f", logits[:, {place.tolist()}]," if len(place) <= 20 else ""
    where = (
        f"The scores of {len(moved)} of {len(place)} classes are in each other's columns: "
        f"{pairs}{more}. In {int(test.sum())} rows held out to test this, the mean loss"
    )
    yield Reading("classes permuted", columns, f"with the columns put in order{order}", test, where)


def _permutation(statistics: Statistics) -> Array | None:
    """The column that each label's rows favour, if that exchanges labels among themselves."""
    by_label = statistics.columns.by_label
    if by_label is None:
        return None
    classes = statistics.batch.classes
    half = statistics.half[statistics.usable]
    rows = np.bincount(statistics.labels[half], minlength=classes)
    # One row may favour any column by chance.
    favourite = np.where(rows >= 2, by_label.argmax(axis=1), np.arange(classes))
    place, on_cycles = np.arange(classes), np.arange(classes)
    # The labels that are still favoured after any number of steps are on a cycle.
    while len(favoured := np.unique(favourite[on_cycles])) < len(on_cycles):
        on_cycles = favoured
    place[on_cycles] = favourite[on_cycles]
    return place if (place != np.arange(classes)).any() else None


def _look_up(statistics: Statistics, readings: list[Reading]) -> tuple[Array, Array, Array | None]:
    """Log-probabilities at the labels (the first row) and at each reading's columns.

    Then their excess over the column's mean, and those at the labels for negated logits.
    """
    batch, usable = statistics.batch, statistics.usable
    usual = statistics.columns.log_probability / len(usable)
    wanted = np.stack([statistics.labels, *(reading.columns for reading in readings)])
    level = np.empty(wanted.shape)
    finite = bool(np.isfinite(statistics.low).all() and np.isfinite(statistics.high).all())
    # With two classes, negated logits and swapped labels are the same; the latter is more common.
    sign = batch.kind == "logits" and batch.classes > 2 and finite
    negated = np.empty(len(usable)) if sign else None
    done = 0  # usable rows of the blocks before
    for part, raw in batch.blocks():
        z = as_logits(raw, batch.kind, batch.dtype)[~np.isnan(statistics.loss[part])]
        here, each = slice(done, done := done + len(z)), np.arange(len(z))
        level[:, here] = log_probabilities(z)[each, wanted[:, here]]
        if negated is not None:
            negated[here] = log_probabilities(-z)[each, statistics.labels[here]]
    return level, level - usual[wanted], negated


def _chance(statistics: Statistics) -> str:
    return f"log {statistics.batch.classes} = {figure(statistics.chance)}"


def _against_chance(statistics: Statistics) -> Iterator[Finding]:
    """How the loss compares with chance, and with always predicting the labels' shares."""
    losses, chance = np.minimum(statistics.losses, WORST), statistics.chance
    capped = float(losses.mean())
    accuracy = mean(statistics.right)
    best_guess = max(1 / statistics.batch.classes, statistics.majority)
    skilled = significantly_positive(statistics.right - best_guess)
    shares = mean(statistics.share_losses)
    seen, by_chance = f"The mean loss is {figure(mean(statistics.losses))}", _chance(statistics)
    if significantly_positive(losses - chance, SLIGHT * chance):
        if skilled:
            seen += f", worse than chance ({by_chance}), though accuracy is {accuracy:.4f}."
            yield found("overconfident", seen)
        else:
            commonest = f"the commonest label's share {statistics.majority:.4f}"
            seen += f", and chance {by_chance}; accuracy {accuracy:.4f}, and {commonest}."
            yield found("worse than chance", seen, level=_level(statistics, capped))
    elif capped > 0.98 * chance and not skilled:
        yield found("at chance", f"{seen}, no better than chance ({by_chance}).")
    elif shares > 0 and _worse_than_shares(statistics, losses):
        seen += f"; always predicting the labels' shares costs {figure(shares)}."
        yield found("worse than the labels' shares", seen)


def _worse_than_shares(statistics: Statistics, losses: Array) -> bool:
    """Does a constant do better? With few rows, the shares would fit them too well."""
    enough = len(losses) >= 10 * statistics.batch.classes
    return enough and significantly_positive(losses - statistics.share_losses, 0.02)


def _level(statistics: Statistics, capped: float) -> Level:
    """An untrained model's bias alone can be wrong if the labels are mostly of one class."""
    if capped < FAR * statistics.chance:
        return "note"
    usual = log_softmax(statistics.columns.log_probability / len(statistics.usable))
    by_bias = -float(usual[statistics.labels].mean())
    rows_too = capped > by_bias + SPREAD * statistics.chance
    return "mistake" if rows_too or capped > VERY_FAR * statistics.chance else "note"
