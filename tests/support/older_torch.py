"""What the tests compare with, for versions of PyTorch that do not have it."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - everyone's name for it

HAS_LAYER = hasattr(F, "linear_cross_entropy")
"""Does this version have the loss of a linear layer?"""


def linear_cross_entropy(
    input: Any,  # noqa: A002 - torch's own name
    linear_weight: Any,
    target: Any,
    *,
    linear_bias: Any = None,
    ignore_index: int | None = None,
    options: Any = None,
    **how: Any,
) -> Any:
    """torch.nn.functional.linear_cross_entropy, by its definition."""
    del options
    if linear_weight.ndim > 2 and input.ndim != 2:
        msg = "a weight with K dimensions requires batched input"
        raise RuntimeError(msg)
    if target.is_floating_point() and ignore_index is not None:
        msg = "ignore_index is not supported beside probabilities"
        raise RuntimeError(msg)
    z = torch.tensordot(input, linear_weight, dims=([-1], [-1]))
    z = z if linear_bias is None else z + linear_bias
    return F.cross_entropy(
        z, target, ignore_index=-100 if ignore_index is None else ignore_index, **how
    )


def add_what_is_missing() -> None:
    """Give older PyTorch the function and the module of a linear layer's loss."""
    if HAS_LAYER:
        return
    import xent.torch  # noqa: F401 - before the module is there, which it would build on
    from xent.torch import _older

    class LinearCrossEntropyLoss(_older.LinearCrossEntropyLoss):
        def forward(self, input: Any, target: Any) -> Any:  # noqa: A002 - torch's own name
            shape, layer = (self.num_classes, *self.out_features), self.linear
            return linear_cross_entropy(
                input,
                layer.weight.reshape(*shape, -1),
                target,
                linear_bias=None if layer.bias is None else layer.bias.reshape(shape),
                weight=self.weight,
                reduction=self.reduction,
                ignore_index=self.ignore_index,
                label_smoothing=self.label_smoothing,
            )

    F.linear_cross_entropy = linear_cross_entropy
    torch.nn.LinearCrossEntropyLoss = LinearCrossEntropyLoss
