"""The steps of an explanation as data, and how a step gets its numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xent._format import shown
from xent._report import Line, Role
from xent._report.expression import (
    FULL,
    Expression,
    Number,
    Symbol,
    reproduces,
    substitute,
    with_numbers,
)


@dataclass(frozen=True)
class Step:
    """One step: its formula as a chain of equal expressions, its numbers, and the reason."""

    section: str
    name: str
    formula: tuple[Expression, ...] = ()
    lines: tuple[Line, ...] = ()
    why: str = ""


def computed(
    section: str,
    name: str,
    chain: tuple[Expression, ...],
    numbers: Expression,
    values: Mapping[Symbol, float],
    result: float,
    why: str = "",
    **marks: Any,
) -> Step:
    """A step of one number: `chain` is its formula, `numbers` the form the values are put into.

    The first of the chain is what the number is called; `marks` are the line's role and truth,
    and whether its operands are exact.
    """
    line = computed_line(chain[0], numbers, values, result, **marks)
    return Step(section, name, chain, (line,), why)


def computed_line(
    symbol: Expression,
    numbers: Expression,
    values: Mapping[Symbol, float],
    result: float,
    *,
    exact: bool = True,
    **marks: Any,
) -> Line:
    """One number beside the operands that give it, or alone where they overflow.

    `exact` says that the operands are what they stand for, and not rounded when computed.
    """
    node = with_numbers(numbers, values, result)
    if not reproduces(node, result):
        return Line(symbol, None, result, rounded=True, **marks)
    full = substitute(numbers, {s: Number(shown(v, FULL)) for s, v in values.items()})
    rounded = not exact or (node != full and math.isfinite(result))
    return Line(symbol, node, result, rounded=rounded, **marks)


def line_of(
    symbol: Expression,
    numbers: Expression,
    values: Mapping[Symbol, float],
    result: float,
    digits: int = 4,
    *,
    rounded: bool = False,
    **marks: Any,
) -> Line:
    """One number beside its operands, or alone where they do not give it to the digits shown.

    The caller knows whether the operands were rounded when they were computed.
    """
    node = with_numbers(numbers, values, result, digits)
    shows = node if reproduces(node, result, digits) else None
    return Line(symbol, shows, result, digits, rounded, **marks)


def direction(gradient: float) -> Role:
    """A step down a negative gradient raises its logit."""
    return "pull" if gradient < 0 else "push" if gradient > 0 else ""
