"""The fused linear layer beside torch's two steps, and beside the matrix products it must do."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import TypedDict

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - everyone's name for it

import xent

ROWS, FEATURES, CLASSES = 4096, 1024, 32000
CHUNK = 1024
"""Rows of logits that the bare products hold at a time, as xent does."""


class Linear(TypedDict):
    """Seconds of every column, and bytes beside the gradients at the most."""

    shape: tuple[int, int, int]
    seconds: dict[str, list[float]]
    extra_bytes: int
    gradient_bytes: int


def measure(
    take_turns: Callable[[dict[str, Callable[[], object]]], dict[str, list[float]]],
) -> Linear:
    """Loss and gradients for inputs and weight, in float32."""
    rng = np.random.default_rng(4)
    x = rng.standard_normal((ROWS, FEATURES), np.float32)
    w = rng.standard_normal((CLASSES, FEATURES), np.float32) / 32
    labels = rng.integers(0, CLASSES, ROWS)
    tensors = torch.from_numpy(x), torch.from_numpy(w), torch.from_numpy(labels)

    def products() -> None:
        d_weight = np.zeros_like(w)
        logits = np.empty((CHUNK, CLASSES), np.float32)
        for i in range(0, ROWS, CHUNK):
            part = x[i : i + CHUNK]
            np.matmul(part, w.T, out=logits)
            logits @ w
            np.matmul(logits.T, part, out=d_weight)

    def ours() -> object:
        return xent.linear_cross_entropy(x, w, labels, return_grad=True)

    def theirs(loss: Callable[..., torch.Tensor]) -> Callable[[], object]:
        def call() -> object:
            inputs, weight = (t.detach().requires_grad_() for t in tensors[:2])
            return torch.autograd.grad(loss(inputs, weight, tensors[2]), (inputs, weight))

        return call

    def two_steps(
        inputs: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor
    ) -> torch.Tensor:
        return F.cross_entropy(inputs @ weight.T, targets)

    torch.compiler.reset()
    seconds = take_turns(
        {
            "products": products,
            "xent": ours,
            "torch": theirs(two_steps),
            "torch.compile": theirs(torch.compile(two_steps, dynamic=False)),
        }
    )
    xent.empty_cache()  # memory that is used again is not seen
    tracemalloc.start()
    ours()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return Linear(
        shape=(ROWS, FEATURES, CLASSES),
        seconds=seconds,
        extra_bytes=peak - x.nbytes - w.nbytes,
        gradient_bytes=x.nbytes + w.nbytes,
    )
