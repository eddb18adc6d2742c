"""Miscalibration, discrimination and uncertainty of a mean score (CORP)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xent._validation import Array
from xent.scoring.calibration.beside import Beside, beside
from xent.scoring.calibration.draws import draws
from xent.scoring.calibration.outcomes import Outcomes, losses, times
from xent.scoring.calibration.pav import pools

Rule = Literal["log", "Brier"]
DRAWS = 200


@dataclass(frozen=True)
class Corp:
    """score = miscalibration − discrimination + uncertainty."""

    rule: Rule
    """"log": losses in nats; "Brier": (p − y)²."""
    score: float
    """The mean score of the predictions."""
    miscalibration: Beside
    """What is lost against the recalibrated predictions; infinite where a loss is."""
    discrimination: float
    """What the recalibrated predictions gain over predicting the share of the event each time."""
    uncertainty: float
    """The mean score of predicting that share."""


def corp(outcomes: Outcomes, rule: Rule = "log", count: int = DRAWS) -> Corp:
    """Decompose the mean score, with miscalibration under perfect calibration beside it.

    The predictions are recalibrated by isotonic regression (PAV) of what came true. With S the mean
    score, S_C that of the recalibrated predictions and S_R that of the share,
    miscalibration = S − S_C, discrimination = S_R − S_C, uncertainty = S_R; none of them is
    negative. One infinite loss makes S and the miscalibration infinite, and nothing else.

    Parameters
    ----------
    outcomes : Outcomes
        At least one row. The miscalibration depends on how fine the cells are; its values under
        perfect calibration are drawn in the same cells.
    rule : {"log", "Brier"}
        The score, of the probability of the event alone.
    count : int
        Draws of outcomes under perfect calibration; 0 for none.

    Examples
    --------
    >>> found = corp(Outcomes.of_rows(np.array([-1.0, 0.0, 1.0]), np.array([0, 1, 1])), count=0)
    >>> round(found.miscalibration.value, 4), round(found.discrimination, 4)
    (0.4399, 0.6365)

    References
    ----------
    Dimitriadis, Gneiting & Jordan (2021), doi:10.1073/pnas.2016191118.
    """
    score, best = (float(each[0]) for each in scores(outcomes, outcomes.happened[None], rule))
    total, happened = outcomes.total, float(outcomes.happened.sum())
    uncertainty = float(entropy(np.array([total]), np.array([happened]), rule)[0]) / total
    if outcomes.impossible and rule == "log":
        score = math.inf
    excess = Beside(math.inf if math.isinf(score) else max(0.0, score - best))
    if count:
        excess = beside(excess.value, miscalibrations(outcomes, rule, count))
    return Corp(rule, score, excess, max(0.0, uncertainty - best), uncertainty)


def miscalibrations(outcomes: Outcomes, rule: Rule, count: int) -> Array:
    """Miscalibrations of outcomes drawn from the predictions, of shape (count,)."""
    parts = [scores(outcomes, drawn, rule) for drawn in draws(outcomes, count)]
    return np.concatenate([whole - best for whole, best in parts])


def scores(outcomes: Outcomes, happened: Array, rule: Rule) -> tuple[Array, Array]:
    """Mean scores of the predictions and of the recalibrated ones, of shape (d,).

    `happened` has d sets of what came true, as weights of the cells: shape (d, m).
    """
    total = outcomes.total
    if rule == "log":
        of_true, of_false = losses(outcomes.logits)
    else:
        of_true, of_false = outcomes.q**2, outcomes.p**2
    if outcomes.infinite_logits:
        lost = times(happened, np.broadcast_to(of_true, happened.shape)).sum(axis=1)
        never = outcomes.all - happened
        lost = lost + times(never, np.broadcast_to(of_false, happened.shape)).sum(axis=1)
    else:
        lost = happened @ (of_true - of_false) + float(outcomes.all @ of_false)
    return lost / total, recalibrated(outcomes, happened, rule) / total


def recalibrated(outcomes: Outcomes, happened: Array, rule: Rule) -> Array:
    """Sums of the scores after isotonic regression, of shape (d,)."""
    sets = len(happened)
    weights, sums = outcomes.all, happened
    if len(outcomes.starts) < len(weights):
        weights = np.add.reduceat(weights, outcomes.starts)
        sums = np.add.reduceat(sums, outcomes.starts, axis=1)
    size = len(weights)
    weights, sums = np.tile(weights, sets), sums.ravel()
    segment = np.repeat(np.arange(sets), size)
    starts = pools(weights, sums, segment if sets > 1 else None)
    blocks = entropy(np.add.reduceat(weights, starts), np.add.reduceat(sums, starts), rule)
    return np.bincount(segment[starts], blocks, sets)


def entropy(weights: Array, sums: Array, rule: Rule) -> Array:
    """Sum of the scores of rows whose prediction is their own share, sums / weights."""
    rest = np.maximum(weights - sums, 0.0)
    if rule == "Brier":
        return np.asarray(sums * rest / weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        lost = np.where(sums > 0, sums * np.log(sums / weights), 0.0)
        lost += np.where(rest > 0, rest * np.log(rest / weights), 0.0)
    return -lost
