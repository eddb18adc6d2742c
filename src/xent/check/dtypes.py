"""Floating-point formats: their precision, and numbers rounded to them."""

from __future__ import annotations

import numpy as np

from xent._validation import Array

PRECISION = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}
"""Binary digits of a number, the leading one included; the widest format first."""

SMALLEST_EXPONENT = {"float64": -1022, "float32": -126, "bfloat16": -126, "float16": -14}
"""Exponent of the smallest normal number."""


def unit_roundoff(dtype: str) -> float:
    """Largest relative error of rounding a number to the dtype."""
    return float(2.0 ** -PRECISION[dtype])


def rounded(array: Array, dtype: str) -> Array:
    """The values rounded to the dtype, as float64."""
    if dtype != "bfloat16":
        return array.astype(dtype).astype(np.float64)
    # NumPy has no bfloat16. It is the upper half of a float32: add just under half of the last
    # place that stays, and one more where that place is odd, so that ties go to even.
    bits = array.astype(np.float32).view(np.uint32)
    even = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    kept = np.where(np.isnan(array), bits, even) & np.uint32(0xFFFF0000)
    return kept.view(np.float32).astype(np.float64)


def largest(values: Array) -> float:
    """Largest finite magnitude; 0 if there is none."""
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
