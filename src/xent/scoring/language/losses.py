"""Losses of questions whose numbers of choices may differ."""

from __future__ import annotations

import numpy as np

from xent._engine.cpu import numpy_only
from xent._validation import Array
from xent.functions import logsumexp, softmax
from xent.losses import cross_entropy
from xent.scoring.language.rows import Questions


@numpy_only()
def losses_of(questions: Questions) -> tuple[Array, Array]:
    """Loss of each question, and the probability of its right choices.

    The log-likelihoods are logits: softmax normalises them over the choices. Several right choices
    count as one, whose probability is their sum.
    """
    sizes = questions.sizes
    starts = np.cumsum(sizes) - sizes
    losses, probabilities = np.empty(len(sizes)), np.empty(len(sizes))
    # Questions of one size are a matrix. Padding would let a batch decide how sums are rounded.
    for size in np.unique(sizes).tolist():
        rows = np.flatnonzero(sizes == size)
        places = starts[rows, None] + np.arange(size)
        logits, right = questions.values[places], questions.right[places]
        labels = right.argmax(axis=1)
        several = np.flatnonzero(right.sum(axis=1) > 1)
        if several.size:
            chosen = np.where(right, logits, -np.inf)[several]
            logits[several] = np.where(right[several], -np.inf, logits[several])
            logits[several, labels[several]] = logsumexp(chosen)
        losses[rows] = cross_entropy(logits, labels, reduction="none")
        probabilities[rows] = softmax(logits)[np.arange(len(rows)), labels]
    return losses, probabilities


def predicted(values: Array, sizes: Array) -> Array:
    """The place of the highest value of each question; of equal ones, the first."""
    starts = np.cumsum(sizes) - sizes
    highest = np.maximum.reduceat(values, starts)
    at = np.flatnonzero(values == np.repeat(highest, sizes))
    owners = np.repeat(np.arange(len(sizes)), sizes)[at]
    _, first = np.unique(owners, return_index=True)
    return np.asarray(at[first] - starts)
