"""Ways of calling a loss that is wrong in all of them: which is the simplest to explain."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from xent._validation import Array
from xent.check import conventions
from xent.check._audit.implementation import Implementation
from xent.check._gradient.composition.explanation import Explanation, explain
from xent.check._gradient.composition.search import Probes
from xent.check._gradient.problem import Problem
from xent.check._gradient.reference import Reference
from xent.check.arguments import Task


def simplest(callable_: list[Implementation]) -> Implementation:
    """Of ways of calling a wrong loss, that in which it has the fewest mistakes.

    If there is none, its parameters' names are left, and whether its losses are finite.
    """
    first = callable_[0].convention.library
    ranked = sorted(
        (one for one in callable_ if one.convention.library == first),
        key=lambda one: -conventions.names_speak_for(one.function, one.convention.plain),
    )
    explained = [(explanation(one), one) for one in ranked]
    known = [(found.cost, one) for found, one in explained if found is not None]
    if known:
        return min(known, key=lambda pair: pair[0])[1]
    finite = [one for one in ranked if np.isfinite(of_two_rows(one)).all()]
    return finite[0] if finite else callable_[0]


def explanation(one: Implementation) -> Explanation | None:
    """The parts of its loss, called in this way."""
    try:
        problem = problem_of(one)
        reference = Reference.of(problem, {}, None)
        return explain(reference, Probes.of(problem), "float64", None)
    except (TypeError, ValueError):
        return None


def problem_of(one: Implementation) -> Problem:
    """Its loss on ordinary rows, for the gradient check; with a gradient of zeros."""
    logits, labels = ordinary_rows(one.task, one.classes)
    # Losses of rows where they can be had; otherwise as it returns them, a mean or a sum.
    compute = one.value
    if "reduction" in one.options:
        with suppress(ValueError):  # losses of entries are none of rows
            one.losses(logits, labels, "float64")
            compute = one.losses

    def loss(z: Any, t: Any) -> Any:
        return compute(np.asarray(z), np.asarray(t), "float64").astype(np.float64)

    def zeros(z: Any, _: Any) -> Any:
        return np.zeros_like(z)

    return Problem(loss, zeros, logits, labels, -1, one.task, "float64", lambda: None)


def ordinary_rows(task: Task, classes: int | None = None) -> tuple[Array, Array]:
    """A batch of ordinary rows, with every class among the labels if there are few."""
    rng = np.random.default_rng(3)
    if task == "binary":
        return rng.normal(size=16) * 2, np.arange(16) % 3 % 2
    number = classes or 4
    z = rng.normal(size=(16, number)) * 2
    return z, np.concatenate([np.arange(4) % number, rng.integers(number, size=12)])


def two_rows(task: Task, classes: int | None = None) -> tuple[Array, Array]:
    """Two rows whose loss is known, of three classes unless the loss takes another number."""
    if task == "binary":
        return np.array([1.5, 0.25]), np.array([1, 0])
    if classes is not None:
        return np.random.default_rng(2).normal(size=(2, classes)) * 2, np.array([0, classes - 1])
    return np.array([[2.0, 1.0, 0.25], [0.5, 1.5, -1.0]]), np.array([0, 2])


def of_two_rows(found: Implementation) -> Array:
    """What it returns for two rows: their losses, or one number."""
    logits, labels = two_rows(found.task, found.classes)
    value = found.value(logits, labels, "float64").astype(np.float64)
    if value.size not in (1, 2):
        msg = f"it returned shape {value.shape} for two rows"
        raise ValueError(msg)
    return value.ravel()
