"""Smooth expected calibration error."""

from __future__ import annotations

import math

import numpy as np

from xent._validation import Array
from xent.scoring.calibration.outcomes import Outcomes

POINTS = 4096
"""Steps of the grid over [0, 1]."""
CLOSE = 1e-6


def smooth_ece(outcomes: Outcomes, happened: Array | None = None) -> float:
    """Smooth ECE: the σ for which the residuals, smoothed by a Gaussian of width σ, sum to σ.

    smECE_σ = ∫₀¹ |Σ w_i(p_i − y_i)·K_σ(t, p_i)| dt / Σ w_i, with K_σ the Gaussian of standard
    deviation σ reflected at 0 and 1. It falls with σ, so smECE_σ = σ has one solution.

    The residuals are put on a grid of 4,096 steps, each divided between its two neighbours. A
    reflected Gaussian multiplies the k-th term of their cosine series by exp(−(πkσ)²/2).

    Parameters
    ----------
    outcomes : Outcomes
        Predictions and what came true.
    happened : array of shape (m,) or (d, m), optional
        Other weights of what came true.

    Returns
    -------
    float
        From 0 to 1, in units of probability; an array of shape (d,) for d sets.

    Examples
    --------
    >>> both = np.array([0.0, 0.0]), np.array([1, 0])
    >>> round(smooth_ece(Outcomes.of_rows(*both)), 4)
    0.0

    References
    ----------
    Błasiok & Nakkiran (2023), arXiv:2309.12236.
    """
    return fixed_point(series(outcomes, outcomes.happened if happened is None else happened))


def series(outcomes: Outcomes, happened: Array) -> Array:
    """Cosine series of the residuals on the grid, whose sum of sizes is at most 1."""
    place = outcomes.p * POINTS
    left = np.minimum(place.astype(np.intp), POINTS - 1)
    part = place - left
    residual = (outcomes.all * outcomes.p - happened) / outcomes.total
    grid = np.bincount(left, residual * (1 - part), POINTS + 1)
    grid += np.bincount(left + 1, residual * part, POINTS + 1)
    # The even continuation of period 2. What is at 0 and 1 meets its mirror image there.
    grid[0] *= 2
    grid[-1] *= 2
    return np.fft.rfft(np.concatenate([grid, grid[-2:0:-1]])).real


def smoothed(terms: Array, sigma: float) -> float:
    """smECE_σ of a cosine series."""
    k = np.arange(len(terms))
    values = np.fft.irfft(terms * np.exp(-((math.pi * k * sigma) ** 2) / 2))
    half = np.abs(values[: POINTS + 1])
    return float(half.sum() - (half[0] + half[-1]) / 2)


def fixed_point(terms: Array) -> float:
    """σ with smECE_σ = σ, by regula falsi (Illinois).

    smECE_σ falls with σ, so where σ is below the solution, smECE_σ is above it.
    """
    low = min(1.0, smoothed(terms, 1.0))
    high = min(1.0, smoothed(terms, low))
    above, below = high - low, smoothed(terms, high) - high
    middle = high
    for _ in range(60):
        if above <= 0 or below >= 0:
            break
        middle = low + (high - low) * above / (above - below)
        value = smoothed(terms, middle) - middle
        if abs(value) < CLOSE:
            break
        if value > 0:
            low, above, below = middle, value, below / 2
        else:
            high, below, above = middle, value, above / 2
    return middle
