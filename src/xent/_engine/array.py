"""The engine for any array library: whole arrays, in the library's own array-API operations.

The form is that of `xent.formula`, but in at least float32, and with labels used as indices, so
that no one-hot rows are made. Only what the checks need leaves the device.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xent import formula
from xent._engine import Outputs
from xent._options import LossOptions
from xent._targets import BinaryTargets, ClassTargets, cast, take
from xent.formula import array_namespace

Array = Any


def accepts(logits: Any) -> bool:
    """Every array that follows the array API."""
    return hasattr(logits, "__array_namespace__")


def finds_wrong_targets() -> bool:
    """A label that is not a class would be taken for another one."""
    return False


@np.errstate(all="ignore")  # libraries built on NumPy warn as it does
def cross_entropy(
    logits: Array, targets: ClassTargets, options: LossOptions, scale: Any, want: Outputs
) -> tuple[Any, Outputs]:
    """Sum of the row losses; see `Engine`."""
    xp = array_namespace(logits)
    raw = _widened(xp, logits)
    z = formula.capped(raw, options.softcap)
    m, at_k, e, s = formula.partition(z)
    log_s = xp.log1p(s)
    mass, on, off_k, cost = _target_terms(xp, z, m, at_k, targets)
    loss = mass * log_s + cost
    extra: Any = 0.0
    if not (isinstance(options.z_loss, float) and options.z_loss == 0):
        log_z = m + log_s
        loss = loss + options.z_loss * log_z * log_z
        extra = 2 * options.z_loss * log_z
    loss = _weighted(xp, loss, targets.weight)
    grad = stats = None
    if want.grad is not None:
        # At the largest logit k, p·Σy − y would cancel, so it is (mass elsewhere − y·S) / (1 + S).
        grad = (mass + extra) * e / (1 + s) - on
        grad = xp.where(at_k, (off_k + extra - on * s) / (1 + s), grad)
        grad = grad * formula.cap_slope(raw, options.softcap)
        grad = xp.where(raw == -xp.inf, xp.zeros_like(z), grad)
        grad = _weighted(xp, grad, targets.weight) * cast(xp, xp.asarray(scale), grad.dtype)
        grad = cast(xp, grad, logits.dtype)
    if want.stats is not None:
        others = xp.where(at_k | (e == 0), xp.zeros_like(e), e * (m - z))
        entropy = log_s + xp.sum(others, axis=-1, keepdims=True) / (1 + s)
        likeliest = xp.argmax(z, axis=-1, keepdims=True)
        stats = xp.concat([m + log_s, entropy, cast(xp, likeliest, z.dtype)], axis=-1)
    losses = xp.reshape(loss, loss.shape[:-1])
    return _sum(xp, losses), Outputs(grad, losses if want.losses is not None else None, stats)


@np.errstate(all="ignore")
def binary_cross_entropy(
    logits: Array, targets: BinaryTargets, options: LossOptions, scale: Any, want: Outputs
) -> tuple[Any, Outputs]:
    """Sum of the losses, one per logit; see `Engine`."""
    xp = array_namespace(logits)
    z = _widened(xp, logits)
    t = cast(xp, targets.values, z.dtype)
    t = (1 - targets.smoothing) * t + targets.smoothing / 2
    losses, grad = formula.binary_cross_entropy(
        z,
        t,
        positive=_like(xp, targets.positive, z),
        negative=_like(xp, targets.negative, z),
        softcap=options.softcap,
        z_loss=_like(xp, options.z_loss, z),
    )
    losses = _weighted(xp, losses, targets.weight)
    if want.grad is not None:
        grad = _weighted(xp, grad, targets.weight) * _like(xp, scale, z)
    return _sum(xp, losses), Outputs(
        cast(xp, grad, logits.dtype) if want.grad is not None else None,
        losses if want.losses is not None else None,
    )


@np.errstate(all="ignore")
def evaluate(function: str, logits: Array) -> Array:
    """A function of rows or of elements; see `Engine`."""
    xp = array_namespace(logits)
    z = _widened(xp, logits)
    if function in ("sigmoid", "log_sigmoid"):
        tail = xp.exp(-xp.abs(z))
        if function == "sigmoid":
            result = xp.where(z >= 0, xp.ones_like(z), tail) / (1 + tail)
        else:
            result = xp.minimum(z, xp.zeros_like(z)) - xp.log1p(tail)
        return cast(xp, result, logits.dtype)
    m, at_k, e, s = formula.partition(z)
    if function == "softmax":
        result = e / (1 + s)
    elif function == "logsumexp":
        result = (m + xp.log1p(s))[..., 0]
    else:
        distance = xp.where(at_k & ~xp.isnan(m), xp.zeros_like(z), z - m)
        result = xp.where(m == -xp.inf, m, distance - xp.log1p(s))
    return cast(xp, result, logits.dtype)


class ArrayProducts:
    """Products for `xent._engine.linear`, of arrays that can be written to."""

    def __init__(self, like: Array) -> None:
        self.xp, self.device = array_namespace(like), like.device
        self.float64 = sum_dtype(self.xp, like)

    def dtype(self, inputs: Array, weight: Array) -> Any:
        return self.xp.result_type(inputs.dtype, weight.dtype, self.xp.float32)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        return self.xp.empty(shape, dtype=dtype, device=self.device)

    def cast(self, array: Array, dtype: Any) -> Array:
        return cast(self.xp, array, dtype)

    def matmul(self, a: Array, b: Array, out: Array) -> None:
        out[...] = a @ b

    def add_matmul(self, total: Array, a: Array, b: Array) -> None:
        total += a @ b

    def add_column_sums(self, total: Array, array: Array) -> None:
        total += self.xp.sum(array, axis=0, dtype=self.float64)

    def zero_rows(self, array: Array, weight: Array) -> Array:
        absent = self.xp.expand_dims(weight == 0, axis=1)
        return self.xp.where(absent, self.xp.zeros_like(array), array)

    def flush_subnormals(self, array: Array) -> None:
        """Left to the device; most devices flush them in a product."""


def _widened(xp: Any, z: Array) -> Array:
    """Logits in float32 at least."""
    return z if z.dtype == xp.float64 else cast(xp, z, xp.float32)


def _like(xp: Any, value: Any, z: Array) -> Any:
    """A factor in the dtype of the logits, so that it does not widen the result."""
    return value if isinstance(value, (int, float)) else cast(xp, value, z.dtype)


def _target_terms(
    xp: Any, z: Array, m: Array, at_k: Array, targets: ClassTargets
) -> tuple[Array, ...]:
    """For the target rows y: the sum, y itself, the sum except at k, and the sum of y (m - z)."""
    zero = xp.zeros_like(z)
    if targets.labels is None:
        y: Any = cast(xp, targets.probabilities, z.dtype) * _like(xp, targets.scale, z)
        if targets.shift is not None:
            y = y + _like(xp, targets.shift, z)
        elsewhere = xp.sum(xp.where(at_k, zero, y), axis=-1, keepdims=True)
        cost = xp.sum(formula.cost(y, z, m), axis=-1, keepdims=True)
        return xp.sum(y, axis=-1, keepdims=True), y, elsewhere, cost
    labels = cast(xp, xp.expand_dims(targets.labels, axis=-1), xp.int64)
    on = _like(xp, take(xp, targets.scale, labels), z)
    classes = xp.arange(z.shape[-1], dtype=xp.int64, device=z.device)
    starts = xp.arange(labels.size, dtype=xp.int64, device=z.device) * z.shape[-1]
    z_y = take(xp, xp.reshape(z, (-1,)), xp.reshape(starts, labels.shape) + labels)
    at_label = classes == labels
    k_is_label = xp.any(at_k & at_label, axis=-1, keepdims=True)
    elsewhere = xp.where(k_is_label, xp.zeros_like(on), on)
    y, mass = xp.where(at_label, on, zero), on
    cost = formula.cost(on, z_y, m)
    if targets.shift is not None:
        shift = zero + _like(xp, targets.shift, z)
        y, mass = y + shift, mass + xp.sum(shift, axis=-1, keepdims=True)
        elsewhere = elsewhere + xp.sum(xp.where(at_k, zero, shift), axis=-1, keepdims=True)
        cost = cost + xp.sum(formula.cost(shift, z, m), axis=-1, keepdims=True)
    return mass, y, elsewhere, cost


def _weighted(xp: Any, values: Array, weight: Array | None) -> Array:
    """Values times the rows' weights; 0 in a row of weight 0, whatever it holds."""
    if weight is None:
        return values
    weight = cast(xp, weight, values.dtype)
    weight = weight if weight.ndim == values.ndim else xp.expand_dims(weight, axis=-1)
    return xp.where(weight == 0, xp.zeros_like(values), weight * values)


def _sum(xp: Any, losses: Array) -> Array:
    return xp.sum(losses, dtype=sum_dtype(xp, losses))


def sum_dtype(xp: Any, like: Array) -> Any:
    """The dtype of weights and sums: float64 where the library and the device have it."""
    if xp is np:
        return np.float64
    known = xp.__array_namespace_info__().dtypes(device=like.device)
    return known.get("float64", xp.float32)
