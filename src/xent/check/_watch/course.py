"""Symptoms of the course of the losses: jumps, oscillation, a rise, or no fall at all."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from xent._report import Finding
from xent._validation import Array
from xent.check._watch.run import Run, Window, moving
from xent.check._watch.sampling import FIRST
from xent.check.mistakes import found
from xent.check.naming import figure

STEPS = 100
"""Steps that a loss is given to fall."""

JUMP = 1.5
"""So many times the first loss, or chance, is too much for any later one."""

FALL = 0.02
"""A loss that fell by less than this share of its first value did not fall."""

ERRORS = 5
"""Standard errors by which two parts of a run must differ."""


def findings(run: Run) -> Iterator[Finding]:
    """What is odd about the losses; the simplest cause only."""
    negative = np.flatnonzero(run.losses < -1e-6)
    if len(negative):
        step, worst = int(run.finite[negative[0]]), float(run.losses.min())
        seen = f"The loss is below 0 in {len(negative)} of {len(run.losses)} steps, first in step "
        yield found("negative loss", f"{seen}{step}; the lowest is {figure(worst)}.")
        return
    if run.record.frozen:
        start, end = run.record.frozen
        seen = f"No parameter of the model changed from step {start} to step {end}."
        yield found("parameters do not change", seen)
    elif run.record.unchanged >= FIRST - 1:
        seen = f"The first {FIRST} steps had the same labels, and exactly the same logits."
        yield found("parameters do not change", seen)
    else:
        yield from _jump(run) or _oscillation(run) or _rise(run) or _no_fall(run)


def _start(run: Run) -> float:
    """The loss at the beginning: of the first step, or of more if it has few rows."""
    return float(run.losses[: max(1, run.width - 2)].mean())


def _jump(run: Run) -> list[Finding]:
    """A loss far above that of a model that knows nothing, after the first step."""
    if len(run.losses) <= run.width:
        return []
    start = _start(run)
    limit = max(start, run.chance) if run.comparable else start
    means = moving(run.losses[1:], run.width)
    above = np.flatnonzero((means > JUMP * limit) & (means - start > _noise(run, means)))
    if not len(above) or limit <= 0:
        return []
    window = run.losses[1 + above[0] : 1 + above[0] + run.width]
    step = int(run.finite[1 + above[0] + int(window.argmax())])
    peak = int(run.losses[1:].argmax()) + 1
    if _only_rises(run):
        return [
            found(
                "loss rises",
                _compared(run.window(0, 0.1), run.window(0.9, 1))
                + " It rose from each tenth of the run to the next.",
            )
        ]
    seen = (
        f"The loss was {figure(start)} at the start and {figure(float(window.max()))} in step "
        f"{step}; its highest value is {figure(float(run.losses[peak]))}, in step "
        f"{int(run.finite[peak])}."
    )
    if run.comparable and math.isfinite(run.chance):
        seen += f" A model that knows nothing has log {run.record.classes} = {figure(run.chance)}."
    return [found("learning rate too high", seen)]


def _noise(run: Run, means: Array) -> Array:
    """How far moving means may be above the start, because each batch has other rows."""
    if run.record.repeated >= FIRST - 1:
        return np.zeros(len(means))
    number, rows = max(1, run.width - 2), np.array(run.record.rows)
    if not run.samples or not run.comparable:
        moves = np.abs(np.diff(run.losses))
        return np.full(len(means), ERRORS * float(np.median(moves)) / math.sqrt(number))
    # Spread of the rows' losses, taken from the samples nearest to each mean.
    steps = [s.step for s in run.samples]
    spread = np.interp(run.finite[1:], steps, [s.error * math.sqrt(s.rows) for s in run.samples])
    typical = max(1.0, float(np.median(rows)))
    later = spread[: len(means)] / math.sqrt(run.width * typical)
    return np.asarray(ERRORS * np.hypot(spread[0] / math.sqrt(number * typical), later))


def _only_rises(run: Run) -> bool:
    """Is the mean loss of each tenth of the run above that of the tenth before?"""
    tenths = _tenths(run)
    return len(run.losses) >= 2 * FIRST and all(
        before.mean < after.mean for before, after in pairwise(tenths)
    )


def _tenths(run: Run) -> list[Window]:
    return [run.window(k / 10, (k + 1) / 10) for k in range(10)]


def _compared(before: Window, after: Window) -> str:
    """The mean losses of two parts of the run, in words."""
    return (
        f"The mean loss of steps {before.start} to {before.end} is {figure(before.mean)}, and "
        f"that of steps {after.start} to {after.end} is {figure(after.mean)}."
    )


def _oscillation(run: Run) -> list[Finding]:
    """Steps on the same rows that raise the loss as often as they lower it."""
    late = run.losses[len(run.losses) // 2 :]
    if run.record.repeated < FIRST - 1 or len(late) < 2 * FIRST:
        return []
    moves = np.diff(late)
    up, size = float((moves > 0).mean()), float(np.abs(moves).mean())
    # What dropout may change, if there is any.
    errors = [s.error * math.sqrt(s.rows / run.record.rows[s.step]) for s in run.sampled(0.5, 1)]
    noise = 2 * max(errors, default=math.inf)
    half = len(late) // 2
    falls = late[:half].mean() - late[half:].mean()
    level = float(late.mean())
    if not 0.25 <= up <= 0.75 or size < max(0.05 * level, noise) or falls > 0.25 * level:
        return []
    seen = (
        f"Every step uses the same rows, and yet the loss rose in {up:.0%} of the steps since "
        f"step {int(run.finite[len(run.losses) // 2])}: it changes by {figure(size)} per step, "
        f"around {figure(level)}."
    )
    return [found("learning rate too high", seen)]


def _rise(run: Run) -> list[Finding]:
    """A loss that fell (or began low) and rose again."""
    if len(run.losses) < STEPS:
        return []
    tenths = _tenths(run)
    best, last = min(tenths, key=lambda window: window.mean), tenths[-1]
    gap = last.mean - best.mean
    least = max(0.1 * run.chance if run.comparable else 0.0, 0.25 * best.mean)
    if gap <= least or gap <= ERRORS * math.hypot(best.error, last.error):
        return []
    seen = _compared(best, last)
    return [_overconfident(run, best, last, seen) or found("loss rises", seen)]


def _overconfident(run: Run, best: Window, last: Window, seen: str) -> Finding | None:
    """The finding, if the accuracy rose with the loss."""
    before = [s.accuracy for s in run.samples if best.start <= s.step <= best.end]
    after = [s.accuracy for s in run.samples if last.start <= s.step <= last.end]
    if not before or not after or np.mean(after) <= np.mean(before):
        return None
    rose = f" The accuracy rose from {np.mean(before):.4f} to {np.mean(after):.4f}."
    return found("overconfident", seen + rose, level="mistake")


def _no_fall(run: Run) -> list[Finding]:
    """A loss that stays where it was, or at that of the labels' shares."""
    if len(run.losses) < STEPS:
        return []
    first, third, last = run.window(0, 0.1), run.window(0.5, 0.75), run.window(0.75, 1)
    seen = _compared(first, last)
    base = run.base if run.form in ("mean", "sum", "near") else math.nan
    if base > 0 and _logits_moved(run):
        error = 3 * last.error + FALL * base
        level = abs(last.mean - base) < error and third.mean - last.mean < error / 2
        if level and 3 * last.error < FALL * base and _is_enough(run):
            seen += f" Predicting the labels' shares for every row has {figure(base)}."
            return [found("loss at the base rate", seen)]
    # A loss that is low at the start, as in fine-tuning, need not fall.
    is_high = not run.comparable or first.mean > 0.5 * run.chance
    fall = first.mean - last.mean + 3 * math.hypot(first.error, last.error)
    if is_high and fall < FALL * first.mean:
        return [found("loss does not fall", seen)]
    return []


def _logits_moved(run: Run) -> bool:
    """Has the spread of the logits changed by more than a little?"""
    return abs(run.samples[-1].scale - run.samples[0].scale) > 0.02


def _is_enough(run: Run) -> bool:
    """Are the labels enough to know their shares?"""
    return int(run.record.counts.sum()) >= max(1000, 20 * run.record.classes)
