"""Several mistakes at once: an order of the rows, a sign, and another meaning of the labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xent._report import Finding
from xent._validation import Array
from xent.check._batch import sorting
from xent.check._batch.logits import as_logits, log_probabilities
from xent.check._batch.orders import Order, orders
from xent.check._batch.significance import ENOUGH, significantly_positive
from xent.check._batch.statistics import Statistics
from xent.check.mistakes import found
from xent.check.naming import figure

MOST_ROWS = 4000
FEWEST_ROWS = 200
"""Rows that are enough to choose among the compositions."""

MOST_NUMBERS = 1 << 26
"""Scores that the search may read."""

MOST_CLASSES = 1024
"""Of more classes, no permutation is looked for."""

LEAST = 0.1
"""The fraction of log K by which losses must differ for another part to be worth its while."""


@dataclass(frozen=True)
class Composition:
    """Changes that are made together."""

    order: Order | None
    negated: bool
    columns: Array
    """The column that each label stands for."""

    @property
    def parts(self) -> int:
        """How many changes."""
        moved = bool((self.columns != np.arange(len(self.columns))).any())
        return (self.order is not None) + self.negated + moved

    def log_p(self, statistics: Statistics, rows: Array) -> Array:
        """Log-probabilities at the labels of some of the batch's kept rows."""
        batch, where = statistics.batch, statistics.batch.kept[rows]
        raw = self.order.take(batch.scores, where) if self.order else batch.scores[where]
        z = as_logits(raw.astype(np.float64), batch.kind, batch.dtype)
        log_p = log_probabilities(-z if self.negated else z)
        return np.asarray(log_p[np.arange(len(rows)), self.columns[batch.labels[rows]]])


def findings(statistics: Statistics) -> list[Finding]:
    """The simplest composition under which the loss is low; empty if there is none."""
    batch = statistics.batch
    if not np.isfinite(batch.scores).all() or batch.soft is not None:
        return []
    half = statistics.half[statistics.usable]
    search, test = statistics.usable[half], statistics.usable[~half]
    if min(len(search), len(test)) < ENOUGH:
        return []
    best = _best(statistics, search)
    if best is None:
        return []
    test = test[:: 1 + len(test) // (MOST_ROWS * 10)]
    share = -statistics.share_losses[np.searchsorted(statistics.usable, test)]
    nothing = Composition(None, False, np.arange(batch.classes))
    before, after = nothing.log_p(statistics, test), best.log_p(statistics, test)
    # Chosen on one half of the rows, tested on the other: how many were tried does not matter.
    least = LEAST * statistics.chance * sorting.caution(statistics)
    better = significantly_positive(after - before, least)
    if not (better and significantly_positive(after - share, least)):
        return []
    return _told(statistics, best, test)


def _best(statistics: Statistics, search: Array) -> Composition | None:
    """The composition of the fewest parts that is as good as the best."""
    batch = statistics.batch
    candidates: list[Order | None] = [None, *orders(batch)]
    signs = [False, True] if batch.kind == "logits" and batch.classes > 2 else [False]
    width = batch.classes * len(signs)
    most = int(np.clip(MOST_NUMBERS // (width * len(candidates)), FEWEST_ROWS, MOST_ROWS))
    rows = search[np.linspace(0, len(search) - 1, min(most, len(search))).astype(int)]
    candidates = candidates[: max(4, MOST_NUMBERS // (width * len(rows)))]
    tried: list[tuple[float, Composition]] = []
    labels = batch.labels[rows]
    for order in candidates:
        raw = (
            batch.scores[batch.kept[rows]]
            if order is None
            else order.take(batch.scores, batch.kept[rows])
        )
        z = as_logits(raw.astype(np.float64), batch.kind, batch.dtype)
        for negated in signs:
            log_p = log_probabilities(-z if negated else z)
            for columns in _maps(log_p, labels):
                loss = -float(log_p[np.arange(len(rows)), columns[labels]].mean())
                tried.append((loss, Composition(order, negated, columns)))
    lowest, least = min(loss for loss, _ in tried), LEAST * statistics.chance
    if lowest > statistics.chance - least:
        return None
    good = [composition for loss, composition in tried if loss <= lowest + least]
    best = min(good, key=lambda composition: composition.parts)
    return best if best.parts else None


def _maps(log_p: Array, labels: Array) -> list[Array]:
    """Columns that the labels may stand for: their own, shifted, or permuted."""
    classes = log_p.shape[1]
    own = np.arange(classes)
    if classes > MOST_CLASSES:
        return [own]
    by_label = np.zeros((classes, classes))
    np.add.at(by_label, labels, log_p)
    # Another set of columns may fit chance better, so only those that fit clearly are tried.
    shifts = [by_label[own, (own + s) % classes].sum() for s in range(classes)]
    shift = (own + int(np.argmax(shifts))) % classes
    maps = [own, shift]
    place = by_label.argmax(axis=1)
    place[np.bincount(labels, minlength=classes) == 0] = -1
    missing = np.setdiff1d(own, place)
    if len(np.unique(place[place >= 0])) == (place >= 0).sum():
        place[place < 0] = missing
        maps.append(place)
    return maps


def _told(statistics: Statistics, best: Composition, test: Array) -> list[Finding]:
    """A finding for each part, with the loss after it."""
    batch, own = statistics.batch, np.arange(statistics.batch.classes)
    steps: list[tuple[Composition, str, str, str]] = []
    order, classes = best.order, batch.classes
    if order is not None:
        steps.append((Composition(order, False, own), order.name, order.change, order.fix))
    if best.negated:
        change = "with all logits negated"
        steps.append((Composition(order, True, own), "logits negated", change, ""))
    shift = (best.columns - own) % classes
    if shift.any():
        name, change = _name_of_map(best.columns, shift)
        steps.append((best, name, change, ""))
    before = -float(Composition(None, False, own).log_p(statistics, test).mean())
    last = -float(best.log_p(statistics, test).mean())
    told = []
    for number, (composition, name, change, fix) in enumerate(steps, 1):
        there = -float(composition.log_p(statistics, test).mean())
        seen = f"The mean loss is {figure(before)}; {change} it would be {figure(there)}."
        if number < len(steps):
            seen += f" This is one of {len(steps)} changes that together give {figure(last)}."
        told.append(found(name, seen, fix=fix))
        before = there
    return told


def _name_of_map(columns: Array, shift: Array) -> tuple[str, str]:
    classes, step = len(columns), int(shift[0])
    if (shift != step).any():
        order = f", logits[:, {columns.tolist()}]," if classes <= 20 else ""
        return "classes permuted", f"with the columns put in order{order}"
    if classes == 2:
        return "labels flipped", "with the two labels swapped"
    step = step - classes if step > classes // 2 else step
    word = "plus" if step > 0 else "less"
    change = f"with each label {word} {abs(step)}, mod {classes},"
    return ("labels off by one" if abs(step) == 1 else "labels shifted"), change
