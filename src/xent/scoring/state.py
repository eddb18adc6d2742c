"""What `score` keeps of the rows it has read: small, and mergeable in any order.

Sums are exact, so the same rows give the same bits however they are split into batches.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from xent._validation import Array

SCALE = 1126
"""Every float64 is an integer times 2**-1126, even the smallest with 53 bits written out."""

MAX_BINS = 1 << 16
"""The most bins kept in an array; beyond it, only the bins that occur are kept."""


SUMS = ("counts", "right", "infinite", "weights", "losses")
"""The fields that have one entry per class."""


@dataclass(frozen=True, order=True)
class WorstRow:
    """One of the rows with the highest loss; ordered worst first, then by row."""

    negative_loss: float
    row: int
    label: int
    predicted: int
    probability: float

    @property
    def loss(self) -> float:
        """Loss in nats."""
        return -self.negative_loss


@dataclass
class State:
    """Counts and exact sums per true class, and the worst rows.

    `weights`, `right` and `losses` are integers in units of 2**-1126: the weight of all rows and
    of those whose likeliest class is the true one, and weight times loss where that is finite.
    """

    classes: int
    keep: int = 5
    counts: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    infinite: list[int] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)
    losses: list[int] = field(default_factory=list)
    worst: list[WorstRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in SUMS:
            setattr(self, name, getattr(self, name) or [0] * self.classes)

    def add(
        self,
        losses: Array,
        labels: Array,
        predicted: Array,
        probability: Array,
        weight: Array | None,
        places: Array,
    ) -> None:
        """Add a batch of rows: float64 losses, class indices, probability of the label, number."""
        if not len(losses):
            return
        counted = np.ones(len(losses)) if weight is None else weight
        present = counted > 0
        with np.errstate(over="ignore"):  # a product that overflows counts as infinite
            weighted = counted.astype(np.float64) * np.where(present, losses, 0.0)
        infinite = np.isinf(weighted)
        finite = np.where(infinite, 0.0, weighted)
        for counts, mask in ((self.counts, present), (self.infinite, infinite)):
            for label, n in enumerate(np.bincount(labels[mask], minlength=self.classes).tolist()):
                counts[label] += n
        right = labels == predicted
        for group, amount in exact_sums(counted, 2 * labels + right, 2 * self.classes).items():
            label, is_right = divmod(group, 2)
            self.weights[label] += amount
            self.right[label] += amount * is_right
        for label, amount in exact_sums(finite, labels, self.classes).items():
            self.losses[label] += amount
        rows = np.flatnonzero(present)
        if 0 < self.keep < len(rows):
            top = np.argpartition(-losses[rows], self.keep)[: self.keep]
            # Ties with the last kept row stay candidates, so that the earliest win in any batching.
            rows = rows[losses[rows] >= losses[rows[top]].min()]
        at = rows[np.argsort(-losses[rows], kind="stable")[: self.keep]]
        fields = (-losses[at], places[at], labels[at], predicted[at], probability[at])
        found = map(WorstRow, *(values.tolist() for values in fields))
        self.worst = sorted([*self.worst, *found])[: self.keep]

    def merge(self, other: State) -> State:
        """The state of both sets of rows; the order of merging does not matter."""
        sums: dict[str, Any] = {
            name: [a + b for a, b in zip(getattr(self, name), getattr(other, name), strict=True)]
            for name in SUMS
        }
        return replace(self, **sums, worst=sorted([*self.worst, *other.worst])[: self.keep])


def exact_sums(values: Array, groups: Array, n_groups: int) -> dict[int, int]:
    """Sums of finite float64 values by group, without rounding, in units of 2**-1126.

    Each value is an integer of 53 bits times a power of two; integers of equal power add in
    float64 without rounding, in two halves, for up to 2**26 values.
    """
    fractions, powers = np.frexp(values)
    whole = np.ldexp(fractions, 53).astype(np.int64)
    low_power = int(powers.min())
    span = int(powers.max()) - low_power + 1
    keys = groups * span + (powers - low_power)
    if n_groups * span > MAX_BINS:  # many classes: most bins would be empty
        distinct, keys = np.unique(keys, return_inverse=True)
    else:
        distinct = np.arange(n_groups * span)
    high = np.bincount(keys, weights=whole >> 27, minlength=len(distinct))
    low = np.bincount(keys, weights=whole & ((1 << 27) - 1), minlength=len(distinct))
    sums: dict[int, int] = {}
    for place in np.flatnonzero((high != 0) | (low != 0)).tolist():
        amount = (int(high[place]) << 27) + int(low[place])
        group, power = divmod(int(distinct[place]), span)
        sums[group] = sums.get(group, 0) + (amount << (power + low_power - 53 + SCALE))
    return sums


def ratio(amount: int, by: int) -> float:
    """Quotient of two exact sums, rounded once; NaN for 0 / 0."""
    if by == 0:
        return float("nan")
    try:
        return amount / by
    except OverflowError:
        return float("inf")
