"""All figures of calibration together, and the few that cost little."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xent._kind import Kind
from xent._validation import Array
from xent.scoring.calibration.beside import Beside
from xent.scoring.calibration.classwise import Classwise, classwise_of
from xent.scoring.calibration.corp import Corp, corp
from xent.scoring.calibration.curve import Curve, curve_of
from xent.scoring.calibration.errors import errors_of
from xent.scoring.calibration.gain import Gain, gain_of_classes, gains
from xent.scoring.calibration.outcomes import Outcomes
from xent.scoring.calibration.scores import logits_of, shifted, top_logits
from xent.scoring.calibration.slope import Slope, slope_of
from xent.scoring.calibration.temperature import Temperature, temperature_of
from xent.scoring.calibration.z_test import ZTest, z_of, z_of_classes

FEW_DRAWS = 50
Histogram = tuple[Array, Array]
"""Rows of each bin that did not come true, and that did."""


@dataclass(frozen=True)
class Glance:
    """The figures of calibration that cost little."""

    event: str
    """What miscalibration is of: "label 1", or "the likeliest class"."""
    rows: int
    """Rows that were scored."""
    sample: int
    """Rows that figures were computed from where these are fewer; else 0."""
    z: ZTest
    slope: Slope | Temperature
    miscalibration: Beside
    """CORP, of the log loss, in nats."""

    @property
    def note(self) -> str:
        """Which rows the figures are of, if not all."""
        if not self.sample:
            return ""
        return f"Calibration is computed from a sample of {self.sample:,} of {self.rows:,} rows."


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
    """What is computed from: all rows as bins where they do, else the given rows."""

    event: str
    rows: int
    sample: int
    outcomes: Outcomes
    curve: Outcomes
    """The same; in bins of all rows even where probabilities are too near 0 and 1 for bins."""
    u: Array | None
    labels: Array
    weights: Array | None

    @property
    def z(self) -> ZTest:
        if self.u is None:
            return z_of(self.outcomes)
        return z_of_classes(self.u, self.labels, self.weights)

    def slope(self, level: float) -> Slope | Temperature:
        if self.u is None:
            return slope_of(self.outcomes, level, self.event)
        return temperature_of(self.u, self.labels, self.weights, level)


def calibration_of(
    scores: Array,
    labels: Array,
    weights: Array | None = None,
    *,
    kind: Kind,
    histogram: Histogram | None = None,
    infinite: int = 0,
    level: float = 0.95,
) -> Calibration:
    """All figures of calibration.

    With one or two classes they are of the probability of label 1; with more, Z, slope and gain are
    of all classes, and the others of the likeliest class, or of each class against the rest.

    More than 4,096 distinct predictions are put in the 4,096 bins of a state's histogram, each with
    the mean logit of its rows, but for the curve. Figures and their values under perfect calibration
    are of the same bins.

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

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> z = rng.normal(size=2000)
    >>> y = rng.random(2000) < 1 / (1 + np.exp(-z))
    >>> found = calibration_of(2 * z, y, kind="logits")
    >>> print(found.slope.words)  # doctest: +NORMALIZE_WHITESPACE
    over-confident: divide the logits by 1.97 (slope 0.507, 0.448 to 0.566); no sign that label 1 is
    predicted too often or too rarely (mean prediction 0.492, share 0.506).
    >>> found.log.miscalibration.exceeds
    True
    """
    used = _rows(scores, labels, weights, kind, histogram, infinite)
    log = corp(used.outcomes, "log")
    errors = errors_of(used.outcomes)
    if used.u is None:
        gained = gains(used.outcomes, level=level)
    else:
        gained = (gain_of_classes(used.u, used.labels, used.weights, level=level),)
    return Calibration(
        used.event,
        used.rows,
        used.sample,
        used.z,
        used.slope(level),
        log.miscalibration,
        log,
        corp(used.outcomes, "Brier"),
        *errors,
        gained,
        curve_of(used.curve, level),
        None if used.u is None else classwise_of(used.u, used.labels, used.weights),
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
    """Z, slope and miscalibration, with fewer draws; arguments as for `calibration_of`.

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
        used.sample,
        used.z,
        used.slope(level),
        corp(used.outcomes, "log", FEW_DRAWS).miscalibration,
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
    u = None
    if scores.ndim == 1 or scores.shape[1] == 2:
        event, single = "label 1", scores.ndim == 1
        outcomes = Outcomes.of_rows(logits_of(scores, kind), labels, weights)
    else:
        event, single = "the likeliest class", False
        u, labels = shifted(scores, kind), labels.astype(np.intp)
        outcomes = Outcomes.of_rows(*top_logits(u, labels), weights)
    curve, n = outcomes, len(labels)
    whole = n
    if histogram is not None:
        whole = int(histogram[0].sum() + histogram[1].sum())
        if whole > n and weights is None and (single or u is not None):
            curve = Outcomes.of_histogram(*histogram)
            # The bins at the ends do not tell 1e-10 from 0.
            if u is None and not any(each[[0, -1]].any() for each in histogram):
                outcomes = curve
    sample = 0 if outcomes.n == whole else n
    if infinite:
        outcomes = replace(outcomes, lost=infinite)
    return _Rows(event, whole, sample, outcomes.coarse(), curve, u, labels, weights)
