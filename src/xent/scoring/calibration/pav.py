"""Isotonic regression by pooling adjacent violators (PAV)."""

from __future__ import annotations

import numpy as np

from xent._validation import Array

SWEEPS = 64
"""Pooling all neighbours at once takes few sweeps, but for rare long chains."""


def pools(weights: Array, sums: Array, segment: Array | None = None) -> Array:
    """Where the blocks of the isotonic regression start.

    Blocks are the longest runs of cells that share a fitted mean; the means Σ sums / Σ weights of
    the blocks increase strictly. All neighbours in the wrong order are pooled in one sweep, which
    is right because neighbours with means in the wrong order are in one block of the solution.

    Parameters
    ----------
    weights, sums : array of shape (m,)
        Weight of each cell, above 0, and weight times mean; the cells are in the order of the
        predictions.
    segment : array of int of shape (m,), optional
        Numbers of separate regressions, in ascending order; cells of two segments are not pooled.

    Returns
    -------
    array of int
        Places of the first cells of the blocks.

    Examples
    --------
    >>> pools(np.ones(4), np.array([0.0, 1.0, 0.0, 1.0]))
    array([0, 1, 3])

    References
    ----------
    Ayer et al. (1955), doi:10.1214/aoms/1177728423.
    """
    starts = np.arange(len(weights))
    for _ in range(SWEEPS):
        wrong = sums[:-1] * weights[1:] >= sums[1:] * weights[:-1]
        if segment is not None:
            wrong &= segment[:-1] == segment[1:]
        if not wrong.any():
            return starts
        kept = np.flatnonzero(np.concatenate([[True], ~wrong]))
        weights = np.add.reduceat(weights, kept)
        sums = np.add.reduceat(sums, kept)
        starts = starts[kept]
        if segment is not None:
            segment = segment[kept]
    return starts[_one_by_one(weights, sums, segment)]


def _one_by_one(weights: Array, sums: Array, segment: Array | None) -> Array:
    """The same, cell by cell: as many steps as cells, whatever their order."""
    first: list[int] = []
    w: list[float] = []
    s: list[float] = []
    parts = [0] * len(weights) if segment is None else segment.tolist()
    for i, (weight, total) in enumerate(zip(weights.tolist(), sums.tolist(), strict=True)):
        start = i
        while first and parts[first[-1]] == parts[i] and s[-1] * weight >= total * w[-1]:
            weight, total, start = weight + w.pop(), total + s.pop(), first.pop()
        first.append(start)
        w.append(weight)
        s.append(total)
    return np.array(first, dtype=np.intp)
