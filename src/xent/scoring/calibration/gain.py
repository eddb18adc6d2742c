"""What recalibrating would gain: the loss less that of recalibrated predictions, cross-fitted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from xent._validation import Array
from xent.scoring.calibration import temperature
from xent.scoring.calibration.draws import SEED
from xent.scoring.calibration.newton import minimum
from xent.scoring.calibration.outcomes import Outcomes, expit, losses, softplus
from xent.scoring.calibration.pav import pools
from xent.scoring.calibration.slope import logistic
from xent.scoring.calibration.words import Estimate

Method = Literal["temperature", "Platt", "isotonic"]
FOLDS = 5
ISOTONIC_FROM = 10_000
"""Rows from which isotonic regression is tried: with fewer it learns noise."""
FEWEST = 10
"""Rows of each label, below which nothing is fitted."""

Fit = Callable[[Array, Array, Array], Callable[[Array], Array] | None]
"""Logits, weights and what happened -> recalibrated logits of logits."""


@dataclass(frozen=True)
class Gain:
    """How much lower the mean loss would be with recalibrated predictions."""

    method: Method
    """How they are recalibrated: b·z, a + b·z, or an isotonic function of z."""
    gain: Estimate
    """In nats per row; its error is that of the paired difference."""
    reason: str = ""

    @property
    def words(self) -> str:
        """What the numbers support."""
        if self.reason:
            return self.reason
        told = f"{self.gain.value:.2g} nats ({self.gain.low:.2g} to {self.gain.high:.2g})"
        if self.gain.value <= 0:
            return f"{self.method}: nothing to gain: {told}."
        if self.gain.low <= 0:
            return f"{self.method}: no sign of anything to gain: {told}."
        return f"{self.method}: would lower the log loss by {told}."


def gains(outcomes: Outcomes, folds: Array | None = None, level: float = 0.95) -> tuple[Gain, ...]:
    """Gains for binary predictions: Platt's scaling, temperature, isotonic from 10,000 rows.

    Each row's recalibrated prediction is fitted to the four fifths of the rows that it is not in.
    The gain is L − L(recalibrated), a mean of differences d with error √Σ w²(d − d̄)² / Σ w.

    Parameters
    ----------
    outcomes : Outcomes
        Predictions of one event.
    folds : array of int of shape (m,), optional
        Which part each cell is in, from 0; cells must then be single rows, in ascending order of
        their logits. By default rows are divided at random, with a fixed seed, into 5 parts.
    level : float
        Of the intervals.

    Examples
    --------
    >>> z = np.repeat([-2.0, -1.0, 1.0, 2.0], 250)
    >>> y = np.tile(np.arange(250), 4) < np.repeat([60, 90, 160, 190], 250)
    >>> print(gains(Outcomes.of_rows(z, y))[0].words)
    Platt: would lower the log loss by 0.036 nats (0.018 to 0.054).
    """
    methods: dict[Method, Fit] = {"Platt": platt, "temperature": tempered}
    if outcomes.n >= ISOTONIC_FROM:
        methods["isotonic"] = isotonic
    reason = refused(outcomes)
    if reason:
        return (Gain("Platt", _nothing(), reason),)
    parts = list(_parts(outcomes, folds))
    return tuple(_gain(outcomes, name, fit, parts, level) for name, fit in methods.items())


def refused(outcomes: Outcomes) -> str:
    """Why no gain is given; empty if it is."""
    if outcomes.impossible:
        return (
            f"No gain: {outcomes.impossible:,} of {outcomes.n:,} rows "
            f"{'has' if outcomes.impossible == 1 else 'have'} an infinite loss, so any finite loss "
            "would be an infinite gain."
        )
    if outcomes.infinite_logits:
        return (
            f"No gain: {outcomes.infinite_logits:,} of {outcomes.n:,} predictions are exactly 0 or "
            "1, and scaling leaves them so."
        )
    fewer = min(outcomes.events, outcomes.n - outcomes.events)
    if fewer < FEWEST:
        return f"No gain: only {fewer:,} of {outcomes.n:,} rows have one of the two labels."
    return ""


def _parts(outcomes: Outcomes, folds: Array | None) -> Iterator[tuple[Array, Array]]:
    """Rows of each cell in each part, and how many of them came true."""
    if folds is not None:
        for part in range(int(folds.max()) + 1):
            held = (folds == part).astype(np.float64)
            yield held * outcomes.rows, held * outcomes.true
        return
    rng = np.random.Generator(np.random.PCG64(SEED))
    true = outcomes.true.astype(np.int64)
    false = outcomes.rows.astype(np.int64) - true
    for left in range(FOLDS, 0, -1):
        # Each row that is left goes to this part with probability 1 / (parts that are left).
        now_true = rng.binomial(true, 1 / left)
        now_false = rng.binomial(false, 1 / left)
        true, false = true - now_true, false - now_false
        yield (now_true + now_false).astype(np.float64), now_true.astype(np.float64)


def _gain(
    outcomes: Outcomes,
    method: Method,
    fit: Fit,
    parts: list[tuple[Array, Array]],
    level: float,
) -> Gain:
    z, w = outcomes.logits, outcomes.per_row
    whole = 0.0
    squares: list[tuple[Array, Array]] = []
    for rows, true in parts:
        recalibrate = fit(z, (outcomes.rows - rows) * w, (outcomes.true - true) * w)
        if recalibrate is None:
            why = f"No gain by {method}: the labels of {outcomes.n:,} rows are too well separated."
            return Gain(method, _nothing(), why)
        new = recalibrate(z)
        now, then = losses(z), losses(new)
        of_true, of_false = now[0] - then[0], now[1] - then[1]
        never = rows - true
        whole += float((true * w) @ of_true + (never * w) @ of_false)
        squares += [(true, of_true), (never, of_false)]
    mean = whole / outcomes.total
    second = sum(float((rows * w * w) @ (gap - mean) ** 2) for rows, gap in squares)
    quantile = NormalDist().inv_cdf((1 + level) / 2)
    return Gain(method, Estimate.around(mean, math.sqrt(second) / outcomes.total, quantile))


def platt(z: Array, weights: Array, happened: Array) -> Callable[[Array], Array] | None:
    """a + b·z by maximum likelihood (Platt, 1999, without his change of the labels)."""
    fitted = logistic(z, weights, happened)
    return None if fitted is None else lambda new: np.asarray(fitted[0] + fitted[1] * new)


def tempered(z: Array, weights: Array, happened: Array) -> Callable[[Array], Array] | None:
    """b·z by maximum likelihood: two classes with logits 0 and z."""
    total, size = float(weights.sum()), float(weights @ np.abs(z))
    if size == 0:
        return lambda new: new
    scale = total / size

    def loss(at: Array) -> tuple[float, Array, Array]:
        linear = at[0] * scale * z
        p = expit(linear)
        value = float(weights @ softplus(linear) - happened @ linear) / total
        slope = float((weights * p - happened) @ z) / total * scale
        curved = float((weights * p * (1 - p)) @ (z * z)) / total * scale**2
        return value, np.array([slope]), np.array([[curved]])

    found = minimum(loss, np.zeros(1))
    if found is None:
        return None
    b = max(0.0, float(found[0]) * scale)  # no temperature turns the predictions round
    return lambda new: np.asarray(b * new)


def isotonic(z: Array, weights: Array, happened: Array) -> Callable[[Array], Array] | None:
    """Isotonic regression, as logits of the steps.

    A row of each label is added beyond the ends, with the mean weight: one that came true below all
    predictions, and one that did not above them. So no step has probability 0 or 1.
    """
    held = np.flatnonzero(weights)
    one = float(weights.sum() / len(held))
    place, first = np.unique(z[held], return_index=True)
    w = np.concatenate([[one], np.add.reduceat(weights[held], first), [one]])
    s = np.concatenate([[one], np.add.reduceat(happened[held], first), [0.0]])
    starts = pools(w, s)
    whole, true = np.add.reduceat(w, starts), np.add.reduceat(s, starts)
    steps = np.log(true) - np.log(whole - true)
    # From the middle between two steps on, the upper one holds.
    begins = place[starts[1:] - 1]
    ends = place[starts[1:] - 2]
    between = (begins + ends) / 2
    return lambda new: np.asarray(steps[np.searchsorted(between, new, side="right")])


def gain_of_classes(
    u: Array,
    labels: Array,
    weights: Array | None = None,
    folds: Array | None = None,
    level: float = 0.95,
) -> Gain:
    """Gain of a temperature for K classes, cross-fitted.

    Parameters
    ----------
    u : array of shape (n, K)
        As `shifted` returns it.
    labels : array of int of shape (n,)
        The true classes.
    weights : array of shape (n,), optional
        Above 0.
    folds : array of int of shape (n,), optional
        Which part each row is in, from 0; by default 5 parts at random, with a fixed seed.
    level : float
        Of the interval.

    Examples
    --------
    >>> u = np.tile([[0.0, -1.0, -2.0]], (600, 1))
    >>> labels = np.repeat([0, 1, 2], [300, 180, 120])
    >>> print(gain_of_classes(u, labels).words)
    temperature: would lower the log loss by 0.077 nats (0.044 to 0.11).
    """
    reason = temperature.refused(u, labels)
    if reason:
        return no_gain(reason)
    n = len(u)
    if folds is None:
        folds = np.random.Generator(np.random.PCG64(SEED)).permutation(n) % FOLDS
    w = np.ones(n) if weights is None else weights
    gap = np.zeros(n)
    for part in range(int(folds.max()) + 1):
        held = folds == part
        b = temperature.fit(u[~held], labels[~held], w[~held])
        if b is None:
            return no_gain("No slope: Newton's method did not converge.")
        b = max(0.0, b)  # no temperature turns the predictions round
        gap[held] = temperature.losses(u[held], labels[held], 1.0)
        gap[held] -= temperature.losses(u[held], labels[held], b)
    total = float(w.sum())
    mean = float(w @ gap) / total
    error = math.sqrt(float(w**2 @ (gap - mean) ** 2)) / total
    quantile = NormalDist().inv_cdf((1 + level) / 2)
    return Gain("temperature", Estimate.around(mean, error, quantile))


def no_gain(reason: str) -> Gain:
    """No gain by a temperature, for the reason why there is no slope."""
    return Gain("temperature", _nothing(), reason.replace("No slope", "No gain"))


def _nothing() -> Estimate:
    return Estimate(math.nan, math.nan, math.nan, math.nan)
