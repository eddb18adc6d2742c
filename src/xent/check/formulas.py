"""What the gradient of a cross-entropy is, and what it becomes by the usual mistakes.

All are gradients of the sum of the rows' losses, shape (rows, classes), computed by the library
itself from other arguments than were meant: labels moved by one, weights left out, and so on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from xent._engine.cpu import numpy_only
from xent._validation import Array
from xent.check.problem import Kind, Problem
from xent.functions import sigmoid, softmax
from xent.losses import binary_cross_entropy, cross_entropy

IGNORED_BY_DEFAULT = -100
"""Rows with this label are ignored by PyTorch's losses and by what is modelled on them."""


LEFT_OUT = {
    "label smoothing missing": "label_smoothing",
    "class weight missing": "class_weight",
    "pos_weight missing": "pos_weight",
    "sample weight missing": "sample_weight",
    "softcap missing": "softcap",
    "z-loss missing": "z_loss",
}
"""Mistakes that are an option left out."""


@dataclass(frozen=True)
class Meant:
    """The loss that is meant: logits of shape (rows, classes), targets, and the options."""

    kind: Kind
    logits: Array
    targets: Array
    options: dict[str, Any] = field(default_factory=dict)

    def changed(self, **changes: Any) -> Meant:
        """The same with other logits, targets or options; an option set to None is left out."""
        logits = changes.pop("logits", self.logits)
        targets = changes.pop("targets", self.targets)
        options = {k: v for k, v in {**self.options, **changes}.items() if v is not None}
        return Meant(self.kind, logits, targets, options)

    def losses(self) -> Array:
        """Loss of each row."""
        return np.asarray(self._call(reduction="none")).reshape(-1)

    def gradient(self) -> Array:
        """Gradient of the sum of the losses."""
        grad = self._call(reduction="sum", return_grad=True)[1]
        return np.asarray(grad).reshape(self.logits.shape)

    @numpy_only()
    def _call(self, **how: Any) -> Any:
        with np.errstate(all="ignore"):
            if self.kind == "classes":
                return cross_entropy(self.logits, self.targets, **self.options, **how)
            return binary_cross_entropy(self.logits[:, 0], self.targets, **self.options, **how)

    @property
    def labels(self) -> Array | None:
        """Class index of each row, where targets are labels; ignored rows keep their mark."""
        return self.targets if self.targets.dtype.kind in "iu" else None

    @property
    def ignored(self) -> Array:
        """Which rows do not count: marked as ignored, or of weight 0."""
        mask = np.zeros(len(self.logits), dtype=bool)
        mark = self.options.get("ignore_index")
        if mark is not None and self.labels is not None:
            mask |= self.labels == mark
        if self.options.get("sample_weight") is not None:
            mask |= np.reshape(self.options["sample_weight"], -1) == 0
        return mask

    @property
    def probabilities(self) -> Array:
        """Softmax of the logits, or their sigmoid."""
        with numpy_only(), np.errstate(all="ignore"):
            return np.asarray((sigmoid if self.kind == "binary" else softmax)(self.logits))

    @property
    def total(self) -> float:
        """Total weight, by which a mean divides."""
        losses = self.changed(logits=np.zeros_like(self.logits), label_smoothing=None,
                              softcap=None, z_loss=None, pos_weight=None)  # fmt: skip
        with numpy_only():
            weighted = losses._call(reduction="sum")
        return float(weighted / np.log(max(self.logits.shape[1], 2)))


def meant_of(problem: Problem, options: dict[str, Any]) -> Meant:
    """The loss that is meant; labels of -100 are ignored rows unless said otherwise."""
    assert problem.targets is not None
    targets = problem.targets
    if targets.shape == problem.shape and problem.kind == "classes":
        targets = np.moveaxis(targets, problem.axis, -1).reshape(-1, problem.classes)
    else:
        targets = targets.reshape(-1)
    options = {k: v for k, v in options.items() if v is not None}
    if np.ndim(options.get("pos_weight", 0.0)) and problem.kind == "binary":
        weights = np.asarray(options["pos_weight"], dtype=np.float64)
        if weights.shape == problem.shape[-1:]:  # one for each label of the last axis
            options["pos_weight"] = np.broadcast_to(weights, problem.shape).reshape(-1)
    if options.get("sample_weight") is not None:
        options["sample_weight"] = np.asarray(options["sample_weight"], float).reshape(-1)
    if targets.dtype.kind in "iu" and (targets == IGNORED_BY_DEFAULT).any():
        options.setdefault("ignore_index", IGNORED_BY_DEFAULT)
    return Meant(problem.kind, problem.logits, targets, options)


@dataclass(frozen=True)
class Formula:
    """A gradient by one formula, right or wrong; the name of the mistake, "" for none."""

    mistake: str
    gradient: Array
    detail: str = ""


def wrong_options(meant: Meant) -> Iterator[Formula]:
    """The loss with an option left out, or with another label: of a loss or of a gradient."""
    for mistake, option in LEFT_OUT.items():
        if option in meant.options and np.any(meant.options[option]):
            yield Formula(mistake, meant.changed(**{option: None}).gradient())
    yield from _moved_labels(meant)


def _moved_labels(meant: Meant) -> Iterator[Formula]:
    if meant.kind == "binary":
        values = np.where(meant.ignored, 0, meant.targets).astype(np.float64)
        flipped = meant.targets if meant.labels is None else meant.labels
        other = np.where(meant.ignored, flipped, 1 - flipped)
        yield Formula("labels flipped", meant.changed(targets=other).gradient())
        one = meant.changed(targets=np.where(meant.ignored, flipped, np.ones_like(flipped)))
        zero = meant.changed(targets=np.where(meant.ignored, flipped, np.zeros_like(flipped)))
        up, down = one.gradient()[:, 0], zero.gradient()[:, 0]
        for step in (1, -1):
            y = values + step  # the loss is linear in the target, also beyond 0 and 1
            moved = (1 - y) * down + y * up
            detail = f"y {'+' if step > 0 else '-'} 1"
            yield Formula("label off by one", moved[:, None], detail)
    elif meant.labels is not None:
        classes = meant.logits.shape[1]
        for step in (1, -1) if classes > 2 else (1,):
            labels = np.where(meant.ignored, meant.labels, (meant.labels + step) % classes)
            name = "label off by one" if classes > 2 else "labels flipped"
            detail = f"y {'+' if step > 0 else '-'} 1"
            yield Formula(name, meant.changed(targets=labels).gradient(), detail)


def wrong_losses(meant: Meant) -> Iterator[Formula]:
    """Derivatives of a loss that is not the one that is meant."""
    yield from wrong_options(meant)
    p, right = meant.probabilities, meant.gradient()
    if meant.kind == "binary":
        outer = meant.changed(logits=p).gradient()
        yield Formula("sigmoid applied twice", outer * p * (1 - p))
        if not meant.ignored.any():
            average = np.full(len(p), meant.targets.mean(dtype=np.float64))
            yield Formula("broadcast", meant.changed(targets=average).gradient())
    else:
        outer = meant.changed(logits=p).gradient()
        yield Formula("softmax applied twice", _through_softmax(p, outer))
        if len(p) > 1:
            targets = _where_counted(meant, p, right) - right
            across = _across(meant) * targets.sum(axis=0) - targets
            yield Formula("softmax over the wrong axis", across)
    yield from _without_log(meant, right)


def wrong_gradients(meant: Meant) -> Iterator[Formula]:
    """Gradients that are not that of the loss that is meant."""
    yield from wrong_options(meant)
    p, right = meant.probabilities, meant.gradient()
    if meant.kind == "binary":
        yield Formula("label not subtracted", _where_counted(meant, p, right))
        twice = meant.changed(logits=p).gradient()
        yield Formula("sigmoid applied twice", twice)
        yield Formula("sigmoid applied twice", twice * p * (1 - p))
        yield Formula("derivative multiplied in again", right * p * (1 - p), "p(1 - p)")
    else:
        yield Formula("label not subtracted", _where_counted(meant, p, right))
        twice = meant.changed(logits=p).gradient()
        yield Formula("softmax applied twice", twice)
        yield Formula("softmax applied twice", _through_softmax(p, twice))
        yield Formula("derivative multiplied in again", right * p * (1 - p), "p(1 - p)")
        yield Formula(
            "derivative multiplied in again",
            _through_softmax(p, right),
            "the softmax's derivative, diag(p) - pp'",
        )
        yield Formula("other classes forgotten", np.where(right < 0, right, 0))
        if len(p) > 1:
            targets = _where_counted(meant, p, right) - right
            yield Formula("softmax over the wrong axis", _across(meant) - targets)
        if right.shape[0] > 1:
            turned = right.T.reshape(right.shape)
            yield Formula("transposed", turned)
    yield from _without_log(meant, right)


def _where_counted(meant: Meant, p: Array, right: Array) -> Array:
    """The first term of (Σy)·p - y alone, with the weight of its row."""
    if meant.kind == "binary":
        nothing = np.where(meant.ignored, meant.targets, np.zeros_like(meant.targets))
        return meant.changed(targets=nothing).gradient()
    # Off the label the gradient is the first term; there, their ratio to p is the coefficient.
    share = np.where(right > 0, p, 0).sum(axis=1, keepdims=True)
    push = np.where(right > 0, right, 0).sum(axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        return np.where(share > 0, push / share, 0) * p


def _across(meant: Meant) -> Array:
    """Softmax over the rows, which is over the wrong axis."""
    with numpy_only(), np.errstate(all="ignore"):
        return np.asarray(softmax(meant.logits, axis=0))


def _through_softmax(p: Array, gradient: Array) -> Array:
    """A gradient for probabilities, carried on to logits: (diag(p) - pp') g."""
    return np.asarray(p * (gradient - (p * gradient).sum(axis=1, keepdims=True)))


def _without_log(meant: Meant, right: Array) -> Iterator[Formula]:
    """The gradient of -p where -log(p) is meant."""
    if meant.labels is None or "label_smoothing" in meant.options:
        return
    with np.errstate(all="ignore"):
        losses = meant.changed(class_weight=None, sample_weight=None, pos_weight=None).losses()
    yield Formula("log forgotten", np.exp(-losses)[:, None] * right)
