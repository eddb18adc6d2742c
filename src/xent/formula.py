"""The definition of the losses, in array-API operations: the same text for every array library.

This is what a backend must agree with, written to be read: whole arrays, class axis last, dense
target rows, the arrays' own dtype, no checks. With A the log-partition function,

    loss      (sum y) A(z) - <y, z>         gradient      (sum y) p - y,   p = softmax z

and every option changes the target row y, the logits z, or the coefficient of the row. The terms of
a loss are arranged so that none cancels; see `partition`. Use the gradient that is returned:
automatic differentiation splits it where two logits tie for the largest.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any
"""An array of any library that array-api-compat knows: NumPy, PyTorch, JAX, ..."""


def array_namespace(array: Array) -> Any:
    """The functions of the array's library, under the names of the array API."""
    if isinstance(array, np.ndarray):
        return np
    import array_api_compat

    return array_api_compat.array_namespace(array)


def target_rows(
    labels: Array, logits: Array, *, class_weight: Array = None, label_smoothing: float = 0.0
) -> Array:
    """Target rows of class labels: one-hot, smoothed, weighted; in the logits' dtype."""
    xp = array_namespace(logits)
    classes = logits.shape[-1]
    at_label = labels[..., None] == _indices(classes, logits)
    one_hot = xp.where(at_label, xp.ones_like(logits), xp.zeros_like(logits))
    rows = (1 - label_smoothing) * one_hot + label_smoothing / classes
    return rows if class_weight is None else rows * class_weight


def partition(z: Array) -> tuple[Array, Array, Array, Array]:
    """Largest logit m, whether a logit is the first such, exp(z - m), and S.

    S sums the exponentials but that of the first largest logit, which is 1:
    A = m + log1p(S), and a small S is not lost beside the 1.
    """
    xp = array_namespace(z)
    k = xp.argmax(z, axis=-1, keepdims=True)
    at_k = k == _indices(z.shape[-1], z)
    m = xp.max(z, axis=-1, keepdims=True)
    # A fully masked row has m = -inf; its exponentials are all 0.
    e = xp.exp(z - xp.where(m == -xp.inf, xp.zeros_like(m), m))
    s = xp.sum(xp.where(at_k, xp.zeros_like(e), e), axis=-1, keepdims=True)
    return m, at_k, xp.where(at_k & (m == xp.inf), xp.ones_like(e), e), s


def logsumexp(z: Array) -> Array:
    """A(z) = log of the sum of exponentials of each row."""
    xp = array_namespace(z)
    m, _, _, s = partition(z)
    return (m + xp.log1p(s))[..., 0]


def softmax(z: Array) -> Array:
    """Gradient of A: the probabilities."""
    _, _, e, s = partition(z)
    return e / (1 + s)


def cross_entropy(
    z: Array, y: Array, *, softcap: float | None = None, z_loss: float = 0.0
) -> tuple[Array, Array]:
    """Loss of each row of logits against its target row y, and the gradient for the logits."""
    xp = array_namespace(z)
    raw, z = z, capped(z, softcap)
    m, at_k, e, s = partition(z)
    zero = xp.zeros_like(z)
    y_sum = xp.sum(y, axis=-1, keepdims=True)
    log_z = m + xp.log1p(s)
    loss = y_sum * xp.log1p(s) + xp.sum(cost(y, z, m), axis=-1, keepdims=True)
    extra = zero[..., :1]
    if z_loss:
        loss = loss + z_loss * log_z * log_z
        extra = 2 * z_loss * log_z
    off_k = xp.sum(xp.where(at_k, zero, y), axis=-1, keepdims=True)
    grad_k = (off_k + extra - y * s) / (1 + s)
    grad = xp.where(at_k, grad_k, (y_sum + extra) * e / (1 + s) - y)
    grad = xp.where(raw == -xp.inf, zero, grad * cap_slope(raw, softcap))
    return loss[..., 0], grad


def cost(y: Array, z: Array, m: Array) -> Array:
    """y (m - z), with 0 * infinity = 0: a masked class without target mass costs nothing."""
    xp = array_namespace(z)
    distance = xp.where((y == 0) | (z == m) & (m == xp.inf), xp.zeros_like(z), m - z)
    return y * xp.where((m == -xp.inf) & (y > 0), xp.full_like(z, xp.inf), distance)


def binary_cross_entropy(
    z: Array,
    y: Array,
    *,
    positive: Array = 1.0,
    negative: float = 1.0,
    softcap: float | None = None,
    z_loss: float = 0.0,
) -> tuple[Array, Array]:
    """Loss of each binary logit against a target in [0, 1], and the gradient for the logit."""
    xp = array_namespace(z)
    raw, z = z, capped(z, softcap)
    a, b = positive * y, negative * (1 - y)
    tail = xp.exp(-xp.abs(z))
    zero = xp.zeros_like(z)
    log_z = xp.maximum(z, zero) + xp.log1p(tail)  # A(z) = log(1 + exp z)
    up = xp.where(a == 0, zero, a * (xp.maximum(-z, zero) + xp.log1p(tail)))
    down = xp.where(b == 0, zero, b * log_z)
    likely, unlikely = 1 / (1 + tail), tail / (1 + tail)
    p, q = xp.where(z >= 0, likely, unlikely), xp.where(z >= 0, unlikely, likely)
    grad = (b * p - a * q + 2 * z_loss * log_z * p) * cap_slope(raw, softcap)
    return up + down + z_loss * log_z * log_z, grad


def capped(z: Array, softcap: float | None) -> Array:
    """`softcap * tanh(z / softcap)`; a masked class stays masked."""
    if softcap is None:
        return z
    xp = array_namespace(z)
    return xp.where(z == -xp.inf, z, softcap * xp.tanh(z / softcap))


def cap_slope(z: Array, softcap: float | None) -> Array:
    """Derivative of `capped`: `1 / cosh(z / softcap)**2`."""
    xp = array_namespace(z)
    return xp.ones_like(z) if softcap is None else xp.cosh(z / softcap) ** -2.0


def _indices(classes: int, like: Array) -> Array:
    xp = array_namespace(like)
    return xp.arange(classes) if xp is np else xp.arange(classes, device=like.device)
