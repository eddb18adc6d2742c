"""The steps of an explanation as data, and how a step gets its numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xent._report import Line, Role
from xent._report.expression import FULL, Expression, Symbol, reproduces, with_numbers


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

    The first of the chain is what the number is called; `marks` are those of `line_of`.
    """
    return Step(section, name, chain, (line_of(chain[0], numbers, values, result, **marks),), why)


def line_of(
    symbol: Expression,
    numbers: Expression,
    values: Mapping[Symbol, float],
    result: float,
    digits: int = 4,
    *,
    rounded: bool | None = False,
    **marks: Any,
) -> Line:
    """One number beside its operands, or alone where they do not give it to the digits shown.

    `rounded` says whether the operands were rounded when they were computed; None, that they are
    rounded where they are not shown in full. `marks` are the line's role and truth.
    """
    put_in = with_numbers(numbers, values, result, digits)
    node = put_in if reproduces(put_in, result, digits) else None
    if rounded is None:
        full = with_numbers(numbers, values, result, FULL)
        rounded = node is None or (node != full and math.isfinite(result))
    return Line(symbol, node, result, digits, rounded, **marks)


def direction(gradient: float) -> Role:
    """A step down a negative gradient raises its logit."""
    return "pull" if gradient < 0 else "push" if gradient > 0 else ""
