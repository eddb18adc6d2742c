"""Symptoms of the scores: NaN, wrong sums, infinite losses, columns without information."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from xent._plausible import FEW, are_percentages, are_shares, rounding
from xent._report import Finding
from xent._validation import Array
from xent.check._batch.statistics import CERTAIN, Statistics
from xent.check.mistakes import found
from xent.check.naming import figure, plural

HEAVY = 10.0
"""Loss in nats of a row that is certain and wrong: p(label) is below 4.5e-5."""


def findings(statistics: Statistics) -> Iterator[Finding]:
    """Everything wrong with the scores; labels are used only for the losses."""
    if not len(statistics.batch.kept):
        return
    yield from _not_numbers(statistics)
    if statistics.batch.kind != "logits":
        yield from _not_probabilities(statistics)
    yield from _infinite_losses(statistics)
    yield from _columns(statistics)
    if len(statistics.losses):
        yield from _saturated(statistics)
        yield from _heavy(statistics)


def _not_numbers(statistics: Statistics) -> Iterator[Finding]:
    batch = statistics.batch
    if (bad := np.isnan(statistics.low)).any():
        noun = "score" if batch.kind == "logits" else "probability"
        such = plural(int(bad.sum()), "The row is", "Such rows are")
        seen = f"A {noun} is NaN in {statistics.rows(bad)}. {such} left out of the rest."
        yield found("NaN scores", seen)
    if batch.kind == "logits":
        bad = np.isinf(statistics.high) if batch.binary else statistics.high == np.inf
        if bad.any():
            infinite = "infinite" if batch.binary else "+inf"
            yield found("infinite logits", f"A logit is {infinite} in {statistics.rows(bad)}.")


def _not_probabilities(statistics: Statistics) -> Iterator[Finding]:
    """Scores that are called (log-)probabilities but are not."""
    batch = statistics.batch
    low, high, where = 0.0, 1.0, "between 0 and 1"
    if batch.kind == "log-probabilities":
        low, high, where = -np.inf, 0.0, "at most 0"
    slack = rounding(batch.dtype)
    bad = (statistics.low < low - slack) | (statistics.high > high + slack)
    if bad.any() and in_percent(statistics):
        seen = "All scores lie between 0 and 100, and not between 0 and 1."
        if not batch.binary:
            seen = f"The scores of {statistics.rows(statistics.low <= 100)} sum to 100."
        yield found("percentages", seen)
        return
    if bad.any():
        run = f"run from {statistics.columns.lowest:.6g} to {statistics.columns.highest:.6g}"
        rule = f"{batch.kind} lie {where}, but these do not in {statistics.rows(bad)}"
        yield found(f"not {batch.kind}", f"The scores {run}; {rule}.")
        return
    off = np.abs(statistics.mass - 1)
    bad = off > batch.tolerance
    if batch.binary or not bad.any():
        return
    if sum_by_column(statistics):
        yield wrong_axis(statistics)
        return
    worst = int(np.nan_to_num(np.where(bad, off, 0)).argmax())
    furthest = f"{batch.names.row(batch.kept[worst])} with {statistics.mass[worst]:.6g}"
    yield found(
        "rows do not sum to 1",
        f"{int(bad.sum())} of {len(bad)} rows of probabilities do not sum to 1 (within "
        f"{batch.tolerance:g}); the furthest is {furthest}. The rest of this report uses rows "
        "divided by their sums.",
    )


def sum_by_column(statistics: Statistics) -> bool:
    """Do the columns sum to 1, and not the rows?"""
    batch = statistics.batch
    if batch.binary or batch.kind == "log-probabilities" or len(batch.kept) < 2:
        return False
    sums = statistics.columns.total
    return are_shares(statistics.low, statistics.high, sums, batch.tolerance)


def in_percent(statistics: Statistics) -> bool:
    """Are the scores percentages?"""
    batch = statistics.batch
    if batch.kind == "log-probabilities":
        return False
    if batch.binary:
        return are_percentages(batch.scores[batch.kept], batch.tolerance)
    low, high, total = statistics.low, statistics.high, statistics.total
    if are_shares(low, high, total, batch.tolerance, 100):
        return True
    # Whole percentages, or such with one decimal, sum to 100 only up to their rounding.
    if not are_shares(low, high, total, 0.05, 100) or len(batch.kept) < FEW:
        return False
    scores = batch.scores[batch.kept]
    for unit in (1, 0.1):
        if (np.abs(scores / unit - np.round(scores / unit)) < 1e-3).all():
            return are_shares(low, high, total, 0.005 * unit * batch.classes, 100)
    return False


def wrong_axis(statistics: Statistics) -> Finding:
    """Probabilities that were normalised over the rows."""
    rows = statistics.total
    sums = f"{figure(rows.min())} to {figure(rows.max())}"
    seen = f"Each column sums to 1 over the {len(rows)} rows; the rows sum to {sums}."
    return found("softmax over the wrong axis", seen)


def _infinite_losses(statistics: Statistics) -> Iterator[Finding]:
    """Rows whose loss is infinite, by cause."""
    batch, masked = statistics.batch, statistics.masked
    if masked.any():
        value = "0" if batch.kind == "probabilities" else "-inf"
        seen = f"Every class is at {value} in {statistics.rows(masked)}."
        yield found("every class masked", seen)
    infinite = np.isposinf(statistics.loss) & ~masked
    if batch.kind == "logits":
        infinite &= ~np.isinf(statistics.high)  # those have a finding above
    if not infinite.any() or statistics.decisions:  # which are a mistake of their own
        return
    label = f"label {batch.names.of_class(batch.labels[infinite.argmax()])}"
    where = statistics.rows(infinite, label)
    if batch.kind == "logits":
        yield found("label on a masked class", f"The label's own logit is -inf in {where}.")
    else:
        yield found("probability 0 for the label", f"The label has probability 0 in {where}.")


def _columns(statistics: Statistics) -> Iterator[Finding]:
    batch, names, columns = statistics.batch, statistics.batch.names, statistics.columns
    rows = len(batch.kept)
    if rows < 3 or np.isnan(columns.low).any():
        return
    # Two rows too often agree in a column by chance, at least in half precision.
    constant = columns.low == columns.high
    if constant.all():
        yield _identical(statistics)
        return
    hidden = constant & (columns.low == (0 if batch.kind == "probabilities" else -np.inf))
    if len(which := np.flatnonzero(hidden)):
        subject = names.classes(which, "Class {} has", "Classes {} have")
        yield found("class masked in every row", f"{subject} probability 0 in all {rows} rows.")
    if len(which := np.flatnonzero(constant & ~hidden)):
        value = f" ({figure(columns.low[which[0]])})" if len(which) == 1 else ""
        subject = names.classes(which, "class {}", "classes {}")
        seen = f"The score of {subject} is the same in all {rows} rows{value}."
        yield found("constant column", seen)
    yield from _duplicates(statistics, constant)


def _identical(statistics: Statistics) -> Finding:
    batch, low = statistics.batch, statistics.columns.low
    rows = len(batch.kept)
    zero = bool((low == 0).all()) and batch.kind == "logits"
    values = ", ".join(map(figure, low[:4])) + ", ..." * (len(low) > 4)
    noun = "score" if batch.binary else "scores"
    seen = f"All {rows} rows have the same {noun} ({values})."
    return found("identical rows", seen, level="note" if zero or rows < 8 else "mistake")


def _duplicates(statistics: Statistics, constant: Array) -> Iterator[Finding]:
    """The first two columns that are equal in all rows without being constant."""
    batch, names = statistics.batch, statistics.batch.names
    moving = np.flatnonzero(~constant)
    if batch.binary or len(batch.kept) < 8 or len(moving) < 2:
        return
    # Columns that agree in the first rows are the only ones worth comparing in all of them.
    first = batch.scores[batch.kept[:16]].astype(np.float64)[:, moving].T
    _, group, count = np.unique(first, axis=0, return_inverse=True, return_counts=True)
    group = group.reshape(-1)  # NumPy 2.0.0 gives it the shape (columns, 1)
    alike = np.flatnonzero((count[group] > 1) & (np.isfinite(first).sum(axis=1) >= 8))
    for start in alike:
        one = batch.scores[batch.kept, moving[start]]
        for other in alike[(alike > start) & (group[alike] == group[start])]:
            # Few values may agree by chance.
            if len(np.unique(one)) < 4 or (one != batch.scores[batch.kept, moving[other]]).any():
                continue
            pair = moving[[start, other]]
            a, b = map(names.of_class, pair)
            seen = f"Classes {a} and {b} have the same score in all {len(one)} rows."
            used = (statistics.counts[pair] > 0).all()
            yield found("duplicate columns", seen, level="mistake" if used else "note")
            return


def _saturated(statistics: Statistics) -> Iterator[Finding]:
    rows = len(statistics.losses)
    certain = int((statistics.losses < CERTAIN).sum())
    if certain >= 0.05 * rows:
        which = "the only row" if rows == 1 else f"{certain} of {rows} rows ({certain / rows:.0%})"
        seen = f"In {which} the model is right with 1 - p(label) below {CERTAIN:.0e}"
        yield found("saturated rows", f"{seen}: in float32 p(label) is 1.")


def _heavy(statistics: Statistics) -> Iterator[Finding]:
    losses, names = statistics.losses, statistics.batch.names
    finite = np.isfinite(losses)
    heavy = finite & (losses > HEAVY)
    # If most rows are heavy, the loss is bad overall, which has a finding of its own.
    if not heavy.any() or heavy.sum() > 0.5 * len(losses):
        return
    part = float(losses[heavy].sum()) / float(losses[finite].sum())
    worst = int(np.where(finite, losses, -np.inf).argmax())
    if part < 0.2 and losses[worst] < -math.log(CERTAIN):
        return
    position, kept = statistics.usable[worst], statistics.batch.kept
    which = names.rows(kept[statistics.usable[heavy]], len(losses))
    makes = plural(int(heavy.sum()), "it accounts for", "they account for")
    label, predicted = statistics.labels[worst], statistics.predicted[position]
    yield found(
        "certain and wrong rows",
        f"The loss is above {HEAVY:g} in {which}; {makes} {part:.0%} of the mean. The worst is "
        f"{names.row(kept[position])}: loss {figure(losses[worst])}, label "
        f"{names.of_class(label)}, predicted {names.of_class(predicted)}.",
    )
