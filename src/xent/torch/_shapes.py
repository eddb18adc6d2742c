"""Shapes are checked without looking at numbers: on `meta`, and in compilers, there are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from xent._targets import binary_targets, check_target_shape, class_targets

Tensor = torch.Tensor


def check_classes(shape: Any, axis: int, targets: Tensor, o: Any) -> None:
    """Targets and weights have the shapes that logits of this one ask for."""
    rows = shape[:axis] + shape[axis + 1 :]
    kind = targets.dtype
    if (
        shape[axis]
        and kind != torch.bool
        and tuple(targets.shape) == tuple(shape if kind.is_floating_point else rows)
        and (o.sample_weight is None or o.sample_weight.shape == rows)
        and (o.class_weight is None or o.class_weight.shape == shape[axis : axis + 1])
    ):
        return
    class_targets(
        _hollow(targets),
        _known(shape),
        axis,
        class_weight=_hollow(o.class_weight),
        sample_weight=_hollow(o.sample_weight),
        unchecked=True,
    )


def check_layer_targets(shape: Any, targets: Tensor) -> None:
    """Targets go with the logits of this shape that a layer will make."""
    if targets.shape != tuple(shape if targets.dtype.is_floating_point else shape[:-1]):
        check_target_shape(_hollow(targets), _known(shape))


def check_binary(shape: Any, targets: Tensor, o: Any) -> None:
    """The same for binary logits."""
    if (
        targets.shape == shape
        and (o.sample_weight is None or o.sample_weight.shape == shape)
        and (o.class_weight is None or o.class_weight.shape == (2,))
        and (o.pos_weight is None or o.pos_weight.shape in ((), shape[-1:]))
    ):
        return
    binary_targets(
        _hollow(targets),
        _known(shape),
        class_weight=_hollow(o.class_weight),
        sample_weight=_hollow(o.sample_weight),
        pos_weight=_hollow(o.pos_weight),
    )


def _hollow(tensor: Any) -> Any:
    """Zeros that take no memory: of them, the checks of arrays say what is wrong with the shape."""
    if tensor is None:
        return None
    kind = "f4" if tensor.dtype.is_floating_point else "?" if tensor.dtype == torch.bool else "i8"
    return np.broadcast_to(np.zeros((), kind), _known(tensor.shape))


def _known(shape: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in shape)
