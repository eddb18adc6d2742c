"""Which composition of known parts gives the values of a loss.

A composition is a link from logits to probabilities, terms, and changes of targets, weights and
logits; a factor and a constant are fitted, and name the reduction, unit and sign. The loss is
called with logits of its own, on which all compositions differ. Only the differences between the
batches are fitted, so that an added constant is a part as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from xent._validation import Array
from xent.check._gradient.composition.links import Link
from xent.check._gradient.composition.losses import Composition, capped, of_z_loss
from xent.check._gradient.problem import Problem
from xent.check._gradient.reference import Reference
from xent.check.dtypes import rounded

NUMBERS = 12
"""Values of the loss that are compared at least."""
EXACT, CLOSE = 1e-9, 2e-5
"""Relative differences up to which values agree: of float64, and of float32 or with an epsilon."""
LARGE = 1 << 17
"""Entries of the probes up to which pairs of parts are tried."""
ENOUGH = 1 << 15
"""Entries of the probes that are compared, if the loss can be called on fewer rows."""


def enough_rows(classes: int) -> int:
    """Rows that are enough if the loss is one number."""
    return max(ENOUGH // (NUMBERS * classes), 32)


@dataclass(frozen=True)
class Probes:
    """Batches of logits, and the values of a loss on them."""

    logits: Array
    """(batches, rows, classes)"""
    losses: Array
    """(batches, rows), or (batches,) if the loss is one number."""

    @classmethod
    def of(cls, problem: Problem, seed: int = 0) -> Probes:
        """Call the loss on random logits in which no class is masked that was not before."""
        rng = np.random.default_rng(seed)
        per_batch = len(problem.logits) if problem.per_row else 1
        number = max(4, -(-NUMBERS // per_batch))
        scale = np.linspace(0.5, 2.0, number)[:, None, None]
        z = rounded(scale * rng.normal(size=(number, *problem.logits.shape)), problem.dtype)
        z = np.where(np.isneginf(problem.logits), -np.inf, z)
        return cls(z, np.stack([problem.losses(batch) for batch in z]))

    def of_rows(self, rows: Array) -> Probes:
        """The same for some of the rows, if there is a loss for each."""
        return Probes(self.logits[:, rows], self.losses[:, rows])

    @property
    def constant(self) -> bool:
        """Is the loss the same, whatever the logits?"""
        known = np.isfinite(self.losses)
        spread = np.ptp(self.losses, axis=0)
        return bool(known.all() and (spread <= 1e-12 * np.abs(self.losses).max()).all())


@dataclass(frozen=True)
class Fit:
    """A composition that gives the values of a loss, times a factor, plus a constant."""

    composition: Composition
    scale: float
    offset: Array
    """Of each row, NaN where it does not count; or of the loss that is one number."""
    slack: float
    """How much of an offset is rounding."""


@dataclass
class Search:
    """Compositions for a reference, held against the probes of a loss."""

    reference: Reference
    probes: Probes
    tolerance: float
    _forward: dict[tuple[Link, float | None], tuple[Array, Array]] = field(default_factory=dict)
    """What a link makes of the probes."""

    def fits(self, compositions: Iterable[Composition]) -> Iterator[Fit]:
        """Those that give the values of the loss."""
        for one in compositions:
            fit = self._fit(one)
            if fit is not None:
                yield fit

    def _values(self, one: Composition) -> Array:
        """Values of a composition on the probes."""
        key = one.link, one.reference.options.get("softcap")
        if key not in self._forward:
            z = capped(one.reference.changed(logits=self.probes.logits))[0]
            self._forward[key] = one.link.forward(z)
        found = one.losses(self.probes.logits, *self._forward[key])
        if one.reference.options.get("z_loss"):
            extra = (one.reference.changed(logits=batch) for batch in self.probes.logits)
            found = found + np.stack([of_z_loss(reference)[0] for reference in extra])
        return found if self.probes.losses.ndim == 2 else found.sum(axis=-1)

    def distance(self, one: Composition) -> float:
        """How far the loss is from a composition at its best factor, relative to its changes."""
        with np.errstate(all="ignore"):
            moves, steps = (a - a.mean(axis=0) for a in (self._values(one), self.probes.losses))
            known = np.isfinite(moves) & np.isfinite(steps)
            moves, steps = moves[known], steps[known]
            off = steps - moves * (np.dot(moves, steps) / np.dot(moves, moves))
            distance = np.dot(off, off) / np.dot(steps, steps)
        return float(distance) if np.isfinite(distance) else np.inf

    def _fit(self, one: Composition) -> Fit | None:
        with np.errstate(all="ignore"):
            made, got = self._values(one), self.probes.losses
            counted = np.isfinite(made).all(axis=0) & np.isfinite(got).all(axis=0)
            if got.ndim == 2:
                counted &= ~self.reference.ignored
            if not np.any(counted):
                return None
            made, got = (a[:, counted] if a.ndim == 2 else a for a in (made, got))
            moves, steps = made - made.mean(axis=0), got - got.mean(axis=0)
            square = float((moves * moves).sum())
            if square <= 1e-20 * float((made * made).sum()) or not square:
                return None
            scale = float((moves * steps).sum()) / square
            if not scale or not np.isfinite(scale):
                return None
            size = np.abs(got).max(axis=0)
            slack = self.tolerance * float(np.max(size))
            # An agreement to within rounding that is not small beside the changes proves nothing.
            if slack > 0.01 * float(np.abs(steps).max()):
                return None
            if (np.abs(steps - scale * moves) > slack).any():
                return None
            offset = np.full(counted.shape, np.nan)
            offset[counted] = (got - scale * made).mean(axis=0)
            # A constant that an epsilon inside the logarithm may cause is none.
            return Fit(one, scale, offset, 4 * CLOSE * float(np.max(size)))
