"""Symptoms of the loop's own loss beside the losses of its logits: smoothing, softmax twice."""

from __future__ import annotations

import math
from collections.abc import Iterator

from xent._report import Finding
from xent.check._watch.run import Run
from xent.check.mistakes import found
from xent.check.naming import figure

NEAR = 0.1
"""A loss is at its floor if it is above it by less than this share of what chance is above it."""


def floor_of(smoothing: float, classes: int) -> float:
    """The least possible loss with smoothed labels: the entropy of a smoothed label."""
    rest = smoothing / classes
    top = 1 - smoothing + rest
    return -top * math.log(top) - (classes - 1) * rest * math.log(rest)


def floor(run: Run) -> float | None:
    """The floor of the loop's own loss, if its labels are smoothed."""
    smoothing = run.smoothing or run.record.label_smoothing
    return floor_of(smoothing, run.record.classes) if smoothing and run.record.classes else None


def findings(run: Run) -> Iterator[Finding]:
    """What the loop's own loss is."""
    told = run.record.label_smoothing
    if run.form == "twice":
        last = run.samples[-1]
        seen = (
            f"The loss of the loop is that of the probabilities taken for logits: in step "
            f"{last.step} it is {figure(last.given)}, and the cross-entropy of the logits is "
            f"{figure(last.loss)}."
        )
        yield found("softmax applied twice", seen)
    elif told and run.form == "mean" and _differs(run, told):
        last = run.samples[-1]
        smoothed = (1 - told) * last.loss + told * last.uniform
        seen = (
            f"The loss of step {last.step} is {figure(last.given)}, as without label smoothing; "
            f"with {told:g} it would be {figure(smoothed)}."
        )
        yield found("label smoothing missing", seen)
    yield from _at_the_floor(run)


def _differs(run: Run, told: float) -> bool:
    """Would the smoothed losses differ from those of the loop?"""
    return all(told * abs(s.uniform - s.loss) > 0.01 * s.loss for s in run.samples[-3:])


def _at_the_floor(run: Run) -> Iterator[Finding]:
    """A smoothed loss that has no way left to fall."""
    least = floor(run)
    if least is None or run.form != "smoothed" or len(run.losses) < 20:
        return
    last = run.window(0.9, 1)
    if last.mean - least < NEAR * (run.chance - least):
        samples = run.sampled(0.75, 1.01)
        plain = f" Without smoothing it is {figure(samples[-1].loss)}." if samples else ""
        smoothing = run.smoothing or run.record.label_smoothing
        seen = (
            f"With label smoothing {smoothing:g} and {run.record.classes} classes, no loss can be "
            f"below {figure(least)}; that of steps {last.start} to {last.end} is "
            f"{figure(last.mean)}.{plain}"
        )
        yield found("loss at the floor of label smoothing", seen)
