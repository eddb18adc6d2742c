"""Conditions: trees that are true or false, or what is known to be so without any numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from xent._live.javascript import printed
from xent._report.evaluation import Values, evaluate
from xent._report.expression import Call, Comparison, Expression, Operand, wrap

Condition = Expression | bool
T = TypeVar("T")
Cases = tuple[tuple[Condition, T], ...]
"""Of these the first whose condition holds."""


def every(*conditions: Condition) -> Condition:
    """Do all hold?"""
    return _joined("and", conditions, neutral=True)


def some(*conditions: Condition) -> Condition:
    """Does one hold?"""
    return _joined("or", conditions, neutral=False)


def no(condition: Condition) -> Condition:
    """Does it not hold?"""
    return not condition if isinstance(condition, bool) else Call("not", (condition,))


def differ(a: Operand, b: Operand) -> Expression:
    """Are two numbers different?"""
    return Comparison("!=", wrap(a), wrap(b))


def _joined(function: str, conditions: Iterable[Condition], *, neutral: bool) -> Condition:
    left = [each for each in conditions if each is not neutral]
    if (not neutral) in left:
        return not neutral
    if not left:
        return neutral
    trees = tuple(each for each in left if isinstance(each, Expression))
    return trees[0] if len(trees) == 1 else Call(function, trees)


def holds(condition: Condition, values: Values) -> bool:
    """Does it hold for these values?"""
    return condition if isinstance(condition, bool) else bool(evaluate(condition, values))


def code(condition: Condition) -> str:
    """Its JavaScript."""
    return str(condition).lower() if isinstance(condition, bool) else printed(condition)


def first(cases: Cases[T], values: Values) -> T:
    """What belongs to the first condition that holds."""
    return next(content for condition, content in cases if holds(condition, values))


def reached(cases: Cases[T]) -> Cases[T]:
    """The cases that can be: not those that never hold, nor those after one that always does."""
    kept: list[tuple[Condition, T]] = []
    for condition, content in cases:
        if condition is not False:
            kept.append((condition, content))
        if condition is True:
            break
    return tuple(kept)
