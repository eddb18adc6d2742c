"""Numerical derivatives of a loss, each with an estimate of its own error.

If rows are independent, one evaluation moves one logit of every row: 2K evaluations give a central
difference at every entry, and as many again at twice the step give its error. If rows are coupled,
or the loss is one number, entries are moved one by one.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from xent._validation import Array
from xent.check._gradient.behaviour import Behaviour
from xent.check._gradient.entries import Entries
from xent.check._gradient.problem import Problem
from xent.check.dtypes import PRECISION, rounded, unit_roundoff

Method = Literal["central", "forward", "richardson", "complex"]

OFFSETS: dict[str, tuple[int, ...]] = {
    "central": (-2, -1, 1, 2),
    "forward": (1, 2),
    "richardson": (-4, -2, -1, 1, 2, 4),
    "complex": (-2, -1, 1, 2),  # of the central differences that confirm it
}
BALANCE = {"central": 1 / 3, "forward": 1 / 2, "richardson": 1 / 5, "complex": 1 / 3}
"""Exponent of the unit roundoff for the step. Truncation grows as a power of h (h, h² or h⁴) and
rounding as 1/h; at this power they are about equal, so their sum is close to its minimum."""

LEAST_STEP = 2.0**-30
"""Smallest step relative to a logit: it must span very many of the dtype's numbers."""

TINY_STEP = 2.0**-100
"""The complex step. It takes no difference, so nothing cancels, however small it is."""


@dataclass(frozen=True)
class Steps:
    """How derivatives are computed: method, step h, and its least size relative to a logit."""

    method: Method
    h: float
    least: float

    @classmethod
    def of(cls, method: Method, h: float | None, precision: str) -> Steps:
        """Exactly the requested step, or the best one for method and precision."""
        if h is not None:
            return cls(method, h, 0.0)
        return cls(method, default_step(method, precision), LEAST_STEP)

    @property
    def evaluations(self) -> int:
        """Evaluations of the loss in each round of entries."""
        return len(OFFSETS[self.method]) + (self.method == "complex")


@dataclass(frozen=True)
class Derivatives:
    """Numerical derivatives at entries (row, column); NaN where there is none.

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
    """Losses around each entry: at each offset, in steps, with the logit that was actually used."""

    row: Array
    column: Array
    loss: dict[int, Array]
    logit: dict[int, Array]
    middle: Array
    """Loss at the logit itself."""
    step: Array

    def slope(self, k: int) -> Array:
        """Central difference over k steps to each side, divided by the real distance.

        Adding a step to a logit rounds, so the distance is not exactly 2kh.
        """
        return np.asarray((self.loss[k] - self.loss[-k]) / (self.logit[k] - self.logit[-k]))

    def second(self, k: int) -> Array:
        """Second difference over k steps."""
        return np.asarray(self.loss[k] - 2 * self.middle + self.loss[-k])

    def fourth(self) -> Array:
        """Fourth difference. For a smooth loss it is of order h⁴, so it shows only rounding."""
        loss = self.loss
        return np.asarray(loss[-2] - 4 * loss[-1] + 6 * self.middle - 4 * loss[1] + loss[2])


def default_step(method: str, precision: str) -> float:
    """A power of two, so that a step adds no rounding of its own."""
    return float(2.0 ** -np.floor((PRECISION[precision] - 1) * BALANCE[method]))


def derivatives(
    problem: Problem, entries: Entries, steps: Steps, behaviour: Behaviour
) -> Derivatives:
    """Derivative of each row's loss (or of the loss that is one number) at the entries."""
    if steps.method == "complex":
        real = derivatives(problem, entries, replace(steps, method="central"), behaviour)
        return _complex(problem, entries, real, behaviour.independent)
    samples = _sample(problem, entries, steps, behaviour.independent)
    noise, kinked = _noise(problem, samples, behaviour)
    value, truncation, rounding = _differences(problem, steps.method, samples, noise)
    # A logit of -inf cannot be moved: the derivative is 0, if the loss is a number at all.
    row, column = samples.row, samples.column
    masked = np.isneginf(problem.logits[row, column]) & np.isfinite(samples.middle)
    value, truncation, rounding = np.where(masked, 0.0, (value, truncation, rounding))
    return Derivatives(row, column, value, truncation, rounding, kinked & ~masked)


def _differences(
    problem: Problem, method: str, samples: Samples, noise: Array
) -> tuple[Array, Array, Array]:
    """Values of a method, and the two parts of their error."""
    h = samples.step
    if method == "forward":
        # Divided by h itself, as in a calculation by hand; the rounding of the step counts as
        # error.
        value = (samples.loss[1] - samples.middle) / h
        truncation = np.abs((samples.loss[2] - samples.middle) / (2 * h) - value)
        slip = np.spacing(np.abs(problem.logits[samples.row, samples.column])) / h
        return value, truncation, 2 * noise / h + np.abs(value) * slip
    if method == "central":
        # The error of a smooth loss is a third of this difference, since it grows with h²; where
        # the curvature jumps, it may be all of it.
        value = samples.slope(1)
        return value, np.abs(samples.slope(2) - value), noise / h
    # Richardson: the error h² of two central differences is cancelled, h⁴ remains.
    one, two, four = (samples.slope(k) for k in (1, 2, 4))
    value = (4 * one - two) / 3
    return value, np.abs((4 * two - four) / 3 - value), 1.5 * noise / h


def _sample(problem: Problem, entries: Entries, steps: Steps, independent: bool) -> Samples:
    row, column = (np.concatenate(parts) for parts in zip(*entries, strict=True))
    z = problem.logits[row, column]
    least = np.exp2(np.ceil(np.log2(np.maximum(np.abs(z), 1)))) * steps.least
    step = np.maximum(steps.h, least)
    step = np.where(np.isfinite(step), step, steps.h)
    middle = _at_rows(problem.losses(problem.logits), row, independent)
    logit = {k: rounded(z + k * step, problem.dtype) for k in OFFSETS[steps.method]}
    loss = {k: _moved(problem, entries, logit[k], independent) for k in logit}
    return Samples(row, column, loss, logit, middle, step)


def _moved(problem: Problem, entries: Entries, logit: Array, independent: bool) -> Array:
    """Losses with other logits at the entries, round by round; imaginary parts of complex ones."""
    parts, end = [], 0
    for row, column in entries:
        moved = problem.logits.astype(logit.dtype)
        moved[row, column] = logit[end : (end := end + len(row))]
        losses = problem.losses(moved)
        losses = np.imag(losses) if np.iscomplexobj(moved) else losses
        parts.append(_at_rows(losses, row, independent))
    return np.concatenate(parts)


def _at_rows(losses: Array, row: Array, independent: bool) -> Array:
    """Losses of the rows that were moved; of coupled rows, the sum of all."""
    return losses[row] if independent else np.full(len(row), np.sum(losses))


def _noise(problem: Problem, samples: Samples, behaviour: Behaviour) -> tuple[Array, Array]:
    """Bound on the rounding error of each loss, and the corners of the loss.

    An ordinary loss rounds its logits and their log-sum-exp: its error is a few units in the last
    place of the largest of them. Two kinds of loss differ, and the fourth difference of five
    neighbouring values, which is only rounding, reveals both. If a loss keeps its digits where it
    is small, the fourth difference is as small as the loss; if a loss rounds more, like log(1 - p),
    it is larger. It is also large at a corner, which must not be mistaken for rounding.
    """
    unit = unit_roundoff(behaviour.precision)
    middle = np.abs(samples.middle)
    largest = np.abs(np.where(np.isfinite(problem.logits), problem.logits, 0)).max(axis=1)
    weight = 1.0 if behaviour.independent else row_weight(problem)
    bound = 2 * unit * (2 * middle + weight * (largest[samples.row] + 1))
    if -1 not in samples.loss:  # forward differences
        return np.asarray(bound), np.zeros(len(samples.row), dtype=bool)
    kinked = _kinks(samples, bound)
    fourth = np.abs(np.nan_to_num(samples.fourth(), posinf=0, neginf=0))
    fourth[kinked] = 0
    if behaviour.independent:
        bound = np.where(_keeps_digits(samples, unit), 8 * unit * middle, bound)
        if (fourth > 2 * bound).any():
            bound = np.maximum(bound, _largest_nearby(fourth, middle) / 2)
        return np.asarray(bound), kinked
    # Independent errors of size e give a fourth difference of sqrt(1 + 16 + 36 + 16 + 1) e.
    bound = bound + 4 * np.sqrt(np.mean(fourth**2) / 70)
    return np.maximum(bound, fourth / 2), kinked


def _largest_nearby(values: Array, order: Array) -> Array:
    """The largest of each value and the eight on either side of it, in the order of `order`.

    Losses of similar size have similar rounding, and one fourth difference may be small by chance.
    """
    place = np.argsort(order, kind="stable")
    window = np.pad(values[place], 8)
    for width in (1, 2, 4, 8, 1):  # each window is that of two shorter ones: 2, 4, 8, 16, 17 wide
        window = np.maximum(window[width:], window[:-width])
    largest = np.empty_like(values)
    largest[place] = window
    return largest


def row_weight(problem: Problem) -> float:
    """Coefficient of a row in a loss that is one number: at logits of 0 each row costs log K."""
    zeros = np.where(np.isfinite(problem.logits), 0.0, problem.logits)
    whole = float(np.abs(np.sum(problem.losses(zeros))))
    share = whole / (len(zeros) * np.log(max(problem.classes, 2)))
    return share if 0 < share < np.inf else 1.0


def _keeps_digits(samples: Samples, unit: float) -> Array:
    """Where the relative error of a loss stays small, however small the loss.

    One fourth difference may be small by chance, so nearly all those of losses with the same
    binary exponent must be.
    """
    middle = np.abs(samples.middle)
    moved = samples.loss[1] != samples.loss[-1]
    small = (np.abs(samples.fourth()) <= 32 * unit * middle) & moved
    usual = np.isfinite(middle) & (middle > 0)
    size = np.where(usual, np.frexp(np.where(usual, middle, 1))[1], -2000) + 2000
    count = np.bincount(size)
    share = np.bincount(size, small) / np.maximum(count, 1)
    return np.asarray(small & ((count >= 8) & (share > 0.95))[size])


def _kinks(samples: Samples, noise: Array) -> Array:
    """Corners: the slopes to the two sides differ by as much over one step as over two.

    For a smooth loss, the difference would double with the step.
    """
    one = np.abs(samples.second(1)) / samples.step
    two = np.abs(samples.second(2)) / (2 * samples.step)
    sides = samples.loss[1] - samples.middle, samples.middle - samples.loss[-1]
    steepest = np.abs(np.stack(sides)).max(axis=0) / samples.step
    least = np.maximum(20 * noise / samples.step, 1e-3 * steepest)
    return np.asarray((one > 0.8 * two) & (one < 1.1 * two) & (one > least))


def _complex(
    problem: Problem, entries: Entries, real: Derivatives, independent: bool
) -> Derivatives:
    """Derivatives by a complex step, refused unless real differences agree everywhere."""
    z = problem.logits[real.row, real.column]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a cast to real numbers only warns
            # Im f(z + ih) / h, which is f'(z) up to a relative h² for an analytic f.
            value = _moved(problem, entries, z + 1j * TINY_STEP, independent) / TINY_STEP
    except Exception as error:
        said = f"{type(error).__name__}: {error}".rstrip(".")
        msg = (
            "method='complex' needs a loss that computes with complex logits, and this one does "
            f"not: {said}. Use method='central' or 'richardson'."
        )
        raise ValueError(msg) from error
    value = np.where(np.isneginf(z), 0, value)
    off = np.abs(value - real.value) > 4 * real.error + 1e-6 * np.abs(real.value)
    if (off := off & ~real.kinked).any():
        i = int(off.argmax())
        where = problem.place("logits", int(real.row[i]), int(real.column[i]))
        msg = (
            f"method='complex' is refused: the loss is not analytic. At {where} a complex step "
            f"gives {value[i]:.6g}, real differences {real.value[i]:.6g}. abs, maximum, "
            "comparisons and casts cause this. Use method='central' or 'richardson'."
        )
        raise ValueError(msg)
    unit = unit_roundoff(problem.dtype)
    rounding = np.where(np.isfinite(value), 8 * unit * np.abs(value), np.nan)
    return replace(real, value=value, truncation=np.zeros_like(value), rounding=rounding)
