"""Derivatives of a linear layer's cross-entropy that recompute its logits, in chunks.

With G the gradient for a chunk's logits z = x Wᵀ + b, the layer's gradients are G W, Gᵀ x and the
sum of G over rows. A direction (dx, dW, dt, db) moves z by V = dx Wᵀ + x dWᵀ + db, and G by
G' = H V + X dt, where H and X are second derivatives for the logits alone. So

    (G W)' = G' W + G dW        (Gᵀ x)' = G'ᵀ x + Gᵀ dx

Second derivatives are symmetric, so the same formulas take upstream gradients of the layer's
gradients back to its arguments. Log-sum-exp, whose gradient for z is p, is not part of the loss
that the forward pass differentiates. All operations are differentiable, so further derivatives
follow; those keep the logits of all chunks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from xent._engine import linear
from xent._engine.linear import BIAS, INPUTS, TARGETS, WEIGHT
from xent._options import LossOptions
from xent.torch._derivatives import (
    divisor_depends_on_targets,
    logsumexp_gradient,
    reduced_weight,
    rows_of_logits,
    target_rows,
)
from xent.torch._interop import sum_dtype
from xent.torch._positions import as_rows, rows_shape

Tensor = torch.Tensor
CHUNK = linear.CHUNK // 8
"""Logits per chunk: these operations hold about ten arrays of its size."""

FLAGS = INPUTS, WEIGHT, TARGETS, BIAS
"""Bits of `needs_grad`, in the order of a layer's tensors and of the results."""

DEPENDENT = (
    "linear_cross_entropy has no second derivative if targets require a gradient and a mean has "
    "class weights: its divisor depends on the targets. Use reduction='sum' and divide."
)


class Chunk(NamedTuple):
    """Some rows of a layer, at one position, and their directions; None for what has none."""

    rows: slice
    """Among the rows of all positions."""
    position: int
    x: Tensor
    w: Tensor
    targets: Tensor
    bias: Tensor | None
    dx: Tensor | None
    dw: Tensor | None
    dt: Tensor | None
    db: Tensor | None

    def without(self, absent: Tensor | None) -> Chunk:
        """The chunk with zeros in rows that do not count, whatever they hold."""
        if absent is None:
            return self
        dx = None if self.dx is None else self.dx.masked_fill(absent, 0)
        return self._replace(x=self.x.masked_fill(absent, 0), dx=dx)

    def logits(self) -> Tensor:
        """The logits z."""
        z: Tensor = torch.nn.functional.linear(self.x, self.w, self.bias)
        return z

    def direction(self) -> Tensor:
        """The direction V in which the logits move."""
        v: Tensor = self.x.new_zeros(self.x.shape[0], self.w.shape[0])
        if self.dx is not None:
            v = v + self.dx @ self.w.T
        if self.dw is not None:
            v = v + self.x @ self.dw.T
        return v if self.db is None else v + self.db


class Changes(NamedTuple):
    """What a direction changes; None where not wanted."""

    rows: Tensor
    """The losses of the rows, before they are reduced."""
    inputs: Tensor | None
    weight: Tensor | None
    targets: Tensor | None
    bias: Tensor | None


class _Gradients:
    """The layer's gradients, from the chunks that were added."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.targets: list[Tensor] = []
        # A list or a sum for each position.
        self.inputs: dict[int, list[Tensor]] = {}
        self.weight: dict[int, Tensor] = {}
        self.bias: dict[int, Tensor] = {}

    def add(self, chunk: Chunk, of_logits: Tensor, gradient: Tensor | None = None) -> None:
        """Add a chunk's share, from the gradient of its logits.

        If that is the change of a gradient along a direction, the gradient is given too.
        """
        position = chunk.position
        if self.wanted & INPUTS:
            part = of_logits @ chunk.w
            if gradient is not None and chunk.dw is not None:
                part = part + gradient @ chunk.dw
            self.inputs.setdefault(position, []).append(part)
        if self.wanted & WEIGHT:
            part = of_logits.T @ chunk.x
            if gradient is not None and chunk.dx is not None:
                part = part + gradient.T @ chunk.dx
            self.weight[position] = self.weight.get(position, 0) + part
        if self.wanted & BIAS:
            self.bias[position] = self.bias.get(position, 0) + of_logits.sum(0)

    def like(self, tensors: Any) -> tuple[Tensor | None, ...]:
        """The gradients for inputs, weight, targets and bias, in their shapes."""
        inputs, weight, targets, _ = tensors
        if not self.weight.keys() | self.inputs.keys() | self.bias.keys() and not self.targets:
            # Nothing was added: nothing is wanted, or there are no positions.
            made = zip(FLAGS, tensors, strict=True)
            return tuple(torch.zeros_like(t) if self.wanted & flag else None for flag, t in made)
        of_inputs = of_weight = of_targets = of_bias = None
        if self.inputs:
            of_positions = [torch.cat(parts) for parts in self.inputs.values()]
            of_inputs = sum(of_positions[1:], of_positions[0]).reshape(inputs.shape)
        if self.weight:
            of_weight = torch.stack(list(self.weight.values())).reshape(weight.shape)
        if self.targets:
            of_targets = torch.cat(self.targets).reshape(targets.shape)
        if self.bias:
            of_bias = torch.stack(list(self.bias.values())).reshape(weight.shape[:-1])
        return of_inputs, of_weight, of_targets, of_bias


def changes(
    o: LossOptions, tensors: Any, directions: Any, factors: Tensor | None = None
) -> Changes:
    """Changes of the row losses and of the gradients named by `o.needs_grad`.

    `factors` multiply the rows' gradients, if these are gradients of row losses.
    """
    if divisor_depends_on_targets(o) and (o.needs_grad & TARGETS or directions[2] is not None):
        raise NotImplementedError(DEPENDENT)
    divisors, weight = _divisors(tensors, o), _flat_weight(o)
    losses, gradients = [], _Gradients(o.needs_grad)
    for chunk in _chunks(tensors, directions):
        part = None if weight is None else weight[chunk.rows]
        chunk_o = o.replace(axis=1, sample_weight=part)
        chunk = chunk.without(_absent(chunk.targets, chunk_o))
        z, v = chunk.logits(), chunk.direction()
        rows = rows_of_logits(z, chunk.targets, chunk_o, divisors)
        gradient, moved = rows.gradient(), rows.second(v)
        loss = (gradient * v).sum(1)
        if chunk.dt is not None:
            loss = loss + (rows.targets_gradient(None) * chunk.dt).sum(1)
            moved = moved + rows.change_by_targets(chunk.dt)
        losses.append(loss)
        factor: Any = 1.0
        if factors is not None:
            factor = factors.reshape(-1, 1)[chunk.rows].to(z.dtype)
        gradients.add(chunk, moved * factor, gradient * factor)
        if o.needs_grad & TARGETS:
            gradients.targets.append(rows.targets_second(v) * factor)
    of_rows = torch.cat(losses) if losses else tensors[1].new_zeros(0)  # there may be no positions
    return Changes(of_rows, *gradients.like(tensors))


def logsumexp_gradients(
    o: LossOptions, tensors: Any, upstream: Tensor
) -> tuple[Tensor | None, ...]:
    """Gradients of the rows' log-sum-exps, times their upstream gradients."""
    gradients, factors = _Gradients(o.needs_grad), upstream.reshape(-1, 1)
    for chunk in _chunks(tensors, (None,) * 4):
        of_rows = logsumexp_gradient(chunk.logits(), o.replace(axis=1), factors[chunk.rows])
        gradients.add(chunk, of_rows)
    return gradients.like(tensors)


def logsumexp_change(o: LossOptions, tensors: Any, directions: Any) -> Tensor:
    """Changes of the rows' log-sum-exps."""
    o = o.replace(axis=1)
    parts = [
        logsumexp_gradient(chunk.logits(), o, chunk.direction()).sum(1)
        for chunk in _chunks(tensors, directions)
    ]
    shape = rows_shape(*tensors[:2])
    return torch.cat(parts).reshape(shape) if parts else tensors[1].new_zeros(shape)


def _chunks(tensors: Any, directions: Any) -> Iterator[Chunk]:
    """Rows whose logits are computed together; at least one chunk per position, even if empty."""
    x, w, t, b = _flat(tensors, tensors)
    dx, dw, dt, db = _flat(directions, tensors)
    count, step = x.shape[0], max(1, CHUNK // max(1, w.shape[1]))
    for position in range(w.shape[0]):
        at: list[Any] = [None if each is None else each[position] for each in (w, b, dw, db)]
        for start in range(0, max(1, count), step):
            part = slice(start, min(start + step, count))
            rows = slice(position * count + part.start, position * count + part.stop)
            yield Chunk(
                rows, position, x[part], at[0], t[rows], at[1],
                None if dx is None else dx[part], at[2], None if dt is None else dt[rows], at[3],
            )  # fmt: skip


def _flat(tensors: Any, like: Any) -> tuple[Any, ...]:
    """The tensors with rows along one axis and positions first, in the compute dtype; None stays.

    The rows of targets are those of all positions. Labels stay as they are.
    """
    inputs, weight, targets, bias = tensors
    x, w = like[:2]
    kind = torch.float64 if torch.float64 in (x.dtype, w.dtype) else torch.float32
    classes, features, positions = w.shape[-2], w.shape[-1], math.prod(w.shape[:-2])
    # Not -1: there may be no rows, or rows of no width.
    if targets is not None:
        soft = targets.dtype.is_floating_point
        rows = positions * math.prod(x.shape[:-1])
        targets = targets.reshape(rows, classes).to(kind) if soft else targets.reshape(rows)
    return (
        None if inputs is None else as_rows(inputs).to(kind),
        None if weight is None else weight.to(kind).reshape(positions, classes, features),
        targets,
        None if bias is None else bias.to(kind).reshape(positions, classes),
    )


def _absent(targets: Tensor, o: LossOptions) -> Tensor | None:
    """Which rows do not count; None if all do."""
    if o.sample_weight is None and o.ignore_index is None:
        return None
    ones = torch.ones(targets.shape[:1], device=targets.device)
    return (reduced_weight(targets, ones, o.replace(reduction="sum"), None) == 0).unsqueeze(1)


def _flat_weight(o: LossOptions) -> Tensor | None:
    return None if o.sample_weight is None else o.sample_weight.reshape(-1)


def _divisors(tensors: Any, o: LossOptions) -> tuple[Any, Any]:
    """What the means of the losses and of z-loss divide by."""
    if o.reduction != "mean" or o.divisor is not None:
        return o.divisor, o.divisor
    classes, targets = tensors[1].shape[-2], _flat(tensors, tensors)[2]
    o = o.replace(reduction="sum", sample_weight=_flat_weight(o), label_smoothing=0.0, axis=1)
    ones = torch.ones(targets.shape[0], dtype=sum_dtype(targets.device), device=targets.device)
    of_rows = reduced_weight(targets, ones, o, None)
    if o.class_weight is None:
        return of_rows.sum(), of_rows.sum()
    of_classes = target_rows(targets, ones.unsqueeze(1).expand(-1, classes), o).sum(1)
    return (of_rows * of_classes).sum(), of_rows.sum()
