"""Custom objectives of XGBoost and LightGBM: gradient and Hessian, often of (labels, scores)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from xent.check.conventions import Convention, names_contradict, scores_first


def gradient_alone(grad: Callable[..., Any], loss: Callable[..., Any]) -> Callable[..., Any]:
    """The gradient as a function of the loss's arguments, whatever else `grad` returns.

    Of a pair of arrays of one shape the first is the gradient, the second the Hessian's diagonal.
    Where the names of its parameters say that the labels come first, and those of the loss's
    parameters that they come last, they are exchanged.
    """
    exchanged = names_contradict(grad, Convention()) and scores_first(loss)

    def gradient(*arguments: Any) -> Any:
        value = grad(*(arguments[::-1] if exchanged else arguments))
        if isinstance(value, tuple) and len(value) == 2:
            first, second = value
            if np.shape(first) == np.shape(second) != ():
                return first
        return value

    return gradient
