"""Scores of any kind as logits, and their log-probabilities."""

from __future__ import annotations

import numpy as np

from xent._kind import Kind
from xent._plausible import rounding, within
from xent._validation import Array
from xent.functions import log_softmax

WORST = 50.0
"""The most nats that a row may count when losses are compared, so that no single row decides."""


def as_logits(raw: Array, kind: Kind, dtype: str) -> Array:
    """Scores of any kind as logits, one column per class; `raw` has one dimension if binary."""
    slack, binary = rounding(dtype), raw.ndim == 1
    if kind == "probabilities" and not within(raw, 0, 1):
        raw = np.where((raw < 0) & (raw >= -slack), 0, raw)
        raw = np.where((raw > 1) & (raw <= 1 + slack), 1, raw)
    if kind == "log-probabilities":
        raw = np.where((raw > 0) & (raw <= slack), 0, raw)
    if kind == "probabilities":
        raw = np.log(raw) - np.log1p(-raw) if binary else np.log(raw)
    elif kind == "log-probabilities" and binary:
        raw = raw - np.log(-np.expm1(raw))
    return np.asarray(np.stack([np.zeros_like(raw), raw], axis=-1) if binary else raw)


def log_probabilities(z: Array) -> Array:
    """Logarithms of the probabilities, none below -50."""
    return np.asarray(np.maximum(log_softmax(z), -WORST))
