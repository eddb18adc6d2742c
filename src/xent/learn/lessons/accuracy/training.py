"""A small training run: what it says of its validation rows while it overfits.

A logistic regression with more features than it can learn from so few rows: only 3 of 30 matter.
"""

from __future__ import annotations

import math
import random
from functools import cache

import numpy as np

SEED = 2633
TRAINED, ROWS, FEATURES, USEFUL = 40, 60, 30, 3
STRENGTH = 2.25
"""The true weight of each useful feature."""
RATE = 0.5
EPOCHS = tuple(2**k for k in range(11))
"""The epochs at whose end the validation rows are looked at."""


@cache
def logits_and_labels() -> tuple[list[list[float]], list[int]]:
    """Logits of the validation rows at each of the epochs, to three decimals, and their labels."""
    rng = random.Random(SEED)  # the same numbers in every version of Python
    inputs, labels = _drawn(rng, TRAINED)
    seen, truth = _drawn(rng, ROWS)
    weight = np.zeros(FEATURES)
    found = []
    for epoch in range(1, EPOCHS[-1] + 1):
        p = 1 / (1 + np.exp(-inputs @ weight))
        weight -= RATE * inputs.T @ (p - labels) / TRAINED
        if epoch in EPOCHS:
            found.append((seen @ weight).round(3).tolist())
    return found, truth.astype(int).tolist()


def _drawn(rng: random.Random, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs, and labels drawn with the probabilities that follow from them."""
    inputs = np.array([[rng.gauss(0, 1) for _ in range(FEATURES)] for _ in range(count)])
    scores = STRENGTH * inputs[:, :USEFUL].sum(1)
    labels = [rng.random() < 1 / (1 + math.exp(-score)) for score in scores]
    return inputs, np.array(labels, float)
