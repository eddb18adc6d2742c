"""The exact answer, to many digits, by mpmath: what every other answer is measured against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

try:
    import mpmath
except ModuleNotFoundError:
    message = "the oracle needs mpmath: pip install mpmath, or xent with its extra oracle"
    raise ModuleNotFoundError(message, name="mpmath") from None

BITS = 256
"""Working precision; the formulas below do not cancel, so all of it is good."""


class Exact(NamedTuple):
    """Loss of one row and its gradient for each logit, as mpmath numbers."""

    loss: Any
    grad: list[Any]


def class_row(logits: Sequence[float], target_row: Sequence[float]) -> Exact:
    """Exact cross-entropy of finite logits (taken as exact) against a target row."""
    with mpmath.workprec(BITS):
        z = [mpmath.mpf(float(v)) for v in logits]
        y = [mpmath.mpf(float(v)) for v in target_row]
        k = max(range(len(z)), key=z.__getitem__)
        e = [mpmath.exp(v - z[k]) for v in z]
        s = mpmath.fsum(v for j, v in enumerate(e) if j != k)
        y_sum = mpmath.fsum(y)
        loss = y_sum * mpmath.log1p(s)
        loss += mpmath.fsum(t * (z[k] - v) for t, v in zip(y, z, strict=True) if t)
        grad = [y_sum * v / (1 + s) - t for v, t in zip(e, y, strict=True)]
        grad[k] = (mpmath.fsum(t for j, t in enumerate(y) if j != k) - y[k] * s) / (1 + s)
        return Exact(loss, grad)


def label_row(logits: Sequence[float], label: int) -> Exact:
    """Exact cross-entropy of finite logits against a class label."""
    return class_row(logits, [float(j == label) for j in range(len(logits))])


def binary(logit: float, target: float) -> Exact:
    """Exact binary cross-entropy: two classes with the logits z and 0."""
    row = class_row([logit, 0.0], [target, 1 - target])
    return Exact(row.loss, row.grad[:1])


def ulps(got: Any, exact: Any, dtype: Any) -> float:
    """Error in units of the last place of the exact value rounded to `dtype`."""
    kind = np.dtype(dtype).type
    value = float(got)
    if not np.isfinite(value):
        return float("inf")
    spacing = np.spacing(abs(kind(float(exact))))
    with mpmath.workprec(BITS):
        return float(abs(mpmath.mpf(value) - exact) / mpmath.mpf(float(spacing)))


def is_subnormal(exact: Any, dtype: Any) -> bool:
    """Would the exact value, rounded to `dtype`, be below the smallest normal number?"""
    return bool(abs(exact) < float(np.finfo(dtype).tiny))
