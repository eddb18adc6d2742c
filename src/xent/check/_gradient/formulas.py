"""Gradients by the formulas of the usual mistakes, in place of the right one.

All are gradients of the sum of the rows' losses, shape (rows, classes). Those of wrong losses come
from the tables of `composition`; the rest are mistakes that only a gradient can have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from xent._validation import Array
from xent.check._gradient.composition.changes import target_rows
from xent.check._gradient.composition.links import links
from xent.check._gradient.composition.losses import capped, compositions
from xent.check._gradient.reference import Reference


@dataclass(frozen=True)
class Formula:
    """A gradient by one formula, right or wrong; the name of the mistake, "" for none."""

    mistake: str
    gradient: Array
    detail: str = ""
    scale: float = 1.0
    """Its factor in the measured numbers."""


def wrong_gradients(reference: Reference) -> Iterator[Formula]:
    """Gradients other than that of the reference, likely mistakes first."""
    pos, neg = target_rows(reference)
    bounded, slope = capped(reference)
    p, right = reference.probabilities, reference.gradient()
    binary, total = reference.task == "binary", pos + neg
    link = "sigmoid" if binary else "softmax"
    for_p = f"derivative of the {link} left out"
    if not binary:
        yield Formula(for_p, -pos, "-y, that for log p")
    for one in compositions(reference, 1):
        [(name, detail)] = one.parts
        yield Formula(name, one.gradient(), detail)
    yield Formula("label not subtracted", right + pos * slope)
    for wrong in links(reference):
        if wrong.mistake:
            yield Formula(
                wrong.mistake, total * np.exp(wrong.forward(bounded)[0]) - pos, wrong.detail
            )
    yield Formula(f"{link} left out", total * reference.logits - pos)
    terms = _ratio(pos, p), _ratio(neg, 1 - p)
    if binary:
        yield Formula(for_p, terms[1] - terms[0], "(p - y) / (p (1 - p))")
    else:
        yield Formula(for_p, -terms[0], "-y/p")
        yield Formula(for_p, terms[1] - terms[0], "-y/p + (1 - y) / (1 - p)")
    again = "derivative multiplied in again"
    yield Formula(again, right * p * (1 - p), "p(1 - p)")
    if not binary:
        jacobian = p * (right - (p * right).sum(axis=1, keepdims=True))
        yield Formula(again, jacobian, "the softmax's derivative, diag(p) - pp'")
        yield Formula("other classes forgotten", np.where(right < 0, right, 0))
        if len(p) > 1:
            # By reshape: for a square gradient, this is simply the transpose.
            yield Formula("transposed", right.T.reshape(right.shape))


def _ratio(coefficient: Array, p: Array) -> Array:
    return np.where(coefficient == 0, 0.0, coefficient / p)
