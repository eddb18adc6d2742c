"""Over- or under-confidence of binary predictions: Cox's slope and intercept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from xent._validation import Array
from xent.scoring.calibration.newton import minimum
from xent.scoring.calibration.outcomes import Outcomes, expit, softplus
from xent.scoring.calibration.words import Estimate, confidence, divided

FEWEST = 10
"""Rows of each label, below which no slope is given."""


@dataclass(frozen=True)
class Slope:
    """The logistic regression of what came true on the logit: logit P(y = 1) = a + b·z."""

    slope: Estimate
    """b: below 1 over-confident, above 1 under-confident."""
    intercept: Estimate
    """a, beside that slope, in nats."""
    shift: Estimate
    """a where b is fixed at 1, in nats: below 0 where label 1 is predicted too often."""
    predicted: float = math.nan
    """Mean prediction."""
    share: float = math.nan
    """Share of what came true."""
    event: str = "label 1"
    reason: str = ""
    """Why there is no slope, in one sentence."""

    @property
    def words(self) -> str:
        """What slope and intercept say, and no more than their intervals allow."""
        if self.reason:
            return self.reason
        told = confidence(self.slope)
        if divided(self.slope) and not self.intercept.contains(0.0):
            side = "add" if self.intercept.value > 0 else "subtract"
            told = f"{told}, then {side} {abs(self.intercept.value):.2g}"
        return f"{told}; {self._words_of_shift()}."

    def _words_of_shift(self) -> str:
        means = f"mean prediction {self.predicted:.3g}, share {self.share:.3g}"
        if self.shift.contains(0.0):
            return f"no sign that {self.event} is predicted too often or too rarely ({means})"
        often = "often" if self.shift.value < 0 else "rarely"
        return f"predicts {self.event} too {often}: {means}"


def slope_of(outcomes: Outcomes, level: float = 0.95, event: str = "label 1") -> Slope:
    """Cox's slope and intercept, with standard errors.

    Maximum likelihood by Newton's method; the standard errors are those of the sandwich
    A⁻¹·B·A⁻¹ with A = Σ w·p̂(1 − p̂)·xxᵀ and B = Σ w²·(y − p̂)²·xxᵀ, x = (1, z), which hold with
    weights and where the logistic curve is not quite the right one. Rows are taken as independent.

    Refused, with the reason: infinite logits, fewer than 10 rows of a label, equal predictions, and
    labels that a threshold separates, for which the slope has no finite value.

    Parameters
    ----------
    outcomes : Outcomes
        Predictions and what came true.
    level : float
        Of the intervals value ± z·error.
    event : str
        What is predicted, for the words.

    Examples
    --------
    >>> z = np.repeat([-2.0, -1.0, 1.0, 2.0], 25)
    >>> y = np.tile(np.arange(25), 4) < np.repeat([6, 9, 16, 19], 25)
    >>> print(slope_of(Outcomes.of_rows(z, y)).words)  # doctest: +NORMALIZE_WHITESPACE
    over-confident: divide the logits by 1.74 (slope 0.576, 0.293 to 0.859); no sign that label 1 is
    predicted too often or too rarely (mean prediction 0.5, share 0.5).

    References
    ----------
    Cox (1958), doi:10.1093/biomet/45.3-4.562.
    """
    reason = refused(outcomes, event)
    if reason:
        none = Estimate(math.nan, math.nan, math.nan, math.nan)
        return Slope(none, none, none, event=event, reason=reason)
    fitted = logistic(outcomes.logits, outcomes.all, outcomes.happened)
    if fitted is None:
        none = Estimate(math.nan, math.nan, math.nan, math.nan)
        why = "No slope: the logistic regression did not converge."
        return Slope(none, none, none, event=event, reason=why)
    error = _errors(outcomes, fitted)
    quantile = NormalDist().inv_cdf((1 + level) / 2)
    a, b = (
        Estimate.around(float(value), float(se), quantile)
        for value, se in zip(fitted, error, strict=True)
    )
    return Slope(
        b,
        a,
        Estimate.around(*_shift(outcomes), quantile),
        float(outcomes.all @ outcomes.p) / outcomes.total,
        float(outcomes.happened.sum()) / outcomes.total,
        event,
    )


def refused(outcomes: Outcomes, event: str) -> str:
    """Why there is no slope; empty if there is one."""
    if outcomes.infinite_logits:
        return (
            f"No slope: {outcomes.infinite_logits:,} of {outcomes.n:,} predictions are exactly 0 "
            "or 1, so their logits are infinite."
        )
    fewer = min(outcomes.events, outcomes.n - outcomes.events)
    if fewer < FEWEST:
        which = "are" if outcomes.events == fewer else "are not"
        return (
            f"No slope: only {fewer:,} of {outcomes.n:,} rows {which} {event}, and it takes "
            f"{FEWEST}."
        )
    if outcomes.logits[0] == outcomes.logits[-1]:
        return f"No slope: all {outcomes.n:,} predictions are the same."
    true, false = outcomes.true > 0, outcomes.true < outcomes.rows
    ones, noughts = outcomes.logits[true], outcomes.logits[false]
    if noughts[-1] <= ones[0] or ones[-1] <= noughts[0]:
        at = noughts[-1] if noughts[-1] <= ones[0] else ones[-1]
        return (
            f"No slope: a threshold at probability {float(expit(at)):.3g} separates the labels of "
            f"all {outcomes.n:,} rows, so no finite slope is the best one."
        )
    return ""


def logistic(z: Array, weights: Array, happened: Array) -> Array | None:
    """Intercept and slope (a, b) that minimise Σ [w·ln(1 + exp(a + bz)) − s·(a + bz)].

    The logits are centred and scaled first, so that their size does not matter. Where all of them
    are the same, the slope is 0. None if Newton's method does not converge, as with separated
    labels.
    """
    total = float(weights.sum())
    centre = float(weights @ z) / total
    scale = math.sqrt(float(weights @ (z - centre) ** 2) / total)
    if scale == 0:
        share = float(happened.sum()) / total
        return np.array([math.log(share) - math.log1p(-share), 0.0]) if 0 < share < 1 else None
    x = (z - centre) / scale

    def loss(at: Array) -> tuple[float, Array, Array]:
        linear = at[0] + at[1] * x
        p = expit(linear)
        value = (weights @ softplus(linear) - happened @ linear) / total
        off = (weights * p - happened) / total
        curved = weights * p * (1 - p) / total
        mixed = curved @ x
        hessian = np.array([[curved.sum(), mixed], [mixed, curved @ (x * x)]])
        return float(value), np.array([off.sum(), off @ x]), hessian

    found = minimum(loss, np.zeros(2))
    if found is None:
        return None
    slope = found[1] / scale
    return np.array([found[0] - slope * centre, slope])


def _errors(outcomes: Outcomes, fitted: Array) -> Array:
    """Standard errors of the sandwich, of intercept and slope."""
    x = np.stack([np.ones(len(outcomes.logits)), outcomes.logits])
    linear = fitted @ x
    p, q = expit(linear), expit(-linear)
    inner = np.linalg.inv((x * (outcomes.all * p * q)) @ x.T)
    squares = outcomes.per_row**2 * (
        outcomes.true * q * q + (outcomes.rows - outcomes.true) * p * p
    )
    return np.asarray(np.sqrt(np.diag(inner @ ((x * squares) @ x.T) @ inner)))


def _shift(outcomes: Outcomes) -> tuple[float, float]:
    """The number that added to all logits makes the mean prediction right, and its error.

    Σ w·p(z + a) rises with a, so a is bracketed; steps that leave the bracket halve it.
    """
    z, wanted = outcomes.logits, float(outcomes.happened.sum())
    reach = float(np.abs(z).max()) + 40.0
    low, high, at = -reach, reach, 0.0
    for _ in range(100):
        p, q = expit(z + at), expit(-z - at)
        off, curved = float(outcomes.all @ p) - wanted, float(outcomes.all @ (p * q))
        if abs(off) <= 1e-13 * outcomes.total:
            break
        low, high = (low, at) if off > 0 else (at, high)
        step = at - off / curved if curved > 0 else low
        at = step if low < step < high else (low + high) / 2
    never = outcomes.rows - outcomes.true
    squares = float(outcomes.per_row**2 @ (outcomes.true * q * q + never * p * p))
    return at, math.sqrt(squares) / curved if curved > 0 else math.inf
