r"""Loss, gradient and statistics of rows of class logits, by PyTorch's operations.

For class labels, relative to the label's logit; for other targets, relative to the likeliest class:

    q = Σ_{j≠y} exp(z_j) / exp(z_y)        loss = log1p(q)            p_y - 1 = -q / (1 + q)
    S = Σ_{j≠k} exp(z_j) / exp(z_k)        loss = (Σy) log1p(S) + Σ_j y_j (z_k - z_j)

No term is negative. The exponentials are shifted by c, which is 0 where those of the logits
themselves are in range: z - c would be rounded, and exp would make that a relative error. Elsewhere
c is the largest logit.

Outside of compilers, the exponentials become the gradient in place: for labels, one array of the
size of the logits is all that is made. The rest are numbers of rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from xent import formula
from xent._options import LossOptions
from xent.torch._interop import loss_dtype
from xent.torch._plain_calls import is_recorded

Tensor = torch.Tensor
UNSHIFTED = {torch.float32: (-16.0, 40.0), torch.float64: (-300.0, 300.0)}
"""Largest logits of rows whose exponentials are in range without a shift, also when summed."""
NEAR = {torch.float32: 60.0, torch.float64: 600.0}
"""How far below the largest logit a label's may be for q to be in range."""


class Target(NamedTuple):
    """Target rows of logits, with a last axis of length 1 for what is a number of each row."""

    labels: Tensor | None
    on: Tensor | None
    """Weight of the label's class; None for dense rows."""
    dense: Tensor | None
    """Target rows, if they are not labels alone."""
    c: Any
    """Coefficient of the row's loss in the reduced loss."""
    c_z: Any
    """The same for z-loss."""
    absent: Tensor | None
    """Rows that count for nothing, whatever they hold."""


class Results(NamedTuple):
    """What a pass over the rows gives; row numbers have a last axis of length 1."""

    loss: Tensor
    z_term: Tensor | None
    grad: Tensor | None
    stats: Tensor | None


def class_rows(
    logits: Tensor,
    target: Target,
    o: LossOptions,
    *,
    wants_grad: bool,
    stats_dtype: torch.dtype | None = None,
    memory: Tensor | None = None,
) -> Results:
    """Losses without weights, z-terms, the weighted gradient, and statistics.

    `memory` takes the gradient, if it is contiguous and of the loss's dtype; it may be that of the
    logits where there is no softcap and no dense target.
    """
    raw = logits.to(loss_dtype(logits.dtype))
    z = formula.capped(raw, o.softcap)
    stats = None if stats_dtype is None else _statistics(z, stats_dtype)
    if target.dense is None:
        made = _label_rows(z, target, o, memory if wants_grad else None)
    else:
        made = _dense_rows(z, target, o)
    loss, z_term, terms = made
    if not wants_grad:
        return Results(loss, z_term, None, stats)
    grad = terms.gradient()
    if o.softcap is not None:
        grad = grad * formula.cap_slope(raw, o.softcap)
    if target.absent is not None:
        grad = grad.masked_fill_(target.absent, 0)
    return Results(loss, z_term, grad, stats)


class _Terms(NamedTuple):
    """The gradient: exponentials times a factor, another value at one class, less a dense part."""

    e: Tensor
    factor: Tensor
    at: Tensor
    value: Tensor
    less: Tensor | None

    def gradient(self) -> Tensor:
        """The gradient, in the memory of the exponentials."""
        grad = self.e * self.factor if is_recorded() else self.e.mul_(self.factor)
        if self.less is not None:
            grad = grad - self.less
        return _put(grad, self.at, self.value)


def _label_rows(
    z: Tensor, target: Target, o: LossOptions, memory: Tensor | None
) -> tuple[Tensor, Tensor | None, _Terms]:
    """Losses, z-terms and the terms of the gradient of rows with labels."""
    labels, on = target.labels, target.on
    assert labels is not None
    assert on is not None
    z_y = z.gather(-1, labels)
    exponentials = _compiled_exponentials if is_recorded() else _exponentials
    m, shift, rest, e_y, others = exponentials(z, z_y, labels, memory)
    e_y = e_y.masked_fill((m == torch.inf) & (others + e_y > 1.5), torch.nan)  # several are +inf
    total = others + e_y
    masked = z_y == -torch.inf
    near = torch.log1p(others / e_y)
    # A compiled shift is finite.
    log_z = (shift + torch.log(total)).masked_fill((m == torch.inf) & ~total.isnan(), torch.inf)
    loss = torch.where(z_y >= m - NEAR[z.dtype], near, log_z - z_y)
    loss = loss.masked_fill(masked & ~total.isnan(), torch.inf)
    loss = (on * loss).masked_fill((on == 0) & ~total.isnan(), 0)
    share = (1 / total).masked_fill(total == 0, 0)
    weight, extra = target.c * on, _z_slope(log_z, target, o)
    value = ((extra * e_y - weight * others) * share).masked_fill(masked, 0)
    terms = _Terms(rest, (weight + extra) * share, labels, value, None)
    return loss, log_z * log_z if o.z_loss else None, terms


def _dense_rows(z: Tensor, target: Target, o: LossOptions) -> tuple[Tensor, Tensor | None, _Terms]:
    """The same for dense target rows."""
    y = target.dense
    assert y is not None
    m, k, e, factor, s = partition(z)
    log_s, share = torch.log1p(s), 1 / (1 + s)
    log_z = m + log_s
    mass, of_k = y.sum(-1, keepdim=True), y.gather(-1, k)
    elsewhere = _put(y, k, torch.zeros_like(m), fresh=False).sum(-1, keepdim=True)
    loss = mass * log_s + _cost(y, z, m).sum(-1, keepdim=True)
    c, extra = target.c, _z_slope(log_z, target, o)
    value = ((c * elsewhere + extra - c * of_k * s) * share).masked_fill(m == -torch.inf, 0)
    less = (c * y).masked_fill(z == -torch.inf, 0)
    terms = _Terms(e, (c * mass + extra) * share * factor, k, value, less)
    return loss, log_z * log_z if o.z_loss else None, terms


def _z_slope(log_z: Tensor, target: Target, o: LossOptions) -> Any:
    """What z-loss adds to the coefficient of p."""
    return 2 * o.z_loss * target.c_z * log_z if o.z_loss else 0.0


def partition(z: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """m, k, the exponentials with 0 for k, what they are to be multiplied by, and S."""
    m, k = z.max(-1, keepdim=True)
    shift, in_range = _shift(m)
    # As (z - shift).exp_(): a compiler has no memory of its own to reuse.
    e = _put((z - shift).exp_(), k, torch.zeros_like(m))
    factor = torch.exp(-m).masked_fill(~in_range, 1)
    return m, k, e, factor, factor * e.sum(-1, keepdim=True)


def _exponentials(
    z: Tensor, z_y: Tensor, labels: Tensor, memory: Tensor | None
) -> tuple[Tensor, ...]:
    """m, the shift, the exponentials with 0 for the label, that of the label, and their sum."""
    del z_y  # which the exponentials hold
    m, k = z.max(-1, keepdim=True)
    shift, _ = _shift(m)
    e = torch.sub(z, shift, out=memory).exp_()
    # exp(inf - inf) is 1 once; another +inf stays NaN.
    e = _put(e, k, torch.exp(m - shift).masked_fill(m == torch.inf, 1))
    e_y = e.gather(-1, labels)
    rest = _put(e, labels, torch.zeros_like(e_y))
    return m, shift, rest, e_y, rest.sum(-1, keepdim=True)


def _compiled_exponentials(
    z: Tensor, z_y: Tensor, labels: Tensor, memory: Tensor | None
) -> tuple[Tensor, ...]:
    """The same in a form for which compilers make fast loops.

    No index of the largest logit is sought; +inf becomes the largest finite number instead. The
    shift has one form for the sum and another for the gradient: a value that both need would be
    computed in a loop of its own, between those for the maximum and for the sum.
    """
    del memory  # a compiler decides itself
    largest = torch.finfo(z.dtype).max
    m = z.amax(-1, keepdim=True)
    low, high = UNSHIFTED[z.dtype]
    finite = m.clamp(-largest, largest)
    for_sum = torch.where((m < low) | (m > high), finite, torch.zeros_like(m))
    shift = finite.masked_fill((m >= low) & (m <= high), 0)
    z, z_y = z.clamp(max=largest), z_y.clamp(max=largest)
    nothing = torch.zeros_like(z_y)
    others = _put(torch.exp(z - for_sum), labels, nothing).sum(-1, keepdim=True)
    rest = _put(torch.exp(z - shift), labels, nothing)
    return m, shift, rest, torch.exp(z_y - shift), others


def _shift(m: Tensor) -> tuple[Tensor, Tensor]:
    """The shift of rows with these largest logits, and where it is not the largest logit."""
    low, high = UNSHIFTED[m.dtype]
    in_range = (m >= low) & (m <= high)
    return m.masked_fill(in_range | (m == -torch.inf), 0), in_range


def _cost(y: Tensor, z: Tensor, m: Tensor) -> Tensor:
    """y (m - z), with 0 · infinity = 0; a class is infinitely far only where it is masked."""
    apart = (m - z).masked_fill((z == m) & (m == torch.inf), 0)
    apart = apart.masked_fill(m == -torch.inf, torch.inf)
    return (y * apart).masked_fill(y == 0, 0)


def _statistics(z: Tensor, dtype: torch.dtype) -> Tensor:
    """Log-sum-exp, entropy and likeliest class."""
    m, k, e, factor, s = partition(z)
    others = (e * (m - z)).masked_fill(e == 0, 0).sum(-1, keepdim=True)
    entropy = torch.log1p(s) + others * factor / (1 + s)
    return torch.cat([(m + torch.log1p(s)).to(dtype), entropy.to(dtype), k.to(dtype)], -1)


def _put(rows: Tensor, index: Tensor, values: Tensor, *, fresh: bool = True) -> Tensor:
    """The rows with one entry each replaced; in place if they are fresh.

    Compilers fuse a comparison into the loop over the row; a scatter would be a loop of its own.
    """
    if is_recorded():
        return torch.where(_is_class(rows, index), values, rows)
    return rows.scatter_(-1, index, values) if fresh else rows.scatter(-1, index, values)


def _is_class(rows: Tensor, index: Tensor) -> Tensor:
    # In 32 bits, which compilers compare as fast as they add float32.
    classes = torch.arange(rows.shape[-1], dtype=torch.int32, device=rows.device)
    return classes == index.to(torch.int32)
