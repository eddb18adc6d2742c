"""The batches whose accuracy is measured: fixed seeds, so that every run sees the same bits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from peers import Array

MARGINS = [(-700, -36), (-36, 0), (0, 5), (5, 16), (16, 36), (36, 700)]
"""Strata of the logit on its label's side; uniform draws over the whole would hide failures."""

BINARY_ROWS = 2000
CLASS_ROWS = {2: 2000, 10: 1000, 100: 200, 1000: 60}
SCALES = [1, 30, 150]
CONFIDENT_MARGIN = (5, 40)
DTYPES = ["float64", "float32"]


class Batch(NamedTuple):
    """Logits and labels, and what the tables call them."""

    kind: str  # "binary" or "classes"
    name: str
    dtype: str
    logits: Array
    labels: Array


def batches() -> Iterator[Batch]:
    """All batches, in the order of the tables."""
    for dtype in DTYPES:
        for low, high in MARGINS:
            for label in (0, 1):
                yield binary(low, high, label, dtype)
        for classes in CLASS_ROWS:
            for scale in SCALES:
                for confident in (False, True):
                    yield rows(classes, scale, confident, dtype)


def binary(low: int, high: int, label: int, dtype: str) -> Batch:
    """Logits whose correct-side margin is uniform between the bounds."""
    margin = np.random.default_rng([1, low + 1000, label]).uniform(low, high, BINARY_ROWS)
    logits = (margin if label else -margin).astype(dtype)
    name = f"{low} to {high}, label {label}"
    return Batch("binary", name.replace("-", "−"), dtype, logits, np.full(BINARY_ROWS, label))


def rows(classes: int, scale: int, confident: bool, dtype: str) -> Batch:
    """Normal logits with random labels, or with the label's logit well above the others."""
    rng = np.random.default_rng([2, classes, scale, confident])
    count = CLASS_ROWS[classes]
    logits = rng.normal(0, scale, (count, classes))
    labels = rng.integers(0, classes, count)
    if confident:
        each = np.arange(count)
        logits[each, labels] = -np.inf
        logits[each, labels] = logits.max(axis=1) + rng.uniform(*CONFIDENT_MARGIN, count)
    name = f"{classes} classes, scale {scale}, {'confident' if confident else 'random'}"
    return Batch("classes", name, dtype, logits.astype(dtype), labels)
