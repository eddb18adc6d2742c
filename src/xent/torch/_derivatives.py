"""Derivatives beyond the first, and those for soft targets, in differentiable tensor operations.

A row's gradient is ``G = c (Y p - y) + 2 λ c_z A p``, with y its target row, Y its sum, and c and
c_z its coefficients in the mean of the losses and in that of z-loss. So ``q = G + c y`` is p times
a number, which is the sum of q, and the second derivative needs neither logits nor probabilities.
Since G is itself a result of the operation, the formulas may be differentiated again.
"""

from __future__ import annotations

from typing import Any

import torch

from xent import formula
from xent._engine.compute import Loss
from xent._engine.linear import Layer
from xent._options import LossOptions
from xent._targets import ClassTargets
from xent.torch._functions import evaluate
from xent.torch._interop import loss_dtype

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
    return _reduced_weight(targets, like[..., 0], o, divisor).unsqueeze(-1)


def _reduced_weight(targets: Tensor, like: Tensor, o: LossOptions, divisor: Any) -> Tensor:
    """The weight of each loss in the reduced one, shaped like the losses."""
    weight = torch.ones_like(like) if o.sample_weight is None else o.sample_weight.to(like.dtype)
    if o.ignore_index is not None:  # never with probabilities of classes, which are refused then
        # As uint8, the label 156 would equal an ignore_index of -100.
        values = targets if targets.dtype.is_floating_point else targets.long()
        weight = weight.masked_fill(values == o.ignore_index, 0)
    if o.reduction == "mean":
        weight = weight * reciprocal(divisor, like.dtype)
    return weight


def class_second(
    gradient: Tensor, direction: Tensor, targets: Tensor, o: LossOptions, divisors: Any
) -> Tensor:
    """Change of the gradient along a direction of the logits."""
    if o.softcap is not None:
        msg = "no second derivative with softcap. Apply it before: cap * tanh(logits / cap)."
        raise NotImplementedError(msg)
    gradient, direction = gradient.movedim(o.axis, -1), direction.movedim(o.axis, -1)
    c = coefficients(targets, gradient, o, divisors[0])
    q = gradient + c * target_rows(targets, gradient, o)
    mass = q.sum(-1, keepdim=True)
    p = q / torch.where(mass == 0, torch.ones_like(mass), mass)
    mean = (p * direction).sum(-1, keepdim=True)
    change = q * (direction - mean)
    if o.z_loss:
        c_z = coefficients(targets, gradient, o, divisors[1])
        change = change + 2 * o.z_loss * c_z * mean * p
    return change.movedim(-1, o.axis)


def class_targets_gradient(
    logits: Tensor, targets: Tensor, loss: Tensor, o: LossOptions, divisors: Any
) -> Tensor:
    """Gradient of the reduced loss for probabilities given as targets: c s (A(z) - z)."""
    kind = loss.dtype
    z = formula.capped(logits.to(kind), o.softcap).movedim(o.axis, -1)
    c = coefficients(targets, z, o, divisors[0])
    log_z = torch.logsumexp(z, -1, keepdim=True)
    # 0 · ∞ = 0: what is absent costs nothing, also where a class is masked.
    result = torch.where(c == 0, torch.zeros_like(z), (1 - o.label_smoothing) * c * (log_z - z))
    if o.class_weight is not None:
        w = o.class_weight.to(kind)
        result = result * w
        if o.reduction == "mean" and o.divisor is None:
            # The total weight depends on the targets, the mean of z-loss does not.
            c_z = coefficients(targets, z, o, divisors[1])
            z_term = torch.where(c_z == 0, 0.0, o.z_loss * c_z * log_z**2).sum()
            result = result - (loss - z_term) * c * w
    return result.movedim(-1, o.axis)


class LayerTargetsGradient:
    """The gradient for soft targets: c s (A(z) - z), less what a mean's divisor takes back."""

    def __init__(self, layer: Layer, rows: ClassTargets, o: LossOptions) -> None:
        self.rows, self.o = rows, o
        self.gradient = layer.products.empty((layer.rows, layer.classes), layer.dtype)
        self.squares = self.gradient.new_zeros(layer.rows)
        """Of the log-sum-exps: the mean of z-loss does not depend on the targets."""

    def add(self, index: slice, logits: Tensor) -> None:
        """A chunk's A(z) - z."""
        z = formula.capped(logits, self.o.softcap)
        log_z = torch.logsumexp(z, 1, keepdim=True)
        self.gradient[index] = log_z - z
        self.squares[index] = log_z[:, 0] ** 2

    def finish(self, loss: Loss) -> None:
        """Scale by smoothing, class weights, row weights and the mean's divisor."""
        o, gradient = self.o, self.gradient
        mean = o.reduction == "mean"
        scale, z_scale = (reciprocal(d, gradient.dtype) if mean else 1.0 for d in loss.divisors)
        weight = None if self.rows.weight is None else torch.from_numpy(self.rows.weight)
        gradient *= 1 - o.label_smoothing
        if o.class_weight is not None:
            gradient *= o.class_weight.to(gradient.dtype)
            if mean and o.divisor is None:
                squares = self.squares.double()
                squares = (
                    squares if weight is None else torch.where(weight == 0, 0.0, squares * weight)
                )
                z_term = o.z_loss * z_scale * float(squares.sum()) if o.z_loss else 0.0
                gradient -= (float(loss.value) - z_term) * o.class_weight.to(gradient.dtype)
        gradient *= scale
        if weight is not None:
            gradient *= weight[:, None].to(gradient.dtype)
            gradient[weight == 0] = 0


def logsumexp_gradient(logits: Tensor, o: LossOptions, upstream: Tensor) -> Tensor:
    """Gradient of log-sum-exp, times the upstream gradient."""
    z = logits.to(loss_dtype(logits.dtype))
    bent = formula.capped(z, o.softcap)
    certain = bent == torch.inf
    count = certain.sum(o.axis, keepdim=True)
    # Several infinite logits have no softmax; as for PyTorch, they share the gradient.
    shared = (count > 1) & ~bent.isnan().any(o.axis, keepdim=True)
    p = evaluate(bent.masked_fill(shared, 0), "softmax", o.axis)
    p = torch.where(shared, certain / count.clamp(min=1), p)
    slope: Tensor = formula.cap_slope(z, o.softcap)
    return p * slope * upstream.to(p.dtype)


def binary_terms(
    logits: Tensor, targets: Tensor, o: LossOptions, divisors: Any
) -> tuple[Tensor, ...]:
    """a, b, c of the loss c (a softplus(-z) + b softplus(z)), and the weights in a and b."""
    kind = loss_dtype(logits.dtype)
    t = (1 - o.label_smoothing) * targets.to(kind) + o.label_smoothing / 2
    negative: Any = 1.0
    positive: Any = 1.0
    if o.class_weight is not None:
        negative, positive = o.class_weight.to(kind).unbind()
    if o.pos_weight is not None:
        positive = positive * o.pos_weight.to(kind)
    weight = _reduced_weight(targets, t, o, divisors[0])
    return positive * t, negative * (1 - t), weight, positive, negative


def binary_second(logits: Tensor, targets: Tensor, o: LossOptions, divisors: Any) -> Tensor:
    """Second derivative of the reduced loss for each logit."""
    a, b, c, _, _ = binary_terms(logits, targets, o, divisors)
    z, c_z = logits.to(a.dtype), _reduced_weight(targets, a, o, divisors[1])
    first, second = torch.ones_like(z), torch.zeros_like(z)
    if o.softcap is not None:
        bent = torch.tanh(z / o.softcap)
        first = 1 - bent * bent
        second = -2 / o.softcap * bent * first
        z = o.softcap * bent
    p, r = torch.sigmoid(z), torch.sigmoid(-z)
    partition = torch.nn.functional.softplus(z)
    slope, bend = c * (b * p - a * r), c * (a + b) * p * r
    if o.z_loss:
        slope = slope + 2 * o.z_loss * c_z * partition * p
        bend = bend + 2 * o.z_loss * c_z * (p * p + partition * p * r)
    change = bend * first * first + slope * second
    return torch.where(c_z == 0, torch.zeros_like(change), change)  # whatever an absent row holds


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
