"""One row: its scores, and what the library computes from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from xent._validation import Array

STEP = 1e-5
"""Step of the numerical derivative: small, yet far above rounding."""

LARGEST_CHECKED = 1e5
"""Beyond this a logit plus or minus the step is rounded too much to say anything."""

SHOWN = 10
"""Up to so many classes are all shown; of more, the label and the likeliest."""


@dataclass(frozen=True)
class Row:
    """A row with its results. A binary row has two classes, whose logits are 0 and z."""

    logits: Array
    p: Array
    """The probability of every class."""
    label: int
    loss: float
    gradient: Array
    """Of every class; of a binary row the one number for z."""
    names: Sequence[str]
    given: bool = False
    """Were the probabilities given, and not the logits?"""

    @property
    def q(self) -> float:
        """The probability of the true class."""
        return float(self.p[self.label])

    @property
    def slope(self) -> float:
        """The gradient for the logit of the true class, or for z."""
        return float(self.gradient[self.label] if self.gradient.ndim else self.gradient)

    @cached_property
    def masked(self) -> Array:
        """Which classes are masked."""
        return np.zeros(len(self.p), bool) if self.given else np.isneginf(self.logits)

    @cached_property
    def exact(self) -> Array:
        """Whose probability is not rounded: masked classes, and all if the others are equal."""
        unmasked = self.logits[~self.masked]
        return np.asarray(self.given | self.masked | (unmasked == unmasked[0]).all())

    @cached_property
    def chosen(self) -> list[int]:
        """The classes to show, in order."""
        if len(self.p) <= SHOWN:
            return list(range(len(self.p)))
        likeliest = np.argsort(-self.p, kind="stable")[: SHOWN // 2].tolist()
        return sorted({self.label, *likeliest})

    @property
    def certain(self) -> bool:
        """Is a loss of 0 or inf exact, not the result of rounding?"""
        if self.given:
            return self.q in (0, 1)
        return bool(self.masked[self.label]) or self.masked.sum() == len(self.p) - 1

    @property
    def checkable(self) -> bool:
        """Does a numerical derivative say anything?"""
        largest = np.abs(self.logits[~self.masked]).max()
        return bool(np.isfinite(self.loss) and largest <= LARGEST_CHECKED)

    @property
    def noise(self) -> float:
        """How far rounding alone moves a numerical derivative."""
        gradient = self.gradient[~self.masked] if self.gradient.ndim else self.gradient
        moved = np.abs(self.logits[~self.masked] * gradient).max()
        return float(np.finfo(float).eps * (self.loss + moved) / STEP)

    @property
    def called(self) -> str:
        """`7`, or `7 (cat)` where the classes have names of their own."""
        name = self.names[self.label]
        plain = f"{'class' if self.gradient.ndim else 'label'} {self.label}"
        return f"{self.label}" if name == plain else f"{self.label} ({name})"
