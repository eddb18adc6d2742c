"""What is kept of a sampled step: figures of its logits and labels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from xent._validation import Array
from xent.check._batch.data import Batch
from xent.check._batch.statistics import CERTAIN
from xent.functions import log_softmax


@dataclass(frozen=True)
class Sample:
    """Figures of some rows of a batch. Losses are plain cross-entropy, in nats per row."""

    step: int
    rows: int
    complete: bool
    """Are these all rows of the batch? Then the loop's own loss can be compared with them."""
    given: float
    """The loop's own loss."""
    loss: float
    error: float
    """Standard error of the loss."""
    uniform: float
    """Loss of a target that is the same for all classes."""
    twice: float
    """Loss if the softmax of the logits were taken for logits."""
    accuracy: float
    scale: float
    """Standard deviation of a row's logits, as the root of the mean square over the rows."""
    certain: int
    """Rows whose likeliest class has a probability that rounds to 1 in float32."""
    certain_wrong: int
    """Those of them whose label is another class."""
    losses: Array
    """Losses of the rows."""


def logits_of(batch: Batch) -> Array:
    """Logits of the rows that count, one column per class; a binary logit is beside a 0."""
    raw = batch.scores[batch.kept].astype(np.float64)
    return np.stack([np.zeros_like(raw), raw], axis=-1) if batch.binary else raw


def sample_of(batch: Batch, step: int, given: float, *, complete: bool) -> Sample | None:
    """The figures of a batch; None if no row counts."""
    use = batch.valid
    labels, z = batch.labels[use], logits_of(batch)[use]
    if not len(labels):
        return None
    log_p = log_softmax(z)
    each = np.arange(len(labels))
    if batch.soft is None:
        losses, twice = -log_p[each, labels], _twice(log_p)[each, labels]
    else:
        soft = batch.soft[use]
        targets = np.stack([1 - soft, soft], axis=1) if soft.ndim == 1 else soft
        losses = -np.where(targets == 0, 0, targets * log_p).sum(axis=1)
        twice = (targets * _twice(log_p)).sum(axis=1)
    predicted = log_p.argmax(axis=1)
    top = log_p[each, predicted]
    certain = -np.expm1(top) < CERTAIN
    right = predicted == labels
    return Sample(
        step=step,
        rows=len(labels),
        complete=complete,
        given=given,
        loss=float(losses.mean()),
        error=float(losses.std()) / math.sqrt(len(losses)),
        uniform=float(-log_p.mean()),
        twice=float(twice.mean()),
        accuracy=float(right.mean()),
        scale=_scale(z),
        certain=int(certain.sum()),
        certain_wrong=int((certain & ~right).sum()),
        losses=losses.astype(np.float32),
    )


def _twice(log_p: Array) -> Array:
    """Losses of all classes, if the probabilities are taken for logits."""
    p = np.exp(log_p)
    return np.asarray(np.log(np.exp(p).sum(axis=1, keepdims=True)) - p)


def _scale(z: Array) -> float:
    """Standard deviation within the rows; masked classes do not count."""
    open_ = np.isfinite(z)
    number = np.maximum(open_.sum(axis=1, keepdims=True), 1)
    z = np.where(open_, z, 0)
    apart = np.where(open_, z - z.sum(axis=1, keepdims=True) / number, 0)
    return math.sqrt(float(((apart**2).sum(axis=1, keepdims=True) / number).mean()))
