"""The reliability curve: how often what is predicted with probability p comes true."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xent._validation import Array
from xent.scoring.calibration.bands import Bands, bands_of
from xent.scoring.calibration.outcomes import Outcomes
from xent.scoring.calibration.pav import pools


@dataclass(frozen=True)
class Curve:
    """Steps of the isotonic regression, and a band that holds the true curve."""

    first: Array
    """Lowest prediction of each step, ascending."""
    last: Array
    """Highest prediction of each step."""
    observed: Array
    """How often what was predicted so came true, by weight; increasing."""
    rows: Array
    """Rows of each step."""
    bands: Bands | None
    reason: str = ""
    """Why there is no band, in one sentence."""


def curve_of(outcomes: Outcomes, level: float = 0.95) -> Curve:
    """The reliability curve by isotonic regression (PAV), with simultaneous bands.

    Parameters
    ----------
    outcomes : Outcomes
        At least one row.
    level : float
        Probability that the band holds the whole curve, at least, if it does not fall.

    Examples
    --------
    >>> cells = Outcomes(np.array([-1.0, 1.0]), np.array([100.0, 100.0]), np.array([25.0, 75.0]))
    >>> curve_of(cells).observed
    array([0.25, 0.75])

    References
    ----------
    Dimitriadis, Gneiting & Jordan (2021), doi:10.1073/pnas.2016191118.
    """
    at = outcomes.starts
    weights = np.add.reduceat(outcomes.all, at)
    sums = np.add.reduceat(outcomes.happened, at)
    starts = at[pools(weights, sums)]
    last = np.append(starts[1:], len(outcomes.logits)) - 1
    whole = np.add.reduceat(outcomes.all, starts)
    bands, reason = None, ""
    if outcomes.weights is None:
        bands = bands_of(outcomes, level)
    else:
        reason = f"No band: it is for rows that count alike, and these {outcomes.n:,} have weights."
    return Curve(
        outcomes.p[starts],
        outcomes.p[last],
        np.add.reduceat(outcomes.happened, starts) / whole,
        np.add.reduceat(outcomes.rows, starts),
        bands,
        reason,
    )
