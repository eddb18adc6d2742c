"""Statistics of a batch, from one pass over it: per row, per column and per class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from xent._plausible import FEW
from xent._validation import Array
from xent.check._batch.data import Batch
from xent.check._batch.logits import as_logits, log_probabilities
from xent.functions import log_softmax, logsumexp, softmax
from xent.losses import binary_cross_entropy, cross_entropy

MOST_CLASSES = 1024
"""Up to this many classes, the mean probabilities of all classes are kept for each label."""

CERTAIN = 2.0**-24
"""1 - p(label) below which p rounds to 1 in float32."""

SEED = 0x78656E74
"""A seed that the batch was hardly drawn with; otherwise the halves would follow its labels."""


CLIPPED = 0.01
"""How near to 0 and 1 predicted labels are that were clipped."""


@dataclass
class Columns:
    """What is known about each column of scores, and each class."""

    low: Array
    high: Array
    total: Array
    """Sum of the scores."""
    log_probability: Array
    """Sum over usable rows of the logarithms, each cut at -50."""
    by_label: Array | None
    """Sum of the probabilities of all classes (columns) over half of each label's rows."""
    lowest: float = np.inf
    """Of the finite scores; infinite if there are none."""
    highest: float = -np.inf

    def add(self, raw: Array, log_p: Array) -> None:
        """Add a block of scores, and the log-probabilities of its usable rows."""
        self.low = np.minimum(self.low, raw.min(axis=0))
        self.high = np.maximum(self.high, raw.max(axis=0))
        self.total += raw.sum(axis=0)
        finite = raw[np.isfinite(raw)]
        self.lowest = min(self.lowest, float(finite.min(initial=np.inf)))
        self.highest = max(self.highest, float(finite.max(initial=-np.inf)))
        self.log_probability += log_p.sum(axis=0)


@dataclass
class DoubleSoftmax:
    """Could probabilities be p = softmax(q), where q is itself a row of probabilities?

    Then q is log p + c, with the c that makes it sum to 1.
    """

    low: float = np.inf
    """The lowest q; below 0 they are not of that kind."""
    near_one: int = 0
    """Rows in which a q is close to 1."""
    spread: float = 0.0
    """The largest difference of two logarithms in a row; above 1 they are not of that kind."""

    def add(self, log_p: Array) -> None:
        """Add a block of rows."""
        q = log_p + (1 - log_p.sum(axis=1, keepdims=True)) / log_p.shape[1]
        self.low = min(self.low, float(np.nan_to_num(q, nan=-np.inf).min()))
        self.near_one += int((q.max(axis=1) > 0.95).sum())
        self.spread = max(self.spread, float((log_p.max(axis=1) - log_p.min(axis=1)).max()))


@dataclass
class Statistics:
    """A batch and its statistics. Arrays have an entry for each of the batch's kept rows."""

    batch: Batch
    loss: Array
    """NaN if the label is not a class or the scores are not numbers."""
    predicted: Array
    low: Array
    high: Array
    mass: Array
    """Sum of what would be the row's probabilities."""
    total: Array
    """Sum of the scores."""
    masked: Array
    """Is every class masked?"""
    columns: Columns
    double_softmax: DoubleSoftmax
    half: Array
    """Is the row in the half from which a permutation is inferred? The other half tests it."""

    @cached_property
    def usable(self) -> Array:
        """Rows (of the kept ones) that have a loss."""
        return np.flatnonzero(~np.isnan(self.loss))

    @cached_property
    def losses(self) -> Array:
        """Losses of the usable rows."""
        return self.loss[self.usable]

    @cached_property
    def labels(self) -> Array:
        """Labels of the usable rows."""
        return self.batch.labels[self.usable]

    @cached_property
    def counts(self) -> Array:
        """How many usable rows each class has."""
        return np.bincount(self.labels, minlength=self.batch.classes)

    @property
    def chance(self) -> float:
        """Loss of predicting that all classes are equally likely."""
        return math.log(self.batch.classes)

    @cached_property
    def share_losses(self) -> Array:
        """Losses of the usable rows if the labels' shares were predicted."""
        if self.batch.soft is None:
            return np.asarray(-log_softmax(np.log(self.counts))[self.labels])
        soft = self.batch.soft[self.usable]
        targets = np.stack([1 - soft, soft], axis=1) if soft.ndim == 1 else soft
        weight = targets.sum(axis=0)
        cost = -log_softmax(np.log(weight))
        cost[weight == 0] = 0  # no row has a share of the class, and 0·inf should be 0
        return np.asarray(targets @ cost)

    @cached_property
    def decisions(self) -> bool:
        """Do the scores seem to be predicted labels: 0 (or -1) and 1, or clipped to nearly that?"""
        batch, columns = self.batch, self.columns
        low, high = columns.lowest, columns.highest
        known = (low == 0 or 0 < low < CLIPPED) and 1 - CLIPPED < high <= 1
        if not known and (low, high) != (-1, 1):
            return False
        if len(batch.kept) < FEW or not low < high:
            return False
        rows = batch.scores[batch.kept]
        first = rows[:FEW]
        if not ((first == low) | (first == high)).all():
            return False
        if not ((rows == low) | (rows == high)).all():
            return False
        return batch.binary or bool(((rows == high).sum(axis=1) == 1).all())

    @property
    def right(self) -> Array:
        """Is the likeliest class the label? Of the usable rows."""
        return np.asarray(self.predicted[self.usable] == self.labels)

    @property
    def majority(self) -> float:
        """Share of the commonest label; NaN if no row is usable."""
        return float(self.counts.max() / len(self.losses)) if len(self.losses) else math.nan

    def rows(self, mask: Array, detail: str = "") -> str:
        """How many of the kept rows, and the first of them; `detail` is about that one."""
        return self.batch.names.rows(self.batch.kept[mask], len(mask), detail)


def gather(batch: Batch) -> Statistics:
    """Gather the statistics in one pass over the rows."""
    classes, rows = batch.classes, len(batch.kept)
    width = 1 if batch.binary else classes
    keep_all = not batch.binary and 2 < classes <= MOST_CLASSES
    infinite = np.full(width, np.inf)
    by_label = np.zeros((classes, classes)) if keep_all else None
    columns = Columns(infinite, -infinite, np.zeros(width), np.zeros(classes), by_label)
    double = DoubleSoftmax()
    # Drawn by row, not by label or position: batches are often sorted.
    half = np.random.default_rng(SEED).integers(2, size=rows) == 0
    loss, low, high, mass, total = np.empty((5, rows))
    predicted, masked = np.empty(rows, dtype=np.int64), np.empty(rows, dtype=bool)
    for part, raw in batch.blocks():
        # The logarithms of probabilities are used as logits: their softmax is the probabilities.
        z = as_logits(raw, batch.kind, batch.dtype)
        wide = raw.reshape(len(raw), -1)
        loss[part] = _row_losses(batch, z, part)
        predicted[part] = z.argmax(axis=1)
        low[part], high[part] = wide.min(axis=1), wide.max(axis=1)
        total[part] = wide.sum(axis=1)
        mass[part] = total[part] if batch.kind == "probabilities" else np.exp(logsumexp(wide))
        masked[part] = np.isneginf(wide).all(axis=1) & (not batch.binary)
        usable = ~np.isnan(loss[part])
        columns.add(wide, log_probabilities(z[usable]))
        if columns.by_label is not None:
            read = usable & half[part]
            np.add.at(columns.by_label, batch.labels[part][read], softmax(z[read]))
        if batch.kind != "logits" and not batch.binary:
            double.add(z)
    return Statistics(batch, loss, predicted, low, high, mass, total, masked, columns, double, half)


def _row_losses(batch: Batch, z: Array, part: slice) -> Array:
    """Losses of a block of rows; NaN if the label is not a class."""
    targets = batch.labels[part] if batch.soft is None else batch.soft[part]
    valid = batch.valid[part]
    if batch.binary:
        targets = np.where(valid, targets, 0)  # NaN, say, would be refused
        losses = binary_cross_entropy(z[:, 1], targets, reduction="none")
    else:
        losses = cross_entropy(z, targets, reduction="none")
    return np.where(valid, losses, np.nan)
