"""Exact sums of powers of numbers with a sign, of which means and intervals are computed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from xent._validation import Array
from xent.scoring.state.exact import SCALE

ONE = 1 << SCALE
"""What stands for 1 in a sum."""

PLAIN = ("wl", "wll", "wlll")
WEIGHTED = (*PLAIN, "wwl", "wwll")
"""Products of a number l and the weight w of its row, of which there are sums."""


def products(values: Array, weight: Array | None) -> dict[str, Array]:
    """The products by name, each of them rounded at every multiplication; some may be infinite."""
    with np.errstate(all="ignore"):
        if weight is None:
            square = values * values
            return {"wl": values, "wll": square, "wlll": square * values}
        first = weight * values
        second = first * values
        return {
            "wl": first, "wll": second, "wlll": second * values,
            "wwl": weight * first, "wwll": first * first,
        }  # fmt: skip


def usable(made: Mapping[str, Array]) -> Array | None:
    """The rows whose products are all finite; None if all rows are."""
    # One that is not finite makes the sum so; sums of finite numbers may overflow, too.
    with np.errstate(all="ignore"):
        if all(np.isfinite(each.sum()) for each in made.values()):
            return None
    return np.asarray(np.isfinite(np.stack(list(made.values()))).all(axis=0))
