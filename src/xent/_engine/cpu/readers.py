"""Read targets that are stored in another dtype: a block of them, as floats to compute with.

One small function for each dtype, called by its address, in place of a kernel for each pair of
dtypes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xent._engine.cpu.decorators import loop
from xent._engine.cpu.intrinsics import load
from xent._engine.cpu.memory import view


@loop
def read(source, target):
    """Copy targets; say whether none of them lost digits."""
    lost = 0
    for i in range(target.size):
        value = load(source[i])
        target[i] = value
        lost |= np.float64(target[i]) != np.float64(value)
    return lost == 0


def make_reader(stored: Any, computed: Any) -> Any:
    """Make the function that reads targets of one dtype as another."""

    def read_targets(source, start, n, target):
        """Read n targets from `start`; return 1 if one of them lost digits."""
        values = view(source, start + n, stored)[start:]
        return 0 if read(values, view(target, n, computed)) else 1

    return read_targets
