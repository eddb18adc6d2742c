"""A linear layer, a chunk of rows at a time: its logits exist for only one chunk.

All callers share one loop. NumPy arrays, tensors and classes divided over processes differ in how
memory is allocated and products are computed (`Products`), and in what the caller does with a chunk
of logits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from xent._engine import buffer_pool, cpu

Array = Any
CHUNK = 1 << 24
"""Logits per chunk: 64 MiB in float32, about 500 rows of 32,000 classes."""

INPUTS, WEIGHT, TARGETS, BIAS = 1, 2, 4, 8
"""Bits of the gradients that are wanted, in the order of a tensor operation's arguments."""


class Products(Protocol):
    """Matrix products in one array library, over memory that is written in place."""

    float64: Any
    """The library's dtype for sums over rows."""

    def dtype(self, inputs: Array, weight: Array) -> Any:
        """The dtype in which products are computed: at least float32."""

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array: ...

    def cast(self, array: Array, dtype: Any) -> Array:
        """The array in this dtype; the array itself if it already has it."""

    def matmul(self, a: Array, b: Array, out: Array) -> None: ...

    def add_matmul(self, total: Array, a: Array, b: Array) -> None:
        """Add a @ b to the total."""

    def add_column_sums(self, total: Array, array: Array) -> None:
        """Add the sum over the rows to a float64 total."""

    def zero_rows(self, array: Array, weight: Array) -> Array:
        """The array with 0 in the rows of weight 0, whose NaN would survive a product with 0."""

    def flush_subnormals(self, array: Array) -> None:
        """Set subnormal numbers to 0, if they would slow down a product tenfold."""


class Gradients(NamedTuple):
    """Gradients of a layer; None where not wanted."""

    inputs: Array | None
    weight: Array | None
    bias: Array | None


class Layer:
    """The inputs (rows, D), weight (K, D) and bias (K,) of a linear layer, and their gradients."""

    def __init__(
        self, products: Products, inputs: Array, weight: Array, bias: Array | None
    ) -> None:
        self.products = products
        self.dtype = products.dtype(inputs, weight)
        self.inputs, self.weight = inputs, weight
        self.bias = None if bias is None else products.cast(bias, self.dtype)
        self.rows, self.classes = inputs.shape[0], weight.shape[0]
        self.step = max(1, min(self.rows, CHUNK // max(1, self.classes)))
        """Rows per chunk."""
        self.grads = Gradients(None, None, None)

    def want(self, wanted: int, inputs_dtype: Any) -> None:
        """Allocate the gradients; those that are sums over chunks have the products' dtype."""
        empty = self.products.empty
        weight = empty(tuple(self.weight.shape), self.dtype) if wanted & WEIGHT else None
        bias = empty((self.classes,), self.products.float64) if wanted & BIAS else None
        for total in (weight, bias):
            if total is not None:
                total[...] = 0
        inputs = empty(tuple(self.inputs.shape), inputs_dtype) if wanted & INPUTS else None
        self.grads = Gradients(inputs, weight, bias)

    def chunks(self) -> Iterator[tuple[slice, Array, Array]]:
        """Rows, their inputs and their logits; all chunks' logits use the same memory."""
        memory = self.products.empty((self.step, self.classes), self.dtype)
        for start in range(0, max(1, self.rows), self.step):  # at least one chunk, even if empty
            index = slice(start, min(start + self.step, self.rows))
            x = self.products.cast(self.inputs[index, ...], self.dtype)
            logits = memory[: index.stop - start, ...]
            for classes, weight in self.tiles():
                self.products.matmul(x, weight.T, logits[:, classes])
            if self.bias is not None:
                logits += self.bias
            yield index, x, logits

    def tiles(self) -> Iterator[tuple[slice, Array]]:
        """The weight in the products' dtype; a few classes at a time if that needs a copy."""
        if self.weight.dtype == self.dtype:
            yield slice(0, self.classes), self.weight
            return
        step = max(1, CHUNK // 4 // max(1, self.weight.shape[1]))
        for start in range(0, self.classes, step):
            tile = slice(start, start + step)
            yield tile, self.products.cast(self.weight[tile, ...], self.dtype)

    def add(self, index: slice, x: Array, gradient: Array, weight: Array | None) -> None:
        """Add a chunk's share, from the gradient of its logits and the weight of its rows."""
        self.products.flush_subnormals(gradient)
        inputs, of_weight, of_bias = self.grads
        if inputs is not None:
            if inputs.dtype == self.weight.dtype == self.dtype:
                self.products.matmul(gradient, self.weight, inputs[index, ...])
            else:
                total = self.products.empty(tuple(x.shape), self.dtype)
                total[...] = 0
                for classes, tile in self.tiles():
                    self.products.add_matmul(total, gradient[:, classes], tile)
                inputs[index, ...] = total
        if of_weight is not None:
            if weight is not None:
                x = self.products.zero_rows(x, weight)
            self.products.add_matmul(of_weight, gradient.T, x)
        if of_bias is not None:
            self.products.add_column_sums(of_bias, gradient)


class NumPyProducts:
    """Products of NumPy arrays."""

    PIECE = 1 << 20
    """Elements of a product that stay in cache until they are added."""

    float64 = np.dtype(np.float64)

    def dtype(self, inputs: Array, weight: Array) -> Any:
        double = np.float64 in (inputs.dtype, weight.dtype)
        return np.dtype(np.float64 if double else np.float32)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        return buffer_pool.empty(shape, dtype)

    def cast(self, array: Array, dtype: Any) -> Array:
        return array.astype(dtype, copy=False)

    def matmul(self, a: Array, b: Array, out: Array) -> None:
        np.matmul(a, b, out=out)

    def add_matmul(self, total: Array, a: Array, b: Array) -> None:
        # NumPy cannot add a product in place, so a few rows of it at a time.
        step = max(1, self.PIECE // max(1, b.shape[1]))
        for i in range(0, len(total), step):
            total[i : i + step] += a[i : i + step] @ b

    def add_column_sums(self, total: Array, array: Array) -> None:
        total += array.sum(axis=0, dtype=np.float64)

    def zero_rows(self, array: Array, weight: Array) -> Array:
        absent = weight == 0
        if np.isfinite(array[absent]).all():
            return array
        return np.where(absent[:, None], array.dtype.type(0), array)

    def flush_subnormals(self, array: Array) -> None:
        kernels = cpu.for_size(array.size)
        if kernels is not None:
            kernels.flush_subnormals(array)
            return
        array[np.abs(array) < np.finfo(array.dtype).tiny] = 0
