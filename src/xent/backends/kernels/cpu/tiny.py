"""A small batch of float32 logits: no threads, no options, compiled in a second; in float64.

Rows of classes are seen from the label's logit: with q the sum over j != y of exp(z_j - z_y), the
loss is log1p(q).
"""

from __future__ import annotations

import math

import numpy as np

from xent.backends.kernels.cpu.lang import kernel

NO_LABEL = -(2**63)
NOT_MINE = -1
"""Rows with NaN, infinities, an overflow or a wrong label, which others know what to do with."""


@kernel
def label_losses(x, labels, ignored, mean, grad, losses):
    """Fill the gradient of sum or mean, and the row losses, where they are not empty.

    Returns the sum of the losses, and the number of rows that count or NOT_MINE.
    """
    size, classes = x.shape
    count = 0
    for label in labels:
        if label != ignored or label == NO_LABEL:
            count += 1
            if not 0 <= label < classes:
                return 0.0, NOT_MINE
    scale = 1.0 / count if mean and count else 1.0
    total = 0.0
    for i in range(size):
        label = labels[i]
        if label == ignored:  # NO_LABEL has been refused
            for j in range(grad.shape[1]):
                grad[i, j] = 0
            if losses.size:
                losses[i] = 0
            continue
        own = np.float64(x[i, label])
        q = 0.0
        for j in range(classes):
            if j != label:
                q += math.exp(np.float64(x[i, j]) - own)
        if not q < 1e300 or not math.isfinite(own):
            return 0.0, NOT_MINE
        loss = math.log1p(q)
        if losses.size:
            losses[i] = loss
        total += loss
        factor = scale / (1.0 + q)
        for j in range(grad.shape[1]):
            grad[i, j] = math.exp(np.float64(x[i, j]) - own) * factor
        if grad.shape[1]:
            grad[i, label] = -factor * q
    return total, count


@kernel
def binary_losses(z, targets, mean, grad, losses):
    """The same for binary logits and targets from 0 to 1."""
    scale = 1.0 / z.size if mean and z.size else 1.0
    total = 0.0
    for i in range(z.size):
        x, t = np.float64(z[i]), np.float64(targets[i])
        if not (math.isfinite(x) and 0 <= t <= 1):
            return 0.0, NOT_MINE
        tail = math.exp(-abs(x))
        log_tail = math.log1p(tail)
        loss = t * (max(-x, 0.0) + log_tail) + (1 - t) * (max(x, 0.0) + log_tail)
        total += loss
        if losses.size:
            losses[i] = loss
        if grad.size:
            large, small = 1 / (1 + tail), tail / (1 + tail)
            p, q = (large, small) if x >= 0 else (small, large)
            grad[i] = ((1 - t) * p - t * q) * scale
    return total, z.size
