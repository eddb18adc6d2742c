"""Losses composed of known parts: a link, terms, and changes of targets, weights and logits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from xent._validation import Array
from xent.check._gradient.composition.changes import (
    Change,
    Rows,
    of_logits,
    of_targets,
    of_weights,
    target_rows,
)
from xent.check._gradient.composition.links import Link, links
from xent.check._gradient.composition.terms import Part, Term, terms
from xent.check._gradient.reference import Reference


@dataclass(frozen=True)
class Composition:
    """A loss made of known parts."""

    link: Link
    term: Term
    targets: Change
    weights: Change
    logits: Change
    reference: Reference
    """With the options that it has."""
    rows: Rows

    @property
    def parts(self) -> list[tuple[str, str]]:
        """Names of the mistakes in it, with details."""
        return _parts(self.targets, self.weights, self.logits, self.link, self.term)

    def losses(self, z: Array, log_p: Array, log_q: Array) -> Array:
        """Losses of rows, from the logits and what the link makes of them."""
        found = self.term.value(Part(*self.rows, log_p, log_q)).sum(axis=-1)
        return np.asarray(found if self.weights.factor is None else found * self._factor(z))

    def own_losses(self) -> Array:
        """Losses of rows at the reference's own logits."""
        forward = self.link.forward(capped(self.reference)[0])
        return self.losses(self.reference.logits, *forward) + of_z_loss(self.reference)[0]

    def of(self, reference: Reference) -> Composition:
        """The same for another reference, of more rows."""
        changed, rows = _changed(reference, (self.targets, self.weights, self.logits))
        return replace(self, reference=changed, rows=rows)

    def gradient(self) -> Array:
        """Gradient of the sum of the losses at the reference's own logits."""
        z = self.reference.logits
        bounded, slope = capped(self.reference)
        slopes = self.term.slope(Part(*self.rows, *self.link.forward(bounded)))
        if self.weights.factor is not None:
            slopes = slopes * self._factor(z)[:, None]
        found = self.link.backward(bounded, slopes) * slope
        return np.asarray(found + of_z_loss(self.reference)[1])

    def _factor(self, z: Array) -> Array:
        assert self.weights.factor is not None
        factor = self.weights.factor(z)
        # Times the rows, as a mean over rows has their number as its divisor.
        return factor / factor.mean(axis=-1, keepdims=True) if self.weights.averaged else factor


def compositions(reference: Reference, number: int) -> Iterator[Composition]:
    """All losses with this number of parts that are not right; changes of options first."""
    every_link = list(links(reference))
    tables = of_targets(reference), of_weights(reference), of_logits(reference)
    every_change = sorted(product(*tables), key=lambda changes: -len(_parts(*changes)))
    for changes in every_change:
        # One that belongs to another part may be one too many.
        if len(_parts(*changes)) > number + 1:
            continue
        changed, rows = _changed(reference, changes)
        for link, term in product(every_link, terms(reference, rows[0])):
            if len(_parts(*changes, link, term)) == number:
                yield Composition(link, term, *changes, changed, rows)


def _parts(*every: Link | Term | Change) -> list[tuple[str, str]]:
    """Names of those that are mistakes, without what belongs to another one."""
    implied = {getattr(part, "implies", "") for part in every} | {""}
    return [(part.mistake, part.detail) for part in every if part.mistake not in implied]


def right(reference: Reference) -> Composition:
    """The composition without a mistake."""
    return next(compositions(reference, 0))


def _changed(reference: Reference, changes: tuple[Change, ...]) -> tuple[Reference, Rows]:
    """The reference with these changes, and its target rows."""
    for change in changes:
        reference = change.reference(reference)
    rows = target_rows(reference)
    for change in changes:
        rows = change.rows(*rows)
    return reference, rows


def capped(reference: Reference) -> tuple[Array, Array | float]:
    """The logits under the softcap, and its derivative."""
    z, cap = reference.logits, reference.options.get("softcap")
    if cap is None:
        return z, 1.0
    bounded = cap * np.tanh(z / cap)
    return bounded, 1 - (bounded / cap) ** 2


def of_z_loss(reference: Reference) -> tuple[Array, Array]:
    """What a z-loss adds to the losses of the rows, and to their gradient."""
    if not reference.options.get("z_loss"):
        return np.zeros(len(reference.logits)), np.zeros_like(reference.logits)
    without = reference.changed(z_loss=None)
    return reference.losses() - without.losses(), reference.gradient() - without.gradient()
