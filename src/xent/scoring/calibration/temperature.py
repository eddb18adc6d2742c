"""Over- or under-confidence of predictions of many classes: the slope of all logits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from xent._validation import Array
from xent.scoring.calibration.newton import minimum
from xent.scoring.calibration.slope import FEWEST
from xent.scoring.calibration.words import Estimate, confidence


@dataclass(frozen=True)
class Temperature:
    """The number b for which softmax(b·z) gives the labels the lowest loss."""

    slope: Estimate
    """b: below 1 over-confident, above 1 under-confident; 1/b is the temperature."""
    reason: str = ""

    @property
    def words(self) -> str:
        """What the slope says, and no more than its interval allows."""
        return self.reason or f"{confidence(self.slope)}."


def temperature_of(
    u: Array, labels: Array, weights: Array | None = None, level: float = 0.95
) -> Temperature:
    """The slope b of all logits, with its standard error; 1/b is the temperature.

    Minimises Σ w·[ln Σ_k exp(b·u_k) − b·u_y], whose derivative is Σ w·(m − u_y), m the mean of u
    under softmax(b·u). The error is the sandwich's, √Σ w²(m − u_y)² / Σ w·Var u.

    Refused: a true class with probability 0; fewer than 10 rows whose likeliest class is not the
    true one (or is); predictions that are all uniform.

    Parameters
    ----------
    u : array of shape (n, K)
        As `shifted` returns it: logits less their largest.
    labels : array of int of shape (n,)
        The true classes.
    weights : array of shape (n,), optional
        Above 0.
    level : float
        Of the interval.

    Examples
    --------
    >>> u = np.tile([[0.0, -1.0, -2.0]], (60, 1))
    >>> labels = np.repeat([0, 1, 2], [30, 18, 12])
    >>> print(temperature_of(u, labels).words)
    over-confident: divide the logits by 2.15 (slope 0.466, 0.137 to 0.796).

    References
    ----------
    Guo, Pleiss, Sun & Weinberger (2017), arXiv:1706.04599.
    """
    reason = refused(u, labels)
    fitted = None if reason else fit(u, labels, weights)
    if fitted is None:
        return refusal(reason or "No slope: Newton's method did not converge.")
    w = np.ones(len(u)) if weights is None else weights
    gap, spread = moments(u, labels, fitted)
    error = math.sqrt(float(w**2 @ gap**2)) / float(w @ spread)
    quantile = NormalDist().inv_cdf((1 + level) / 2)
    return Temperature(Estimate.around(fitted, error, quantile))


def refused(u: Array, labels: Array) -> str:
    """Why there is no slope; empty if there is one."""
    n = len(u)
    own = u[np.arange(n), labels]
    infinite = int(np.isneginf(own).sum())
    if infinite:
        return impossible(infinite, n)
    informative = u.min(axis=1) < 0
    told = int(informative.sum())
    if not told:
        return f"No slope: all {n:,} predictions are uniform."
    wrong = int((own < 0).sum())
    if wrong < FEWEST:
        return (
            f"No slope: only {wrong:,} of {n:,} true classes are not the likeliest, and it takes "
            f"{FEWEST}."
        )
    if told - wrong < FEWEST and told - wrong < told / 100:
        return (
            f"No slope: only {told - wrong:,} of {told:,} true classes are the likeliest, and it "
            f"takes {FEWEST}."
        )
    return ""


def impossible(infinite: int, n: int) -> str:
    """Why there is no slope where losses are infinite."""
    which = "row has" if n == 1 else "rows have"
    return f"No slope: {infinite:,} of {n:,} {which} probability 0 for the true class."


def refusal(reason: str) -> Temperature:
    """No slope, and why."""
    none = Estimate(math.nan, math.nan, math.nan, math.nan)
    return Temperature(none, reason)


def fit(u: Array, labels: Array, weights: Array | None = None) -> float | None:
    """The slope b; None if Newton's method does not converge or b is not above 0."""
    w = np.ones(len(u)) if weights is None else weights
    total = float(w.sum())
    own = u[np.arange(len(u)), labels]
    inner = np.where(np.isneginf(u), 0.0, u)
    scale = total / float(w @ np.abs(inner).max(axis=1))  # at b = scale no row is nearly certain

    def loss(at: Array) -> tuple[float, Array, Array]:
        b = float(at[0]) * scale
        if b <= 0:
            return math.inf, np.zeros(1), np.zeros((1, 1))
        e = np.exp(b * u)
        whole = e.sum(axis=1)
        mean = np.einsum("nk,nk->n", e, inner) / whole
        square = np.einsum("nk,nk,nk->n", e, inner, inner) / whole
        return (
            float(w @ (np.log(whole) - b * own)) / total,
            np.array([float(w @ (mean - own)) / total * scale]),
            np.array([[float(w @ (square - mean * mean)) / total * scale**2]]),
        )

    found = minimum(loss, np.array([min(1.0, 1.0 / scale)]))
    return None if found is None or found[0] <= 0 else float(found[0]) * scale


def losses(u: Array, labels: Array, b: float) -> Array:
    """Losses of softmax(b·u) in nats, of shape (n,)."""
    own = u[np.arange(len(u)), labels]
    return np.asarray(np.log(np.exp(b * u).sum(axis=1)) - b * own)


def moments(u: Array, labels: Array, b: float) -> tuple[Array, Array]:
    """m − u_y and Var u under softmax(b·u), of shape (n,)."""
    e = np.exp(b * u)
    p = e / e.sum(axis=1, keepdims=True)
    inner = np.where(np.isneginf(u), 0.0, u)
    mean = (p * inner).sum(axis=1)
    off = inner - mean[:, None]
    return mean - u[np.arange(len(u)), labels], (p * off * off).sum(axis=1)
