"""One pass over a batch: what is known of each row, of each column, and of both together."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from xent._validation import Array
from xent.check.batch.data import Batch
from xent.functions import log_softmax, logsumexp, softmax
from xent.losses import binary_cross_entropy, cross_entropy

ENOUGH = 20
"""Rows from which statistics tell anything."""

MOST_CLASSES = 1024
"""Up to so many, the mean probabilities of all classes are kept for each label."""

WORST = 50.0
"""Nats that a row may count at most where losses are compared, so that no row decides alone."""

CERTAIN = 2.0**-24
"""1 - p(label) below which p rounds to 1 in float32."""

SEED = 0x78656E74
"""Not a seed that the batch itself may have been drawn with, or halves would follow its labels."""


@dataclass
class Columns:
    """What is known of each class."""

    low: Array
    high: Array
    total: Array
    """Sum of the scores."""
    log_probability: Array
    """Sum over usable rows of the logarithms, each cut at -50."""
    by_label: Array | None
    """Sum of the probabilities of all classes (columns) over half of each label's rows."""
    lowest: float = np.inf
    """Of the scores that are finite."""
    highest: float = -np.inf


@dataclass(frozen=True)
class Twice:
    """Probabilities p = softmax(q): q is log p + c, a row of probabilities again."""

    low: float
    """The lowest q; below 0 the probabilities are not of that kind."""
    near_one: int
    """Rows of which a q is close to 1."""
    spread: float
    """The largest difference of two logarithms in a row."""


@dataclass
class Facts:
    """A batch and what one pass tells. Arrays go by the batch's kept rows, but for `losses`."""

    batch: Batch
    loss: Array
    """Of each row; NaN where the label is no class or the scores are not numbers."""
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
    twice: Twice
    half: Array
    """Is the row of the half that a permutation is read off? The other half tests it."""
    usable: Array = field(init=False)
    """Rows (of the kept ones) that have a loss."""

    def __post_init__(self) -> None:
        self.usable = np.flatnonzero(~np.isnan(self.loss))

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
        """Loss of holding all classes equally likely."""
        return math.log(self.batch.classes)

    @property
    def mean_loss(self) -> float:
        """Mean loss of the usable rows; NaN where there is none."""
        return float(self.losses.mean()) if len(self.losses) else math.nan

    @cached_property
    def share_losses(self) -> Array:
        """Losses of the usable rows if the labels' shares were predicted."""
        weight = self.counts.astype(np.float64)
        if self.batch.soft is not None:
            weight = self._targets().sum(axis=0)
        cost = -log_softmax(np.log(weight))
        if self.batch.soft is None:
            return np.asarray(cost[self.labels])
        cost[weight == 0] = 0
        return np.asarray(self._targets() @ cost)

    def _targets(self) -> Array:
        """Probability targets of the usable rows, one column per class."""
        assert self.batch.soft is not None
        soft = self.batch.soft[self.usable]
        return np.stack([1 - soft, soft], axis=1) if soft.ndim == 1 else soft

    @property
    def base_loss(self) -> float:
        """Loss of always predicting the labels' shares."""
        return float(self.share_losses.mean()) if len(self.losses) else math.nan

    @property
    def right(self) -> Array:
        """Is the likeliest class the label? Of the usable rows."""
        return np.asarray(self.predicted[self.usable] == self.labels)

    @property
    def accuracy(self) -> float:
        """Share of the usable rows whose likeliest class is the label."""
        return float(self.right.mean()) if len(self.losses) else math.nan

    @property
    def majority(self) -> float:
        """Share of the commonest label."""
        return float(self.counts.max() / len(self.losses)) if len(self.losses) else math.nan

    @property
    def lowest(self) -> float:
        """The lowest score that is finite; NaN where none is."""
        return self.columns.lowest if self.columns.lowest < np.inf else math.nan

    @property
    def highest(self) -> float:
        """The highest score that is finite; NaN where none is."""
        return self.columns.highest if self.columns.highest > -np.inf else math.nan

    def rows(self, mask: Array) -> Array:
        """Indices in the caller's array of the kept rows where the mask holds."""
        return np.asarray(self.batch.kept[mask])


def as_logits(raw: Array, batch: Batch) -> Array:
    """Scores of any kind as logits, one column per class."""
    if batch.kind == "probabilities":
        raw = np.log(raw) - np.log1p(-raw) if batch.binary else np.log(raw)
    elif batch.kind == "log-probabilities" and batch.binary:
        raw = raw - np.log(-np.expm1(raw))
    return np.asarray(np.stack([np.zeros_like(raw), raw], axis=-1) if batch.binary else raw)


def row_losses(batch: Batch, z: Array, part: slice) -> Array:
    """Losses of a block of rows; NaN where the label is no class."""
    targets = batch.labels[part] if batch.soft is None else batch.soft[part]
    valid = batch.valid[part]
    if batch.binary:
        targets = np.where(valid, targets, 0)
        losses = binary_cross_entropy(z[:, 1], targets, reduction="none")
    else:
        losses = cross_entropy(z, targets, reduction="none")
    return np.where(valid, losses, np.nan)


def log_probabilities(z: Array) -> Array:
    """Logarithms of the probabilities, none below -50."""
    return np.asarray(np.maximum(log_softmax(z), -WORST))


def gather(batch: Batch) -> Facts:
    """Walk over the rows once."""
    classes = batch.classes
    width = 1 if batch.binary else classes
    keep_all = not batch.binary and 2 < classes <= MOST_CLASSES
    columns = Columns(
        np.full(width, np.inf),
        np.full(width, -np.inf),
        np.zeros(width),
        np.zeros(classes),
        np.zeros((classes, classes)) if keep_all else None,
    )
    parts: list[dict[str, Array]] = []
    twice = Twice(np.inf, 0, 0.0)
    half = np.random.default_rng(SEED).integers(2, size=len(batch.kept)) == 0
    for part, raw in batch.blocks():
        z = as_logits(raw, batch)
        found = _rows(batch, raw, z, part)
        usable = ~np.isnan(found["loss"])
        _add(columns, raw.reshape(len(raw), -1), z[usable])
        if columns.by_label is not None:
            read = usable & half[part]
            np.add.at(columns.by_label, batch.labels[part][read], softmax(z[read]))
        if batch.kind != "logits" and not batch.binary:
            twice = _twice(twice, z)
        parts.append(found)
    empty = _rows(batch, batch.scores[:0].astype(np.float64), np.zeros((0, classes)), slice(0))
    joined: dict[str, Any] = {
        name: np.concatenate([empty[name], *(part[name] for part in parts)]) for name in empty
    }
    return Facts(batch, columns=columns, twice=twice, half=half, **joined)


def _rows(batch: Batch, raw: Array, z: Array, part: slice) -> dict[str, Array]:
    """What is known of each row of a block."""
    wide = raw.reshape(len(raw), -1 if len(raw) else batch.scores[:1].size)
    total = wide.sum(axis=1)
    return {
        "loss": row_losses(batch, z, part),
        "predicted": z.argmax(axis=1),
        "low": wide.min(axis=1),
        "high": wide.max(axis=1),
        "total": total,
        "mass": total if batch.kind == "probabilities" else np.exp(logsumexp(wide)),
        "masked": np.isneginf(wide).all(axis=1) & (not batch.binary),
    }


def _add(columns: Columns, raw: Array, z: Array) -> None:
    """Take in a block of scores, and the usable rows of it as logits."""
    columns.low = np.minimum(columns.low, raw.min(axis=0))
    columns.high = np.maximum(columns.high, raw.max(axis=0))
    columns.total += raw.sum(axis=0)
    finite = raw[np.isfinite(raw)]
    columns.lowest = min(columns.lowest, float(finite.min(initial=np.inf)))
    columns.highest = max(columns.highest, float(finite.max(initial=-np.inf)))
    columns.log_probability += log_probabilities(z).sum(axis=0)


def _twice(so_far: Twice, z: Array) -> Twice:
    """Solve p = softmax(q) for a row q that sums to 1."""
    q = z + (1 - z.sum(axis=1, keepdims=True)) / z.shape[1]
    spread = z.max(axis=1) - z.min(axis=1)
    return Twice(
        min(so_far.low, float(np.nan_to_num(q, nan=-np.inf).min())),
        so_far.near_one + int((q.max(axis=1) > 0.95).sum()),
        max(so_far.spread, float(spread.max())),
    )
