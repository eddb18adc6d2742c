"""Symptoms of the logits: they grow without use, are certain and wrong, or lack classes."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from xent._report import Finding
from xent.check._batch.statistics import MOST_CLASSES
from xent.check._watch.run import Run
from xent.check._watch.sample import Sample
from xent.check.mistakes import found
from xent.check.naming import Names, figure

FEWEST = 3
"""Samples that a part of a run must have."""

GROWTH = 1.5
"""Logits that grew by less did not drift."""

FALL = 0.05
"""A fall of the loss by a larger share may be worth larger logits."""

CERTAIN_SHARE = 0.1
"""Share of the rows that may be saturated."""

MOST_RIGHT = 0.9
"""Accuracy of saturated rows from which on they may be so for good reason."""


def findings(run: Run) -> Iterator[Finding]:
    """What is odd about the logits over the run."""
    yield from _drift(run)
    yield from _saturated(run)
    yield from _zero(run)
    yield from _missing_classes(run)


def _drift(run: Run) -> Iterator[Finding]:
    """The scale of the logits grows, and the loss does not fall."""
    late = run.sampled(0.8, 1.01)
    for start, end in ((0, 0.1), (0.4, 0.6)):
        early = run.sampled(start, end)
        if min(len(early), len(late)) < FEWEST or not run.comparable:
            continue
        before, after = _mean(early, "scale"), _mean(late, "scale")
        loss, later = run.window(start, end), run.window(0.8, 1)
        fall = loss.mean - later.mean + 3 * math.hypot(loss.error, later.error)
        is_low = later.mean < 0.1 * run.chance  # and need not fall further
        if after > GROWTH * max(before, 1) and fall < FALL * loss.mean and not is_low:
            seen = (
                f"From steps {loss.start} to {loss.end} to steps {later.start} to {later.end}, the "
                f"standard deviation of a row's logits grew from {figure(before)} to "
                f"{figure(after)}, and the mean loss went from {figure(loss.mean)} to "
                f"{figure(later.mean)}."
            )
            yield found("logits drift apart", seen)
            return


def _saturated(run: Run) -> Iterator[Finding]:
    """Many rows are certain, and many of those wrong."""
    late = run.sampled(0.75, 1.01)
    rows = sum(s.rows for s in late)
    certain, wrong = sum(s.certain for s in late), sum(s.certain_wrong for s in late)
    if certain > CERTAIN_SHARE * rows and wrong > (1 - MOST_RIGHT) * certain:
        seen = (
            f"In the samples of steps {late[0].step} to {late[-1].step}, {certain} of {rows} rows "
            f"have a class whose probability rounds to 1 in float32, and {wrong} of these are "
            "wrong."
        )
        yield found("saturated and wrong rows", seen)


def _zero(run: Run) -> Iterator[Finding]:
    """The loop's own loss is 0 to the last digit."""
    tail = run.given[run.finite][-max(20, run.steps // 10) :]
    if len(tail) >= 20 and not tail.any():
        last = np.flatnonzero(run.given[run.finite])
        start = int(run.finite[last[-1] + 1]) if len(last) else 0
        plain = run.samples[-1].loss if run.samples else math.nan
        seen = f"Since step {start} the loss is exactly 0"
        if plain > 0:
            seen += f"; computed in float64 from the logits it is {figure(plain)}"
        yield found("loss exactly 0", f"{seen}.")


def _missing_classes(run: Run) -> Iterator[Finding]:
    counts = run.record.counts
    total = int(counts.sum())
    if not 2 < len(counts) <= MOST_CLASSES or total < 20 * len(counts) or run.record.soft:
        return
    missing = np.flatnonzero(counts == 0)
    if len(missing):
        which = Names(()).classes(missing, "Class {} is", "Classes {} are")
        yield found("class never in the labels", f"{which} not among {total} labels.")


def _mean(samples: list[Sample], what: str) -> float:
    return float(np.mean([getattr(sample, what) for sample in samples]))
