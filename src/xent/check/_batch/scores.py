"""Symptoms of the scores: NaN, wrong sums, infinite losses, columns without information."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

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
        yield found(
            "NaN scores",
            f"A {noun} is NaN in {statistics.rows(bad)}. "
            f"{plural(int(bad.sum()), 'The row is', 'Such rows are')} left out of what follows.",
        )
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
    # Rounding may lead beyond 1 where a row is normalised, not where a sigmoid is computed.
    slack = 0.0 if batch.binary and batch.kind == "probabilities" else batch.tolerance
    bad = (statistics.low < low) | (statistics.high > high + slack)
    if bad.any():
        columns = statistics.columns
        yield found(
            f"not {batch.kind}",
            f"The scores run from {columns.lowest:.6g} to {columns.highest:.6g}, and {batch.kind} "
            f"lie {where}: not so in {statistics.rows(bad)}.",
        )
        return
    off = np.abs(statistics.mass - 1)
    bad = off > batch.tolerance
    if batch.binary or not bad.any():
        return
    if sum_by_column(statistics):
        yield wrong_axis(statistics)
        return
    worst = int(np.nan_to_num(np.where(bad, off, 0)).argmax())
    yield found(
        "rows do not sum to 1",
        f"{int(bad.sum())} of {len(bad)} rows of probabilities do not sum to 1 (within "
        f"{batch.tolerance:g}); the furthest is {batch.names.row(int(batch.kept[worst]))} with "
        f"{statistics.mass[worst]:.6g}. What follows is for rows divided by their sums.",
    )


def sum_by_column(statistics: Statistics) -> bool:
    """Do the columns sum to 1, and not the rows?"""
    batch = statistics.batch
    if batch.binary or batch.kind == "log-probabilities" or len(batch.kept) < 2:
        return False
    inside = (statistics.low >= 0) & (statistics.high <= 1 + batch.tolerance)
    off = np.abs(statistics.columns.total - 1)
    return bool(inside.all() and (off <= batch.tolerance).all())


def wrong_axis(statistics: Statistics) -> Finding:
    """Probabilities that were normalised over the rows."""
    low, high = (figure(float(f(statistics.total))) for f in (np.min, np.max))
    return found(
        "softmax over the wrong axis",
        f"Each column sums to 1 over the {len(statistics.total)} rows; the rows sum to {low} to "
        f"{high}.",
    )


def _infinite_losses(statistics: Statistics) -> Iterator[Finding]:
    """Rows whose loss is infinite, by cause."""
    batch, masked = statistics.batch, statistics.masked
    if masked.any():
        value = "0" if batch.kind == "probabilities" else "-inf"
        seen = f"Every class is at {value} in {statistics.rows(masked)}."
        yield found("every class masked", seen)
    infinite = np.isposinf(statistics.loss) & ~masked
    if batch.kind == "logits":
        infinite &= ~np.isinf(statistics.high)  # they have a finding above
    if not infinite.any():
        return
    label = f"label {batch.names.of_class(int(batch.labels[infinite.argmax()]))}"
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
    # Two rows agree in a column by chance too often, at least in half precision.
    constant = columns.low == columns.high
    if constant.all():
        yield _identical(statistics)
        return
    hidden = constant & (columns.low == (0 if batch.kind == "probabilities" else -np.inf))
    if hidden.any():
        which = np.flatnonzero(hidden)
        noun, has = plural(len(which), "Class", "Classes"), plural(len(which), "has", "have")
        seen = f"{noun} {names.classes(which)} {has} probability 0 in all {rows} rows."
        yield found("class masked in every row", seen)
    still = np.flatnonzero(constant & ~hidden)
    if len(still):
        value = f" ({figure(float(columns.low[still[0]]))})" if len(still) == 1 else ""
        noun = plural(len(still), "class", "classes")
        yield found(
            "constant column",
            f"The score of {noun} {names.classes(still)} is the same in all {rows} rows{value}.",
        )
    yield from _duplicates(statistics, constant)


def _identical(statistics: Statistics) -> Finding:
    batch, low = statistics.batch, statistics.columns.low
    rows = len(batch.kept)
    zero = bool((low == 0).all()) and batch.kind == "logits"
    values = ", ".join(figure(float(value)) for value in low[:4]) + ", ..." * (len(low) > 4)
    noun = "score" if batch.binary else "scores"
    return found(
        "identical rows",
        f"All {rows} rows have the same {noun} ({values}).",
        level="note" if zero or rows < 8 else "mistake",
    )


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
            a, b = (names.of_class(int(j)) for j in pair)
            yield found(
                "duplicate columns",
                f"Classes {a} and {b} have the same score in all {len(one)} rows.",
                level="mistake" if (statistics.counts[pair] > 0).all() else "note",
            )
            return


def _saturated(statistics: Statistics) -> Iterator[Finding]:
    rows = len(statistics.losses)
    certain = int((statistics.losses < CERTAIN).sum())
    if certain >= 0.05 * rows:
        which = "the only row" if rows == 1 else f"{certain} of {rows} rows ({certain / rows:.0%})"
        yield found(
            "saturated rows",
            f"In {which} the model is right with 1 - p(label) below {CERTAIN:.0e}: in float32 "
            "p(label) is 1.",
        )


def _heavy(statistics: Statistics) -> Iterator[Finding]:
    losses, names = statistics.losses, statistics.batch.names
    finite = np.isfinite(losses)
    heavy = finite & (losses > HEAVY)
    # If most rows are heavy, the loss is bad altogether, which has a finding of its own.
    if not heavy.any() or heavy.sum() > 0.5 * len(losses):
        return
    part = float(losses[heavy].sum()) / float(losses[finite].sum())
    worst = int(np.where(finite, losses, -np.inf).argmax())
    if part < 0.2 and losses[worst] < -math.log(CERTAIN):
        return
    position = statistics.usable[worst]
    kept = statistics.batch.kept
    which = names.rows(kept[statistics.usable[heavy]], len(losses))
    yield found(
        "certain and wrong rows",
        f"The loss is above {HEAVY:g} in {which}; "
        f"{plural(int(heavy.sum()), 'it makes', 'they make')} {part:.0%} of the mean. The worst is "
        f"{names.row(int(kept[position]))}: loss {figure(float(losses[worst]))}, label "
        f"{names.of_class(int(statistics.labels[worst]))}, predicted "
        f"{names.of_class(int(statistics.predicted[position]))}.",
    )
