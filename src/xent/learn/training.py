"""What a mistake does to training: softmax regression on points of three classes in a plane."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from xent import cross_entropy
from xent._validation import Array
from xent.learn.buggy_examples import Function

MIDDLES = np.array([[-1.2, -0.6], [1.2, -0.6], [0.0, 1.2]])
"""Where the points of each class lie."""

STEPS = 40


class Training(NamedTuple):
    """A training from its start on: before each step, and after the last."""

    true: list[float]
    """The mean loss."""
    reported: list[float]
    """What the code's own loss says."""
    accuracy: float
    """At the end."""


def points(rows: int) -> tuple[Array, Array]:
    """Up to 48 points, whose classes overlap, and their classes: the same ones each time."""
    rng = np.random.default_rng(5)
    kinds = rng.permutation(np.arange(48) % 3)[:rows]
    return MIDDLES[kinds] + 0.9 * rng.normal(size=(48, 2))[:rows], kinds


def train(
    loss: Function, grad: Function, rows: int, *, rate: float, start: float = 0.0
) -> Training:
    """Gradient descent by a gradient, told by a loss.

    Parameters
    ----------
    loss, grad : callable
        Of (N, K) logits and N labels.
    rows : int
        How many points, at most 48.
    rate : float
        Size of a step.
    start : float, default 0.0
        The first weights: 0 gives chance, and below it the model is confident and wrong.

    Returns
    -------
    Training
        The true mean loss and the reported one, and the accuracy at the end.

    Examples
    --------
    >>> from xent.learn import training
    >>> from xent.learn.buggy_examples import BuggyExample
    >>> told = training.train(BuggyExample.loss, BuggyExample.grad, 24, rate=1.0)
    >>> print(f"{told.true[0]:.4f} {told.true[-1]:.4f} {told.accuracy:.3f}")
    1.0986 0.3907 0.875
    """
    cloud, kinds = points(rows)
    weight = start * MIDDLES
    true, reported = [], []
    for step in range(STEPS + 1):
        scores = cloud @ weight.T
        true.append(float(cross_entropy(scores, kinds)))
        reported.append(float(loss(scores, kinds)))
        if step < STEPS:
            weight = weight - rate * np.asarray(grad(scores, kinds)).T @ cloud
    accuracy = float(np.mean(scores.argmax(axis=1) == kinds))
    return Training(true, reported, accuracy)
