"""Changes of targets, weights and logits: options left out or misapplied, and labels that moved.

Each entry turns the reference into another one, or changes its target rows: the coefficients of
-log p and of -log(1 - p), which hold the weights too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import permutations

import numpy as np

from xent._validation import Array
from xent.check._gradient.reference import Reference
from xent.check.mistakes import catalogue

STEPS = ((1, "y + 1"), (-1, "y - 1"))
"""Labels off by one: the step, and how it is written."""

FEW_CLASSES = 4
"""Up to this many classes, every order of their weights is tried."""

Rows = tuple[Array, Array]
"""Coefficients of -log p and of -log(1 - p), each (rows, classes)."""


def _same(reference: Reference) -> Reference:
    return reference


def _as_they_are(pos: Array, neg: Array) -> Rows:
    return pos, neg


@dataclass(frozen=True)
class Change:
    """An entry: the name of the mistake ("" for none), and what it changes."""

    mistake: str = ""
    reference: Callable[[Reference], Reference] = _same
    rows: Callable[[Array, Array], Rows] = _as_they_are
    factor: Callable[[Array], Array] | None = None
    """A factor of each row that depends on its logits, (..., rows, classes) to (..., rows)."""
    detail: str = ""
    averaged: bool = False
    """Is a mean divided by the sum of these factors?"""


def target_rows(reference: Reference) -> Rows:
    """Coefficients of -log p and -log(1 - p), from the loss and its gradient at logits of 0."""
    flat = replace(
        reference.changed(logits=np.zeros_like(reference.logits), z_loss=None, softcap=None),
        averaged=False,
    )
    classes = reference.logits.shape[1]
    if classes > 1 or reference.task == "binary":
        total = (flat.losses() / np.log(max(classes, 2)))[:, None]
    else:
        total = np.ones((len(reference.logits), 1))  # one class alone has a loss of 0
    pos = total / max(classes, 2) - flat.gradient()
    pos = np.where(np.abs(pos) <= 1e-12 * total, 0.0, pos)
    neg = total - pos
    return pos, np.where(np.abs(neg) <= 1e-12 * total, 0.0, neg)


def of_targets(reference: Reference) -> Iterator[Change]:
    """What may be wrong with the targets."""
    yield Change()
    smoothing = reference.options.get("label_smoothing")
    if smoothing:
        yield from _smoothing(float(smoothing), reference)
    labels, classes = reference.labels, reference.logits.shape[1]
    if reference.task == "binary":
        yield _moved("labels flipped", lambda targets: 1 - targets)
        for step, detail in STEPS:
            yield Change("labels off by one", rows=_linear(1.0, step), detail=detail)
        yield Change("labels -1 and +1", rows=_linear(2.0, -1.0))
        if len(reference.logits) > 1 and not reference.ignored.any():
            yield Change("broadcast", rows=_averaged)
        return
    if labels is None:
        yield Change("targets exponentiated", rows=_exponentiated)
    if labels is not None:
        # With two classes, both steps swap them.
        for step, detail in STEPS if classes > 2 else STEPS[:1]:
            name = "labels off by one" if classes > 2 else "labels flipped"
            yield _moved(name, partial(_next_class, step=step, classes=classes), detail)
            if reference.options.get("class_weight") is not None:  # of the right label
                yield Change(name, rows=_rolled(step), detail=detail)


def of_weights(reference: Reference) -> Iterator[Change]:
    """What may be wrong with the weights."""
    yield Change()
    for option in ("class_weight", "pos_weight", "sample_weight"):
        yield from _left_out(reference, option)
    weight = reference.options.get("class_weight")
    if weight is not None and np.ndim(weight):
        weight = np.asarray(weight, dtype=np.float64)
        yield from _other_orders(weight)
        name = "weight of the predicted class"
        predicted = Change(name, _changed(class_weight=None), factor=_of_predicted(weight))
        yield predicted
        yield replace(predicted, detail=", by whose sum the mean is divided", averaged=True)
        if (weight > 0).all():
            inverse = _changed(class_weight=1 / weight)
            yield Change("class weights inverted", inverse)
        yield Change("class weights applied twice", _changed(class_weight=weight**2))
    if "pos_weight" in reference.options:
        times = np.reshape(reference.options["pos_weight"], (-1, 1))
        if (times > 0).all():
            inverse = _changed(pos_weight=1 / np.asarray(reference.options["pos_weight"], float))
            yield Change("pos_weight inverted", inverse)
        name = "pos_weight on the wrong term"
        plain = _changed(pos_weight=None)
        yield Change(name, plain, lambda pos, neg: (pos, neg * times))
        yield Change(
            name, plain, lambda pos, neg: (pos * times, neg * times), detail=", on both terms"
        )


def of_logits(reference: Reference) -> Iterator[Change]:
    """Options of the logits that may be left out."""
    yield Change()
    for option in ("softcap", "z_loss"):
        yield from _left_out(reference, option)


def _changed(**options: object) -> Callable[[Reference], Reference]:
    return lambda reference: reference.changed(**options)


def _left_out(reference: Reference, option: str) -> Iterator[Change]:
    value = reference.options.get(option)
    if value is not None and np.any(value):
        [name] = (name for name, entry in catalogue().items() if entry.option == option)
        yield Change(name, _changed(**{option: None}))


def _next_class(labels: Array, step: int, classes: int) -> Array:
    return np.asarray((labels + step) % classes)


def _moved(name: str, move: Callable[[Array], Array], detail: str = "") -> Change:
    """Other targets, except in rows that are ignored."""

    def change(reference: Reference) -> Reference:
        ignored, targets = reference.ignored, reference.targets
        kept = ignored.reshape(ignored.shape + (1,) * (targets.ndim - 1))
        return reference.changed(targets=np.where(kept, targets, move(targets)))

    return Change(name, change, detail=detail)


def _linear(slope: float, shift: float) -> Callable[[Array, Array], Rows]:
    """Binary targets y as slope y + shift, also beyond 0 and 1."""

    def rows(pos: Array, neg: Array) -> Rows:
        moved = slope * pos + shift * (pos + neg)
        return moved, pos + neg - moved

    return rows


def _rolled(step: int) -> Callable[[Array, Array], Rows]:
    """Another label, but the weight of the right one."""

    def rows(pos: Array, neg: Array) -> Rows:
        moved = np.roll(pos, step, axis=1)
        return moved, pos + neg - moved

    return rows


def _exponentiated(pos: Array, neg: Array) -> Rows:
    """exp(y) for y, as where probabilities are taken for their logarithms."""
    total = pos + neg
    moved = total * np.exp(pos / np.where(total == 0, 1, total))
    return moved, total - moved


def _averaged(pos: Array, neg: Array) -> Rows:
    """The mean over all pairs is linear in the targets, so only their average matters."""
    total = pos + neg
    mean = (pos / total).mean()
    return mean * total, (1 - mean) * total


def _smoothing(share: float, reference: Reference) -> Iterator[Change]:
    yield from _left_out(reference, "label_smoothing")
    binary = reference.task == "binary"
    classes = 2 if binary else reference.logits.shape[1]
    if not binary and classes > 2 and share * classes / (classes - 1) <= 1:
        spread = _changed(label_smoothing=share * classes / (classes - 1))
        yield Change("smoothing over the other classes", spread)
    if binary:
        name = "another label smoothing"
        for kept, added, detail in (
            (1 - share, share, "(1 - s) y + s"),
            (1 - share, 0, "(1 - s) y"),
        ):
            yield Change(name, _changed(label_smoothing=None), _linear(kept, added), detail=detail)
        return
    for kept, added, detail in (
        (1 - share, 1 / classes, "(1 - s) y + 1/K"),
        (1 - share, share, "(1 - s) y + s"),
        (1 - share, 0.0, "(1 - s) y"),
        (1.0, share / classes, "y + s/K"),
        (1.0, share, "y + s"),
    ):

        def rows(pos: Array, neg: Array, kept: float = kept, added: float = added) -> Rows:
            total = pos + neg
            return kept * pos + added * total, (1 - added) * total - kept * pos

        name = "smoothed targets do not sum to 1"
        yield Change(name, _changed(label_smoothing=None), rows, detail=detail)


def _other_orders(weight: Array) -> Iterator[Change]:
    """Class weights reversed, or counted from another class; in any order if classes are few."""
    usual = np.arange(len(weight))
    orders = [usual[::-1], np.roll(usual, -1), np.roll(usual, 1)]
    if len(weight) <= FEW_CLASSES:
        orders += [np.array(order) for order in permutations(usual.tolist())]
    known = {tuple(weight)}
    for order in orders:
        if tuple(weight[order]) not in known:
            known.add(tuple(weight[order]))
            yield in_order(weight, order)


def in_order(weight: Array, order: Array) -> Change:
    """Class weights in another order: class j has the weight of class order[j]."""
    moves = [f"{j} has that of {k}" for j, k in enumerate(order.tolist()) if weight[j] != weight[k]]
    detail = ", ".join(moves[:4]) + ", ..." * (len(moves) > 4)
    return Change(
        "class weights in another order", _changed(class_weight=weight[order]), detail=detail
    )


def _of_predicted(weight: Array) -> Callable[[Array], Array]:
    def factor(z: Array) -> Array:
        return np.asarray(
            weight[(z[..., 0] > 0).astype(int) if z.shape[-1] == 1 else z.argmax(axis=-1)]
        )

    return factor
