"""Sums of terms and of losses: vectorized, compensated, and cut into blocks and chunks.

A compensated sum is kept as two numbers: `total`, and `total_low`, the sum of the rounding errors
made so far.
"""

from __future__ import annotations

import numpy as np

from xent._engine.cpu.elementary import two_sum
from xent._engine.cpu.intrinsics import any_order, inner, loop

LANES = 16
"""Partial sums side by side, which LLVM adds as vectors without reordering any of them."""

GROUP = 4 * LANES
"""Columns that are added at a time: four for each lane."""

TILE = 16 * GROUP
"""Columns of a row whose terms are computed, and then added, at a time."""

BLOCK = 256
"""Rows whose losses are added plainly, in any order; all sums above that are compensated."""


@loop
def zero_lanes(total, total_low):
    """Set the lanes of a sum, and their low parts if there are any, to 0."""
    for lane in range(LANES):
        total[lane] = 0.0
        if total_low is not None:
            total_low[lane] = 0.0


@inner
def sum_lanes(total, total_low):
    """Return the sum of the lanes, low parts (or None) included, and its low part.

    Adds by halves, so that only four additions depend on each other. Overwrites the lanes.
    """
    rest = 0.0
    width = LANES
    while width > 1:
        width //= 2
        for lane in range(width):
            total[lane], error = two_sum(total[lane], total[lane + width])
            if total_low is None:
                rest += error
            else:
                total_low[lane] += total_low[lane + width] + error
    return total[0], rest if total_low is None else total_low[0]


@inner
def start_sum(sums, number):
    """Set the compensated sum of chunk `number` to 0."""
    sums[number, 0] = 0.0
    sums[number, 1] = 0.0


@inner
def add_to_sum(sums, number, value):
    """Add a block's sum to that of chunk `number`."""
    sums[number, 0], error = two_sum(sums[number, 0], value)
    # The error of an infinite sum is NaN, and would make the result NaN.
    sums[number, 1] += error if np.isfinite(error) else 0.0


@loop
def copy(source, target):
    """Copy elements as they are stored."""
    for i in range(target.size):
        target[i] = source[i]


@loop
def block_sum(loss):
    """Return the sum of a block's losses in float64."""
    s = 0.0
    for i in range(loss.size):
        s = any_order(s, np.float64(loss[i]))
    return s


@inner
def sum_chunks(block_losses, arguments, rows, block, losses, sums, chunk, first, last, scratch):
    """Compute the losses of the chunks of rows from `first` to `last`, a block at a time.

    `block_losses` fills scratch.loss for n rows from `start` and returns the first row whose label
    is not a class, or -1; so does this. `sums` takes the sum of each chunk, `losses` (or None) the
    losses of rows.
    """
    for number in range(first, last):
        start_sum(sums, number)
        stop = min(number * chunk + chunk, rows)
        for start in range(number * chunk, stop, block):
            n = min(block, stop - start)
            bad = block_losses(start, n, scratch, *arguments)
            if bad >= 0:
                return bad
            add_to_sum(sums, number, block_sum(scratch.loss[:n]))
            if losses is not None:
                copy(scratch.loss[:n], losses[start : start + n])
    return -1
