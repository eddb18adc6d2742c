"""Terms: what a loss adds up of targets and probabilities, the right terms first.

`pos` is the coefficient of -log p, the target times the row's weight, and `neg` that of
-log(1 - p). All arrays have shape (..., rows, classes); a term gives the losses of the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from xent._validation import Array
from xent.check._gradient.reference import Reference


@dataclass(frozen=True)
class Part:
    """What a term is computed from."""

    pos: Array
    neg: Array
    log_p: Array
    log_q: Array
    """log(1 - p)."""

    @property
    def total(self) -> Array:
        """Weight of each entry's row."""
        return np.asarray(self.pos + self.neg)

    @property
    def target(self) -> Array:
        """Targets without weights."""
        return np.where(self.total == 0, 0.0, self.pos / np.where(self.total == 0, 1, self.total))


Formula = Callable[[Part], Array]


@dataclass(frozen=True)
class Term:
    """An entry: the name of the mistake ("" for none), and the formula of each entry."""

    mistake: str
    value: Formula
    slope: Formula
    """Derivative for log p."""
    detail: str = ""
    natural: tuple[float, ...] = (1.0,)
    """Factors that are usual beside it, such as 1/2 for a squared error."""
    implies: str = ""
    """A mistake that belongs to it, and is no second one."""
    clipped: bool = False
    """Is its factor -log of the floor of clipped targets?"""


def terms(reference: Reference, pos: Array) -> Iterator[Term]:
    """The terms that a loss of this task may have; the first are right."""
    binary, classes = reference.task == "binary", reference.logits.shape[1]
    first, second = (_positive, _positive_slope), (_negative, _negative_slope)
    both = _combined(1.0)
    # The mean of K yes/no questions is as usual as their sum.
    mean_too = (1.0,) if binary else (1.0, 1 / classes)
    if binary:
        yield Term("", *both)
        yield Term("(1 - y) term forgotten", *first)
        yield Term("y term forgotten", *second)
    else:
        yield Term("", *first)
        sigmoid = "sigmoid in place of softmax"
        yield Term("binary terms over the classes", *both, natural=mean_too, implies=sigmoid)
    yield Term("sign of the (1 - y) term", *_combined(-1.0), natural=mean_too)
    yield Term("log forgotten", *_without_log(binary))
    yield from _exchanged(binary, pos)
    half_too = (1.0, 0.5) if binary else (1.0, 0.5, 1 / classes, 0.5 / classes)
    yield Term("squared error", _squared, _squared_slope, natural=half_too)
    yield Term("absolute error", _absolute, _absolute_slope, natural=half_too)


def _times(coefficient: Array, value: Array) -> Array:
    """Their product, where 0 times infinity is 0."""
    return np.where(coefficient == 0, 0.0, coefficient * value)


def _positive(a: Part) -> Array:
    return _times(a.pos, -a.log_p)


def _positive_slope(a: Part) -> Array:
    return np.broadcast_to(-a.pos, a.log_p.shape)


def _negative(a: Part) -> Array:
    return _times(a.neg, -a.log_q)


def _negative_slope(a: Part) -> Array:
    return _times(a.neg, np.exp(a.log_p - a.log_q))


def _combined(sign: float) -> tuple[Formula, Formula]:
    """Both terms, the second with a sign."""
    return (
        lambda a: _positive(a) + sign * _negative(a),
        lambda a: _positive_slope(a) + sign * _negative_slope(a),
    )


def _without_log(binary: bool) -> tuple[Formula, Formula]:
    def value(a: Part) -> Array:
        p = np.exp(a.log_p)
        return np.asarray(-a.pos * p - (a.neg * (1 - p) if binary else 0))

    def slope(a: Part) -> Array:
        return np.asarray((a.neg * binary - a.pos) * np.exp(a.log_p))

    return value, slope


def _exchanged(binary: bool, pos: Array) -> Iterator[Term]:
    """-Σ p log y. The logarithm of a target of 0 needs a floor, by which the loss is multiplied."""
    name = "prediction and target exchanged"

    def floored(a: Part) -> Array:
        p = np.exp(a.log_p)
        zero, one = a.target == 0, a.target == 1
        return np.asarray(a.total * (zero * p + (one * (1 - p) if binary else 0)))

    def floored_slope(a: Part) -> Array:
        sign = (a.target == 0) * 1.0 - (a.target == 1) * (1.0 if binary else 0.0)
        return np.asarray(a.total * sign * np.exp(a.log_p))

    def soft(a: Part) -> Array:
        p = np.exp(a.log_p)
        other = (1 - p) * np.log1p(-a.target) if binary else 0.0
        return np.asarray(-a.total * (p * np.log(a.target) + other))

    def soft_slope(a: Part) -> Array:
        other = np.log1p(-a.target) if binary else 0.0
        return np.asarray(a.total * np.exp(a.log_p) * (other - np.log(a.target)))

    def divergence(a: Part) -> Array:
        p = np.exp(a.log_p)
        other = (1 - p) * a.log_q if binary else 0.0
        return np.asarray(a.total * (_times(p, a.log_p) + other) + soft(a))

    def divergence_slope(a: Part) -> Array:
        p = np.exp(a.log_p)
        other = -p * (a.log_q + 1) if binary else 0.0
        return np.asarray(a.total * (p * (a.log_p + 1) + other) + soft_slope(a))

    def of_softmax(a: Part) -> Array:
        # The labels, 0 and 1, are taken for logits, and the predictions for targets.
        p = np.exp(a.log_p)
        if binary:
            return np.asarray(a.total * (np.logaddexp(0, a.target) - a.target * p))
        lse = np.log(np.exp(a.target).sum(axis=-1, keepdims=True))
        return np.asarray(a.total * p * (lse - a.target))

    def of_softmax_slope(a: Part) -> Array:
        p = np.exp(a.log_p)
        lse = 0.0 if binary else np.log(np.exp(a.target).sum(axis=-1, keepdims=True))
        return np.asarray(a.total * p * (lse - a.target))

    link = "sigmoid" if binary else "softmax"
    yield Term(name, of_softmax, of_softmax_slope, f", with a {link} of the targets")
    if (pos[pos.any(axis=-1)] == 0).any() or (binary and not pos.all()):
        yield Term(name, floored, floored_slope, clipped=True)
    else:
        yield Term(name, soft, soft_slope)
        yield Term(name, divergence, divergence_slope, ", with the logarithm of p added")


def _squared(a: Part) -> Array:
    return np.asarray(a.total * (np.exp(a.log_p) - a.target) ** 2)


def _squared_slope(a: Part) -> Array:
    p = np.exp(a.log_p)
    return np.asarray(2 * a.total * (p - a.target) * p)


def _absolute(a: Part) -> Array:
    return np.asarray(a.total * np.abs(np.exp(a.log_p) - a.target))


def _absolute_slope(a: Part) -> Array:
    p = np.exp(a.log_p)
    return np.asarray(a.total * np.sign(p - a.target) * p)
