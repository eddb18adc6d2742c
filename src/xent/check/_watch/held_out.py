"""Symptoms of the loss on held-out rows: it rises again, with or without the accuracy."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from xent._report import Finding
from xent._validation import Array
from xent.check._watch.run import Evaluation, Run
from xent.check.mistakes import found
from xent.check.naming import figure
from xent.functions import log_softmax

RISE = 0.1
"""A rise by a smaller share of the lowest loss is not worth a word."""

ERRORS = 4
"""Standard errors that the rise must exceed."""

TEMPERATURES = np.geomspace(1, 20, 61)


def findings(run: Run) -> Iterator[Finding]:
    """Whether the last evaluation is worse than the best one."""
    if len(run.record.evaluations) < 3:
        return
    best = min(run.record.evaluations, key=lambda evaluation: evaluation.loss)
    last = run.record.evaluations[-1]
    rise = last.loss - best.loss
    if not rise > max(RISE * best.loss, ERRORS * _error(best, last)):
        return
    seen = (
        f"The held-out loss was {figure(best.loss)} after step {best.step}, and is "
        f"{figure(last.loss)} after step {last.step}; the accuracy went from {best.accuracy:.4f} "
        f"to {last.accuracy:.4f}."
    )
    if last.accuracy < best.accuracy:
        yield found("overfitting", seen)
        return
    losses = [_loss(last, t) for t in TEMPERATURES]
    k = int(np.argmin(losses))
    if k:
        cooled = f" The same logits divided by {TEMPERATURES[k]:.2f} have a loss of "
        seen += cooled + f"{figure(losses[k])}."
    yield found("overconfident", seen)


def _error(best: Evaluation, last: Evaluation) -> float:
    """Standard error of the rise; rows are compared one by one where they are the same."""
    if np.array_equal(best.labels, last.labels):
        return _standard_error(last.losses - best.losses)
    return math.hypot(_standard_error(best.losses), _standard_error(last.losses))


def _standard_error(values: Array) -> float:
    return float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.inf


def _loss(evaluation: Evaluation, temperature: float) -> float:
    """The loss of the logits divided by the temperature."""
    log_p = log_softmax(evaluation.logits / temperature)
    return float(-log_p[np.arange(len(evaluation.labels)), evaluation.labels].mean())
