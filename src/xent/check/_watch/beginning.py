"""Symptoms of the first steps: the first loss beside log K and the labels' shares."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from xent._report import Finding
from xent._validation import Array
from xent.check._batch.significance import ENOUGH, significantly_positive
from xent.check._watch.run import Run
from xent.check._watch.sampling import FIRST
from xent.check.mistakes import found
from xent.check.naming import figure

EXCESS = 1.0
"""Nats above log K that a first loss may be; it takes logits of a standard deviation of 1.4."""

SHARE = 0.25
"""The same as a share of log K, for many classes."""

LABELS = 200
"""Labels needed to tell their shares."""


def findings(run: Run) -> Iterator[Finding]:
    """What is odd about the first loss."""
    if not run.samples or run.samples[0].step or not run.chance:
        return
    first, losses = run.samples[0], _first_losses(run)
    excess = max(EXCESS, SHARE * run.chance)
    of = f"log {run.record.classes} = {figure(run.chance)}"
    if significantly_positive(losses - run.chance - excess):
        seen = (
            f"The loss of step 0 is {figure(first.loss)}, and {of} is that of a model that knows "
            f"nothing. Within a row, the logits have a standard deviation of {figure(first.scale)}."
        )
        yield found("initial loss too high", seen)
    elif _is_uneven(run) and abs(first.loss - run.chance) < 0.1 * run.chance:
        seen = (
            f"The loss of step 0 is {figure(first.loss)}, near {of}. Predicting the labels' shares "
            f"for every row has a loss of {figure(run.base)}."
        )
        yield found("initial loss above the base rate", seen)


def _first_losses(run: Run) -> Array:
    """Losses of the first step's rows, and of the next ones if those are few."""
    losses: list[Array] = []
    for sample in run.samples:
        if sample.step < FIRST and sum(map(len, losses)) < ENOUGH:
            losses.append(sample.losses)
    return np.concatenate(losses).astype(np.float64)


def _is_uneven(run: Run) -> bool:
    """Are the labels' shares so uneven that predicting them halves the loss?"""
    return int(run.record.counts.sum()) >= LABELS and run.base < run.chance / 2
