"""Outcomes drawn as if every predicted probability were right."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from xent._validation import Array
from xent.scoring.calibration.outcomes import Outcomes

SEED = 20240229
AT_ONCE = 1 << 19
"""Numbers drawn at a time."""


def draws(outcomes: Outcomes, count: int, seed: int = SEED) -> Iterator[Array]:
    """What comes true, as weights of shape (some, m), `count` rows of them in all.

    The number that comes true in a cell of r rows with probability p is binomial, B(r, p).

    Parameters
    ----------
    outcomes : Outcomes
        The cells; what came true in them is not used.
    count : int
        How many draws.
    seed : int
        Of NumPy's PCG64; the same seed gives the same draws.

    Examples
    --------
    >>> cells = Outcomes(np.array([0.0]), np.array([10.0]), np.array([3.0]))
    >>> [drawn.shape for drawn in draws(cells, 5)]
    [(5, 1)]
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    cells = len(outcomes.logits)
    single = bool((outcomes.rows == 1).all())
    rows = outcomes.rows.astype(np.int64)
    step = max(1, AT_ONCE // max(1, cells))
    for at in range(0, count, step):
        shape = (min(step, count - at), cells)
        if single:
            true = (rng.random(shape) < outcomes.p).astype(np.float64)
        else:
            true = rng.binomial(rows, outcomes.p, size=shape).astype(np.float64)
        yield true if outcomes.weights is None else true * outcomes.weights
