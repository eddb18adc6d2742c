"""Symptoms of the scores: what they seem to be, what is no score, columns that say nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from xent._report import Finding
from xent._validation import Array
from xent.check.batch.facts import CERTAIN, Facts
from xent.check.batch.words import figure, plural

HEAVY = 10.0
"""Loss in nats of a row that is certain and wrong: p(label) is below 4.5e-5."""


def findings(facts: Facts) -> Iterator[Finding]:
    """Whatever can be said of the scores, with the labels only to tell losses."""
    if not len(facts.batch.kept):
        return
    yield from _no_numbers(facts)
    yield from _no_probabilities(facts)
    yield from _without_loss(facts)
    yield from _columns(facts)
    yield from _saturated(facts)


def _no_numbers(facts: Facts) -> Iterator[Finding]:
    batch, words = facts.batch, facts.batch.words
    noun = "score" if batch.kind == "logits" else "probability"
    if (bad := np.isnan(facts.low)).any():
        yield Finding(
            "NaN scores",
            f"A {noun} is NaN in {words.some(facts.rows(bad), len(bad))}. "
            f"{'Such rows are' if bad.sum() > 1 else 'The row is'} left out of what follows.",
            "The mean of the losses is NaN, and so is every weight after one step.",
            "Find the first NaN: a learning rate too high, 0/0 in a normalisation, log(0), "
            "float16 beyond 65504, or NaN in the inputs.",
        )
    if batch.kind != "logits":
        return
    bad = facts.high == np.inf
    if batch.binary:
        bad = np.isinf(facts.high)
    if bad.any():
        yield Finding(
            "infinite logits",
            f"A logit is {'infinite' if batch.binary else '+inf'} in "
            f"{words.some(facts.rows(bad), len(bad))}.",
            "It stands for certainty: the loss is 0 or infinite there, or NaN where a row has two.",
            "Look for an overflow (float16 ends at 65504) or a division by 0 in the last layer. "
            "To mask a class, give it -inf.",
        )


def _no_probabilities(facts: Facts) -> Iterator[Finding]:
    """Scores that are called probabilities, and are none."""
    batch, words, kind = facts.batch, facts.batch.words, facts.batch.kind
    if kind == "logits":
        return
    slack = 0.0 if batch.binary and kind == "probabilities" else batch.tolerance
    low, high = (0.0, 1.0) if kind == "probabilities" else (-np.inf, 0.0)
    bad = (facts.low < low) | (facts.high > high + slack)
    if bad.any():
        where = "between 0 and 1" if kind == "probabilities" else "at most 0"
        yield Finding(
            f"not {kind}",
            f"The scores run from {facts.lowest:.6g} to {facts.highest:.6g}, and {kind} lie "
            f"{where}: not so in {words.some(facts.rows(bad), len(bad))}.",
            "The loss is negative beyond 1, and NaN below 0."
            if kind == "probabilities"
            else "The exponential is a probability above 1, and the loss negative.",
            "If they are raw scores, pass kind='logits'.",
        )
        return
    off = np.abs(facts.mass - 1) > batch.tolerance
    if batch.binary or not off.any():
        return
    if sum_by_column(facts):
        yield wrong_axis(facts)
        return
    worst = int(np.nan_to_num(np.where(off, np.abs(facts.mass - 1), 0)).argmax())
    yield Finding(
        "rows do not sum to 1",
        f"{int(off.sum())} of {len(off)} rows of probabilities do not sum to 1 (within "
        f"{batch.tolerance:g}); the furthest is {words.row(int(batch.kept[worst]))} with "
        f"{facts.mass[worst]:.6g}. What follows is for rows divided by their sums.",
        "They are no distribution over the classes, and -log p rewards raising all of them.",
        "Use softmax over the classes, not a sigmoid for each; or divide by the sums. Were they "
        "rounded when written, pass a larger tolerance=.",
    )


def sum_by_column(facts: Facts) -> bool:
    """Do the columns sum to 1, and not the rows?"""
    batch = facts.batch
    if batch.binary or batch.kind == "log-probabilities" or len(batch.kept) < 2:
        return False
    inside = bool(((facts.low >= 0) & (facts.high <= 1 + batch.tolerance)).all())
    return inside and bool((np.abs(facts.columns.total - 1) <= batch.tolerance).all())


def wrong_axis(facts: Facts) -> Finding:
    """Probabilities that were normalised over the rows."""
    return Finding(
        "softmax over the wrong axis",
        f"Each column sums to 1 over the {len(facts.batch.kept)} rows; the rows sum to "
        f"{figure(float(facts.total.min()))} to {figure(float(facts.total.max()))}.",
        "Rows compete with each other instead of classes, and a row's probabilities depend on "
        "the rest of the batch.",
        "Normalise over the class axis: axis=-1 in NumPy and JAX, dim=1 or -1 in PyTorch.",
    )


def _without_loss(facts: Facts) -> Iterator[Finding]:
    """Rows whose loss is infinite, by cause."""
    batch, words = facts.batch, facts.batch.words
    masked = facts.masked
    if masked.any():
        yield Finding(
            "every class masked",
            f"Every class is at {'0' if batch.kind == 'probabilities' else '-inf'} in "
            f"{words.some(facts.rows(masked), len(masked))}.",
            "There is nothing to choose from: the softmax is 0/0, and the loss inf or NaN.",
            "Leave one class free in each row's mask, or leave the row out (ignore_index).",
        )
    infinite = np.isposinf(facts.loss) & ~masked
    if batch.kind == "logits":
        infinite &= ~np.isinf(facts.high)
    if not infinite.any():
        return
    label = f"label {words.name(int(batch.labels[infinite.argmax()]))}"
    where = words.some(facts.rows(infinite), len(infinite), label)
    if batch.kind == "logits":
        yield Finding(
            "label on a masked class",
            f"The label's own logit is -inf in {where}.",
            "The loss of such a row is infinite, and with it the mean.",
            "Let the mask never hide the true class, or leave such rows out.",
        )
    else:
        yield Finding(
            "probability 0 for the label",
            f"The label has probability 0 in {where}.",
            "The loss of such a row is infinite, and with it the mean.",
            "Keep logits or log-probabilities, which do not round to 0; or set a floor "
            "(clip= in xent.log_loss), which changes the loss.",
        )


def _columns(facts: Facts) -> Iterator[Finding]:
    batch, words, columns = facts.batch, facts.batch.words, facts.columns
    rows = len(batch.kept)
    if rows < 3 or np.isnan(columns.low).any():
        return
    constant = columns.low == columns.high
    if constant.all():
        yield _identical(facts)
        return
    hidden = constant & (columns.low == (0 if batch.kind == "probabilities" else -np.inf))
    if hidden.any():
        which = np.flatnonzero(hidden)
        yield Finding(
            "class masked in every row",
            f"{plural(len(which), 'Class', 'Classes')} {words.list(which)} "
            f"{plural(len(which), 'has', 'have')} probability 0 in all {rows} rows.",
            "It can never be predicted, and a label on it costs an infinite loss.",
            "Nothing, if the mask means it.",
            "note",
        )
    still = np.flatnonzero(constant & ~hidden)
    if len(still):
        value = figure(float(columns.low[still[0]]))
        yield Finding(
            "constant column",
            f"The score of {plural(len(still), 'class', 'classes')} {words.list(still)} is the "
            f"same in all {rows} rows{f' ({value})' if len(still) == 1 else ''}.",
            "It does not depend on the input: a dead output, or weights that get no gradient.",
            "Nothing, if it is the reference class of a model with K - 1 outputs. Else look at "
            "its weights and their gradient.",
            "note",
        )
    yield from _duplicates(facts, constant)


def _identical(facts: Facts) -> Finding:
    batch, rows = facts.batch, len(facts.batch.kept)
    zero = bool((facts.columns.low == 0).all()) and batch.kind == "logits"
    values = ", ".join(figure(float(value)) for value in facts.columns.low[:4])
    more = ", ..." if len(facts.columns.low) > 4 else ""
    return Finding(
        "identical rows",
        f"All {rows} rows have the same {'score' if batch.binary else 'scores'} ({values}{more}).",
        "Nothing of the input reaches the output.",
        (
            "Nothing, if the last layer starts at 0, before the first step. Else look"
            if zero
            else "Look"
        )
        + " for inputs that are all alike, dead units, or one row repeated (broadcast).",
        "note" if zero or rows < 8 else "mistake",
    )


def _duplicates(facts: Facts, constant: Array) -> Iterator[Finding]:
    """Columns that are equal in all rows, and no constants."""
    batch, words = facts.batch, facts.batch.words
    moving = np.flatnonzero(~constant)
    if batch.binary or len(batch.kept) < 8 or len(moving) < 2:
        return
    first = batch.scores[batch.kept[:16]].astype(np.float64)[:, moving].T
    _, group, count = np.unique(first, axis=0, return_inverse=True, return_counts=True)
    alike = np.flatnonzero((count[group] > 1) & (np.isfinite(first).sum(axis=1) >= 8))
    for start in alike:
        one = batch.scores[batch.kept, moving[start]]
        for other in alike[(alike > start) & (group[alike] == group[start])]:
            if len(np.unique(one)) < 4 or (one != batch.scores[batch.kept, moving[other]]).any():
                continue
            pair = moving[[start, other]]
            both = bool((facts.counts[pair] > 0).all())
            yield Finding(
                "duplicate columns",
                f"Classes {words.name(int(pair[0]))} and {words.name(int(pair[1]))} have the same "
                f"score in all {len(one)} rows.",
                "They can never be told apart: where one is right, the other takes half of its "
                "probability.",
                "Look for weights that are shared or copied, or a column written twice.",
                "mistake" if both else "note",
            )
            return


def _saturated(facts: Facts) -> Iterator[Finding]:
    losses, rows, words = facts.losses, len(facts.losses), facts.batch.words
    if not rows:
        return
    certain = int((losses < CERTAIN).sum())
    if certain >= 0.05 * rows:
        which = "the only row" if rows == 1 else f"{certain} of {rows} rows ({certain / rows:.0%})"
        yield Finding(
            "saturated rows",
            f"In {which} the model is right with 1 - p(label) below {CERTAIN:.0e}: in float32 "
            "p(label) is 1.",
            "In the usual formulas their loss and gradient are exactly 0 there, so they teach "
            "nothing more; xent keeps the digits.",
            "Nothing, if training is over. Else label smoothing or weight decay keeps logits "
            "smaller.",
            "note",
        )
    finite = np.isfinite(losses)
    heavy = finite & (losses > HEAVY)
    whole = float(losses[finite].sum())
    if not heavy.any() or heavy.sum() > 0.5 * rows:
        return
    part = float(losses[heavy].sum()) / whole
    worst = int(np.where(finite, losses, -np.inf).argmax())
    if part < 0.2 and losses[worst] < -math.log(CERTAIN):
        return
    position = facts.usable[worst]
    some = words.some(facts.batch.kept[facts.usable[heavy]], rows)
    number = int(heavy.sum())
    yield Finding(
        "certain and wrong rows",
        f"The loss is above {HEAVY:g} in {some}; {plural(number, 'it makes', 'they make')} "
        f"{part:.0%} of the mean. The worst is {words.row(int(facts.batch.kept[position]))}: loss "
        f"{figure(float(losses[worst]))}, label {words.name(int(facts.labels[worst]))}, predicted "
        f"{words.name(int(facts.predicted[position]))}.",
        f"A few rows rule the mean: p(label) is below {math.exp(-HEAVY):.0e} there.",
        "Look at these rows first: they are often labelled wrongly.",
        "note",
    )
