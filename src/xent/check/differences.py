"""Numerical derivatives of a loss, each with an estimate of its own error.

Rows are independent, so one evaluation per step moves one logit of every row at once: 2K
evaluations difference every entry, and as many again at twice the step tell the error. Where rows
are not independent, or the loss is already reduced, entries are moved one by one.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from xent._validation import Array
from xent.check.frameworks import PRECISION, rounded
from xent.check.problem import Problem

Method = Literal["central", "forward", "richardson", "complex"]
Entries = list[tuple[Array, Array]]
"""Rounds: rows, and the column that is moved in each of them."""

OFFSETS: dict[str, tuple[int, ...]] = {
    "central": (-2, -1, 1, 2),
    "forward": (1, 2),
    "richardson": (-4, -2, -1, 1, 2, 4),
}
BALANCE = {"central": 1 / 3, "forward": 1 / 2, "richardson": 1 / 5, "complex": 1 / 3}
"""Exponents of the unit roundoff at which truncation and rounding are about as large."""

LEAST_STEP = 2.0**-30
"""Of a logit: a step must span very many of the dtype's numbers."""

TINY_STEP = 2.0**-100
"""Of the complex step, which takes no difference and so may be as small as one likes."""


@dataclass(frozen=True)
class Derivatives:
    """Numerical derivatives at entries (row, column); NaN where there is none to be had.

    `truncation` and `rounding` estimate the two parts of their error. `kinked` marks corners of
    the loss: its slopes to the left and right differ, however small the step.
    """

    row: Array
    column: Array
    value: Array
    truncation: Array
    rounding: Array
    kinked: Array

    @property
    def error(self) -> Array:
        """Estimated error of the value."""
        return np.asarray(self.truncation + self.rounding)


@dataclass(frozen=True)
class Samples:
    """Losses and moved logits at each offset; the loss in the middle and the size of a step."""

    loss: dict[int, Array]
    logit: dict[int, Array]
    middle: Array
    step: Array

    def slope(self, k: int) -> Array:
        """Central difference over k steps to each side, by the steps that were really made."""
        return np.asarray((self.loss[k] - self.loss[-k]) / (self.logit[k] - self.logit[-k]))


def default_step(method: str, precision: str) -> float:
    """A power of two, so that a step adds no rounding of its own."""
    return float(2.0 ** -np.floor((PRECISION[precision] - 1) * BALANCE[method]))


def derivatives(
    problem: Problem,
    entries: Entries,
    *,
    method: Method,
    h: float,
    precision: str,
    independent: bool,
    least: float = LEAST_STEP,
) -> Derivatives:
    """Derivative of each row's loss (or, of one number, of the loss) at the entries.

    A step is at least `least` of its logit.
    """
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        if method == "complex":
            real = derivatives(
                problem,
                entries,
                method="central",
                h=h,
                precision=precision,
                independent=independent,
                least=least,
            )
            return _complex(problem, entries, real, independent)
        samples = _sampled(problem, entries, OFFSETS[method], h, independent, least)
        row, column = _joined(entries)
        unit = 2.0 ** -PRECISION[precision]
        noise, kinked = _noise(problem, row, samples, unit, independent)
        truncation: Array
        if method == "forward":
            # Divided by h itself, as one writes it by hand; the step's rounding counts as error.
            value = (samples.loss[1] - samples.middle) / samples.step
            truncation = np.abs((samples.loss[2] - samples.middle) / (2 * samples.step) - value)
            slip = np.spacing(np.abs(problem.logits[row, column])) / samples.step
            rounding = 2 * noise / samples.step + np.abs(value) * slip
        elif method == "central":
            # Of a smooth loss a third of this is the error; all of it, where its curvature jumps.
            value = samples.slope(1)
            truncation = np.abs(samples.slope(2) - value)
            rounding = noise / samples.step
        else:
            one, two, four = (samples.slope(k) for k in (1, 2, 4))
            value = (4 * one - two) / 3
            truncation = np.abs((4 * two - four) / 3 - value)
            rounding = 1.5 * noise / samples.step
    found = Derivatives(row, column, value, truncation, rounding, kinked)
    return _without_masked(problem, found, samples.middle)


def _sampled(
    problem: Problem,
    entries: Entries,
    offsets: tuple[int, ...],
    h: float,
    independent: bool,
    least: float,
) -> Samples:
    losses: dict[int, list[Array]] = {k: [] for k in offsets}
    logits: dict[int, list[Array]] = {k: [] for k in offsets}
    steps, middles = [], []
    base = problem.losses(problem.logits)
    for row, column in entries:
        z = problem.logits[row, column]
        step = np.maximum(h, np.exp2(np.ceil(np.log2(np.maximum(np.abs(z), 1)))) * least)
        step = np.where(np.isfinite(step), step, h)
        steps.append(step)
        middles.append(base[row] if independent else np.full(len(row), np.sum(base)))
        for k in offsets:
            moved = problem.logits.copy()
            moved[row, column] = rounded(z + k * step, problem.dtype)
            value = problem.losses(moved)
            losses[k].append(value[row] if independent else np.full(len(row), np.sum(value)))
            logits[k].append(moved[row, column])
    return Samples(
        {k: np.concatenate(losses[k]) for k in offsets},
        {k: np.concatenate(logits[k]) for k in offsets},
        np.concatenate(middles),
        np.concatenate(steps),
    )


def _joined(entries: Entries) -> tuple[Array, Array]:
    return np.concatenate([r for r, _ in entries]), np.concatenate([c for _, c in entries])


def _noise(
    problem: Problem, row: Array, samples: Samples, unit: float, independent: bool
) -> tuple[Array, Array]:
    """Bound on the rounding error of a loss; and where the loss has a corner.

    An ordinary loss rounds its logits and their log-sum-exp: its error is some units of the
    largest of them. A loss that keeps its digits where it is small shows it: the fourth
    difference of five neighbours, which is nothing but rounding, is then as small as the loss.
    So does a loss that rounds more, as log(1 - p) does, or has a corner among its neighbours:
    there that difference is larger.
    """
    middle = np.abs(samples.middle)
    largest = np.abs(np.where(np.isfinite(problem.logits), problem.logits, 0)).max(axis=1)
    weight = 1.0 if independent else row_weight(problem)
    bound = 2 * unit * (2 * middle + weight * (largest[row] + 1))
    if not {-2, -1, 1, 2} <= set(samples.loss):
        return np.asarray(bound), np.zeros(len(row), dtype=bool)
    kinked = _kinks(samples, bound)
    fourth = np.abs(np.nan_to_num(_fourth(samples), posinf=0, neginf=0))
    fourth[kinked] = 0
    if independent:
        bound = np.where(_exact(samples, unit), 8 * unit * middle, bound)
        if (fourth > 2 * bound).any():
            bound = np.maximum(bound, _largest_nearby(fourth, middle) / 2)
        return np.asarray(bound), kinked
    bound = bound + 4 * np.sqrt(np.mean(fourth**2) / 70)
    return np.maximum(bound, fourth / 2), kinked


def _largest_nearby(values: Array, order: Array) -> Array:
    """The largest of each value and the eight on either side of it, in the order of others."""
    place = np.argsort(order, kind="stable")
    padded = np.pad(values[place], 8)
    largest = np.empty_like(values)
    largest[place] = np.lib.stride_tricks.sliding_window_view(padded, 17).max(axis=1)
    return largest


def row_weight(problem: Problem) -> float:
    """What one row counts in a loss that is one number: at logits of 0 each costs log K."""
    zeros = np.where(np.isfinite(problem.logits), 0.0, problem.logits)
    whole = float(np.abs(np.sum(problem.losses(zeros))))
    share = whole / (len(zeros) * np.log(max(problem.classes, 2)))
    return share if 0 < share < np.inf else 1.0


def _exact(samples: Samples, unit: float) -> Array:
    """Where a loss keeps its digits.

    One fourth difference may be small by chance: it takes nearly all of those of like size.
    """
    middle = np.abs(samples.middle)
    small = (np.abs(_fourth(samples)) <= 32 * unit * middle) & (samples.loss[1] != samples.loss[-1])
    usual = np.isfinite(middle) & (middle > 0)
    size = np.where(usual, np.frexp(np.where(usual, middle, 1))[1], -2000) + 2000
    count = np.bincount(size)
    share = np.bincount(size, small) / np.maximum(count, 1)
    return np.asarray(small & ((count >= 8) & (share > 0.95))[size])


def _fourth(samples: Samples) -> Array:
    loss = samples.loss
    return np.asarray(loss[-2] - 4 * loss[-1] + 6 * samples.middle - 4 * loss[1] + loss[2])


def _kinks(samples: Samples, noise: Array) -> Array:
    """Where the slopes to both sides differ by as much over one step as over two."""
    loss, middle = samples.loss, samples.middle
    one = np.abs(loss[1] - 2 * middle + loss[-1]) / samples.step
    two = np.abs(loss[2] - 2 * middle + loss[-2]) / (2 * samples.step)
    steepest = np.abs(np.stack([loss[1] - middle, middle - loss[-1]])).max(axis=0) / samples.step
    return np.asarray(
        (one > 0.8 * two)
        & (one < 1.1 * two)
        & (one > 20 * noise / samples.step)
        & (one > 1e-3 * steepest)
    )


def _without_masked(problem: Problem, found: Derivatives, middle: Array) -> Derivatives:
    """A logit of -inf stays where it is: the derivative is 0, if the loss is a number at all."""
    masked = np.isneginf(problem.logits[found.row, found.column]) & np.isfinite(middle)
    if not masked.any():
        return found
    return replace(
        found,
        value=np.where(masked, 0.0, found.value),
        truncation=np.where(masked, 0.0, found.truncation),
        rounding=np.where(masked, 0.0, found.rounding),
        kinked=found.kinked & ~masked,
    )


def _complex(
    problem: Problem, entries: Entries, real: Derivatives, independent: bool
) -> Derivatives:
    """Derivatives by a complex step, refused unless real differences agree everywhere."""
    values = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a cast to real numbers only warns
            for row, column in entries:
                moved = problem.logits.astype(np.complex128)
                moved[row, column] += 1j * TINY_STEP
                loss = np.imag(problem.losses(moved)) / TINY_STEP
                values.append(loss[row] if independent else np.full(len(row), np.sum(loss)))
    except Exception as error:
        said = f"{type(error).__name__}: {error}".rstrip(".")
        msg = (
            "method='complex' needs a loss that computes with complex logits, and this one does "
            f"not: {said}. Use method='central' or 'richardson'."
        )
        raise ValueError(msg) from error
    value = np.where(np.isneginf(problem.logits[real.row, real.column]), 0, np.concatenate(values))
    off = np.abs(value - real.value) > 4 * real.error + 1e-6 * np.abs(real.value)
    if (off & ~real.kinked).any():
        i = int((off & ~real.kinked).argmax())
        where = problem.place("logits", int(real.row[i]), int(real.column[i]))
        msg = (
            f"method='complex' is refused: the loss is not analytic. At {where} a complex step "
            f"gives {value[i]:.6g}, real differences {real.value[i]:.6g}. abs, maximum, "
            "comparisons and casts do that. Use method='central' or 'richardson'."
        )
        raise ValueError(msg)
    unit = 2.0 ** -PRECISION[problem.dtype]
    rounding = np.where(np.isfinite(value), 8 * unit * np.abs(value), np.nan)
    return replace(real, value=value, truncation=np.zeros_like(value), rounding=rounding)
