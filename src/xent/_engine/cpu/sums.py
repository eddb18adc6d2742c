"""Sums of terms and of the losses of a block: vectorized, and compensated where that is needed.

A compensated sum is kept as two numbers: `total`, and `total_low`, the sum of the rounding errors
made so far.
"""

from __future__ import annotations

import numpy as np

from xent._engine.cpu.decorators import any_order, inner, loop
from xent._engine.cpu.elementary import two_sum
from xent._engine.cpu.intrinsics import store_as
from xent._engine.cpu.memory import view

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
    """Set the lanes of a sum and their low parts to 0; without low parts only the first counts."""
    if total_low is None:
        total[0] = 0.0
    else:
        for lane in range(LANES):
            total[lane], total_low[lane] = 0.0, 0.0


@inner
def sum_lanes(total, total_low):
    """Return the sum of the lanes, low parts included, and its low part; or the first lane and 0.

    Adds by halves, so that only four additions depend on each other. Overwrites the lanes.
    """
    if total_low is None:
        return total[0], 0.0
    width = LANES
    while width > 1:
        width //= 2
        for lane in range(width):
            total[lane], error = two_sum(total[lane], total[lane + width])
            total_low[lane] += total_low[lane + width] + error
    return total[0], total_low[0]


@loop
def copy(source, target):
    """Copy elements as they are stored."""
    for i in range(target.size):
        target[i] = source[i]


@loop
def set_zero(row):
    """Set a row of the gradient to 0."""
    for j in range(row.size):
        row[j] = store_as(0.0, row[j])


@loop
def block_sum(loss):
    """Return the sum of a block's losses in float64."""
    s = 0.0
    for i in range(loss.size):
        s = any_order(s, np.float64(loss[i]))
    return s


@loop
def round_losses(losses, target):
    """Store losses as float32."""
    for i in range(target.size):
        target[i] = losses[i]


@inner
def finish_block(job, start, losses, scratch):
    """Leave the sum of a block's losses where the pool looks for it; store them, if wanted."""
    view(scratch, 1, np.float64)[0] = block_sum(losses)
    if job.losses != 0:
        if job.double_losses != 0:
            copy(losses, view(job.losses + 8 * start, losses.size, np.float64))
        else:
            round_losses(losses, view(job.losses + 4 * start, losses.size, np.float32))
