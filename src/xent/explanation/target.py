"""What a row is trained towards: its label or a share for each class, smoothed and weighted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from xent._validation import Array
from xent.explanation.quantities import ROUNDING
from xent.losses import binary_cross_entropy, cross_entropy


@dataclass(frozen=True)
class Target:
    """A share for each of K classes; one logit has two, the labels 0 and 1."""

    given: Array
    """One-hot, or shares that sum to 1."""
    label: int | None
    """The true class, if there is one."""
    smoothing: float = 0.0
    weights: Array | None = None
    """Of the classes; pos_weight among them."""

    @cached_property
    def shares(self) -> Array:
        """y: the shares after smoothing."""
        return (1 - self.smoothing) * self.given + self.smoothing / len(self.given)

    @cached_property
    def masses(self) -> Array:
        """v: what each -log p_j is multiplied by, the weight times the share."""
        return self.shares if self.weights is None else self.weights * self.shares

    @cached_property
    def total(self) -> float:
        """V: the sum of the masses; without weights it is 1, but for shares that were rounded.

        Of the numbers as they are written: what is shown must add up.
        """
        total = float(sum(Fraction(repr(v)) for v in self.masses.tolist() if v))
        return 1.0 if abs(total - 1) < ROUNDING else total

    @property
    def one_hot(self) -> bool:
        """Is there a single class with a share?"""
        return self.label is not None and not self.smoothing

    @property
    def plain(self) -> bool:
        """Is it a label, neither smoothed nor weighted?"""
        return self.one_hot and self.weights is None

    @property
    def letter(self) -> str:
        """The symbol of the masses."""
        return "y" if self.weights is None else "v"

    @cached_property
    def entropy(self) -> float:
        """Of the shares, in nats: the lowest possible loss."""
        return math.fsum(-y * math.log(y) for y in self.shares.tolist() if y) + 0.0

    def told(self, *, binary: bool) -> int | float | list[float]:
        """The label as it was given."""
        if self.label is not None:
            return self.label
        return float(self.given[1]) if binary else list(self.given.tolist())

    def losses(self, scores: Array, **options: Any) -> Any:
        """Losses of rows with this target, by the library: of N logits, or N rows of K."""
        options |= {"label_smoothing": self.smoothing, "class_weight": self.weights}
        if scores.ndim == 1:
            shares = np.full(len(scores), self.given[1])
            return binary_cross_entropy(scores, shares, reduction="none", **options)
        targets = np.tile(self.given, (len(scores), 1))
        if self.label is not None:
            targets = np.full(len(scores), self.label)
        return cross_entropy(scores, targets, reduction="none", **options)


def one_hot(label: int, classes: int) -> Array:
    """1 at the label, 0 elsewhere."""
    return np.asarray(np.arange(classes) == label, float)
