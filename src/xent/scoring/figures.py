"""The figures of scored rows, each with its interval: computed from a state alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from xent._validation import Array
from xent.metrics import log_loss
from xent.scoring.figure import Figure, exp, flipped, mapped, scaled
from xent.scoring.grouped import Grouped
from xent.scoring.intervals import (
    Interval,
    macro_interval,
    mean_interval,
    moments_of_sums,
    proportion_interval,
    ratio_interval,
    refused,
    skill_interval,
    weighted_proportion_interval,
)
from xent.scoring.ranked import Ranked
from xent.scoring.state import ratio
from xent.scoring.state.exact import ONE
from xent.scoring.summed import numbers_of, sums_in

ROUNDING = 1e-12
"""A skill this near to 0 is that of the base rates themselves, but for rounding."""


class Figures(Ranked, Grouped):
    """What a state tells: figures of all rows, of classes and of slices.

    Without clusters rows are taken as independent.
    """

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
        return exp(self.loss)

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
        sums = self._weights | sums_in(self.state.brier)
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
        sums = (numbers_of(right), numbers_of(w), numbers_of(ww))
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

    @cached_property
    def figures(self) -> list[Figure]:
        """The figures of all rows, in the order of a report."""
        loss = self.loss_interval
        errors = "the probability of label 1" if self.binary else "probabilities, summed"
        told = "baseline's shares" if self.baseline else "labels' shares"
        found = [
            Figure("log_loss_nats", "log loss", self.loss, "nats per row", loss),
            Figure("log_loss_bits", "", self.loss / math.log(2), "bits per row",
                   scaled(loss, math.log(2))),
            Figure("perplexity", "perplexity", self.perplexity, "classes as hard to guess",
                   mapped(loss, exp)),
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
