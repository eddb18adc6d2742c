"""The figures of scored rows, each with its interval: computed from a state alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from xent._format import plain
from xent._validation import Array
from xent.metrics import log_loss
from xent.scoring.intervals import (
    ClassMoments,
    Effective,
    Interval,
    auc,
    auc_interval,
    average_precision,
    average_precision_interval,
    class_moments,
    jackknife_interval,
    macro_interval,
    mean_interval,
    moments_of_sums,
    proportion_interval,
    ratio_interval,
    refused,
    skill_interval,
    weighted_proportion_interval,
)
from xent.scoring.state import State, ratio
from xent.scoring.state.clusters import BINNED
from xent.scoring.state.exact import ONE
from xent.scoring.state.moments import Moments
from xent.scoring.state.slices import CellSums
from xent.scoring.weak_slices import WeakSlice, weak_slices

ROUNDING = 1e-12
"""A skill this near to 0 is that of the base rates themselves, but for rounding."""


class Figure(NamedTuple):
    """A figure of a report."""

    key: str
    """As in `to_dict`."""
    name: str
    value: float
    about: str
    interval: Interval | None
    """None of figures that are no estimates, such as the base rate."""


class Group(NamedTuple):
    """The rows of one true class, or of one value of a column."""

    name: str
    rows: int
    share: float
    loss: float
    accuracy: float
    interval: Interval
    """Of the loss."""


class Figures:
    """What a state tells: figures of all rows, of classes and of slices.

    Without clusters rows are taken as independent.
    """

    state: State
    level: float
    """Confidence level of the intervals."""
    baseline: tuple[float, ...] | None
    """Shares of the classes that the base rate is made of, if not those of the rows themselves."""

    # ---- sums

    @property
    def rows(self) -> int:
        """Number of rows of weight above 0."""
        return sum(self.state.counts)

    @cached_property
    def weight(self) -> int:
        """The weight of all rows, in units of 2**-1126."""
        return sum(self.state.weights)

    @property
    def infinite(self) -> int:
        """Rows with an infinite loss."""
        return sum(self.state.infinite)

    @cached_property
    def shares(self) -> list[float]:
        """Share of each class among the labels, by weight."""
        return [ratio(weight, self.weight) for weight in self.state.weights]

    @property
    def counts(self) -> dict[str, int]:
        """Rows of each class that occurs."""
        names = self.state.schema.classes
        return {name: n for name, n in zip(names, self.state.counts, strict=True) if n}

    @cached_property
    def _sums(self) -> dict[str, list[int]]:
        """Sums of products of weights and losses by class, as `intervals` calls them."""
        return self._weights | _sums_in(self.state.moments)

    @property
    def _weights(self) -> dict[str, list[int]]:
        """Sums of weights by class, if there are weights."""
        of = self.state.classes
        return {"w": of.weights, "ww": of.squares} if self.state.schema.weighted else {}

    @cached_property
    def _by_class(self) -> ClassMoments | None:
        """Moments of each class; None if they are not kept by class, or not of all rows."""
        if self._unusable or len(self._sums["wll"]) < len(self.state.counts):
            return None
        return class_moments(self.state.schema.classes, self.state.counts, ONE, self._sums)

    @property
    def _unusable(self) -> str:
        """Why the moments of the losses are of no use; or nothing."""
        if self.infinite:
            rows = "1 row has" if self.infinite == 1 else f"{self.infinite:,} rows have"
            return f"{rows} an infinite loss"
        if n := self.state.moments.beyond:
            return f"the losses of {n:,} row{'s' * (n > 1)} are too large to square"
        return ""

    # ---- clusters

    @property
    def clustered(self) -> bool:
        """Are rows of one cluster not independent?"""
        return self.state.schema.cluster is not None

    def _of_clusters(self, name: str, unit: int = ONE) -> Array:
        return np.array([ratio(each, unit) for each in self.state.clusters.amounts(name)])

    @property
    def _cluster_weights(self) -> Array:
        weighted = self.state.schema.weighted
        return self._of_clusters("weights") if weighted else self._of_clusters("rows", 1)

    def _ratio(self, name: str) -> Interval:
        """The interval of a sum over clusters, divided by their weights."""
        counted = name == "right" and not self.state.schema.weighted
        tops = self._of_clusters(name, 1 if counted else ONE)
        counts = None if name == "right" else self.counts
        return ratio_interval(tops, self._cluster_weights, self.level, counts=counts)

    # ---- figures of all rows

    @property
    def loss(self) -> float:
        """Log loss in nats: the weighted mean."""
        return math.inf if self.infinite else self.finite_loss

    @property
    def finite_loss(self) -> float:
        """The sum of the finite losses, over all weight."""
        return ratio(sum(self.state.losses), self.weight)

    @cached_property
    def loss_interval(self) -> Interval:
        """Of the log loss."""
        if self._unusable:
            return refused(f"{self._unusable}: the mean has no interval", "Hall")
        if self.clustered:
            return self._ratio("losses")
        moments = moments_of_sums(self.state.counts, ONE, self._sums)
        return mean_interval(moments, self.level, counts=self.counts)

    @property
    def standard_error(self) -> float:
        """Of the log loss in nats; NaN where it is not known."""
        return self.loss_interval.error

    @property
    def perplexity(self) -> float:
        """Number of equally likely classes that would be as hard to guess."""
        return _exp(self.loss)

    @cached_property
    def base_loss(self) -> float:
        """Log loss of always predicting the base rates."""
        predicted = self.shares if self.baseline is None else self.baseline
        return float(log_loss(np.array([self.shares]), np.array([predicted])))

    @property
    def skill(self) -> float:
        """1 - loss / base loss: 1 is perfect, 0 as good as the shares; NaN if these are certain."""
        if not 0 < self.base_loss < math.inf:
            return math.nan
        skill = 1 - self.loss / self.base_loss
        return 0.0 if abs(skill) < ROUNDING else skill

    @cached_property
    def skill_interval(self) -> Interval:
        """Of the skill."""
        if self._unusable:
            return refused(f"{self._unusable}: skill has no interval", "delta")
        if not 0 < self.base_loss < math.inf:
            return refused("the base rate is not a finite number above 0", "delta")
        m = self._by_class
        if m is None:
            many = f"{len(self.counts):,} classes are too many for an interval of skill"
            return refused(many, "delta")
        shares = None if self.baseline is None else np.array(self._occurring(self.baseline))
        if self.clustered:
            return self._clustered_skill(shares)
        return skill_interval(m, self.level, baseline=shares)

    def _occurring(self, values: Sequence[float]) -> list[float]:
        """Those of the classes that have rows."""
        return [value for value, n in zip(values, self.state.counts, strict=True) if n]

    def _clustered_skill(self, shares: Array | None) -> Interval:
        """Skill is 1 minus a ratio of sums: of losses, and of losses of the base rates."""
        if "labels" not in self.state.clusters.sums:
            many = f"{len(self.counts):,} classes are too many for clusters"
            return refused(many, "clustered")
        unit = ONE if self.state.schema.weighted else 1
        found = self._of_clusters("labels", unit).reshape(-1, len(self.state.counts))
        used = np.array(self._occurring(self.shares)) if shares is None else shares
        found = found[:, np.array(self.state.counts) > 0]
        rarer = int((found > 0).sum(axis=0).min()) if self.binary else None
        sizes = found @ -np.log(used)
        losses = self._of_clusters("losses")
        return flipped(ratio_interval(losses, sizes, self.level, positive=rarer))

    @cached_property
    def brier(self) -> float:
        """Brier score: the mean square of the errors of the probabilities."""
        return ratio(self.state.brier["wl"], self.weight)

    @cached_property
    def brier_interval(self) -> Interval:
        """Of the Brier score."""
        if self.clustered:
            return self._ratio("brier")
        sums = self._weights | _sums_in(self.state.brier)
        whole = {name: sum(amounts) for name, amounts in sums.items()}
        moments = moments_of_sums(self.rows, ONE, whole)
        return mean_interval(moments, self.level, counts=self.counts)

    @property
    def accuracy(self) -> float:
        """Share of the weight of what is predicted rightly."""
        return ratio(sum(self.state.right), self.weight)

    @cached_property
    def accuracy_interval(self) -> Interval:
        """Of the accuracy."""
        if self.clustered:
            return self._ratio("right")
        if not self.state.schema.weighted:
            return proportion_interval(self.accuracy, self.rows, self.level)
        right, w, ww = self.state.right, self.state.weights, self.state.classes.squares
        sums = (_numbers(right), _numbers(w), _numbers(ww))
        return weighted_proportion_interval(*sums, self.rows, self.level)

    @property
    def macro_loss(self) -> float:
        """Mean of the classes' log losses, each class counted once."""
        losses = [each.loss for each in self.by_class]
        return math.fsum(losses) / len(losses)

    @cached_property
    def macro_interval(self) -> Interval:
        """Of the macro loss."""
        if self._unusable:
            return refused(f"{self._unusable}: the mean has no interval", "Hall")
        if self.clustered:
            return refused("rows are clustered: the macro loss has no interval then", "clustered")
        if self._by_class is None:
            return refused(f"{len(self.counts):,} classes are too many for an interval", "Hall")
        if len(self.counts) == 1:
            return self.loss_interval
        return macro_interval(self._by_class, self.level)

    # ---- ranking, of two classes

    @property
    def binary(self) -> bool:
        """Are there two classes?"""
        return len(self.state.schema.classes) == 2

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
        return _numbers(never), _numbers(ever)

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

    # ---- groups of rows

    @cached_property
    def by_class(self) -> list[Group]:
        """The classes that occur among the labels."""
        s = self.state
        return [
            Group(
                name,
                s.counts[j],
                self.shares[j],
                math.inf if s.infinite[j] else ratio(s.losses[j], s.weights[j]),
                ratio(s.right[j], s.weights[j]),
                self._class_interval(j),
            )
            for j, name in enumerate(s.schema.classes)
            if s.counts[j]
        ]

    def _class_interval(self, j: int) -> Interval:
        if len(self._sums["wll"]) < len(self.state.counts) or self.state.moments.beyond:
            return refused("there are too many classes", "Hall")
        sums = {name: values[j] for name, values in self._sums.items()}
        return self._group_interval(self.state.counts[j], self.state.infinite[j], sums)

    def _group_interval(self, rows: int, infinite: int, sums: Mapping[str, int]) -> Interval:
        if self.clustered:
            return refused("rows are clustered: groups of them have no interval", "Hall")
        if infinite:
            rows_have = "1 row has" if infinite == 1 else f"{infinite:,} rows have"
            return refused(f"{rows_have} an infinite loss: the mean has no interval", "Hall")
        return mean_interval(moments_of_sums(rows, ONE, sums), self.level)

    def by_value(self, *columns: str) -> list[Group]:
        """The rows by the values of one column or two of those in `by`."""
        return [self._cell(", ".join(key), cell) for key, cell in self.state.slices.cells[columns]]

    def _cell(self, name: str, cell: CellSums) -> Group:
        """The figures of a slice."""
        sums = {n: getattr(cell, n) for n in ("wl", "wll", "wlll")}
        if self.state.schema.weighted:
            sums |= {n: getattr(cell, n) for n in ("w", "ww", "wwl", "wwll")}
        loss = math.inf if cell.infinite else ratio(cell.wl, cell.w)
        share, accuracy = ratio(cell.w, self.weight), ratio(cell.right, cell.w)
        interval = self._group_interval(cell.rows, cell.infinite, sums)
        return Group(name, cell.rows, share, loss, accuracy, interval)

    @cached_property
    def slices(self) -> list[WeakSlice]:
        """The slices that can be tested, from the one that most clearly has a higher loss on."""
        cells = self.state.slices.cells
        if not cells or self.clustered:
            return []
        first = cells[next(iter(cells))]
        whole = CellSums(*map(sum, zip(*(sums for _, sums in first), strict=True)))
        each = ((names, key, sums) for names, found in cells.items() for key, sums in found)
        return weak_slices(each, whole, weighted=self.state.schema.weighted)

    @property
    def weak(self) -> list[WeakSlice]:
        """The slices whose loss is higher than elsewhere, beyond chance.

        A pair of values is left out where one of the two is among them by itself, as clearly.
        """
        found = [each for each in self.slices if each.p_value < 1 - self.level]
        alone = {(w.columns[0], w.values[0]): w.p_value for w in found if len(w.values) == 1}

        def said(pair: WeakSlice) -> bool:
            parts = zip(pair.columns, pair.values, strict=True)
            return any(alone.get(part, 1.0) <= pair.p_value for part in parts)

        return [each for each in found if len(each.values) == 1 or not said(each)]

    # ---- together

    @cached_property
    def figures(self) -> list[Figure]:
        """The figures of all rows, in the order of a report."""
        loss = self.loss_interval
        errors = "the probability of label 1" if self.binary else "probabilities, summed"
        told = "baseline's shares" if self.baseline else "labels' shares"
        found = [
            Figure("log_loss_nats", "log loss", self.loss, "nats per row", loss),
            Figure("log_loss_bits", "", self.loss / math.log(2), "bits per row",
                   mapped(loss, lambda nats: nats / math.log(2))),
            Figure("perplexity", "perplexity", self.perplexity, "classes as hard to guess",
                   mapped(loss, _exp)),
            Figure("base_rate_loss", "base rate", self.base_loss,
                   f"nats, predicting the {told}", None),
            Figure("skill", "skill", self.skill, "1 - log loss / base rate", self.skill_interval),
            Figure("brier_score", "Brier score", self.brier,
                   f"squared error of {errors}", self.brier_interval),
            Figure("accuracy", "accuracy", self.accuracy, "likeliest class is the true one",
                   self.accuracy_interval),
        ]  # fmt: skip
        if self.binary:
            found += [
                Figure("roc_auc", "AUC", self.roc_auc, "label 1 is scored above label 0",
                       self.roc_auc_interval),
                Figure("average_precision", "avg precision", self.average_precision,
                       "mean precision at rows of label 1", self.average_precision_interval),
            ]  # fmt: skip
        mean = "nats, mean of the classes' losses"
        return [
            *found,
            Figure("macro_log_loss_nats", "macro loss", self.macro_loss, mean, self.macro_interval),
        ]


def mapped(interval: Interval, function: Callable[[float], float]) -> Interval:
    """The interval of an increasing function of a figure."""
    low, high = function(interval.low), function(interval.high)
    return replace(interval, low=low, high=high, error=math.nan)


def flipped(interval: Interval) -> Interval:
    """The interval of 1 minus a figure."""
    return replace(interval, low=1 - interval.high, high=1 - interval.low)


def _sums_in(moments: Moments) -> dict[str, list[int]]:
    """All sums by class."""
    return {name: moments.by_class(name) for name in moments.names}


def _exp(loss: float) -> float:
    return math.exp(loss) if not loss >= 709 else math.inf


def _numbers(amounts: Sequence[int]) -> Array:
    return np.array([ratio(each, ONE) for each in amounts])


def data_of(interval: Interval) -> dict[str, Any]:
    """An interval as plain data, for JSON."""
    known = {"low": plain(interval.low), "high": plain(interval.high)}
    return {**known, "standard_error": plain(interval.error), "method": interval.method} | (
        {"reason": interval.reason} if interval.reason else {}
    )
