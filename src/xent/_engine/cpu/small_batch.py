"""A small batch of float32 logits: no threads, no options, compiled in a second; in float64.

Rows of classes are seen from the label's logit: with q the sum over j != y of exp(z_j - z_y), the
loss is log1p(q). Arrays come as addresses: to make them of tensors would take longer than the rest.
"""

from __future__ import annotations

import math

import numpy as np
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic

from xent._engine.cpu.intrinsics import kernel

NO_LABEL = -(2**63)
NOT_MINE = -1
"""Rows with NaN, infinities, an overflow or a wrong label, which others know what to do with."""


@intrinsic
def pointer(typing, address):
    """Return an integer as the address that it is."""

    def build(_, builder, signature, args):
        return builder.inttoptr(args[0], cgutils.voidptr_t)

    return types.voidptr(address), build


@kernel
def label_losses(logits, labels, slopes, losses, loss, rows, classes, ignored, mean):
    """Fill the gradient of sum or mean, the row losses, and the loss, whose address is not 0.

    Returns the number of rows that count, or NOT_MINE.
    """
    x = carray(pointer(logits), (rows, classes), np.float32)
    y = carray(pointer(labels), (rows,), np.int64)
    grad = carray(pointer(slopes), (rows, classes if slopes else 0), np.float32)
    each = carray(pointer(losses), (rows if losses else 0,), np.float32)
    whole = carray(pointer(loss), (1 if loss else 0,), np.float32)
    count = 0
    for label in y:
        if label != ignored or label == NO_LABEL:
            count += 1
            if not 0 <= label < classes:
                return NOT_MINE
    scale = 1.0 / count if mean and count else 1.0
    total = 0.0
    for i in range(rows):
        label = y[i]
        if label == ignored:  # NO_LABEL has been refused
            for j in range(grad.shape[1]):
                grad[i, j] = 0
            if each.size:
                each[i] = 0
            continue
        own = np.float64(x[i, label])
        q = 0.0
        for j in range(classes):
            if j != label:
                q += math.exp(np.float64(x[i, j]) - own)
        if not q < 1e300 or not math.isfinite(own):
            return NOT_MINE
        row = math.log1p(q)
        if each.size:
            each[i] = row
        total += row
        factor = scale / (1.0 + q)
        for j in range(grad.shape[1]):
            grad[i, j] = math.exp(np.float64(x[i, j]) - own) * factor
        if grad.shape[1]:
            grad[i, label] = -factor * q
    if whole.size:
        whole[0] = total / max(count, 1) if mean else total
    return count


@kernel
def binary_losses(logits, targets, slopes, losses, loss, size, mean):
    """The same for binary logits and targets from 0 to 1."""
    z = carray(pointer(logits), (size,), np.float32)
    t = carray(pointer(targets), (size,), np.float32)
    grad = carray(pointer(slopes), (size if slopes else 0,), np.float32)
    each = carray(pointer(losses), (size if losses else 0,), np.float32)
    whole = carray(pointer(loss), (1 if loss else 0,), np.float32)
    scale = 1.0 / size if mean and size else 1.0
    total = 0.0
    for i in range(size):
        x, y = np.float64(z[i]), np.float64(t[i])
        if not (math.isfinite(x) and 0 <= y <= 1):
            return NOT_MINE
        tail = math.exp(-abs(x))
        log_tail = math.log1p(tail)
        one = y * (max(-x, 0.0) + log_tail) + (1 - y) * (max(x, 0.0) + log_tail)
        total += one
        if each.size:
            each[i] = one
        if grad.size:
            large, small = 1 / (1 + tail), tail / (1 + tail)
            p, q = (large, small) if x >= 0 else (small, large)
            grad[i] = ((1 - y) * p - y * q) * scale
    if whole.size:
        whole[0] = total / max(size, 1) if mean else total
    return size
