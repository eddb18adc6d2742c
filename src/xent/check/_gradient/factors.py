"""Factors between two losses or gradients, and the mistakes that they indicate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from xent.check._gradient.reference import Reference

NEAR = 1e-3
UNITS = (
    (1.0, ""),
    (1 / math.log(2), "bits for nats"),
    (math.log(2), "bits for nats"),
    (1 / math.log(10), "log10 for log"),
    (math.log(10), "log10 for log"),
)
"""Factors of a unit and its name, the right one first; each may stand in loss or gradient."""


@dataclass(frozen=True)
class Counts:
    """What a mean may have been divided by."""

    rows: int
    total: float
    """Weight of all rows: what a mean should be divided by."""
    valid: int
    """Rows that are not ignored."""
    classes: int
    labels_per_row: int = 1
    """Labels of a row of which several may be true; their losses may be summed or averaged."""

    @classmethod
    def of(cls, reference: Reference) -> Counts:
        """The counts of a reference."""
        rows, classes = reference.logits.shape
        valid = int((~reference.ignored).sum())
        return cls(rows, reference.total, valid, classes, reference.labels_per_row)

    def expected(self, reduction: str | None, per_row: bool) -> list[float]:
        """Factors that a correct gradient may have, relative to that of the sum of the losses."""
        mean = 1 / self.total if self.total else 1.0
        if per_row or reduction == "sum":
            return [1.0]
        means = [mean, mean * self.labels_per_row] if self.labels_per_row > 1 else [mean]
        return means if reduction == "mean" else [*means, 1.0]


def names_of(scale: float, counts: Counts, expected: list[float]) -> list[str]:
    """Mistakes that explain a factor, simplest first; none if it is one of those expected."""
    if any(near(scale, value) for value in expected):
        return []
    # Plain factors first: -1/N is a sign and a divisor, and bits may be combined with either.
    for sign in (1, -1):
        for unit, unit_name in UNITS:
            plain = scale / (sign * unit)
            right = [(value, "") for value in expected]
            for value, name in (*right, *_divisors(counts, expected[0])):
                if near(plain, value):
                    names = ["wrong sign"] * (sign < 0) + [unit_name] * bool(unit_name)
                    return names + [name] * bool(name)
    return ["wrong sign", "scaled"] if scale < 0 < expected[0] else ["scaled"]


def _divisors(counts: Counts, expected: float) -> Iterator[tuple[float, str]]:
    """Factors of a gradient and their names, where `expected` is right."""
    rows, total, valid, classes = counts.rows, counts.total, counts.valid, counts.classes
    if near(expected, 1) and not near(total, 1):
        # A sum is expected, so any divisor means that a mean was taken.
        for divisor in (total, rows, valid):
            yield 1 / divisor, "mean for sum"
        if classes > 1:
            yield 1 / classes, "mean over classes as well"
        return
    if valid < rows:
        yield expected * total / rows, "ignored rows counted in the mean"
        yield 1 / rows, "ignored rows counted in the mean"
    # Where every row has weight 1 the two divisors are the same, and nothing is missing.
    if not near(total, valid):
        yield 1 / valid, "class weight missing from the mean"
    if not near(expected, 1 / total):
        name = "class weight missing from the mean"
        yield 1 / total, name if valid == rows else "ignored rows counted in the mean"
    yield 1.0, "mean missing"
    for divisor in (total, rows, valid):
        yield expected / divisor, "mean taken twice"
    if classes > 1:
        yield 1 / classes, "mean over the wrong axis"
        yield expected / classes, "mean over classes as well"


def near(a: float, b: float) -> bool:
    """Are the factors equal, within the accuracy of measured numbers?"""
    return abs(a - b) <= NEAR * abs(b)
