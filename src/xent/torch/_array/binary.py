"""Binary cross-entropy of tensors on any device."""

from __future__ import annotations

from typing import Any

import torch

from xent import formula
from xent._engine.linear import CHUNK
from xent._engine.numpy import blocks
from xent._options import LossOptions
from xent._targets import BinaryTargets, binary_targets
from xent.formula import array_namespace
from xent.torch import _interop
from xent.torch._array.classes import reduced
from xent.torch._array.targets import Reduction, joined, reduction
from xent.torch._plain_calls import is_recorded

Tensor = torch.Tensor
log_sigmoid = torch.nn.functional.logsigmoid


def forward(logits: Tensor, targets: Tensor, o: LossOptions) -> tuple[Any, ...]:
    """Loss, its gradient (empty if not needed) and the mean's divisors."""
    z, targets = logits.detach(), targets.detach()
    rows = binary_targets(
        targets,
        tuple(z.shape),
        o,
        xp=array_namespace(targets),
        dtype=_interop.sum_dtype(z.device),
        readable=False,
    )
    found = reduction(rows, o)
    # A weight for each entry of the last axis keeps that axis whole.
    by_entry = isinstance(rows.positive, Tensor) and rows.positive.ndim
    shape, width = (z.shape[:-1], z.shape[-1]) if by_entry else (z.shape, 1)
    pieces = [()] if is_recorded() else list(blocks(tuple(shape), width, CHUNK))
    losses, z_terms, grads = [], [], []
    for index in pieces:
        loss, z_term, grad = _elements(z[index], rows.part(index), o, found)
        losses.append(loss)
        z_terms.append(z_term)
        grads.append(grad)
    value = reduced(joined(losses), joined(z_terms), rows, found, o)
    if o.reduction == "none":
        value = value.reshape(z.shape)
    whole = joined(grads)
    grad = logits.new_empty(0) if whole is None else whole.reshape(z.shape)
    return value, grad, found.tensor(z.device)


def _elements(
    logits: Tensor, targets: BinaryTargets, o: LossOptions, found: Reduction
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Losses without weights, z-terms, and the weighted gradient."""
    dtype = _interop.loss_dtype(logits.dtype)
    raw = logits.to(dtype)
    z = formula.capped(raw, o.softcap)
    t = targets.values
    # 1 - t in the targets' own dtype: it must not lose digits.
    t = t if t.dtype.is_floating_point else t.to(dtype)
    keep, rest = 1 - targets.smoothing, targets.smoothing / 2
    a = ((keep * t + rest) * targets.positive).to(dtype)
    b = ((keep * (1 - t) + rest) * targets.negative).to(dtype)
    up, down = -log_sigmoid(z), -log_sigmoid(-z)
    loss = (a * up).masked_fill(a == 0, 0) + (b * down).masked_fill(b == 0, 0)
    z_term = down * down if o.z_loss else None
    if not o.needs_grad:
        return loss, z_term, None
    p, q = torch.sigmoid(z), torch.sigmoid(-z)
    weight = targets.weight
    c, c_z = (
        factor if weight is None else (weight * factor).to(dtype)
        for factor in (found.scale, found.z_scale)
    )
    grad = (b * p - a * q) * c
    if o.z_loss:
        grad = grad + 2 * o.z_loss * down * p * c_z
    if o.softcap is not None:
        grad = (grad * formula.cap_slope(raw, o.softcap)).masked_fill(raw == -torch.inf, 0)
    if weight is not None:
        grad = grad.masked_fill(weight == 0, 0)
    return loss, z_term, grad.to(logits.dtype)
