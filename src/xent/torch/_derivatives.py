"""Derivatives beyond the first, and those for soft targets, in differentiable tensor operations.

A row's gradient is ``G = c ((Y + 2 λ A) p - y)``, with c the row's coefficient, y its target row
and Y its sum. So ``q = G + c y`` is p times a number, which is the sum of q, and the second
derivative needs neither logits nor probabilities. Since G is itself a result of the operation, the
formulas may be differentiated again.
"""

from __future__ import annotations

from typing import Any

import torch

from xent import formula
from xent._options import LossOptions

Tensor = torch.Tensor


def target_rows(targets: Tensor, like: Tensor, o: LossOptions) -> Tensor:
    """Dense target rows of labels or probabilities, smoothed and weighted; class axis last."""
    if targets.dtype.is_floating_point:
        rows = (1 - o.label_smoothing) * targets.to(like.dtype).movedim(o.axis, -1)
        rows = rows + o.label_smoothing / rows.shape[-1]
        return rows if o.class_weight is None else rows * o.class_weight.to(like.dtype)
    inside = targets.clamp(0, like.shape[-1] - 1).long()  # ignored labels; their rows weigh nothing
    weight = None if o.class_weight is None else o.class_weight.to(like.dtype)
    one_hot: Tensor = formula.target_rows(
        inside, like, class_weight=weight, label_smoothing=o.label_smoothing
    )
    return one_hot


def reciprocal(divisor: Tensor | float, kind: torch.dtype) -> Tensor | float:
    """One over a mean's divisor; 0 where nothing counts."""
    if isinstance(divisor, Tensor):
        return torch.where(divisor > 0, 1 / divisor, torch.zeros_like(divisor)).to(kind)
    return 1 / divisor if divisor > 0 else 0.0


def coefficients(targets: Tensor, like: Tensor, o: LossOptions, divisor: Any) -> Tensor:
    """What each row's loss is multiplied with in the reduced loss; class axis kept, last, as 1."""
    rows = like.shape[:-1]
    weight = torch.ones(rows, dtype=like.dtype, device=like.device)
    if o.sample_weight is not None:
        weight = o.sample_weight.to(like.dtype)
    if o.ignore_index is not None and not targets.dtype.is_floating_point:
        weight = weight.masked_fill(targets == o.ignore_index, 0)
    if o.reduction == "mean":
        weight = weight * reciprocal(divisor, like.dtype)
    return weight.unsqueeze(-1)


def class_second(
    gradient: Tensor, direction: Tensor, targets: Tensor, o: LossOptions, divisors: Any
) -> Tensor:
    """Change of the gradient along a direction of the logits."""
    divisor, z_scale = divisors
    gradient, direction = gradient.movedim(o.axis, -1), direction.movedim(o.axis, -1)
    c = coefficients(targets, gradient, o, divisor)
    q = gradient + c * target_rows(targets, gradient, o)
    mass = q.sum(-1, keepdim=True)
    p = q / torch.where(mass == 0, torch.ones_like(mass), mass)
    mean = (p * direction).sum(-1, keepdim=True)
    change = q * (direction - mean)
    if o.z_loss:
        change = change + 2 * o.z_loss * z_scale * c * mean * p
    return change.movedim(-1, o.axis)


def class_targets_gradient(
    logits: Tensor, targets: Tensor, loss: Tensor, o: LossOptions, divisors: Any
) -> Tensor:
    """Gradient of the reduced loss for probabilities given as targets: c s (A(z) - z)."""
    divisor, z_scale = divisors
    kind = loss.dtype
    z = formula.capped(logits.to(kind), o.softcap).movedim(o.axis, -1)
    c = coefficients(targets, z, o, divisor)
    log_z = torch.logsumexp(z, -1, keepdim=True)
    # 0 · ∞ = 0: what is absent costs nothing, also where a class is masked.
    result = torch.where(c == 0, torch.zeros_like(z), (1 - o.label_smoothing) * c * (log_z - z))
    if o.class_weight is not None:
        w = o.class_weight.to(kind)
        result = result * w
        if o.reduction == "mean" and o.divisor is None:
            # The total weight depends on the targets, the mean of z-loss does not.
            z_term = torch.where(c == 0, 0.0, o.z_loss * z_scale * c * log_z**2).sum()
            result = result - (loss - z_term) * c * w
    return result.movedim(-1, o.axis)


def logsumexp_gradient(
    logits: Tensor, axis: int, softcap: float | None, upstream: Tensor
) -> Tensor:
    """Gradient of log-sum-exp, times the upstream gradient; 0 for a row of masks."""
    z = logits.to(loss_kind(logits))
    bent = formula.capped(z, softcap)
    sure = bent == torch.inf
    several = sure.sum(axis, keepdim=True)
    # Such rows, and empty ones, have no differences that are numbers.
    hard = (several > 0) & ~bent.isnan().any(axis, keepdim=True)
    empty = (bent == -torch.inf).all(axis, keepdim=True)
    p = torch.softmax(bent.masked_fill(empty | hard, 0), axis).masked_fill(empty, 0)
    p = torch.where(hard, sure / several.clamp(min=1), p)
    gradient = p * upstream.to(p.dtype)
    return gradient if softcap is None else gradient * (1 - torch.tanh(z / softcap) ** 2)


def binary_terms(
    logits: Tensor, targets: Tensor, o: LossOptions, divisors: Any
) -> tuple[Tensor, ...]:
    """a, b and c of the loss c (a softplus(-z) + b softplus(z))."""
    kind = loss_kind(logits)
    t = (1 - o.label_smoothing) * targets.to(kind) + o.label_smoothing / 2
    negative: Any = 1.0
    positive: Any = 1.0
    if o.class_weight is not None:
        negative, positive = o.class_weight.to(kind).unbind()
    if o.pos_weight is not None:
        positive = positive * o.pos_weight.to(kind)
    weight = torch.ones_like(t) if o.sample_weight is None else o.sample_weight.to(kind)
    if o.ignore_index is not None:
        weight = weight.masked_fill(targets == o.ignore_index, 0)
    if o.reduction == "mean":
        weight = weight * reciprocal(divisors[0], kind)
    return positive * t, negative * (1 - t), weight, positive, negative


def binary_second(logits: Tensor, targets: Tensor, o: LossOptions, divisors: Any) -> Tensor:
    """Second derivative of the reduced loss for each logit."""
    a, b, c, _, _ = binary_terms(logits, targets, o, divisors)
    z, z_loss = logits.to(a.dtype), o.z_loss * divisors[1]
    first, second = torch.ones_like(z), torch.zeros_like(z)
    if o.softcap is not None:
        bent = torch.tanh(z / o.softcap)
        first = 1 - bent * bent
        second = -2 / o.softcap * bent * first
        z = o.softcap * bent
    p, r = torch.sigmoid(z), torch.sigmoid(-z)
    partition = torch.nn.functional.softplus(z)
    slope = b * p - a * r + 2 * z_loss * partition * p
    bend = (a + b) * p * r + 2 * z_loss * (p * p + partition * p * r)
    second_derivative: Tensor = c * (bend * first * first + slope * second)
    return second_derivative


def binary_targets_gradient(
    logits: Tensor, targets: Tensor, o: LossOptions, divisors: Any
) -> Tensor:
    """Gradient of the reduced loss for the targets."""
    _, _, c, positive, negative = binary_terms(logits, targets, o, divisors)
    z = logits.to(c.dtype)
    if o.softcap is not None:
        z = o.softcap * torch.tanh(z / o.softcap)
    softplus = torch.nn.functional.softplus
    change: Tensor = positive * softplus(-z) - negative * softplus(z)
    return torch.where(c == 0, torch.zeros_like(c), (1 - o.label_smoothing) * c * change)


def loss_kind(logits: Tensor) -> torch.dtype:
    """In which dtype derivatives are taken."""
    return torch.float64 if logits.dtype == torch.float64 else torch.float32
