"""A linear layer with K dimensions of positions: a weight for each position, the same inputs.

Positions are flattened, and come first: the weight is (positions, classes, D), the rows of losses
and targets are (positions, rows).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch

from xent._engine.linear import BIAS, INPUTS, WEIGHT, Gradients, Layer, Products

Tensor = torch.Tensor


class LayerOfPositions:
    """A `Layer` for each position, as one layer with the rows of all positions."""

    def __init__(
        self, products: Products, inputs: Tensor, weight: Tensor, bias: Tensor | None
    ) -> None:
        self.products = products
        self.dtype = products.dtype(inputs, weight)
        self.inputs, self.weight = inputs, weight
        biases = [None] * len(weight) if bias is None else list(bias)
        self.layers = [
            Layer(products, inputs, each, of_class)
            for each, of_class in zip(weight, biases, strict=True)
        ]
        self.count = inputs.shape[0]
        """Rows per position."""
        self.rows, self.classes = len(weight) * self.count, weight.shape[1]
        self.grads = Gradients(None, None, None)

    def want(self, wanted: int, inputs_dtype: Any) -> None:
        """Allocate the gradients. That of the inputs is a sum, in the products' dtype."""
        del inputs_dtype
        empty, shape = self.products.empty, tuple(self.inputs.shape)
        weight = bias = inputs = part = None
        if wanted & INPUTS:
            inputs, part = empty(shape, self.dtype).zero_(), empty(shape, self.dtype)
        if wanted & WEIGHT:
            weight = empty(tuple(self.weight.shape), self.dtype).zero_()
        if wanted & BIAS:
            bias = empty(tuple(self.weight.shape[:2]), self.products.float64).zero_()
        self.grads = Gradients(inputs, weight, bias)
        for position, layer in enumerate(self.layers):
            layer.grads = Gradients(
                part,
                None if weight is None else weight[position],
                None if bias is None else bias[position],
            )

    def chunks(self) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """Rows, their inputs and their logits, position by position."""
        if not self.layers:  # at least one chunk
            yield slice(0, 0), self.inputs[:0], self.products.empty((0, self.classes), self.dtype)
        for position, layer in enumerate(self.layers):
            start = position * self.count
            for index, x, logits in layer.chunks():
                yield slice(start + index.start, start + index.stop), x, logits

    def add(self, index: slice, x: Tensor, gradient: Tensor, weight: Any) -> None:
        """Add a chunk's share, from the gradient of its logits and the weight of its rows."""
        if not len(x):
            return
        position, start = divmod(index.start, self.count)
        rows, layer = slice(start, start + len(x)), self.layers[position]
        layer.add(rows, x, gradient, weight)
        if self.grads.inputs is not None:
            self.grads.inputs[rows] += layer.grads.inputs[rows]


def as_rows(inputs: Tensor) -> Tensor:
    """The inputs with one axis of rows. Not by -1: there may be no rows, or rows of width 0."""
    return inputs.reshape(math.prod(inputs.shape[:-1]), inputs.shape[-1])


def rows_shape(inputs: Tensor, weight: Tensor) -> tuple[int, ...]:
    """The shape of the rows' losses: (positions, rows) if the weight has positions."""
    return *weight.shape[:-2], *inputs.shape[:-1]
