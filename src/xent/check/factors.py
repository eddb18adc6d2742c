"""A factor between two gradients, and the mistake that it betrays."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from xent.check.formulas import Meant

NEAR = 1e-3
UNITS = (1.0, 1 / math.log(2), math.log(2))
"""Of nats in nats; of bits in nats, and the other way about."""


@dataclass(frozen=True)
class Counts:
    """What a mean may have been divided by."""

    rows: int
    total: float
    """Weight of all rows: what a mean should be divided by."""
    valid: int
    """Rows that are not ignored."""
    classes: int

    @classmethod
    def of(cls, meant: Meant) -> Counts:
        """Count what is meant."""
        rows, classes = meant.logits.shape
        return cls(rows, meant.total, int((~meant.ignored).sum()), classes)

    def wanted(self, reduction: str | None, per_row: bool) -> list[float]:
        """Factors that a right gradient of the sum of the losses may have."""
        mean = 1 / self.total if self.total else 1.0
        if per_row or reduction == "sum":
            return [1.0]
        return [mean] if reduction == "mean" else [mean, 1.0]


def names_of(scale: float, counts: Counts, wanted: list[float]) -> list[str]:
    """What is wrong with a factor, simplest answer first; nothing if it is one of those wanted."""
    if any(near(scale, w) for w in wanted):
        return []
    for sign in (1, -1):
        for unit in UNITS:
            plain = scale / (sign * unit)
            for value, name in _divisors(counts, wanted[0]):
                if near(plain, value):
                    told = ["wrong sign"] * (sign < 0) + ["bits for nats"] * (unit != 1)
                    return told + [name] * bool(name)
    return ["wrong sign", "scaled"] if scale < 0 < wanted[0] else ["scaled"]


def _divisors(counts: Counts, wanted: float) -> Iterator[tuple[float, str]]:
    """Factors of a gradient and their names, where `wanted` is right."""
    yield wanted, ""
    rows, total, valid, classes = counts.rows, counts.total, counts.valid, counts.classes
    if near(wanted, 1) and not near(total, 1):
        # Of a sum.
        for divisor in (total, rows, valid):
            yield 1 / divisor, "mean for sum"
        return
    if valid < rows:
        yield wanted * total / rows, "ignored rows counted in the mean"
        yield 1 / rows, "ignored rows counted in the mean"
    if not near(total, valid):
        yield 1 / valid, "class weight missing from the mean"
    if not near(wanted, 1 / total):
        yield 1 / total, "class weight missing from the mean" if valid == rows else \
            "ignored rows counted in the mean"  # fmt: skip
    yield 1.0, "mean missing"
    for divisor in (total, rows, valid):
        yield wanted / divisor, "mean taken twice"
    if classes > 1:
        yield 1 / classes, "mean over the wrong axis"
        yield wanted / classes, "mean over classes as well"


def near(a: float, b: float) -> bool:
    """Is it the same factor, for all that measured numbers tell?"""
    return abs(a - b) <= NEAR * abs(b)
