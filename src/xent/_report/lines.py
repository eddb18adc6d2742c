"""A computed number beside the numbers that it is computed from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from xent._report.blocks import Line
from xent._report.evaluation import FULL, reproduces, with_numbers
from xent._report.expression import Expression, Symbol


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
