"""What is asked of the classes that a rank holds, and the checks of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from xent._targets import SUM_TOLERANCE, check_labels, ignored_rows
from xent._validation import check_reduction, check_shape, check_weights
from xent.torch._interop import FLOATS, as_constant, as_partner
from xent.torch._losses import numbers

Tensor = torch.Tensor
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


@dataclass(frozen=True)
class Options:
    """The plain options of a loss, checked."""

    ignore_index: int | None
    label_smoothing: float
    softcap: float | None
    z_loss: float
    reduction: str

    @staticmethod
    def checked(
        ignore_index: Any, label_smoothing: Any, softcap: Any, z_loss: Any, reduction: Any
    ) -> Options:
        """The options, or what is wrong with them."""
        ignored_rows(np.empty(0), ignore_index)
        check_reduction(reduction)
        return Options(ignore_index, *numbers(label_smoothing, softcap, z_loss), reduction)


@dataclass(frozen=True)
class Shard:
    """The target rows of a rank's classes: labels of all classes, or its own probabilities.

    All tensors are flat over the rows.
    """

    options: Options
    width: int
    """Classes of this rank."""
    labels: Tensor | None
    """Class indices, still of all classes; 0 where the row is absent."""
    probabilities: Tensor | None
    """(rows, width)"""
    class_weight: Tensor | None
    """(width,), float64"""
    weight: Tensor | None
    """Of each row, float64; 0 where it is as if absent. None where each counts once."""
    offset: int = 0
    classes: int = 0
    """Of all ranks."""

    def placed(self, offset: int, classes: int) -> Shard:
        """The same where it is known which classes these are; labels are checked."""
        if classes == 0:
            msg = "no rank of the group has any class."
            raise ValueError(msg)
        if self.labels is not None and self.labels.numel():
            low, high = torch.stack(torch.aminmax(self.labels)).tolist()
            if low < 0 or high >= classes:
                check_labels(self.labels.cpu().numpy(), classes)
        return replace(self, offset=offset, classes=classes)

    def rows(self, index: slice) -> Shard:
        """Some of the rows."""
        y, p, w = self.labels, self.probabilities, self.weight
        return replace(
            self,
            labels=None if y is None else y[index],
            probabilities=None if p is None else p[index],
            weight=None if w is None else w[index],
        )

    def here(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Which labels, of rows that are not absent, are this rank's; and their place in it."""
        own = (labels >= self.offset) & (labels < self.offset + self.width)
        if self.weight is not None:
            own &= self.weight != 0
        return own, torch.where(own, labels - self.offset, 0)

    def dense(self, kind: torch.dtype) -> Tensor:
        """Target rows of probabilities, smoothed and weighted."""
        assert self.probabilities is not None
        smoothing = self.options.label_smoothing
        y = self.probabilities.to(kind)
        if smoothing:
            y = y * (1 - smoothing) + smoothing / self.classes
        if self.class_weight is not None:
            y = y * self.class_weight.to(kind)
        if self.weight is not None:  # whatever an absent row holds
            y = y.masked_fill((self.weight == 0).unsqueeze(1), 0)
        return y

    @cached_property
    def shift(self) -> Tensor | None:
        """What smoothing adds to each class's target, where class weights make it differ."""
        if self.class_weight is None or not self.options.label_smoothing:
            return None
        return self.class_weight * (self.options.label_smoothing / self.classes)

    @cached_property
    def other_shifts(self) -> Tensor:
        """Sums of `shift` but for one class, not as differences."""
        assert self.shift is not None
        others = torch.zeros_like(self.shift)
        others[1:] += self.shift.cumsum(0)[:-1]
        others[:-1] += self.shift.flip(0).cumsum(0).flip(0)[1:]
        return others

    def total_weight(self) -> Tensor:
        """Of weighted classes, this rank's share of the total weight, by which a mean divides."""
        assert self.class_weight is not None
        if self.labels is not None:
            own, local = self.here(self.labels)
            of_rows = self.class_weight.new_zeros(len(self.labels))
            if self.width:
                of_rows = torch.where(own, self.class_weight[local], 0.0)
        else:
            assert self.probabilities is not None
            of_rows = self.probabilities.double() @ self.class_weight
        if self.weight is not None:
            of_rows = torch.where(self.weight == 0, 0.0, of_rows * self.weight)
        return of_rows.sum()

    def rows_weight(self, rows: int) -> float:
        """The total weight where classes are not weighted."""
        return float(rows) if self.weight is None else float(self.weight.sum().item())


def make_shard(
    targets: Any,
    shape: tuple[int, ...],
    like: Tensor,
    class_weight: Any,
    sample_weight: Any,
    options: Options,
) -> Shard:
    """Check the targets against this rank's logits of the given shape, class axis last."""
    rows, width = shape[:-1], shape[-1]
    weights = _weights(class_weight, (width,), like, "class_weight", "one weight per own class")
    weight = _weights(sample_weight, rows, like, "sample_weight", "one weight per row")
    given = as_partner(targets, like, "targets").detach()
    if isinstance(targets, torch.Tensor) and targets.requires_grad and torch.is_grad_enabled():
        msg = "targets requires a gradient, but in parallel gradients go to the logits only. "
        raise ValueError(msg + "Pass targets.detach().")
    labels = probabilities = None
    if given.dtype in INTEGERS:
        why = "one class index per row, the logits' shape less the class axis"
        fits(given, rows, "targets", why)
        labels = given.reshape(-1).long()
        weight, labels = _without_absent(labels, weight, options.ignore_index)
    elif given.dtype in FLOATS:
        if options.ignore_index is not None:
            msg = "ignore_index marks class indices, but targets holds probabilities. "
            raise ValueError(msg + "Give the rows to ignore sample_weight 0.")
        why = "floats are probabilities of this rank's classes; class labels are integers"
        fits(given, shape, "targets", why)
        probabilities = given.reshape(_rows(rows), width)
        _check_probabilities(probabilities, weight)
    else:
        msg = f"targets has dtype {given.dtype}; expected integers (class indices) or floats "
        raise TypeError(msg + "(probabilities). Pass targets.long().")
    return Shard(options, width, labels, probabilities, weights, weight)


def fits(tensor: Tensor, expected: tuple[int, ...], name: str, why: str) -> None:
    """Exact shapes only."""
    check_shape(np.broadcast_to(0.0, tuple(tensor.shape)), expected, name, why)


def check_sums(part: Shard, mass: Tensor) -> None:
    """Each row of probabilities sums to 1 over all ranks."""
    assert part.probabilities is not None
    tolerance = SUM_TOLERANCE[str(part.probabilities.dtype).removeprefix("torch.")]
    off = (mass - 1).abs()
    if part.weight is not None:
        off = off.masked_fill(part.weight == 0, 0)
    if off.numel() and off.max() > tolerance:
        row = int(off.argmax())
        msg = f"row {row} of targets sums to {mass[row].item():.6g} over the ranks; each row of "
        msg += f"probabilities must sum to 1 (within {tolerance:g}). Divide each row by its sum "
        raise ValueError(msg + "over all classes, or use sample_weight= for the weight of a row.")


def _rows(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64))


def _weights(
    value: Any, expected: tuple[int, ...], like: Tensor, name: str, why: str
) -> Tensor | None:
    tensor = as_constant(value, like, name)
    if tensor is None:
        return None
    fits(tensor, expected, name, why)
    flat = tensor.detach().reshape(-1)
    if flat.dtype not in (*FLOATS, *INTEGERS) or not (flat.isfinite() & (flat >= 0)).all():
        plain = tensor.detach().cpu()
        plain = plain.double() if plain.dtype in FLOATS else plain
        check_weights(plain.numpy(), expected, name, why)
    return flat.double()


def _without_absent(
    labels: Tensor, weight: Tensor | None, ignore_index: int | None
) -> tuple[Tensor | None, Tensor]:
    """Weights with 0 for ignored rows, and labels with 0 for all rows that are as if absent."""
    if ignore_index is not None:
        ignored = labels == ignore_index
        ones = torch.ones(len(labels), dtype=torch.float64, device=labels.device)
        weight = (ones if weight is None else weight).masked_fill(ignored, 0)
    if weight is not None:
        labels = labels.masked_fill(weight == 0, 0)
    return weight, labels


def _check_probabilities(values: Tensor, weight: Tensor | None) -> None:
    tolerance = SUM_TOLERANCE[str(values.dtype).removeprefix("torch.")]
    bad = ~((values >= 0) & (values <= 1 + tolerance))
    if weight is not None:
        bad &= (weight != 0).unsqueeze(1)
    if bad.any():
        row, place = bad.nonzero()[0].tolist()
        msg = f"targets holds {values[row, place].item():g} (row {row}, own class {place}); "
        raise ValueError(msg + "floats are probabilities, from 0 to 1.")
