"""Formulas of the usual mistakes: the gradients that they give instead of the correct one.

All are gradients of the sum of the rows' losses, shape (rows, classes), computed by the library
itself from wrong arguments: labels shifted by one, weights left out, and so on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from xent._engine.cpu import numpy_only
from xent._validation import Array
from xent.check._gradient.reference import Reference
from xent.check.mistakes import catalogue
from xent.functions import softmax

STEPS = ((1, "y + 1"), (-1, "y - 1"))
"""Labels off by one: the step, and how it is written."""


@dataclass(frozen=True)
class Formula:
    """A gradient by one formula, right or wrong; the name of the mistake, "" for none."""

    mistake: str
    gradient: Array
    detail: str = ""
    scale: float = 1.0
    """Its factor in the measured numbers."""


def options_left_out(reference: Reference) -> Iterator[Formula]:
    """The loss without one of its options."""
    names = {entry.option: name for name, entry in catalogue().items()}
    for option, value in reference.options.items():
        if option in names and np.any(value):
            yield Formula(names[option], reference.changed(**{option: None}).gradient())


def wrong_losses(reference: Reference) -> Iterator[Formula]:
    """Derivatives of losses other than the reference, likely mistakes first."""
    yield from options_left_out(reference)
    yield from _moved_labels(reference)
    p, right = reference.probabilities, reference.gradient()
    # The loss of probabilities that are passed on as logits, by the chain rule.
    twice = _through_softmax(reference, p, reference.changed(logits=p).gradient())
    if reference.task == "binary":
        yield Formula("sigmoid applied twice", twice)
        if not reference.ignored.any():
            # The mean over all pairs is linear in the labels, so only their average matters.
            average = np.full(len(p), reference.targets.mean(dtype=np.float64))
            yield Formula("broadcast", reference.changed(targets=average).gradient())
    else:
        yield Formula("softmax applied twice", twice)
        if len(p) > 1:
            # The first term of the gradient minus the whole gradient gives the targets y.
            targets = _without_label(reference, p, right) - right
            across = _softmax_over_rows(reference) * targets.sum(axis=0) - targets
            yield Formula("softmax over the wrong axis", across)
    yield from _without_log(reference, right)


def wrong_gradients(reference: Reference) -> Iterator[Formula]:
    """Gradients other than that of the reference, likely mistakes first."""
    yield from options_left_out(reference)
    yield from _moved_labels(reference)
    p, right = reference.probabilities, reference.gradient()
    binary = reference.task == "binary"
    yield Formula("label not subtracted", _without_label(reference, p, right))
    twice = reference.changed(logits=p).gradient()
    name = f"{'sigmoid' if binary else 'softmax'} applied twice"
    yield Formula(name, twice)
    yield Formula(name, _through_softmax(reference, p, twice))
    again = "derivative multiplied in again"
    yield Formula(again, right * p * (1 - p), "p(1 - p)")
    if not binary:
        jacobian = "the softmax's derivative, diag(p) - pp'"
        yield Formula(again, _through_softmax(reference, p, right), jacobian)
        yield Formula("other classes forgotten", np.where(right < 0, right, 0))
        if len(p) > 1:
            targets = _without_label(reference, p, right) - right
            yield Formula("softmax over the wrong axis", _softmax_over_rows(reference) - targets)
            # By reshape: for a square gradient, this is simply the transpose.
            yield Formula("transposed", right.T.reshape(right.shape))
    yield from _without_log(reference, right)


def _moved_labels(reference: Reference) -> Iterator[Formula]:
    ignored, targets, labels = reference.ignored, reference.targets, reference.labels
    if reference.task == "binary":

        def slopes(changed: Array) -> Array:
            return reference.changed(targets=np.where(ignored, targets, changed)).gradient()

        yield Formula("labels flipped", slopes(1 - targets))
        up, down = slopes(np.ones_like(targets)), slopes(np.zeros_like(targets))
        for step, detail in STEPS:
            # The loss is linear in the target, so it is known beyond 0 and 1 as well.
            y = (np.where(ignored, 0, targets).astype(np.float64) + step)[:, None]
            yield Formula("labels off by one", (1 - y) * down + y * up, detail)
    elif labels is not None:
        classes = reference.logits.shape[1]
        # With two classes, both steps swap them.
        for step, detail in STEPS if classes > 2 else STEPS[:1]:
            moved = np.where(ignored, labels, (labels + step) % classes)
            name = "labels off by one" if classes > 2 else "labels flipped"
            yield Formula(name, reference.changed(targets=moved).gradient(), detail)


def _without_label(reference: Reference, p: Array, right: Array) -> Array:
    """The first term of (Σy)·p - y alone, with the weight of its row."""
    if reference.task == "binary":
        zeros = np.zeros_like(reference.targets)
        targets = np.where(reference.ignored, reference.targets, zeros)
        return reference.changed(targets=targets).gradient()
    # Where y is 0, the gradient is the first term alone; its ratio to p is the row's weight.
    share = np.where(right > 0, p, 0).sum(axis=1, keepdims=True)
    push = np.where(right > 0, right, 0).sum(axis=1, keepdims=True)
    return np.where(share > 0, push / share, 0) * p


def _softmax_over_rows(reference: Reference) -> Array:
    with numpy_only():
        return np.asarray(softmax(reference.logits, axis=0))


def _through_softmax(reference: Reference, p: Array, gradient: Array) -> Array:
    """A gradient for probabilities turned into one for logits: p(1 - p) g, or (diag(p) - pp') g."""
    if reference.task == "binary":
        return np.asarray(gradient * p * (1 - p))
    return np.asarray(p * (gradient - (p * gradient).sum(axis=1, keepdims=True)))


def _without_log(reference: Reference, right: Array) -> Iterator[Formula]:
    """The gradient of -p instead of -log(p): p times that of -log(p)."""
    if reference.labels is not None and "label_smoothing" not in reference.options:
        yield Formula("log forgotten", reference.label_probabilities[:, None] * right)
