"""Scores that are confident, and yet independent of the labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xent._report import Finding
from xent._validation import Array
from xent.check._batch.logits import WORST, as_logits, log_probabilities
from xent.check._batch.significance import ENOUGH, margin_of_error
from xent.check._batch.sorting import are_sorted
from xent.check._batch.statistics import Statistics
from xent.check.mistakes import found
from xent.check.naming import figure
from xent.functions import softmax

CONFIDENT, CONFIDENT_OF_TWO = 0.55, 0.4
"""Nats, as a fraction of log K, that labels drawn from the scores would gain over shuffled labels.

Independent normal scores of standard deviation 1, a wide start of training, have 0.30 with one
score per row, 0.47 with three columns and less with more. With two columns they have 0.52, as much
as a mildly trained model, and cost 30 % more than chance.
"""

CLAIM = 0.9
"""The fraction of that gain that must be excluded. Well-fitted models reach 1; a model that is so
much too sure that it reaches 0.5 costs no less than a constant."""

ERRORS_OF_NONE = 2.0
"""Standard errors within which the gain must be nothing."""


@dataclass(frozen=True)
class Association:
    """How the scores of the usable rows go with the labels; each array has an entry per row."""

    gained: Array
    """Log-probability of the label, less that of a label drawn from the labels' shares."""
    claimed: Array
    """What would be gained on average if labels were drawn from the scores.

    That is from the row's probabilities, changed so that they agree with the labels' shares.
    """
    entropy: Array
    """The loss of such a label."""
    highest: Array
    """The highest probability."""
    by_chance: Array
    """The loss of a label drawn from the labels' shares."""


def association(statistics: Statistics) -> Association:
    """Measure it. The columns' means are taken off, since a bias goes with no label."""
    batch, usable = statistics.batch, statistics.usable
    usual = statistics.columns.log_probability / len(usable)
    shares = statistics.counts / len(usable)
    # A model that was trained on other shares is right about these after such a change.
    change = np.log(shares) - _log_mean(statistics)
    columns = np.empty((5, len(usable)))
    done = 0
    for part, raw in batch.blocks():
        z = as_logits(raw, batch.kind, batch.dtype)[~np.isnan(statistics.loss[part])]
        here, each = slice(done, done := done + len(z)), np.arange(len(z))
        log_p = log_probabilities(z)
        p, moves = np.exp(log_p), log_p - usual
        by_share = moves @ shares
        columns[0, here] = moves[each, statistics.labels[here]] - by_share
        columns[1, here] = (softmax(log_p + change) * moves).sum(axis=1) - by_share
        columns[2, here] = -(p * log_p).sum(axis=1)
        columns[3, here] = p.max(axis=1)
        columns[4, here] = -(log_p @ shares)
    return Association(*columns)


def _log_mean(statistics: Statistics) -> Array:
    """Logarithms of the mean probabilities of the usable rows."""
    batch = statistics.batch
    total = np.zeros(batch.classes)
    for part, raw in batch.blocks():
        z = as_logits(raw, batch.kind, batch.dtype)[~np.isnan(statistics.loss[part])]
        total += np.exp(log_probabilities(z)).sum(axis=0)
    return np.asarray(np.log(total / len(statistics.usable)))


def finding(statistics: Statistics) -> Finding | None:
    """Confident scores that are no better than for labels in a random order."""
    rows = len(statistics.losses)
    # A few rows of other labels than the commonest prove nothing, however many rows there are.
    if rows - statistics.counts.max() < ENOUGH or statistics.batch.soft is not None:
        return None
    losses = np.minimum(statistics.losses, WORST)
    if losses.mean() <= statistics.share_losses.mean():
        return None
    found_ = association(statistics)
    gained, claimed = float(found_.gained.mean()), float(found_.claimed.mean())
    least = CONFIDENT_OF_TWO if statistics.batch.classes == 2 else CONFIDENT
    if claimed < least * statistics.chance:
        return None
    error = float(found_.gained.std(ddof=1)) / rows**0.5
    if abs(gained) > ERRORS_OF_NONE * error:
        return None
    if gained + margin_of_error(found_.gained) > CLAIM * claimed:
        return None
    right, sure = float(statistics.right.mean()), float(found_.highest.mean())
    seen = (
        f"By their own probabilities the scores would be right in {sure:.0%} of the rows, with a "
        f"mean loss of {figure(float(found_.entropy.mean()))}. They are right in {right:.0%}, and "
        f"the mean loss is {figure(float(losses.mean()))}; with the labels in random order it "
        f"would be {figure(float(found_.by_chance.mean()))}, and for the labels' shares alone "
        f"{figure(float(statistics.share_losses.mean()))}."
    )
    return found("scores and labels do not belong together", seen + _sorted(statistics))


def _sorted(statistics: Statistics) -> str:
    """If either is sorted, that is how they came apart."""
    labels = are_sorted(statistics.labels, statistics)
    predicted = are_sorted(statistics.predicted[statistics.usable], statistics)
    if labels == predicted:
        return ""
    one, other = ("labels", "predictions") if labels else ("predictions", "labels")
    return f" The {one} are sorted by class, and the {other} are not."
