"""The calibration of a score: computed from its state when it is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

import numpy as np

from xent._kind import Kind
from xent._validation import Array
from xent.scoring.calibration import (
    Calibration,
    Glance,
    Outcomes,
    calibration_of,
    glance_of,
)
from xent.scoring.calibration.corp import corp
from xent.scoring.calibration.curve import curve_of
from xent.scoring.calibration.errors import errors_of
from xent.scoring.calibration.gain import gains
from xent.scoring.calibration.outcomes import expit
from xent.scoring.calibration.scores import logits_of, shifted
from xent.scoring.calibration.slope import slope_of
from xent.scoring.calibration.z_test import z_of
from xent.scoring.sampled import SampledLosses, sampled_losses
from xent.scoring.state import State, ratio
from xent.scoring.state.exact import ONE

Found = TypeVar("Found", Glance, Calibration)

TOP = "the likeliest class"


FEWEST_EFFECTIVE = 200
"""Effective rows, (Σw)²/Σw², below which the errors of a slope are estimated too small."""


class Calibrated:
    """Calibration, predictions and losses of the rows of a state."""

    state: State
    level: float

    @property
    def no_calibration(self) -> str:
        """Why there is no calibration, as one sentence; or nothing."""
        schema = self.state.schema
        if schema.weighted and self.state.sample.rows is None:
            return (
                f"No calibration: the rows have weights, and of {len(schema.classes):,} classes no "
                "sample of rows is kept."
            )
        if schema.weighted:
            w, ww = sum(self.state.weights), sum(self.state.classes.squares)
            effective = ratio(w, ONE) * ratio(w, ww)
            if effective < FEWEST_EFFECTIVE:
                return (
                    f"No calibration: the weights make {sum(self.state.counts):,} rows count like "
                    f"{effective:.1f}, and it takes {FEWEST_EFFECTIVE}."
                )
        return ""

    @property
    def of_histogram(self) -> bool:
        """Is calibration that of the likeliest class alone, since no rows are kept?"""
        return self.state.sample.rows is None

    @cached_property
    def glance(self) -> Glance | None:
        """The figures of calibration that cost little."""
        if self.no_calibration:
            return None
        return self._glance_of_bins() if self.of_histogram else self._of_rows(glance_of)

    @cached_property
    def calibration(self) -> Calibration | None:
        """All figures of calibration; of more than two classes partly of the likeliest class."""
        if self.no_calibration:
            return None
        return self._of_bins() if self.of_histogram else self._of_rows(calibration_of)

    def _of_rows(self, function: Callable[..., Found]) -> Found:
        """From the sample of rows, and from the histogram what that suffices for."""
        rows, schema = self.state.sample.rows, self.state.schema
        assert rows is not None
        two = len(schema.classes) == 2
        scores, kind = _clipped(rows.scores, schema.kind, schema.clip, two=two)
        infinite = sum(self.state.infinite)
        return function(
            scores,
            rows.labels,
            rows.weights if schema.weighted else None,
            kind=kind,
            histogram=None if schema.clip else self._histogram,
            infinite=infinite,
            level=self.level,
        )

    @property
    def _histogram(self) -> tuple[Array, Array]:
        never, ever = self.state.histogram.rows
        return np.array(never, np.float64), np.array(ever, np.float64)

    def _glance_of_bins(self) -> Glance:
        bins = Outcomes.of_histogram(*self._histogram)
        slope, excess = slope_of(bins, self.level, TOP), corp(bins, "log").miscalibration
        return Glance(TOP, bins.n, z_of(bins), slope, excess, "")

    def _of_bins(self) -> Calibration:
        bins = Outcomes.of_histogram(*self._histogram)
        log = corp(bins, "log")
        return Calibration(
            TOP,
            bins.n,
            z_of(bins),
            slope_of(bins, self.level, TOP),
            log.miscalibration,
            "",
            log,
            corp(bins, "Brier"),
            *errors_of(bins),
            gains(bins, level=self.level),
            curve_of(bins, self.level),
            None,
        )

    def predictions(self, bins: int) -> tuple[Array, Array]:
        """Edges of bins of probability, and the weight of the predictions in each.

        The prediction is the probability of label 1, or of more than two classes that of the
        likeliest one.
        """
        amounts = np.array([ratio(sum(both), ONE) for both in zip(*self.state.histogram.weights)])  # noqa: B905 - of one length
        some = np.flatnonzero(amounts)
        p = _middles()[some]
        counts, edges = np.histogram(p, bins, (0.0, 1.0), weights=amounts[some])
        return edges, counts

    @cached_property
    def sampled_losses(self) -> SampledLosses | None:
        """The losses of the sample of rows; None if none is kept."""
        return sampled_losses(self.state)


def _middles() -> Array:
    """A probability in each bin of the histogram."""
    one = np.ones(4096)
    return expit(Outcomes.of_histogram(one, one).logits)


def _clipped(scores: Array, kind: Kind, clip: float | None, *, two: bool) -> tuple[Array, Kind]:
    """Scores of two classes as logits of label 1; any with probabilities of at least `clip`."""
    if two:
        z = logits_of(scores, kind)
        if clip is not None:
            most = math.log1p(-clip) - math.log(clip)
            z = z.clip(-most, most)
        return z, "logits"
    if clip is None:
        return scores, kind
    u = shifted(scores, kind)
    log_p = u - np.log(np.exp(u).sum(axis=1, keepdims=True))
    return np.maximum(log_p, math.log(clip)), "log-probabilities"
