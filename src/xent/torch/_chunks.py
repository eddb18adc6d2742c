"""A linear layer's loss and gradients, a chunk of rows at a time: its logits live no longer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from xent._engine import numpy as backend
from xent._engine.numpy import STATS
from xent._engine.reduced import reduced, row_losses, scale
from xent._targets import ClassTargets, class_targets
from xent._validation import Array
from xent.torch import _buffer_pool, _interop
from xent.torch._derivatives import capped
from xent.torch._shapes import check_classes

Tensor = torch.Tensor
CHUNK = 1 << 24
"""Logits of a chunk: 64 MiB in float32."""


class Options(NamedTuple):
    """What belongs to a loss beside inputs, weight, targets and bias."""

    class_weight: Tensor | None
    sample_weight: Tensor | None
    ignore_index: int | None
    label_smoothing: float
    softcap: float | None
    z_loss: float
    reduction: str
    divisor: float | None
    unchecked: bool
    wanted: int
    """Which gradients: 1 for inputs, 2 for weight, 4 for bias, 8 for targets."""


def wanted_kind(inputs: Tensor, weight: Tensor) -> torch.dtype:
    """In which dtype the products are taken."""
    both = (inputs.dtype, weight.dtype)
    return torch.float64 if torch.float64 in both else torch.float32


class Gradients(NamedTuple):
    """Of inputs, weight, bias and targets."""

    inputs: Tensor | None
    weight: Tensor | None
    bias: Tensor | None
    targets: Tensor | None


class Pass:
    """One walk over the chunks."""

    def __init__(
        self, inputs: Tensor, weight: Tensor, targets: Tensor, bias: Tensor | None, o: Options
    ) -> None:
        self.kind = wanted_kind(inputs, weight)
        self.x = inputs.detach().reshape(-1, inputs.shape[-1])
        self.w = weight.detach()
        self.b = None if bias is None else bias.detach().to(self.kind)
        self.o = o
        classes = len(weight)
        rows = inputs.shape[:-1]
        check_classes((*rows, classes), len(rows), targets, o)
        shape = (len(self.x), classes)
        given = _interop.array(targets)
        soft = targets.dtype.is_floating_point
        sample_weight = _interop.option(o.sample_weight)
        self.rows: ClassTargets = class_targets(
            given.reshape(shape) if soft else given.reshape(-1),
            shape,
            1,
            class_weight=_interop.option(o.class_weight),
            sample_weight=None if sample_weight is None else sample_weight.reshape(-1),
            ignore_index=o.ignore_index,
            label_smoothing=o.label_smoothing,
            unchecked=o.unchecked,
        )
        self.total = self.rows.total if o.divisor is None else o.divisor
        self.step = max(1, min(len(self.x), CHUNK // max(1, classes)))

    def chunks(self) -> Iterator[tuple[slice, Tensor, Tensor, Any]]:
        """Rows, their inputs, their logits and their targets."""
        classes = len(self.w)
        buffer = _buffer_pool.empty((min(self.step, len(self.x)), classes), self.kind)
        wide = self.w if self.w.dtype == self.kind else None
        for start in range(0, len(self.x), self.step):
            index = slice(start, min(start + self.step, len(self.x)))
            x = self.x[index].to(self.kind)
            logits = buffer[: len(x)]
            if wide is not None:
                torch.mm(x, wide.T, out=logits)
            else:  # widened some classes at a time: the whole weight may be large
                for tile in self.tiles():
                    torch.mm(x, self.w[tile].to(self.kind).T, out=logits[:, tile])
            if self.b is not None:
                logits += self.b
            yield index, x, logits, backend.take(self.rows, (index,))

    def tiles(self) -> Iterator[slice]:
        """Classes whose weights are widened at a time."""
        step = max(1, CHUNK // 4 // max(1, self.w.shape[1]))
        for start in range(0, len(self.w), step):
            yield slice(start, start + step)

    def gradients(self) -> Gradients:
        """Room for the gradients that are wanted, zero where they are sums."""
        flags = self.o.wanted
        sums = self.kind
        return Gradients(
            _buffer_pool.empty(tuple(self.x.shape), self.x.dtype) if flags & 1 else None,
            _buffer_pool.zeros(tuple(self.w.shape), sums) if flags & 2 else None,
            torch.zeros(len(self.w), dtype=torch.float64, device="cpu") if flags & 4 else None,
            _buffer_pool.empty((len(self.x), len(self.w)), sums) if flags & 8 else None,
        )

    def fill(
        self, grads: Gradients, index: slice, x: Tensor, logits: Tensor, part: ClassTargets
    ) -> None:
        """Add a chunk's share; `logits` hold their gradient by now."""
        backend.flush_subnormals(logits.numpy())
        if grads.inputs is not None:
            if self.w.dtype == self.kind == grads.inputs.dtype:
                torch.mm(logits, self.w, out=grads.inputs[index])
            else:
                sums = torch.zeros_like(x)
                for tile in self.tiles():
                    sums.addmm_(logits[:, tile], self.w[tile].to(self.kind))
                grads.inputs[index] = sums
        if grads.weight is not None:
            present = torch.from_numpy(backend.present(x.numpy(), part.weight))
            grads.weight.addmm_(logits.T, present)
        if grads.bias is not None:
            grads.bias.add_(logits.sum(0, dtype=torch.float64))


def forward(
    inputs: Tensor, weight: Tensor, targets: Tensor, bias: Tensor | None, o: Options
) -> tuple[Tensor, ...]:
    """Loss and the gradients for inputs, weight, bias and targets, empty where not wanted."""
    return _computed(inputs, weight, targets, bias, o, None)


def forward_with_stats(
    inputs: Tensor, weight: Tensor, targets: Tensor, bias: Tensor | None, o: Options
) -> tuple[Tensor, ...]:
    """The same, and log-sum-exp, entropy and largest class of each row."""
    rows = inputs.shape[:-1]
    found = np.empty((math.prod(rows), STATS))
    results = _computed(inputs, weight, targets, bias, o, found)
    return *results, torch.from_numpy(found).reshape(*rows, STATS)


def _computed(
    inputs: Tensor,
    weight: Tensor,
    targets: Tensor,
    bias: Tensor | None,
    o: Options,
    stats: Array | None,
) -> tuple[Tensor, ...]:
    work = Pass(inputs, weight, targets, bias, o)
    reduces = o.reduction != "none"
    grads = work.gradients() if reduces else Gradients(None, None, None, None)
    learns = bool(o.wanted) and reduces
    factor = scale(o.reduction, work.total)
    like: Array = np.empty(
        0, _interop.array(inputs[:0]).dtype if work.kind != torch.float64 else "f8"
    )
    losses = row_losses(like, (len(work.x),), o.reduction)
    sums = []
    with np.errstate(all="ignore"):
        for index, x, logits, part in work.chunks():
            if grads.targets is not None:
                grads.targets[index] = _surprise(logits, o)
            z = logits.numpy()
            sums.append(
                backend.cross_entropy_pass(
                    z, part, scale=factor, softcap=o.softcap, z_loss=o.z_loss,
                    grad=z if learns else None,
                    losses=None if losses is None else losses[index],
                    stats=None if stats is None else stats[index],
                )
            )  # fmt: skip
            if learns:
                work.fill(grads, index, x, logits, part)
    loss = reduced(o.reduction, backend.total(sums), work.total, losses)
    kind = _interop.loss_dtype(work.kind)
    result = _interop.tensor(loss, kind)
    if o.reduction == "none":
        result = result.reshape(inputs.shape[:-1])
    empty = reduces and o.reduction == "mean" and not work.total > 0
    if grads.targets is not None:
        _weigh_targets(grads.targets, work, factor, float(loss))
    return result, *_shaped(grads, inputs, weight, bias, targets, empty=empty)


def _surprise(logits: Tensor, o: Options) -> Tensor:
    z = capped(logits, o.softcap)
    return torch.logsumexp(z, 1, keepdim=True) - z


def _weigh_targets(gradient: Tensor, work: Pass, factor: float, loss: float) -> None:
    """Make log-probabilities, negated, the gradient for soft targets."""
    o = work.o
    if o.class_weight is not None:
        gradient *= (1 - o.label_smoothing) * o.class_weight.to(gradient.dtype)
        if o.reduction == "mean" and o.divisor is None:
            gradient -= loss * o.class_weight.to(gradient.dtype)
    else:
        gradient *= 1 - o.label_smoothing
    gradient *= factor
    if work.rows.weight is not None:
        weight = torch.from_numpy(work.rows.weight)
        gradient *= weight[:, None].to(gradient.dtype)
        gradient[weight == 0] = 0


def _shaped(
    grads: Gradients,
    inputs: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    *,
    empty: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The gradients in the arguments' shapes and dtypes."""

    def shaped(gradient: Tensor | None, argument: Tensor | None) -> Tensor:
        if gradient is None or argument is None:
            return inputs.new_empty((0,))
        if empty:
            gradient.zero_()
        return gradient.to(argument.dtype).reshape(argument.shape)

    return (
        shaped(grads.inputs, inputs),
        shaped(grads.weight, weight),
        shaped(grads.bias, bias),
        shaped(grads.targets, targets),
    )


def backward_of_rows(
    upstream: Tensor,
    inputs: Tensor,
    weight: Tensor,
    targets: Tensor,
    bias: Tensor | None,
    o: Options,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of row losses, each times its upstream gradient."""
    work = Pass(inputs, weight, targets, bias, o)
    grads = work.gradients()
    factors = upstream.detach().reshape(-1, 1).to(work.kind)
    with np.errstate(all="ignore"):
        for index, x, logits, part in work.chunks():
            if grads.targets is not None:
                grads.targets[index] = _surprise(logits, o) * factors[index]
            z = logits.numpy()
            backend.cross_entropy_pass(
                z, part, scale=1.0, softcap=o.softcap, z_loss=o.z_loss, grad=z, losses=None
            )
            logits *= factors[index]
            work.fill(grads, index, x, logits, part)
    if grads.targets is not None:
        _weigh_targets(grads.targets, work, 1.0, 0.0)
    return _shaped(grads, inputs, weight, bias, targets, empty=False)
