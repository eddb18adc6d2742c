"""The simplest explanation of a loss: parts, factor and constant of the composition that fits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from xent._validation import Array
from xent.check._gradient.composition import temperature
from xent.check._gradient.composition.losses import (
    Composition,
    compositions,
)
from xent.check._gradient.composition.search import CLOSE, ENOUGH, EXACT, LARGE, Fit, Probes, Search
from xent.check._gradient.factors import UNITS, Counts, names_of
from xent.check._gradient.reference import Reference

HIGHEST_FLOOR = 2e-3
"""Largest floor of clipped targets that is plausible."""


@dataclass(frozen=True)
class Explanation:
    """What a loss is made of."""

    parts: tuple[tuple[str, str], ...]
    """Names of mistakes, with details."""
    factors: tuple[str, ...]
    """Names of mistakes that its factor indicates."""
    scale: float
    """Its factor, relative to the sum of the rows' losses."""
    expected: float
    """The factor that is right and nearest."""
    less_entropy: bool
    constant: float
    """An added constant; 0 for none, and of an entropy."""
    composition: Composition
    distilled: bool = False
    """Is it multiplied by the square of the temperature, as is usual for distillation?"""
    also: tuple[str, ...] = ()
    """Names of another composition of as many parts, which gives the same numbers."""

    @property
    def cost(self) -> float:
        """How many parts it has; what is merely fitted counts twice."""
        fitted = self.factors.count("scaled") + 2 * bool(self.constant)
        return len(self.parts) + len(self.factors) + fitted + 0.5 * self.less_entropy

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all mistakes in it."""
        return (*(name for name, _ in self.parts), *self.factors)


def explain(
    reference: Reference, probes: Probes, precision: str, reduction: str | None
) -> Explanation | None:
    """The composition of fewest parts that gives the values of a loss on the probes; None if none.

    Losses of half precision have too few digits to tell compositions apart.
    """
    if precision not in ("float64", "float32"):
        return None
    every = reference
    rows = _some_rows(reference, probes)
    if rows is not None:
        reference, probes = reference.of_rows(rows), probes.of_rows(rows)
    small = probes.logits.size <= LARGE
    # First to within rounding, then with room for an epsilon inside the logarithm.
    search = Search(reference, probes, EXACT if precision == "float64" else CLOSE)
    cooled: list[Composition] = []
    for tolerance in (EXACT, CLOSE) if precision == "float64" else (CLOSE,):
        search = replace(search, tolerance=tolerance)
        best: Explanation | None = None
        for number in range(3 if small else 2):
            if best is not None and best.cost <= number:
                break
            best = _simplest(search, compositions(reference, number), reduction, best)
        if best is None and small:
            cooled = cooled or [temperature.best(search)]
            best = _simplest(search, cooled, reduction, None)
        if best is not None:
            return best if rows is None else of_every_row(best, every, reduction)
    return None


def _some_rows(reference: Reference, probes: Probes) -> Array | None:
    """Rows of a large batch that are enough to tell compositions apart; None for all."""
    several = reference.labels_per_row > 1 or np.size(reference.options.get("pos_weight", 1)) > 1
    if probes.losses.ndim == 1 or probes.logits.size <= ENOUGH or several:
        return None
    number = max(1, ENOUGH * len(reference.logits) // probes.logits.size)
    return np.linspace(0, len(reference.logits) - 1, number).astype(int)


def of_every_row(one: Explanation, reference: Reference, reduction: str | None) -> Explanation:
    """An explanation of some rows as that of all, whose number may be the factor."""
    composition = one.composition.of(reference)
    factors = one.factors
    if "scaled" in factors:
        counts = Counts.of(reference)
        factors = tuple(names_of(one.scale, counts, counts.expected(reduction, per_row=True)))
    return replace(one, composition=composition, factors=factors)


def is_right(reference: Reference, probes: Probes, reduction: str | None) -> bool:
    """Do the values of a loss follow the reference, apart from the rounding of clipped numbers?"""
    rows = _some_rows(reference, probes)
    if rows is not None:
        reference, probes = reference.of_rows(rows), probes.of_rows(rows)
    search = Search(reference, probes, CLOSE)
    best = _simplest(search, compositions(reference, 0), reduction, None)
    return best is not None and not best.names and not best.constant


def _simplest(
    search: Search,
    candidates: Iterable[Composition],
    reduction: str | None,
    best: Explanation | None,
) -> Explanation | None:
    for fit in search.fits(candidates):
        for one in _explanations(search, fit, reduction):
            if best is None or one.cost < best.cost:
                best = one
            elif one.cost == best.cost and not best.also and set(one.names) != set(best.names):
                best = replace(best, also=one.names)
    return best


def _explanations(search: Search, fit: Fit, reduction: str | None) -> Iterator[Explanation]:
    """What factor and constant of a fit may mean."""
    per_row = search.probes.losses.ndim == 2
    composition, asked = fit.composition, search.reference
    offset = _offset(fit)
    if offset is None:
        return
    less_entropy, constant = offset
    parts = tuple(composition.parts)
    if less_entropy and any(name == "log forgotten" for name, _ in parts):
        # The divergence of softmax outputs, where it takes their logarithms.
        given = ("probabilities given for log-probabilities", "")
        parts = tuple(given if part[0] == "log forgotten" else part for part in parts)
    for natural in composition.term.natural:
        for reference in (composition.reference, asked):
            counts = Counts.of(reference)
            expected = counts.expected(reduction, per_row)
            made = (parts, fit.scale, less_entropy, constant, composition)
            if composition.term.clipped:
                yield from _with_floor(counts, expected, *made)
            elif parts and parts[0][0] == "temperature":
                yield _with_temperature(counts, expected, *made)
            else:
                factors = tuple(names_of(fit.scale / natural, counts, expected))
                nearest = _nearest(fit.scale, expected)
                yield Explanation(
                    parts, factors, fit.scale, nearest, less_entropy, constant, composition
                )


def _offset(fit: Fit) -> tuple[bool, float] | None:
    """Is the entropy of the targets taken off, or which constant is added? None if neither fits."""
    known = ~np.isnan(fit.offset)
    off = fit.offset[known]
    if (np.abs(off) <= fit.slack).all():
        return False, 0.0
    of_targets = entropy(*fit.composition.rows)
    of_targets = of_targets[known] if known.ndim else of_targets.sum()
    if (np.abs(off + fit.scale * of_targets) <= fit.slack).all():
        return True, 0.0
    return (False, float(np.median(off))) if np.ptp(off) <= 2 * fit.slack else None


def entropy(pos: Array, neg: Array) -> Array:
    """Entropy of each row's targets, times the row's weight."""
    total = pos + neg
    target = np.where(total == 0, 0, pos / np.where(total == 0, 1, total))

    def terms(t: Array) -> Array:
        return np.where(t <= 0, 0, -t * np.log(np.where(t <= 0, 1, t)))

    other = terms(1 - target) if pos.shape[1] == 1 else 0
    return np.asarray((total * (terms(target) + other)).sum(axis=1))


def _with_floor(
    counts: Counts,
    expected: list[float],
    parts: tuple[tuple[str, str], ...],
    scale: float,
    less_entropy: bool,
    constant: float,
    composition: Composition,
) -> Iterator[Explanation]:
    """Exchanged targets: the factor is -log of what takes the place of 0, times the reduction's."""
    reductions: list[tuple[float, list[str]]] = [(factor, []) for factor in expected]
    if counts.classes > 1:
        reductions.append((expected[0] / counts.classes, ["mean over classes as well"]))
    name, _ = parts[-1]
    found = []
    for (factor, more), (unit, unit_name), sign in product(reductions, UNITS, (1, -1)):
        floor = float(np.exp(-scale / (sign * unit * factor)))
        if 0 < floor < HIGHEST_FLOOR:
            names = ["wrong sign"] * (sign < 0) + [unit_name] * bool(unit_name) + more
            found.append((floor, tuple(names), factor))
    # A power of ten is likelier than another floor.
    found.sort(key=lambda one: (not _is_power_of_ten(one[0]), len(one[1])))
    for floor, factors, factor in found[:1]:
        if factors and not _is_power_of_ten(floor):
            continue
        detail = f", with {floor:.3g} in place of a target of 0"
        told = (*parts[:-1], (name, detail))
        yield Explanation(told, factors, scale, factor, less_entropy, constant, composition)


def _is_power_of_ten(value: float) -> bool:
    power = float(np.log10(value))
    return abs(power - round(power)) < 1e-4


def _with_temperature(
    counts: Counts,
    expected: list[float],
    parts: tuple[tuple[str, str], ...],
    scale: float,
    less_entropy: bool,
    constant: float,
    composition: Composition,
) -> Explanation:
    """Logits divided by T, and a loss that may be multiplied by its square, as in distillation."""
    degrees = float(parts[0][1].removeprefix("T = "))
    plain = tuple(names_of(scale, counts, expected))
    squared = tuple(names_of(scale / degrees**2, counts, expected))
    distilled = len(squared) < len(plain) or ("scaled" in plain and "scaled" not in squared)
    if distilled:
        parts = ((parts[0][0], f"{parts[0][1]}, and multiplied by T²"),)
    made = (parts, squared if distilled else plain, scale, _nearest(scale, expected))
    return Explanation(*made, less_entropy, constant, composition, distilled=distilled)


def _nearest(scale: float, expected: list[float]) -> float:
    return min(expected, key=lambda value: abs(np.log(abs(scale) / value)))
