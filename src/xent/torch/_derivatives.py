"""Derivatives of softmax cross-entropy beyond the first, and those for soft targets.

All operations are differentiable, so derivatives of every order and mode follow. With u the capped
logits, y = s t + shift the target row, Y its sum, and c and c_z a row's coefficients in the mean of
the losses and in that of z-loss, the gradient is

    g = c (Y p - y) + 2 λ c_z A(u) p     for u,     g u'     for z

so q = g + c y is p times a number, which is the sum of q. Without softcap, the second derivative
therefore follows from the gradient alone, and logits need not be kept for it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from xent import formula
from xent._engine.compute import Loss
from xent._engine.linear import Layer
from xent._engine.numpy import STATS
from xent._options import LossOptions
from xent._targets import ClassTargets
from xent.torch._functions import evaluate
from xent.torch._interop import loss_dtype, sum_dtype

Tensor = torch.Tensor


class Rows(NamedTuple):
    """The terms of the derivatives of rows, with the class axis last."""

    p: Tensor
    q: Tensor
    y: Tensor
    c: Tensor
    c_z: Tensor
    slope: Any
    """u'; 1 without softcap."""
    bend: Any
    """u''; 0 without softcap."""
    z_mass: Any
    """The share of z-loss in the sum of the gradient for u, 2 λ c_z A; None without the logits."""
    loss_of_class: Any
    """A(u) - u: the loss if that class were the target's; None without the logits."""
    z_term: Any
    """The part of the reduced loss that is z-loss; None without the logits."""
    o: LossOptions

    def gradient(self) -> Tensor:
        """The gradient for the logits."""
        return self._like_logits(self.slope * self._of_u())

    def second(self, direction: Tensor) -> Tensor:
        """Change of the gradient along a direction of the logits."""
        v = self._with_classes_last(direction)
        centred, mean = self._centred(self.slope * v)
        change = self.q * centred
        if self.o.z_loss:
            change = change + 2 * self.o.z_loss * self.c_z * mean * self.p
        if self.o.softcap is not None:
            change = self.slope * change + self.bend * v * self._of_u()
        return self._like_logits(change)

    def change_by_targets(self, direction: Tensor) -> Tensor:
        """Change of the gradient along a direction of soft targets."""
        dt = self._with_classes_last(direction)
        dy = _scale(self.o, dt) * dt
        change = self.c * (dy.sum(-1, keepdim=True) * self.p - dy)
        if divisor_depends_on_targets(self.o):
            w = self.o.class_weight.to(dt.dtype)
            change = change - self._without_z_loss() * (self.c * w * dt).sum()
        return self._like_logits(self.slope * change)

    def targets_second(self, upstream: Tensor) -> Tensor:
        """Gradient for soft targets of the inner product of the logits' gradient and `upstream`."""
        of_u = self.slope * self._with_classes_last(upstream)
        centred, _ = self._centred(of_u)
        result = -self.c * _scale(self.o, of_u) * centred
        if divisor_depends_on_targets(self.o):
            w = self.o.class_weight.to(of_u.dtype)
            result = result - self.c * w * (self._without_z_loss() * of_u).sum()
        return self._like_logits(result)

    def targets_gradient(self, loss: Tensor | None) -> Tensor:
        """Gradient of the reduced loss for soft targets: c s (A(u) - u)."""
        each = self.loss_of_class
        assert each is not None
        # 0 · ∞ = 0: an absent row costs nothing, even if a class is masked.
        result = torch.where(
            self.c == 0, torch.zeros_like(each), _scale(self.o, each) * self.c * each
        )
        if divisor_depends_on_targets(self.o):
            w = self.o.class_weight.to(each.dtype)
            result = result - (loss - self.z_term) * self.c * w
        return self._like_logits(result)

    def _of_u(self) -> Tensor:
        """The gradient for u; at the likeliest class, the known sum less the other entries.

        There, p - y would cancel if the row is confident.
        """
        g = self.q - self.c * self.y
        likeliest = self._likeliest()
        others = g.scatter(-1, likeliest, torch.zeros_like(g[..., :1]))
        return g.scatter(-1, likeliest, self.z_mass - others.sum(-1, keepdim=True))

    def _centred(self, of_u: Tensor) -> tuple[Tensor, Tensor]:
        """A direction less its mean under p, and that mean.

        Both are computed relative to the likeliest class, since 1 - p would cancel there.
        """
        at_likeliest = of_u.gather(-1, self._likeliest())
        apart = of_u - at_likeliest
        mean = (self.p * apart).sum(-1, keepdim=True)
        return apart - mean, mean + at_likeliest

    def _likeliest(self) -> Tensor:
        return self.p.argmax(-1, keepdim=True)

    def _without_z_loss(self) -> Tensor:
        """The gradient for u, without the share of z-loss."""
        return self.c * (self.y.sum(-1, keepdim=True) * self.p - self.y)

    def _like_logits(self, rows: Any) -> Tensor:
        moved: Tensor = rows.movedim(-1, self.o.axis)
        return moved

    def _with_classes_last(self, tensor: Tensor) -> Tensor:
        return tensor.movedim(self.o.axis, -1).to(self.p.dtype)


def rows_of_gradient(gradient: Tensor, targets: Tensor, o: LossOptions, divisors: Any) -> Rows:
    """The terms from the gradient alone, which does not show what a softcap did."""
    g = gradient.movedim(o.axis, -1).to(loss_dtype(gradient.dtype))
    c, c_z, y = _targets_part(targets, g, o, divisors)
    q = g + c * y
    mass = q.sum(-1, keepdim=True)
    p = q / torch.where(mass == 0, torch.ones_like(mass), mass)
    return Rows(p, q, y, c, c_z, 1, 0, None, None, None, o)


def rows_of_logits(logits: Tensor, targets: Tensor, o: LossOptions, divisors: Any) -> Rows:
    """The terms from the logits, with all that soft targets need."""
    z = logits.movedim(o.axis, -1).to(loss_dtype(logits.dtype))
    c, c_z, y = _targets_part(targets, z, o, divisors)
    z = torch.where((c == 0) & (c_z == 0), 0.0, z)
    u, slope = formula.capped(z, o.softcap), formula.cap_slope(z, o.softcap)
    bend = 0 if o.softcap is None else -2 / o.softcap * torch.tanh(z / o.softcap) * slope
    p, log_z = evaluate(u, "softmax", -1), torch.logsumexp(u, -1, keepdim=True)
    z_mass: Any = 0.0
    z_term: Any = 0.0
    if o.z_loss:
        z_mass, z_term = 2 * o.z_loss * c_z * log_z, (o.z_loss * c_z * log_z**2).sum()
    q = (c * y.sum(-1, keepdim=True) + z_mass) * p
    return Rows(p, q, y, c, c_z, slope, bend, z_mass, log_z - u, z_term, o)


def divisor_depends_on_targets(o: LossOptions) -> bool:
    """Do class weights make the mean's divisor depend on soft targets?"""
    return o.class_weight is not None and o.reduction == "mean" and o.divisor is None


def _targets_part(
    targets: Tensor, like: Tensor, o: LossOptions, divisors: Any
) -> tuple[Tensor, Tensor, Tensor]:
    """c, c_z and y; differentiable with respect to soft targets."""
    divisor, z_divisor = divisors
    y = target_rows(targets, like, o)
    if targets.dtype.is_floating_point and divisor_depends_on_targets(o):
        exact = sum_dtype(targets.device)
        rows = targets.movedim(o.axis, -1).to(exact) @ o.class_weight.to(exact)
        divisor = (rows if o.sample_weight is None else rows * o.sample_weight).sum()
    c = coefficients(targets, like, o, divisor)
    y = torch.where(c == 0, torch.zeros_like(y), y)  # whatever an absent row holds
    return c, coefficients(targets, like, o, z_divisor) if o.z_loss else c, y


def _scale(o: LossOptions, like: Tensor) -> Any:
    """s in the target row y = s t + shift."""
    keep = 1 - o.label_smoothing
    return keep if o.class_weight is None else keep * o.class_weight.to(like.dtype)


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
    """One over a mean's divisor; 0 if nothing counts."""
    if isinstance(divisor, Tensor):
        return torch.where(divisor != 0, 1 / divisor, torch.zeros_like(divisor)).to(kind)
    return 1 / divisor if divisor else 0.0


def coefficients(targets: Tensor, like: Tensor, o: LossOptions, divisor: Any) -> Tensor:
    """The factor of each row's loss in the reduced loss, with a last axis of length 1."""
    return reduced_weight(targets, like[..., 0], o, divisor).unsqueeze(-1)


def reduced_weight(targets: Tensor, like: Tensor, o: LossOptions, divisor: Any) -> Tensor:
    """The weight of each loss in the reduced one, shaped like the losses."""
    weight = torch.ones_like(like) if o.sample_weight is None else o.sample_weight.to(like.dtype)
    if o.ignore_index is not None:  # never with class probabilities, which are refused then
        # As uint8, the label 156 would equal an ignore_index of -100.
        values = targets if targets.dtype.is_floating_point else targets.long()
        weight = weight.masked_fill(values == o.ignore_index, 0)
    if o.reduction == "mean":
        weight = weight * reciprocal(divisor, like.dtype)
    return weight


class LayerTargetsGradient:
    """The gradient for soft targets: c s (A(z) - z), less the effect of a mean's divisor."""

    def __init__(self, layer: Layer, rows: ClassTargets, o: LossOptions) -> None:
        self.rows, self.o = rows, o
        self.gradient = layer.products.empty((layer.rows, layer.classes), layer.dtype)
        self.squares = self.gradient.new_zeros(layer.rows)
        """Squared log-sum-exps, for z-loss: its mean does not depend on the targets."""

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
        weight = None if self.rows.weight is None else torch.as_tensor(self.rows.weight)
        gradient *= 1 - o.label_smoothing
        if o.class_weight is not None:
            gradient *= o.class_weight.to(gradient.dtype)
            if mean and o.divisor is None:
                squares = self.squares.to(sum_dtype(gradient.device))
                squares = (
                    squares if weight is None else torch.where(weight == 0, 0.0, squares * weight)
                )
                z_term = o.z_loss * z_scale * squares.sum() if o.z_loss else 0.0
                value = loss.value if isinstance(loss.value, Tensor) else float(loss.value)
                gradient -= (value - z_term) * o.class_weight.to(gradient.dtype)
        gradient *= scale
        if weight is not None:
            gradient *= weight[:, None].to(gradient.dtype)
            gradient.masked_fill_((weight == 0).unsqueeze(1), 0)


def logsumexp_gradient(logits: Tensor, o: LossOptions, upstream: Tensor) -> Tensor:
    """Gradient of log-sum-exp, times the upstream gradient."""
    z = logits.to(loss_dtype(logits.dtype))
    bent = formula.capped(z, o.softcap)
    certain = bent == torch.inf
    count = certain.sum(o.axis, keepdim=True)
    # Several infinite logits have no softmax; as in PyTorch, they share the gradient.
    shared = (count > 1) & ~bent.isnan().any(o.axis, keepdim=True)
    p = evaluate(bent.masked_fill(shared, 0), "softmax", o.axis)
    p = torch.where(shared, certain / count.clamp(min=1), p)
    slope: Tensor = formula.cap_slope(z, o.softcap)
    return p * slope * upstream.to(p.dtype)


def lse_as_stats(change: Tensor) -> Tensor:
    """Change of the rows' statistics; only log-sum-exp has a derivative."""
    constant = torch.zeros_like(change)
    return torch.stack([change, *[constant] * (STATS - 1)], -1)
