"""The options of a loss as arguments of an operation: saved for backward, and mapped by vmap."""

from __future__ import annotations

from typing import Any

import torch

from xent._options import SCHEMA, WEIGHTS, LossOptions
from xent.torch._operation import Operation, batch_dim_first

Tensor = torch.Tensor
WITHOUT: dict[str, Any] = dict.fromkeys(WEIGHTS)


def loss_operation(name: str, tensors: str, results: int, **rules: Any) -> Operation:
    """The operation of a loss, whose arguments are tensors and then the options."""
    returns = ", ".join(["Tensor"] * results)
    return Operation(f"{name}({tensors}, {SCHEMA}) -> ({returns})", LossOptions, **rules)


def split_weights(options: LossOptions) -> tuple[LossOptions, tuple[Tensor | None, ...]]:
    """The options without their tensors, and the tensors: autograd has to save those itself."""
    weights = (options.class_weight, options.sample_weight, options.pos_weight)
    if weights == (None, None, None):
        return options, ()
    return options.replace(**WITHOUT), weights


def join_weights(options: LossOptions, weights: Any) -> LossOptions:
    """The options with the tensors that were saved separately."""
    return options.replace(**dict(zip(WEIGHTS, weights, strict=True))) if weights else options


def map_over_rows(
    operation: Operation,
    info: Any,
    dims: tuple[Any, ...],
    arguments: tuple[Any, ...],
    rows: set[int],
) -> tuple[Any, LossOptions] | None:
    """Results of a batch as further rows; None if rows are reduced, or share a mapped argument.

    `rows` are the positions of the tensors that have rows; sample weights have them too.
    """
    count = operation.tensors
    options = LossOptions(*arguments[count:])
    mapped = {*rows, count + LossOptions._fields.index("sample_weight")}
    if options.reduction != "none" or any(
        dim is not None for place, dim in enumerate(dims) if place not in mapped
    ):
        return None
    values = [
        batch_dim_first(value, dims[place], info.batch_size) if place in mapped else value
        for place, value in enumerate(arguments)
    ]
    options = LossOptions(*values[count:])
    options = options.replace(axis=options.axis + 1)
    return operation.operator(*values[:count], *options), options
