"""How well two classes are told apart: AUC, average precision, and which is taken for which."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np

from xent._validation import Array
from xent.scoring.intervals import (
    Effective,
    Interval,
    auc,
    auc_interval,
    average_precision,
    average_precision_interval,
    jackknife_interval,
    refused,
)
from xent.scoring.state import ratio
from xent.scoring.state.clusters import BINNED
from xent.scoring.state.exact import ONE
from xent.scoring.summed import Summed, numbers_of


class Ranked(Summed):
    """Figures of the order of the scores."""

    @cached_property
    def ranked(self) -> tuple[Array, Array]:
        """Weights of labels 0 and 1 in the order of the scores: of distinct ones, else of bins."""
        rows = self.state.sample.rows
        if rows is not None and len(rows.labels) == self.rows:
            scores = rows.scores if rows.scores.ndim == 1 else rows.scores[:, 1] - rows.scores[:, 0]
            _, at = np.unique(scores, return_inverse=True)
            both = [np.bincount(at, rows.weights * (rows.labels == label)) for label in (0, 1)]
            return both[0], both[1]
        never, ever = self.state.histogram.weights
        return numbers_of(never), numbers_of(ever)

    @property
    def roc_auc(self) -> float:
        """Area under the ROC curve: how often a row of label 1 has a higher score than one of 0."""
        return auc(*self.ranked)

    @property
    def average_precision(self) -> float:
        """Mean precision over the rows of label 1, from the highest score on."""
        zeros, ones = self.ranked
        return average_precision(zeros, ones) if zeros.any() else math.nan

    @cached_property
    def roc_auc_interval(self) -> Interval:
        """Of the AUC."""
        if self.clustered:
            return self._jackknife(auc)
        effective = rows = None
        if self.state.schema.weighted:
            pairs = zip(self.state.weights, self.state.classes.squares, strict=True)
            zero, one = (ratio(w, ONE) * ratio(w, ww) if w else 0.0 for w, ww in pairs)
            effective, rows = Effective(zero, one), (self.state.counts[0], self.state.counts[1])
        return auc_interval(
            *self.ranked, self.level, effective=effective, rows=rows, names=self._both
        )

    @cached_property
    def average_precision_interval(self) -> Interval:
        """Of the average precision."""
        if self.clustered:
            return self._jackknife(average_precision)
        weighted = self.state.schema.weighted
        return average_precision_interval(
            *self.ranked, self.level, weighted=weighted, names=self._both
        )

    @property
    def _both(self) -> tuple[str, str]:
        zero, one = self.state.schema.classes
        return zero, one

    def _jackknife(self, figure: Callable[[Array, Array], float]) -> Interval:
        """The interval of a figure of the histogram, from those without one group of clusters."""
        if self.state.schema.weighted:
            return refused("rows are weighted and clustered", "jackknife")
        bins = np.array(self.state.clusters.amounts("bins"), np.float64).reshape(BINNED, -1, 2)
        sizes = bins.sum(axis=1)
        kept = sizes.any(axis=1)
        bins, sizes = bins[kept], sizes[kept]
        whole = bins.sum(axis=0)
        without = np.array([figure(*(whole - each).T) for each in bins])
        rarer, rows = int((sizes > 0).sum(axis=0).min()), sizes.sum(axis=1)
        of = figure(*self.ranked)
        return jackknife_interval(of, without, rows, self.level, positive=rarer, share=True)

    @property
    def confusion(self) -> list[list[int]] | None:
        """Rows of each true class, by the likeliest class; None of too many classes."""
        if self.binary:
            wrong, right = self.state.classes.hits
            return [[right[0], wrong[0]], [wrong[1], right[1]]]
        return [*self.state.confusion.rows] if self.state.confusion.known else None
