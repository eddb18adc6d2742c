"""The target rows of the classes that a rank holds, and the checks of targets and weights."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import torch

from xent._options import LossOptions
from xent._target_checks import (
    SUM_TOLERANCE,
    check_class_shapes,
    check_labels,
    check_row_sums,
    check_weight_shape,
)
from xent._targets import common_divisor, mean_divisors
from xent._validation import check_shape, report_first
from xent.torch._autograd_state import check_constant, wants_gradient
from xent.torch._interop import as_tensor_like

Tensor = torch.Tensor


class Totals(NamedTuple):
    """The divisors of means: the sum of the rows' weights, with and without class weights."""

    total: float
    total_rows: float


@dataclass(frozen=True)
class LocalTargets:
    """The target rows of a rank's classes: labels among all classes, or its own probabilities.

    All tensors are flat over the rows.
    """

    options: LossOptions
    """Checked options, without their weights, which are fields here."""
    width: int
    """Number of this rank's classes."""
    labels: Tensor | None
    """Indices among all classes; 0 if the row is absent."""
    probabilities: Tensor | None
    """(rows, width)"""
    class_weight: Tensor | None
    """(width,), float64"""
    weight: Tensor | None
    """Weight of each row, float64; 0 if the row is absent. None if each row counts once."""
    offset: int = 0
    """Index of this rank's first class among all classes."""
    classes: int = 0
    """Number of all classes."""

    def placed(self, offset: int, classes: int) -> LocalTargets:
        """The same among all classes, whose number is known only now; labels are checked."""
        if classes == 0:
            msg = "no rank of the group has any classes."
            raise ValueError(msg)
        if self.labels is not None and self.labels.numel():
            low, high = torch.stack(torch.aminmax(self.labels)).tolist()
            if low < 0 or high >= classes:
                check_labels(self.labels.cpu().numpy(), classes, self.options.names)
        return replace(self, offset=offset, classes=classes)

    def rows(self, index: slice) -> LocalTargets:
        """The targets of some rows."""
        given = ((name, getattr(self, name)) for name in ("labels", "probabilities", "weight"))
        return replace(self, **{name: rows[index] for name, rows in given if rows is not None})

    def local_labels(self) -> tuple[Tensor, Tensor]:
        """Which rows have a label among this rank's classes, and its index there, else 0."""
        assert self.labels is not None
        local = (self.labels >= self.offset) & (self.labels < self.offset + self.width)
        if self.weight is not None:
            local &= self.weight != 0
        return local, torch.where(local, self.labels - self.offset, 0)

    def at_labels(self) -> tuple[Tensor, Tensor]:
        """Target at each row's label, 0 if another rank has it; and the label's index."""
        local, place = self.local_labels()
        y = local.double() * (1 - self.options.label_smoothing)
        if self.class_weight is not None:
            y = y * self.class_weight[place]
        return y, place

    def of_probabilities(self, dtype: torch.dtype) -> Tensor:
        """Target rows of probabilities, smoothed and weighted."""
        assert self.probabilities is not None
        smoothing = self.options.label_smoothing
        y = self.probabilities.to(dtype)
        if smoothing:
            y = y * (1 - smoothing) + smoothing / self.classes
        if self.class_weight is not None:
            y = y * self.class_weight.to(dtype)
        if self.weight is not None:  # whatever an absent row holds
            y = y.masked_fill((self.weight == 0).unsqueeze(1), 0)
        return y

    def subtract_from(self, gradient: Tensor, factor: Tensor) -> None:
        """Subtract the target rows, each times its factor."""
        dtype = gradient.dtype
        if self.labels is None:
            y = self.of_probabilities(dtype)
            gradient.sub_(y.mul_(factor.to(dtype).unsqueeze(1)))
            return
        y, place = self.at_labels()
        gradient.scatter_add_(1, place.unsqueeze(1), -(y * factor).to(dtype).unsqueeze(1))
        if self.options.label_smoothing:
            if self.smoothing_shift is None:
                each = self.options.label_smoothing / self.classes
                gradient.sub_((each * factor).to(dtype).unsqueeze(1))
            else:
                gradient.sub_(torch.outer(factor, self.smoothing_shift).to(dtype))

    @cached_property
    def smoothing_shift(self) -> Tensor | None:
        """What smoothing adds to each class's target; None without smoothing or class weights."""
        if self.class_weight is None or not self.options.label_smoothing:
            return None
        return self.class_weight * (self.options.label_smoothing / self.classes)

    @cached_property
    def other_shifts(self) -> Tensor:
        """For each class, the sum of the others' `smoothing_shift`, without a subtraction."""
        assert self.smoothing_shift is not None
        others = torch.zeros_like(self.smoothing_shift)
        others[1:] += self.smoothing_shift.cumsum(0)[:-1]
        others[:-1] += self.smoothing_shift.flip(0).cumsum(0).flip(0)[1:]
        return others

    def local_total(self) -> Tensor | None:
        """The rank's share of a mean's divisor, if classes are weighted; else None."""
        if self.options.reduction != "mean" or self.class_weight is None:
            return None
        if self.probabilities is not None:
            of_rows = self.probabilities.double() @ self.class_weight
        else:
            local, place = self.local_labels()
            of_rows = self.class_weight.new_zeros(len(local))
            if self.width:
                of_rows = torch.where(local, self.class_weight[place], 0.0)
        if self.weight is not None:
            of_rows = torch.where(self.weight == 0, 0.0, of_rows * self.weight)
        return of_rows.sum()

    def with_mean(self, total: Tensor | None) -> tuple[LocalTargets, float]:
        """The targets with z-loss scaled for a mean, and the mean's divisor.

        `total` is the sum over the ranks of their `local_total`.
        """
        if self.options.reduction != "mean":
            return self, 1.0
        rows = self.labels if self.labels is not None else self.probabilities
        assert rows is not None
        whole = float(len(rows)) if self.weight is None else float(self.weight.sum().item())
        totals: Any = Totals(whole if total is None else float(total.item()), whole)
        options = self.options.replace(class_weight=self.class_weight)
        divisor, z_factor = common_divisor(*mean_divisors(totals, options))
        class_weight = self.class_weight
        if class_weight is not None and not totals.total:  # only the mean of z-loss is left
            class_weight = torch.zeros_like(class_weight)
        options = self.options.with_z_factor(z_factor)
        return replace(self, options=options, class_weight=class_weight), divisor


def make_targets(
    targets: Any, shape: tuple[int, ...], like: Tensor, options: LossOptions
) -> LocalTargets:
    """Check targets and weights against the shape of this rank's logits, class axis last."""
    rows, width = shape[:-1], shape[-1]
    names = options.names
    of_class = _weights(options, "class_weight", (width,), like, "one weight per own class")
    weight = _weights(options, "sample_weight", rows, like, "one weight per row")
    options = options.replace(class_weight=None, sample_weight=None)
    given = as_tensor_like(targets, like, names.targets).detach()
    if isinstance(targets, torch.Tensor) and wants_gradient(targets):
        msg = "targets requires a gradient, but the parallel losses give no gradient for them. "
        raise ValueError(msg + "Pass targets.detach().")
    labels = probabilities = None
    soft = given.dtype.is_floating_point
    if soft and options.ignore_index is None:
        why = "floats are probabilities of this rank's classes; class labels are integers"
        check_shape(given, shape, names.targets, why)
        probabilities = given.reshape(math.prod(rows), width)
        _check_probabilities(probabilities, weight, names.targets)
    else:  # labels, and a rank without classes has those of the others
        check_class_shapes(given, (*rows, max(1, width)), len(rows), options)
        labels = given.reshape(-1).long()
        weight, labels = _without_absent(labels, weight, options.ignore_index)
    return LocalTargets(options, width, labels, probabilities, of_class, weight)


def check_sums(targets: LocalTargets, sums: Tensor) -> None:
    """Check that each row of probabilities sums to 1 over all ranks."""
    assert targets.probabilities is not None
    if targets.weight is not None:  # whatever an absent row holds
        sums = sums.masked_fill(targets.weight == 0, 1)
    check_row_sums(
        sums.cpu().numpy(),
        1,
        targets.options.names.targets,
        _tolerance(targets.probabilities),
        "Divide each row by its sum over all classes, or use sample_weight= for the weight of a "
        "row.",
        of=" over the ranks",
    )


def _tolerance(probabilities: Tensor) -> float:
    return SUM_TOLERANCE[str(probabilities.dtype).removeprefix("torch.")]


def _weights(
    options: LossOptions, which: str, expected: tuple[int, ...], like: Tensor, why: str
) -> Tensor | None:
    """Weights in float64, flat; finite and not negative."""
    value, name = getattr(options, which), getattr(options.names, which)
    if value is None:
        return None
    tensor = as_tensor_like(value, like, name)
    check_constant(tensor, name)
    check_weight_shape(tensor, expected, which, why, options.names)
    weights = tensor.detach().double()
    bad = ~(weights.isfinite() & (weights >= 0))
    if bad.any():
        rule = "weights must be finite and not negative"
        report_first(bad.cpu(), weights.cpu(), name, rule)
    return weights.reshape(-1)


def _without_absent(
    labels: Tensor, weight: Tensor | None, ignore_index: int | None
) -> tuple[Tensor | None, Tensor]:
    """Weights with 0 for ignored rows, and labels with 0 for all absent rows."""
    if ignore_index is not None:
        ignored = labels == ignore_index
        ones = torch.ones(len(labels), dtype=torch.float64, device=labels.device)
        weight = (ones if weight is None else weight).masked_fill(ignored, 0)
    if weight is not None:
        labels = labels.masked_fill(weight == 0, 0)
    return weight, labels


def _check_probabilities(values: Tensor, weight: Tensor | None, name: str) -> None:
    bad = ~((values >= 0) & (values <= 1 + _tolerance(values)))
    if weight is not None:
        bad &= (weight != 0).unsqueeze(1)
    if bad.any():
        rule = "floats are probabilities, from 0 to 1"
        report_first(bad.cpu(), values.cpu(), name, rule)
