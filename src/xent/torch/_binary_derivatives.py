"""Derivatives of binary cross-entropy beyond the first, and those for targets.

All operations are differentiable, so derivatives of every order and mode follow. With u the capped
logit and c and c_z the coefficients of an element in the mean of the losses and in that of z-loss,
the gradient is

    g = c (b p - a (1 - p)) + 2 λ c_z A(u) p     for u,     g u'     for z

where a and b are the weights of label 1 and label 0 that the target gives.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from xent._options import LossOptions
from xent.torch._derivatives import divisor_depends_on_targets, reduced_weight
from xent.torch._interop import loss_dtype, sum_dtype

Tensor = torch.Tensor
softplus = torch.nn.functional.softplus


class Elements(NamedTuple):
    """The terms of the derivatives of binary losses, element by element."""

    u: Tensor
    slope: Any
    """u'; 1 without softcap."""
    bend: Any
    """u''; 0 without softcap."""
    p: Tensor
    r: Tensor
    """1 - p, without cancellation."""
    a: Tensor
    b: Tensor
    a_by_target: Any
    b_by_target: Any
    c: Tensor
    c_z: Tensor
    c_by_target: Any
    """What a target adds to the mean's divisor, divided by it; None if it adds nothing."""
    o: LossOptions

    def second(self) -> Tensor:
        """Second derivative of each element's loss."""
        slope = self._slope_without_z_loss()
        bend = self.c * (self.a + self.b) * self.p * self.r
        if self.o.z_loss:
            log_z, p, r = softplus(self.u), self.p, self.r
            slope = slope + 2 * self.o.z_loss * self.c_z * log_z * p
            bend = bend + 2 * self.o.z_loss * self.c_z * (p * p + log_z * p * r)
        second: Tensor = bend * self.slope * self.slope + slope * self.bend
        return second

    def change_by_targets(self, direction: Tensor) -> Tensor:
        """Change of the gradient along a direction of the targets."""
        dt = direction.to(self.c.dtype)
        change = self._slope_by_target() * dt
        if self.c_by_target is not None:
            change = change - self._slope_without_z_loss() * (self.c_by_target * dt).sum()
        of_logits: Tensor = self.slope * change
        return of_logits

    def targets_second(self, upstream: Tensor) -> Tensor:
        """Gradient for targets of the inner product of the logits' gradient and `upstream`."""
        of_u = self.slope * upstream.to(self.c.dtype)
        result: Tensor = self._slope_by_target() * of_u
        if self.c_by_target is not None:
            result = result - self.c_by_target * (self._slope_without_z_loss() * of_u).sum()
        return result

    def targets_gradient(self) -> Tensor:
        """Gradient of the reduced loss for the targets."""
        of_one, of_zero = softplus(-self.u), softplus(self.u)
        change = self.c * (self.a_by_target * of_one + self.b_by_target * of_zero)
        result: Tensor = torch.where(self.c == 0, torch.zeros_like(change), change)
        if self.c_by_target is not None:
            loss = (self.c * (self.a * of_one + self.b * of_zero)).sum()
            result = result - self.c_by_target * loss
        return result

    def _slope_without_z_loss(self) -> Tensor:
        return self.c * (self.b * self.p - self.a * self.r)

    def _slope_by_target(self) -> Tensor:
        slope: Tensor = self.c * (self.b_by_target * self.p - self.a_by_target * self.r)
        return slope


def elements(logits: Tensor, targets: Tensor, o: LossOptions, divisors: Any) -> Elements:
    """The terms of all elements; those that do not count are computed as if their logit were 0."""
    kind = loss_dtype(logits.dtype)
    z, keep = logits.to(kind), 1 - o.label_smoothing
    t = keep * targets.to(kind) + o.label_smoothing / 2
    divisor, z_divisor = divisors
    negative: Any = 1.0
    positive: Any = 1.0
    weight_by_target = None
    if o.class_weight is not None:
        negative, positive = o.class_weight.to(kind).unbind()
        if divisor_depends_on_targets(o):
            weight_by_target = positive - negative
            weights = negative + weight_by_target * targets.to(kind)
            divisor = reduced_weight(targets, weights, o.replace(reduction="sum"), None)
            divisor = (divisor * weights).sum(dtype=sum_dtype(divisor.device))
    if o.pos_weight is not None:
        positive = positive * o.pos_weight.to(kind)
    c, c_z = (reduced_weight(targets, t, o, each) for each in (divisor, z_divisor))
    z = torch.where((c == 0) & (c_z == 0), 0.0, z)
    slope: Any = 1
    bend: Any = 0
    if o.softcap is not None:
        bent = torch.tanh(z / o.softcap)
        z, slope = o.softcap * bent, 1 - bent * bent
        bend = -2 / o.softcap * bent * slope
    return Elements(
        z, slope, bend, torch.sigmoid(z), torch.sigmoid(-z), positive * t, negative * (1 - t),
        positive * keep, -negative * keep, c, c_z,
        None if weight_by_target is None else c * weight_by_target, o,
    )  # fmt: skip
