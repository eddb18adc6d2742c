"""The arithmetic of one block of float64 rows.

The form has no subtraction of near-equal numbers. With k the argmax of a row and m = z_k,

    S = sum over j != k of exp(z_j - m)        A = log-sum-exp = m + log1p(S)
    loss = (sum y) log1p(S) + sum_j y_j (m - z_j)
    grad_j = (sum y) exp(z_j - m) / (1 + S) - y_j
    grad_k = (sum over j != k of y_j - y_k S) / (1 + S)

so a confident, correct row keeps all its digits. If the logits are float64, the rounding errors
that matter are carried along as low parts: that of z - m, which exp would turn into a relative
error, that of the sum S, and that of 1 / (1 + S). Narrower logits do not need this.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from xent._options import LossOptions
from xent._targets import BinaryTargets, ClassTargets
from xent._validation import Array
from xent.formula import capped


class Partition(NamedTuple):
    """Rows relative to their largest logit; `*_low` are rounding errors, None if not carried."""

    k: Array  # argmax of each row
    m: Array  # the largest logit
    d: Array  # z - m, 0 at k
    e: Array  # exp(z - m), but 0 at k, so that it sums to S
    e_low: Array | None
    s: Array  # S
    s_low: Array | None
    special: bool  # the rows hold NaN or infinities, or overflow

    def log1p_s(self) -> Array:
        """Logarithm of 1 + S."""
        log_s: Array = np.log1p(self.s)
        return log_s if self.s_low is None else log_s + self.s_low / (1 + self.s)

    def times(self, coefficient: Array) -> tuple[Array, Array]:
        """coefficient * softmax: all entries (0 at k), and their sum."""
        factor, low = reciprocal_1p(self.s, self.s_low)
        if low is None or self.e_low is None or self.s_low is None:
            factor = factor * coefficient
            return self._scaled(factor), self.s * factor
        factor, product_low = two_product(factor, coefficient)
        low = low * coefficient + product_low
        low[~np.isfinite(low)] = 0.0
        shares = self._scaled(factor)
        tail = self.e_low * factor[:, None]
        tail += self.e * low[:, None]
        shares += np.where(np.isfinite(tail), tail, 0.0) if self.special else tail
        return shares, self.s * factor + (self.s_low * factor + self.s * low)

    def _scaled(self, factor: Array) -> Array:
        column = factor[:, None]
        return _times(self.e, column) if self.special else self.e * column


def partition(z: Array, *, exact: bool) -> Partition:
    """Largest logit, differences from it, their exponentials and the sum of those.

    `exact` carries the low parts.
    """
    rows = np.arange(len(z))
    k = z.argmax(axis=1)
    m = z[rows, k]  # NaN if the row holds one
    masked = m == -np.inf  # every class is masked
    top = np.where(masked, 0.0, m)[:, None]
    d = z - top
    e = np.exp(d)
    special = not np.isfinite(d).all()
    e_low = s_low = None
    if exact:
        back = z - d
        e_low = (z - (d + back)) + (back - top)
        if special:
            e_low[~np.isfinite(e_low)] = 0.0
        e_low *= e
        e_low[rows, k] = 0.0
    d[rows, k] = np.where(masked, -np.inf, np.where(np.isnan(m), np.nan, 0.0))
    e[rows, k] = 0.0
    if e_low is None:
        s = e.sum(axis=1)
    else:
        s, s_low = _exact_sum(e, e_low)
    s[np.isnan(m)] = np.nan
    return Partition(k, m, d, e, e_low, s, s_low, special)


class TargetTerms(NamedTuple):
    """The target rows y of a block: dense, or one-hot `on` at the labels plus a common shift."""

    y: Array | None
    on: Array | None
    total: Array  # sum of y
    at_k: Array  # y at the largest logit
    off_k: Array  # sum of y elsewhere, not as a difference
    cost: Array  # sum of y_j (m - z_j)


def target_terms(targets: ClassTargets, p: Partition) -> TargetTerms:
    """Target rows of a block, relative to the largest logit."""
    times = _times if p.special else np.multiply
    rows = np.arange(len(p.k))
    shift = targets.shift
    if targets.labels is not None:
        on = targets.scale[targets.labels]
        at_k = np.where(targets.labels == p.k, on, 0.0)
        row = TargetTerms(None, on, on, at_k, on - at_k, times(on, -p.d[rows, targets.labels]))
        if shift is None:
            return row
        others = np.zeros(len(shift))  # sums of the shift without one class, not as differences
        others[1:] += np.cumsum(shift[:-1])
        others[:-1] += np.cumsum(shift[:0:-1])[::-1]
        return row._replace(
            total=on + shift.sum(),
            at_k=row.at_k + shift[p.k],
            off_k=row.off_k + others[p.k],
            cost=row.cost + times(shift, -p.d).sum(axis=1),
        )
    y = targets.scale * targets.probabilities
    if shift is not None:
        y += shift
    others = y.copy()
    others[rows, p.k] = 0.0
    cost = times(y, -p.d).sum(axis=1)
    return TargetTerms(y, None, y.sum(axis=1), y[rows, p.k], others.sum(axis=1), cost)


def label_losses(
    z: Array, labels: Array, scale: float, *, want_grad: bool
) -> tuple[Array, Array | None] | None:
    """Losses of rows with labels and no options, relative to the label's logit; in few steps.

    With q the sum over j != y of exp(z_j - z_y), the loss is log1p(q). Returns None if that
    overflows, or if a logit is not finite. Carries no rounding errors, so it is for logits narrower
    than float64.
    """
    rows = np.arange(len(z))
    own = z[rows, labels][:, None]
    e = np.exp(z - own)
    e[rows, labels] = (own - own)[:, 0]  # 0, except for NaN and infinities
    q = np.add.reduce(e, axis=1)  # e.sum(axis=1), but twice as fast for small sums
    if not np.add.reduce(q) < 1e300:
        return None
    loss = np.log1p(q)
    if not want_grad:
        return loss, None
    factor = scale / (1 + q)
    grad = e * factor[:, None]
    grad[rows, labels] = -factor * q
    return loss, grad


def reciprocal_1p(s: Array, s_low: Array | None) -> tuple[Array, Array | None]:
    """1 / (1 + s), and its rounding error where the low part of s is given."""
    t = 1 + s
    inverse = 1 / t
    if s_low is None:
        return inverse, None
    t_low = np.where(s <= 1, (1 - t) + s, (s - t) + 1) + s_low
    product, product_low = two_product(inverse, t)
    return inverse, ((1 - product) - product_low - inverse * t_low) * inverse


def class_losses(
    z: Array,
    targets: ClassTargets,
    options: LossOptions,
    scale: float,
    *,
    exact: bool,
    want_grad: bool,
) -> tuple[Array, Array | None]:
    """Weighted losses of a block of rows and, if wanted, the gradient times `scale`."""
    labels, softcap, z_loss = targets.labels, options.softcap, options.z_loss
    if targets.plain and labels is not None and options.label_only and not exact:
        done = label_losses(z, labels, scale, want_grad=want_grad)
        if done:
            return done
    raw, z = z, capped(z, softcap)
    p = partition(z, exact=exact)
    row = target_terms(targets, p)
    weight = targets.weight
    log_s = p.log1p_s()
    loss = _times(row.total, log_s) + row.cost
    extra: Array | None = None
    if z_loss:
        log_z = p.m + log_s
        loss += z_loss * log_z * log_z
        extra = 2 * z_loss * log_z
    loss = _weighted(loss, weight)
    if not want_grad:
        return loss, None

    factor = np.full(len(z), scale) if weight is None else weight * scale
    of_p = row.total if extra is None else row.total + extra
    grad, others = p.times(of_p * factor)
    rows = np.arange(len(z))
    if row.y is not None:
        grad -= row.y * factor[:, None]
    elif row.on is not None:
        grad[rows, targets.labels] -= row.on * factor
        if targets.shift is not None:
            grad -= targets.shift * factor[:, None]
    # p y_sum - y at k: if all target mass is at k, this is minus the sum of the other entries.
    at_k = 0.0 - others
    mixed = row.off_k != 0
    if extra is not None or mixed.any():
        off_k = row.off_k if extra is None else row.off_k + extra
        other = (off_k - row.at_k * p.s) * factor / (1 + p.s)
        at_k = other if extra is not None else np.where(mixed, other, at_k)
    grad[rows, p.k] = at_k
    if softcap is not None:
        grad /= np.cosh(raw / softcap) ** 2
    if p.special:
        grad[raw == -np.inf] = 0.0
    if weight is not None:
        grad[weight == 0] = 0.0
    return loss, grad


def class_stats(z: Array, options: LossOptions, *, exact: bool) -> Array:
    """Log-sum-exp, entropy and largest class of each row; sums of terms that are never negative."""
    p = partition(capped(z, options.softcap), exact=exact)
    log_s = p.log1p_s()
    far = _times(p.e, -p.d).sum(axis=1)
    return np.stack([p.m + log_s, log_s + far / (1 + p.s), p.k], axis=1)


def binary_losses(
    z: Array, targets: BinaryTargets, options: LossOptions, scale: float, *, want_grad: bool
) -> tuple[Array, Array | None]:
    """Weighted losses of a block of binary logits and the gradient times `scale`."""
    softcap, z_loss = options.softcap, options.z_loss
    raw, z = z, capped(z, softcap)
    t, weight = targets.values.astype(np.float64), targets.weight
    keep, half = 1 - targets.smoothing, targets.smoothing / 2
    a = targets.positive * (keep * t + half)
    b = targets.negative * (keep * (1 - t) + half)
    tail = np.exp(-np.abs(z))
    log_tail = np.log1p(tail)
    log_z = np.maximum(z, 0) + log_tail
    loss = _times(a, np.maximum(-z, 0) + log_tail) + _times(b, log_z)
    if z_loss:
        loss = loss + z_loss * log_z * log_z
    loss = _weighted(loss, weight)
    if not want_grad:
        return loss, None

    large = 1 / (1 + tail)
    small = tail / (1 + tail)
    p, q = np.where(z >= 0, large, small), np.where(z >= 0, small, large)
    grad = b * p - a * q
    if z_loss:
        grad = grad + _times(p, 2 * z_loss * log_z)
    if softcap is not None:
        grad = grad / np.cosh(raw / softcap) ** 2
    grad = grad * (scale if weight is None else weight * scale)
    if weight is not None:
        grad = np.where(weight == 0, 0.0, grad)
    return loss, grad


def probability_losses(p: Array, targets: ClassTargets, smallest: float) -> Array:
    """Weighted losses of rows of probabilities, raised to at least `smallest`."""
    p = np.maximum(p, smallest)
    if targets.labels is not None:
        own = _surprise(p[np.arange(len(p)), targets.labels])
        loss = _times(targets.scale[targets.labels], own)
    else:
        loss = _times(targets.scale * targets.probabilities, _surprise(p)).sum(axis=1)
    return _weighted(loss, targets.weight)


def binary_probability_losses(p: Array, targets: BinaryTargets, smallest: float) -> Array:
    """Weighted losses of probabilities of label 1, kept at least `smallest` from 0 and from 1."""
    t = targets.values.astype(np.float64)
    of_one, of_zero = _surprise(p), np.abs(np.log1p(-np.minimum(p, 1.0)))
    if smallest:  # clipping p itself would lose a floor below the spacing at 1
        least, most = -np.log1p(-smallest), -np.log(smallest)
        of_one, of_zero = of_one.clip(least, most), of_zero.clip(least, most)
    loss = _times(targets.positive * t, of_one) + _times(targets.negative * (1 - t), of_zero)
    return _weighted(loss, targets.weight)


def softmax(z: Array, *, exact: bool) -> Array:
    """Softmax of rows; a row with every class masked has only zeros."""
    p = partition(z, exact=exact)
    shares, _ = p.times(np.ones(len(z)))
    shares[np.arange(len(z)), p.k] = np.where(p.m == -np.inf, 0.0, 1 / (1 + p.s))
    return shares


def log_softmax(z: Array, *, exact: bool) -> Array:
    """Log-softmax of rows: a sum of two terms that are never positive."""
    p = partition(z, exact=exact)
    return p.d - p.log1p_s()[:, None]


def logsumexp(z: Array, *, exact: bool) -> Array:
    """Log-sum-exp of rows."""
    p = partition(z, exact=exact)
    return np.asarray(p.m + p.log1p_s())


def sigmoid(z: Array) -> Array:
    """Sigmoid, without overflow on either side."""
    tail = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0, 1.0, tail) / (1 + tail))


def log_sigmoid(z: Array) -> Array:
    """Log of the sigmoid: a sum of two terms that are never positive."""
    return np.asarray(np.minimum(z, 0) - np.log1p(np.exp(-np.abs(z))))


def two_product(a: Array, b: Any) -> tuple[Array, Array]:
    """a * b, and its rounding error (Dekker)."""
    a_high, b_high = _high(a), _high(b)
    a_low, b_low = a - a_high, b - b_high
    product = a * b
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, error


def _high(a: Any) -> Array:
    """The upper 26 bits (Veltkamp)."""
    scaled = 134217729.0 * a  # 2**27 + 1
    return np.asarray(scaled - (scaled - a))


def _exact_sum(e: Array, e_low: Array) -> tuple[Array, Array]:
    """Row sums of e + e_low, as a sum and its low part.

    Adding and subtracting a power of two no less than the row's sum cuts every entry at the same
    binary place, so that the upper parts add without rounding (Rump, Ogita & Oishi 2008).
    """
    ceiling = np.ldexp(1.0, np.frexp(e.max(axis=1) * e.shape[1])[1])[:, None]
    high = (e + ceiling) - ceiling
    low = e - high
    low += e_low
    s_high, s_low = high.sum(axis=1), low.sum(axis=1)
    s = s_high + s_low
    return s, (s_high - s) + s_low


def _weighted(loss: Array, weight: Array | None) -> Array:
    """Losses times the rows' weights; 0 in a row of weight 0, whatever it holds."""
    return loss if weight is None else np.where(weight == 0, 0.0, weight * loss)


def _surprise(p: Array) -> Array:
    """-log p; 0, not -0, at p = 1 and if rounding puts p above 1."""
    return np.abs(np.log(np.minimum(p, 1.0)))


def _times(coefficient: Array, value: Array) -> Array:
    """Product with 0 * infinity = 0: a class without target mass costs nothing; NaN stays."""
    product = coefficient * value
    return np.where((coefficient == 0) & np.isinf(value), 0.0, product)
