"""Newton's method for a convex mean loss of one or two numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from xent._validation import Array

Loss = Callable[[Array], tuple[float, Array, Array]]
"""Value, gradient and Hessian at a point."""
STEPS = 100


def minimum(loss: Loss, start: Array) -> Array | None:
    """Where a convex loss is least; None if that is not found within 100 steps.

    A step that does not lessen the loss is halved. It ends where the Newton decrement g·H⁻¹·g,
    twice the distance to the least loss, is within rounding.
    """
    at = start
    value, gradient, hessian = loss(at)
    for _ in range(STEPS):
        try:
            step = np.linalg.solve(hessian, gradient)
        except np.linalg.LinAlgError:
            return None
        decrement = float(gradient @ step)
        if not decrement >= 0:
            return None
        if decrement <= 1e-15 * (1.0 + abs(value)):
            return np.asarray(at - step)
        for _ in range(60):
            tried = loss(at - step)
            if tried[0] <= value - decrement / 1000:
                break
            step = step / 2
        else:
            return at if decrement < 1e-9 * (1.0 + abs(value)) else None
        at = at - step
        value, gradient, hessian = tried
    return None
