"""Sums of powers of the losses of each class, as figures over classes need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xent._validation import Array


@dataclass(frozen=True)
class ClassMoments:
    """Sums over the rows of each class, of weight w and loss l in nats; shape (K,) each."""

    names: Sequence[str]
    rows: Array
    w: Array
    wl: Array
    wll: Array
    wlll: Array
    ww: Array
    wwl: Array
    wwll: Array

    @property
    def effective(self) -> Array:
        """Effective numbers of rows, (Σw)²/Σw²."""
        return self.w**2 / self.ww

    @property
    def within(self) -> Array:
        """Σw²(l - m)² with the class's own m = Σw²l/Σw², which makes it the smallest."""
        return np.maximum(0.0, self.wwll - self.wwl**2 / self.ww)

    def lean(self, center: Array) -> Array:
        """Σw²(l - center)."""
        return np.asarray(self.wwl - center * self.ww)

    def square(self, center: Array) -> Array:
        """Σw²(l - center)²."""
        return np.asarray(self.wwll - 2 * center * self.wwl + center**2 * self.ww)

    def cube(self, center: Array) -> Array:
        """Σw³(l - center)³; exact if the weights in a class are equal.

        Else weight and loss are taken as independent in a class, and Σw³ as n(Σw²/Σw)³, which it is
        for log-normal weights.
        """
        third = self.wlll - 3 * center * self.wll + 3 * center**2 * self.wl - center**3 * self.w
        return np.asarray(self.rows * (self.ww / self.w) ** 3 * third / self.w)


def class_moments(
    names: Sequence[str], rows: Sequence[int], one: int, sums: Mapping[str, Sequence[int]]
) -> ClassMoments:
    """Of the classes that occur, from exact sums.

    Parameters
    ----------
    names, rows : sequence
        Name and number of rows of each class.
    one : int
        What stands for 1 in the sums.
    sums : mapping
        `wl`, `wll`, `wlll`, and with weights also `w`, `ww`, `wwl`, `wwll`: integers, for each
        class.

    Examples
    --------
    >>> m = class_moments("ab", [2, 1], 10, {"wl": [3, 6], "wll": [5, 36], "wlll": [9, 216]})
    >>> m.wl.tolist(), m.effective.tolist()
    ([0.3, 0.6], [2.0, 1.0])
    """
    kept = [j for j, count in enumerate(rows) if count]
    count = np.array([rows[j] for j in kept], np.float64)
    found = {
        name: np.array([values[j] / one for j in kept])
        for name, values in sums.items()
        if name in ("w", "wl", "wll", "wlll", "ww", "wwl", "wwll")
    }
    if "ww" not in found:
        found |= {"w": count, "ww": count, "wwl": found["wl"], "wwll": found["wll"]}
    return ClassMoments([names[j] for j in kept], count, **found)
