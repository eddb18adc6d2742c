"""Targets and options as tensors on the device: target rows, coefficients, divisors."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from xent._options import LossOptions
from xent._target_checks import is_integer
from xent._targets import BinaryTargets, ClassTargets, class_targets, mean_divisors
from xent.formula import array_namespace
from xent.torch import _compat
from xent.torch._array.rows import Target
from xent.torch._derivatives import reciprocal
from xent.torch._interop import sum_dtype
from xent.torch._plain_calls import is_recorded

Tensor = torch.Tensor
WRONG_LABEL = (
    "a label is not a class: expected 0 to the number of classes less 1, or ignore_index. For the "
    "label and its place call the loss with tensors on the CPU."
)


class Reduction(NamedTuple):
    """What the means divide by, and the factors that follow; tensors or numbers."""

    divisor: Any
    z_divisor: Any
    scale: Any
    z_scale: Any

    def tensor(self, device: torch.device) -> Tensor:
        """The divisors as one tensor, made without a copy from the CPU."""
        dtype = sum_dtype(device)
        parts = [
            each.to(dtype)
            if isinstance(each, Tensor)
            else torch.full((), each, dtype=dtype, device=device)
            for each in (self.divisor, self.z_divisor)
        ]
        return torch.stack(parts)


def targets_on_device(
    targets: Tensor, shape: tuple[int, ...], axis: int, o: LossOptions
) -> ClassTargets:
    """The target rows. A row whose label is no class has the weight NaN, and so costs NaN.

    Where PyTorch has an assertion for the device, it also fails, without being waited for.
    """
    wrong = None
    if is_integer(targets) and tuple(targets.shape) == (*shape[:axis], *shape[axis + 1 :]):
        targets = targets.long()
        inside = targets.clamp(0, max(0, shape[axis] - 1))
        wrong = targets != inside
        if o.ignore_index is not None:
            wrong = wrong & (targets != o.ignore_index)
        if not is_recorded():
            _compat.assert_on_device(wrong.any().logical_not(), WRONG_LABEL)
        targets = torch.where(wrong, inside, targets)
    rows = class_targets(
        targets,
        shape,
        axis,
        o,
        xp=array_namespace(targets),
        dtype=sum_dtype(targets.device),
        readable=False,
    )
    if wrong is None:
        return rows
    weight = rows.weight
    if weight is None:
        weight = torch.ones(wrong.shape, dtype=sum_dtype(wrong.device), device=wrong.device)
    return rows._replace(weight=weight.masked_fill(wrong, torch.nan))


def reduction(rows: ClassTargets | BinaryTargets, o: LossOptions) -> Reduction:
    """The divisors of the means; 1 for sums and row losses."""
    if o.reduction != "mean":
        divisor = rows.total if o.divisor is None else o.divisor
        return Reduction(divisor, divisor, 1.0, 1.0)
    divisor, z_divisor = mean_divisors(rows, o)
    scale, z_scale = _inverse(divisor), _inverse(z_divisor)
    if isinstance(divisor, Tensor) and o.names.negative_weights and o.class_weight is not None:
        scale = scale.masked_fill((divisor == 0) & _is_any_weight(rows, o), torch.nan)
    return Reduction(divisor, z_divisor, scale, z_scale)


def row_target(rows: ClassTargets, found: Reduction, dtype: torch.dtype) -> Target:
    """The part of the target rows that some logits have, in the dtype of the arithmetic."""
    weight = None if rows.weight is None else rows.weight.unsqueeze(-1)
    c, c_z = (_coefficient(weight, each, dtype) for each in (found.scale, found.z_scale))
    absent = None
    if weight is not None and isinstance(rows.total_rows, Tensor):  # given, not only made NaN
        absent = weight == 0
    scale = rows.scale.to(dtype)
    shift = None if rows.shift is None else rows.shift.to(dtype)
    if rows.labels is None:
        assert rows.probabilities is not None
        dense = rows.probabilities.to(dtype) * scale
        return Target(None, None, dense if shift is None else dense + shift, c, c_z, absent)
    labels = rows.labels.unsqueeze(-1)
    on = scale.expand(*labels.shape[:-1], -1).gather(-1, labels)
    if shift is None:
        return Target(labels, on, None, c, c_z, absent)
    of_label = torch.arange(len(scale), device=labels.device) == labels
    dense = shift + torch.where(of_label, on, torch.zeros_like(on))
    return Target(labels, None, dense, c, c_z, absent)


def weighted(losses: Tensor, weight: Tensor | None) -> Tensor:
    """Row losses times their weights; 0 in a row that is absent, whatever it holds."""
    if weight is None:
        return losses
    return (losses * weight.to(losses.dtype)).masked_fill(weight == 0, 0)


def _coefficient(weight: Tensor | None, scale: Any, dtype: torch.dtype) -> Any:
    if weight is None:
        return scale.to(dtype) if isinstance(scale, Tensor) else scale
    return (weight * scale).to(dtype)


def _inverse(divisor: Any) -> Any:
    return reciprocal(divisor, divisor.dtype if isinstance(divisor, Tensor) else torch.float64)


def _is_any_weight(rows: ClassTargets | BinaryTargets, o: LossOptions) -> Tensor:
    """Does any row weigh something, though the weights may cancel?"""
    assert isinstance(rows, ClassTargets)
    if rows.labels is None:
        assert rows.probabilities is not None
        of_rows = (rows.probabilities * (o.class_weight != 0)).sum(-1)
    else:
        of_rows = o.class_weight[rows.labels]
    counts = of_rows != 0
    counts = counts if rows.weight is None else counts & (rows.weight != 0)
    found: Tensor = counts.any()
    return found


def joined(parts: list[Any], *last: int) -> Any:
    """Results of pieces as those of all rows, along one axis before the `last` ones; or None."""
    if parts[0] is None:
        return None
    flat = [part.reshape(-1, *last) for part in parts]
    return flat[0] if len(flat) == 1 else torch.cat(flat)
