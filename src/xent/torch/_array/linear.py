"""Cross-entropy of a linear layer on any device, a chunk of rows at a time."""

from __future__ import annotations

from typing import Any

import torch

from xent._engine.compute import Loss
from xent._engine.numpy import STATS
from xent._options import LossOptions
from xent._targets import ClassTargets
from xent.torch import _interop
from xent.torch._array.classes import reduced
from xent.torch._array.rows import class_rows
from xent.torch._array.targets import joined, reduction, row_target, targets_on_device

Tensor = torch.Tensor


def target_rows(targets: Tensor, shape: tuple[int, ...], o: LossOptions) -> ClassTargets:
    """The targets of the layer's rows, along one axis."""
    rows = targets_on_device(targets.detach(), shape, len(shape) - 1, o)
    soft, labels, weight = rows.probabilities, rows.labels, rows.weight
    return rows._replace(
        labels=None if labels is None else labels.flatten(),
        probabilities=None
        if soft is None
        else soft.flatten(0, -2)
        if soft.ndim > 1
        else soft[None],
        weight=None if weight is None else weight.flatten(),
    )


def loss(
    layer: Any,
    rows: ClassTargets,
    o: LossOptions,
    *,
    wanted: int,
    inputs_dtype: torch.dtype,
    before: Any = None,
    row_factors: Tensor | None = None,
    stats: bool = False,
) -> Loss:
    """The loss; the layer gets the wanted gradients. See `xent._engine.compute.linear_loss`."""
    layer.want(wanted, inputs_dtype)
    found = reduction(rows, o)
    losses, z_terms, statistics = [], [], []
    for index, inputs, logits in layer.chunks():
        if before is not None:
            before(index, logits)
        part = rows.part((index,))
        target = row_target(part, found, layer.dtype)
        in_place = o.softcap is None and target.dense is None and not stats
        made = class_rows(
            logits,
            target,
            o,
            wants_grad=bool(wanted),
            stats_dtype=_interop.sum_dtype(logits.device) if stats else None,
            memory=logits if in_place else None,
        )
        losses.append(made.loss)
        z_terms.append(made.z_term)
        statistics.append(made.stats)
        if made.grad is not None:
            grad = made.grad if row_factors is None else made.grad * row_factors[index]
            layer.add(index, inputs, grad, part.weight)
    value = reduced(joined(losses), joined(z_terms), rows, found, o)
    divisors = found.divisor, found.z_divisor
    return Loss(value, None, joined(statistics, STATS), divisors)
