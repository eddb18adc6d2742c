"""All figures of calibration together, and the few that cost little."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xent._kind import Kind
from xent._validation import Array
from xent.scoring.calibration.beside import Beside
from xent.scoring.calibration.classwise import Classwise, classwise_of
from xent.scoring.calibration.corp import DRAWS, Corp, corp
from xent.scoring.calibration.curve import Curve, curve_of
from xent.scoring.calibration.errors import errors_of
from xent.scoring.calibration.gain import Gain, gain_of_classes, gains, no_gain
from xent.scoring.calibration.outcomes import Outcomes
from xent.scoring.calibration.scores import logits_of, shifted, top_logits
from xent.scoring.calibration.slope import Slope, slope_of
from xent.scoring.calibration.temperature import (
    Temperature,
    impossible,
    refusal,
    temperature_of,
)
from xent.scoring.calibration.z_test import ZTest, certain_to_fail, z_of, z_of_classes

LARGEST = 1e90
Histogram = tuple[Array, Array]
"""Rows of each bin that did not come true, and that did."""


@dataclass(frozen=True)
class Glance:
    """The figures of calibration that cost little."""

    event: str
    """What miscalibration is of: "label 1", or "the likeliest class"."""
    rows: int
    """Rows that were scored."""
    z: ZTest
    slope: Slope | Temperature
    miscalibration: Beside
    """CORP, of the log loss, in nats."""
    note: str
    """Which figures are from a sample of the rows, in a sentence; empty if none is."""


@dataclass(frozen=True)
class Calibration(Glance):
    """All figures of calibration, each beside its value under perfect calibration."""

    log: Corp
    brier: Corp
    smooth_ece: Beside
    ece15: Beside
    largest: Beside
    """The largest error of the 15 bins."""
    gains: tuple[Gain, ...]
    """What recalibrating would gain, by method."""
    curve: Curve
    classwise: Classwise | None
    """None for binary predictions."""


@dataclass(frozen=True)
class _Rows:
    """What figures are computed from: bins of all rows where they do, else the given rows."""

    event: str
    rows: int
    outcomes: Outcomes
    """At most 4,096 cells, from which outcomes can be drawn."""
    fine: Outcomes
    """The same where rows have weights: single rows."""
    curve: Outcomes
    """In bins of all rows even where probabilities are too near 0 and 1 for bins."""
    u: Array | None
    labels: Array
    weights: Array | None
    infinite: int
    note: str

    @property
    def z(self) -> ZTest:
        if self.infinite:
            return certain_to_fail()
        if self.u is None:
            return z_of(self.fine)
        return z_of_classes(self.u, self.labels, self.weights)

    def slope(self, level: float) -> Slope | Temperature:
        if self.u is None:
            return slope_of(self.fine, level, self.event)
        if self.infinite:
            return refusal(impossible(self.infinite, self.rows))
        return temperature_of(self.u, self.labels, self.weights, level)

    def gains(self, level: float) -> tuple[Gain, ...]:
        if self.u is None:
            return gains(self.fine, level=level)
        if self.infinite:
            return (no_gain(impossible(self.infinite, self.rows)),)
        return (gain_of_classes(self.u, self.labels, self.weights, level=level),)


def calibration_of(
    scores: Array,
    labels: Array,
    weights: Array | None = None,
    *,
    kind: Kind,
    histogram: Histogram | None = None,
    infinite: int = 0,
    level: float = 0.95,
    count: int = DRAWS,
) -> Calibration:
    """All figures of calibration.

    With one or two classes they are of the probability of label 1; with more, Z, slope and gain are
    of all classes, and the others of the likeliest class, or of each class against the rest.

    More than 4,096 distinct predictions are put in the 4,096 bins of a state's histogram, each with
    the mean logit of its rows, but for the curve. Figures and their values under perfect
    calibration are of the same bins.

    Parameters
    ----------
    scores : array of shape (n,), (n, 2) or (n, K)
        Of all rows, or of a sample of them.
    labels : array of int of shape (n,)
        The true classes, from 0.
    weights : array of shape (n,), optional
        Above 0.
    kind : {"logits", "probabilities", "log-probabilities"}
        What the scores are.
    histogram : pair of arrays of shape (4096,), optional
        Rows by bin, as a state counts them, of all rows. Where the scores are a sample and there
        are no weights, what bins suffice for is computed from these.
    infinite : int
        Rows with an infinite loss among all rows.
    level : float
        Of intervals and bands.
    count : int
        Draws of outcomes under perfect calibration; by class a fifth of them.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> z = rng.normal(size=2000)
    >>> y = rng.random(2000) < 1 / (1 + np.exp(-z))
    >>> found = calibration_of(2 * z, y, kind="logits", count=50)
    >>> print(found.slope.words)  # doctest: +NORMALIZE_WHITESPACE
    over-confident: divide the logits by 1.97 (slope 0.507, 0.448 to 0.566); no sign that label 1 is
    predicted too often or too rarely (mean prediction 0.492, share 0.506).
    >>> found.log.miscalibration.exceeds
    True
    """
    used = _rows(scores, labels, weights, kind, histogram, infinite)
    log = corp(used.outcomes, "log", count)
    errors = errors_of(used.outcomes, count)
    by_class = None
    if used.u is not None:
        by_class = classwise_of(used.u, used.labels, used.weights, max(1, count // 5))
    return Calibration(
        used.event,
        used.rows,
        used.z,
        used.slope(level),
        log.miscalibration,
        used.note,
        log,
        corp(used.outcomes, "Brier", count),
        *errors,
        used.gains(level),
        curve_of(used.curve, level),
        by_class,
    )


def glance_of(
    scores: Array,
    labels: Array,
    weights: Array | None = None,
    *,
    kind: Kind,
    histogram: Histogram | None = None,
    infinite: int = 0,
    level: float = 0.95,
) -> Glance:
    """Z, slope and miscalibration, with fewer draws; with arguments of `calibration_of`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> z = rng.normal(size=2000)
    >>> y = rng.random(2000) < 1 / (1 + np.exp(-z))
    >>> glance_of(z, y, kind="logits").miscalibration.exceeds
    False
    """
    used = _rows(scores, labels, weights, kind, histogram, infinite)
    return Glance(
        used.event,
        used.rows,
        used.z,
        used.slope(level),
        corp(used.outcomes, "log").miscalibration,
        used.note,
    )


def _rows(
    scores: Array,
    labels: Array,
    weights: Array | None,
    kind: Kind,
    histogram: Histogram | None,
    infinite: int,
) -> _Rows:
    scores, labels = np.asarray(scores, dtype=np.float64), np.asarray(labels)
    if not len(labels):
        msg = "there are no rows; expected at least one."
        raise ValueError(msg)
    if weights is not None:  # their scale does not matter, and is kept from overflowing
        weights = np.asarray(weights, dtype=np.float64) / np.max(weights)
        weights = weights / weights.mean()
    u = None
    if scores.ndim == 1 or scores.shape[1] == 2:
        event = "label 1"
        given = Outcomes.of_rows(_bounded(logits_of(scores, kind)), labels, weights)
    else:
        event = "the likeliest class"
        u, labels = _bounded(shifted(scores, kind)), labels.astype(np.intp)
        given = Outcomes.of_rows(*top_logits(u, labels), weights)
    outcomes = curve = given
    n = whole = len(labels)
    note = ""
    if histogram is not None and (whole := int(sum(each.sum() for each in histogram))) > n:
        if weights is None and (scores.ndim == 1 or u is not None):
            curve = Outcomes.of_histogram(*histogram)
            # The bins at the ends do not tell 1e-10 from 0.
            if not any(each[[0, -1]].any() for each in histogram):
                outcomes = curve
        if outcomes is given or u is not None:
            what = "Calibration is" if outcomes is given else "Z, slope, gain and classes are"
            note = f"{what} computed from a sample of {n:,} of {whole:,} rows."
    if infinite and u is None:
        outcomes = replace(outcomes, lost=infinite)
    coarse = outcomes.coarse()
    fine = coarse if weights is None else outcomes
    return _Rows(event, whole, coarse, fine, curve, u, labels, weights, infinite, note)


def _bounded(logits: Array) -> Array:
    """The same, but finite ones beyond 1e90 as that, so that their cubes do not overflow."""
    return np.where(np.isinf(logits), logits, np.clip(logits, -LARGEST, LARGEST))
