"""Losses of rows by what their scores are."""

from __future__ import annotations

import math

import numpy as np

from xent._engine.cpu import numpy_only
from xent._kind import Kind
from xent._validation import Array
from xent.functions import sigmoid, softmax
from xent.losses import binary_cross_entropy, cross_entropy
from xent.metrics import log_loss


@numpy_only()
def losses_of(
    scores: Array, labels: Array, kind: Kind, clip: float | None = None
) -> tuple[Array, Array, Array]:
    """Losses in float64, the labels' probabilities, and the likeliest classes."""
    scores = scores.astype(np.float64, copy=False)
    binary, true = scores.ndim == 1, (np.arange(len(labels)), labels)
    # Rounded probabilities may tie where the scores do not.
    likeliest = scores > _even(kind) if binary else scores.argmax(axis=1)
    if kind == "logits" and binary:
        losses = binary_cross_entropy(scores, labels, reduction="none")
        p = sigmoid(np.where(labels == 1, scores, -scores))
    elif kind == "logits":
        losses, p = cross_entropy(scores, labels, reduction="none"), softmax(scores)[true]
    else:
        p = scores if kind == "probabilities" else np.minimum(np.exp(scores), 1)
        if binary:
            losses = log_loss(labels, p, reduction="none")
            p = np.where(labels == 1, p, 1 - p)
        else:  # the sums of the rows are checked already: only the label's probability is needed
            p = np.clip(p[true], 0, 1)
            losses = log_loss(np.ones_like(labels), p, reduction="none")
        if kind == "log-probabilities":
            # The logarithm has digits that exp loses near 0. Rounding may put it above 0.
            known = labels == 1 if binary else np.ones(len(labels), bool)
            logs = scores if binary else scores[true]
            losses = np.where(known, np.maximum(-logs, 0), losses)
    if clip is not None:  # a binary probability is clipped at both ends, as in `log_loss`
        losses = losses.clip(-np.log1p(-clip) if binary else 0, -np.log(clip))
    return losses, p, likeliest.astype(np.intp)


def _even(kind: Kind) -> float:
    """The binary score at which both labels are equally likely."""
    return {"logits": 0.0, "probabilities": 0.5, "log-probabilities": -math.log(2)}[kind]
