"""Kernels for a small batch of float32 logits, without threads or options, in float64.

With y a row's label and q the sum over j != y of exp(z_j - z_y), its loss is log1p(q). float64 has
digits and range enough for float32 logits, so neither scaling nor low parts are needed.

Arrays are passed as addresses: to make arrays of tensors would take longer than the computation.
These kernels compile in about a second.
"""

from __future__ import annotations

import math

import numpy as np
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic

from xent._engine.cpu.intrinsics import quick_kernel

NO_LABEL = -(2**63)
"""The value of `ignored` if no label is ignored. As a label it is refused."""

FALLBACK = -1
"""Returned for NaN, infinities, overflow or a wrong label: another path must handle these rows."""


@intrinsic
def pointer(typing, address):
    """Return an integer as the address that it is."""

    def build(_, builder, signature, args):
        return builder.inttoptr(args[0], cgutils.voidptr_t)

    return types.voidptr(address), build


@quick_kernel
def label_losses(logits, labels, grads, losses, loss, rows, classes, ignored, mean):
    """Fill the gradient of the sum or mean, the losses of rows, and the sum or mean itself.

    All arrays are addresses; nothing is written to the last three if they are 0. Returns the number
    of rows that count, or FALLBACK.
    """
    x = carray(pointer(logits), (rows, classes), np.float32)
    y = carray(pointer(labels), (rows,), np.int64)
    grad = carray(pointer(grads), (rows, classes if grads else 0), np.float32)
    row_losses = carray(pointer(losses), (rows if losses else 0,), np.float32)
    reduced = carray(pointer(loss), (1 if loss else 0,), np.float32)
    count = 0
    for label in y:
        if label != ignored or label == NO_LABEL:
            count += 1
            if not 0 <= label < classes:
                return FALLBACK
    scale = 1.0 / count if mean and count else 1.0
    total = 0.0
    for i in range(rows):
        label = y[i]
        if label == ignored:
            for j in range(grad.shape[1]):
                grad[i, j] = 0
            if row_losses.size:
                row_losses[i] = 0
            continue
        z_label = np.float64(x[i, label])
        q = 0.0
        for j in range(classes):
            if j != label:
                q += math.exp(np.float64(x[i, j]) - z_label)
        if not q < 1e300 or not math.isfinite(z_label):  # also True if q is NaN
            return FALLBACK
        row_loss = math.log1p(q)
        if row_losses.size:
            row_losses[i] = row_loss
        total += row_loss
        factor = scale / (1.0 + q)  # the scaled probability of the label
        for j in range(grad.shape[1]):
            grad[i, j] = math.exp(np.float64(x[i, j]) - z_label) * factor
        if grad.shape[1]:
            grad[i, label] = -factor * q  # p - 1, without subtracting
    if reduced.size:
        reduced[0] = total / max(count, 1) if mean else total
    return count


@quick_kernel
def binary_losses(logits, targets, grads, losses, loss, size, mean):
    """Do the same for binary logits and targets from 0 to 1."""
    z = carray(pointer(logits), (size,), np.float32)
    t = carray(pointer(targets), (size,), np.float32)
    grad = carray(pointer(grads), (size if grads else 0,), np.float32)
    row_losses = carray(pointer(losses), (size if losses else 0,), np.float32)
    reduced = carray(pointer(loss), (1 if loss else 0,), np.float32)
    scale = 1.0 / size if mean and size else 1.0
    total = 0.0
    for i in range(size):
        x, y = np.float64(z[i]), np.float64(t[i])
        if not (math.isfinite(x) and 0 <= y <= 1):
            return FALLBACK
        tail = math.exp(-abs(x))
        log_tail = math.log1p(tail)
        row_loss = y * (max(-x, 0.0) + log_tail) + (1 - y) * (max(x, 0.0) + log_tail)
        total += row_loss
        if row_losses.size:
            row_losses[i] = row_loss
        if grad.size:
            large, small = 1 / (1 + tail), tail / (1 + tail)
            p, q = (large, small) if x >= 0 else (small, large)  # q is 1 - p without cancellation
            grad[i] = ((1 - y) * p - y * q) * scale
    if reduced.size:
        reduced[0] = total / max(size, 1) if mean else total
    return size
