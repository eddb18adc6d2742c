"""Hall's interval of a ratio of sums over rows, in NumPy and SciPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.stats


def hall(totals: Any, sizes: Any, level: float = 0.95, uneven: Any = None) -> tuple[float, float]:
    """Hall's interval of a ratio of sums over rows, by its definition.

    The degrees of freedom are those of numbers that are as uneven as the sizes, or as `uneven`.
    """
    uneven = sizes if uneven is None else uneven
    whole, n = sizes.sum(), len(sizes)
    mean = totals.sum() / whole
    r = totals - mean * sizes
    squares = r @ r
    left_out = (n - 1) / n * (squares + 2 * (sizes * r) @ r / whole)
    error = math.sqrt(max(n / (n - 1) * squares, left_out)) / whole
    skewness = (r**3).sum() / squares**1.5
    a, b = skewness / 3 - sizes @ r / whole**2 / error, skewness / 6
    freedom = (uneven @ uneven) ** 3 / (uneven**3).sum() ** 2 - 1
    t = scipy.stats.t.ppf(0.5 + level / 2, math.floor(freedom) if freedom <= 200 else freedom)
    low, high = (mean - error * (np.cbrt(1 + 3 * a * (g - b)) - 1) / a for g in (t, -t))
    return low, high
