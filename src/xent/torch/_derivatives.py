"""Derivatives beyond the first, and those for soft targets, in differentiable tensor operations.

A row's gradient is ``G = c ((Y + 2 λ A) p - y)``, with c the row's coefficient, y its target row
and Y its sum. So ``q = G + c y`` is p times a number, which is the sum of q, and the second
derivative needs neither logits nor probabilities. Since G is itself a result of the operation, the
formulas may be differentiated again.
"""

from __future__ import annotations

from typing import Any

import torch

Tensor = torch.Tensor


def target_rows(
    targets: Tensor, like: Tensor, axis: int, class_weight: Tensor | None, smoothing: float
) -> Tensor:
    """Dense target rows of labels or probabilities, smoothed and weighted; class axis at `axis`."""
    classes = like.shape[axis]
    if targets.dtype.is_floating_point:
        rows = targets.to(like.dtype)
    else:
        inside = targets.clamp(0, classes - 1).long()  # ignored labels; their rows weigh nothing
        rows = torch.nn.functional.one_hot(inside, classes).to(like.dtype).movedim(-1, axis)
    rows = (1 - smoothing) * rows + smoothing / classes
    return rows if class_weight is None else rows * along(class_weight, like, axis)


def over(total: Tensor | float, kind: torch.dtype) -> Tensor | float:
    """One over a mean's divisor; 0 where nothing counts."""
    if isinstance(total, Tensor):
        return torch.where(total > 0, 1 / total, torch.zeros_like(total)).to(kind)
    return 1 / total if total > 0 else 0.0


def along(vector: Tensor, like: Tensor, axis: int) -> Tensor:
    """A vector over the classes, to be broadcast."""
    shape = [1] * like.ndim
    shape[axis] = -1
    return vector.to(like.dtype).reshape(shape)


def coefficients(
    targets: Tensor, like: Tensor, axis: int, options: Any, total: Tensor | float
) -> Tensor:
    """What each row's loss is multiplied with in the reduced loss, class axis kept as 1."""
    rows = like.shape[:axis] + like.shape[axis + 1 :]
    weight = torch.ones(rows, dtype=like.dtype, device=like.device)
    if options.sample_weight is not None:
        weight = options.sample_weight.to(like.dtype)
    if options.ignore_index is not None and not targets.dtype.is_floating_point:
        weight = weight.masked_fill(targets == options.ignore_index, 0)
    if options.reduction == "mean":
        weight = weight * over(total, like.dtype)
    return weight.unsqueeze(axis)


def class_second(
    gradient: Tensor,
    direction: Tensor,
    targets: Tensor,
    axis: int,
    options: Any,
    total: Tensor | float,
) -> tuple[Tensor, Tensor]:
    """Change of the gradient along a direction of the logits, and p · direction per row."""
    c = coefficients(targets, gradient, axis, options, total)
    y = target_rows(targets, gradient, axis, options.class_weight, options.label_smoothing)
    q = gradient + c * y
    mass = q.sum(axis, keepdim=True)
    p = q / torch.where(mass == 0, torch.ones_like(mass), mass)
    mean = (p * direction).sum(axis, keepdim=True)
    change = q * (direction - mean)
    if options.z_loss:
        change = change + 2 * options.z_loss * c * mean * p
    return change, mean


def class_targets_gradient(
    logits: Tensor, targets: Tensor, loss: Tensor, axis: int, options: Any, total: Tensor | float
) -> Tensor:
    """Gradient of the reduced loss for probabilities given as targets: c s (A(z) - z)."""
    kind = loss.dtype
    z = capped(logits.to(kind), options.softcap)
    c = coefficients(targets, z, axis, options, total)
    surprise = torch.logsumexp(z, axis, keepdim=True) - z
    # 0 · ∞ = 0: what is absent costs nothing, also where a class is masked.
    result = torch.where(
        c == 0, torch.zeros_like(surprise), (1 - options.label_smoothing) * c * surprise
    )
    if options.class_weight is not None:
        w = along(options.class_weight, z, axis)
        result = result * w
        if options.reduction == "mean" and options.divisor is None:
            result = result - loss * c * w  # the total weight depends on the targets
    return result


def logsumexp_gradient(
    logits: Tensor, axis: int, softcap: float | None, upstream: Tensor
) -> Tensor:
    """Gradient of log-sum-exp, times the upstream gradient; 0 for a row of masks."""
    z = logits.to(loss_kind(logits))
    bent = capped(z, softcap)
    sure = bent == torch.inf
    several = sure.sum(axis, keepdim=True)
    # Such rows, and empty ones, have no differences that are numbers.
    hard = (several > 0) & ~bent.isnan().any(axis, keepdim=True)
    empty = (bent == -torch.inf).all(axis, keepdim=True)
    p = torch.softmax(bent.masked_fill(empty | hard, 0), axis).masked_fill(empty, 0)
    p = torch.where(hard, sure / several.clamp(min=1), p)
    gradient = p * upstream.to(p.dtype)
    return gradient if softcap is None else gradient * (1 - torch.tanh(z / softcap) ** 2)


def capped(z: Tensor, softcap: float | None) -> Tensor:
    """Logits as softcap bends them; a mask stays one."""
    if softcap is None:
        return z
    return torch.where(z == -torch.inf, z, softcap * torch.tanh(z / softcap))


def binary_terms(
    logits: Tensor, targets: Tensor, options: Any, total: Tensor | float
) -> tuple[Tensor, ...]:
    """a, b and c of the loss c (a softplus(-z) + b softplus(z))."""
    kind = loss_kind(logits)
    t = (1 - options.label_smoothing) * targets.to(kind) + options.label_smoothing / 2
    negative: Any = 1.0
    positive: Any = 1.0
    if options.class_weight is not None:
        negative, positive = options.class_weight.to(kind).unbind()
    if options.pos_weight is not None:
        positive = positive * options.pos_weight.to(kind)
    weight = torch.ones_like(t) if options.sample_weight is None else options.sample_weight.to(kind)
    if options.ignore_index is not None:
        weight = weight.masked_fill(targets == options.ignore_index, 0)
    if options.reduction == "mean":
        weight = weight * over(total, kind)
    return positive * t, negative * (1 - t), weight, positive, negative


def binary_second(logits: Tensor, targets: Tensor, options: Any, total: Tensor | float) -> Tensor:
    """Second derivative of the reduced loss for each logit."""
    a, b, c, _, _ = binary_terms(logits, targets, options, total)
    z = logits.to(a.dtype)
    first, second = torch.ones_like(z), torch.zeros_like(z)
    if options.softcap is not None:
        bent = torch.tanh(z / options.softcap)
        first = 1 - bent * bent
        second = -2 / options.softcap * bent * first
        z = options.softcap * bent
    p, r = torch.sigmoid(z), torch.sigmoid(-z)
    partition = torch.nn.functional.softplus(z)
    slope = b * p - a * r + 2 * options.z_loss * partition * p
    bend = (a + b) * p * r + 2 * options.z_loss * (p * p + partition * p * r)
    second_derivative: Tensor = c * (bend * first * first + slope * second)
    return second_derivative


def binary_targets_gradient(
    logits: Tensor, targets: Tensor, options: Any, total: Tensor | float
) -> Tensor:
    """Gradient of the reduced loss for the targets."""
    _, _, c, positive, negative = binary_terms(logits, targets, options, total)
    z = logits.to(c.dtype)
    if options.softcap is not None:
        z = options.softcap * torch.tanh(z / options.softcap)
    softplus = torch.nn.functional.softplus
    change: Tensor = positive * softplus(-z) - negative * softplus(z)
    return torch.where(c == 0, torch.zeros_like(c), (1 - options.label_smoothing) * c * change)


def loss_kind(logits: Tensor) -> torch.dtype:
    """In which dtype derivatives are taken."""
    return torch.float64 if logits.dtype == torch.float64 else torch.float32
