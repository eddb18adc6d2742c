"""Is the mean loss what the predictions themselves lead to expect?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from xent._validation import Array
from xent.scoring.calibration.outcomes import Outcomes, times

MOST_SKEWED = 1.0
"""Above this skewness of Z under perfect calibration its p-value is refused."""


@dataclass(frozen=True)
class ZTest:
    """How far the losses are from those that the predictions lead to expect."""

    z: float
    """In standard errors; positive where the losses are higher: infinite where one is."""
    p_value: float = math.nan
    """Two-sided; NaN where `reason` says why there is none."""
    excess: float = math.nan
    """Mean loss − mean entropy of the predictions, in nats."""
    skewness: float = math.nan
    """Of Z under perfect calibration."""
    reason: str = ""

    @property
    def words(self) -> str:
        """What Z says, in a sentence."""
        if self.reason:
            return self.reason
        if math.isinf(self.z):
            return "Something came true to which probability 0 was given."
        p = f"p = {self.p_value:.2g}" if self.p_value >= 1e-4 else "p < 0.0001"
        told = f"(Z = {self.z:.2f}, {p})"
        if self.p_value > 0.05:
            return f"The losses are those that the predictions lead to expect {told}."
        side = "higher" if self.z > 0 else "lower"
        return f"The losses are {side} than the predictions lead to expect {told}."


def z_of(outcomes: Outcomes) -> ZTest:
    """Z of the predictions of one event.

    With loss ℓ, entropy H and logit z of a prediction p,
    ℓ − H = (p − y)·z, with variance p(1 − p)·z² and third moment p(1 − p)(2p − 1)·z³ if p is right.
    No difference of nearly equal numbers is taken, so confident predictions keep their accuracy.
    Z = Σ w(ℓ − H) / √(Σ w²V).

    Examples
    --------
    >>> z_of(Outcomes.of_rows(np.array([2.0, 2.0, -1.0]), np.array([1, 0, 0]))).z.__round__(4)
    1.2319

    References
    ----------
    Spiegelhalter (1986), doi:10.1002/sim.4780050506, with the log loss for the Brier score.
    """
    logits, p, q, w = outcomes.logits, outcomes.p, outcomes.q, outcomes.per_row
    inner = np.where(np.isinf(logits), 0.0, logits)  # the limit: p(1 − p)·z² -> 0
    true, false = outcomes.happened, outcomes.all - outcomes.happened
    excess = float((false * p - true * q) @ inner)
    if outcomes.impossible:
        excess = math.inf
    spread = outcomes.rows * w * w * p * q * inner**2
    third = float((spread * w * (p - q)) @ inner)
    return _z(excess, float(spread.sum()), third, outcomes.total, outcomes.n)


def certain_to_fail() -> ZTest:
    """Z where a loss is infinite."""
    return ZTest(math.inf, 0.0, math.inf)


def z_of_classes(u: Array, labels: Array, weights: Array | None = None) -> ZTest:
    """Z of predictions of K classes.

    With u_k = ln p_k − max_j ln p_j and m = Σ p_k u_k: ℓ − H = m − u_y and V = Σ p_k (u_k − m)²,
    which is V = Σ p_k ln²p_k − H² without its cancellation.

    Parameters
    ----------
    u : array of shape (n, K)
        As `shifted` returns it.
    labels : array of int of shape (n,)
        The true classes.
    weights : array of shape (n,), optional
        Above 0.

    Examples
    --------
    >>> u = np.log([[0.7, 0.2, 0.1], [0.2, 0.2, 0.6]]) - np.log([[0.7], [0.6]])
    >>> z_of_classes(u, np.array([0, 1])).z.__round__(4)
    0.2417
    """
    e = np.exp(u)
    p = e / e.sum(axis=1, keepdims=True)
    inner = np.where(np.isneginf(u), 0.0, u)
    mean = (p * inner).sum(axis=1)
    gap = mean - u[np.arange(len(u)), labels]
    off = inner - mean[:, None]
    square = p * off * off
    w = np.ones(len(u)) if weights is None else weights
    spread = float((w * w) @ square.sum(axis=1))
    third = -float((w**3) @ (square * off).sum(axis=1))
    return _z(float(times(w, gap).sum()), spread, third, float(w.sum()), len(u))


def _z(excess: float, spread: float, third: float, total: float, n: int) -> ZTest:
    if math.isinf(excess):
        return certain_to_fail()
    if spread == 0:
        what = "1 prediction is" if n == 1 else f"{n:,} predictions are all"
        why = f"No Z: the {what} certain or uniform, so no label can be unexpected."
        return ZTest(math.nan, reason=why)
    error = math.sqrt(spread)
    z, skewness = excess / error, third / spread / error
    if abs(skewness) > MOST_SKEWED:
        why = (
            f"No p-value of Z: a few of the {n:,} rows decide it (its skewness under perfect "
            f"calibration is {skewness:.2g}, above {MOST_SKEWED:g})."
        )
        return ZTest(z, math.nan, excess / total, skewness, why)
    return ZTest(z, p_value(z, skewness), excess / total, skewness)


def p_value(z: float, skewness: float) -> float:
    """Two-sided p-value of a number with mean 0, variance 1 and this skewness g.

    Twice the smaller tail of a Pearson type III distribution, by the approximation of
    Wilson & Hilferty (1931, doi:10.1073/pnas.17.12.684):
    (6/g)·[(1 + g·z/2)^(1/3) − 1] + g/6 is nearly standard normal.

    Examples
    --------
    >>> round(p_value(1.96, 0.0), 3), round(p_value(1.96, 0.5), 3)
    (0.05, 0.074)
    """
    if abs(skewness) > 1e-6:
        inner = max(0.0, 1 + skewness * z / 2)
        z = 6 / skewness * (inner ** (1 / 3) - 1) + skewness / 6
    return 2 * NormalDist().cdf(-abs(z))
