"""e^-a and log(1 + x) from +, -, × and ÷ alone, which every machine rounds alike.

`Math.exp` of a browser and `math.exp` of Python may differ in the last bit. That is too little to
be seen, except where a page shows rounding errors themselves.
"""

from __future__ import annotations

import math

from xent._live.program import Definition, define
from xent._report.expression import Expression, Number, Operand, Symbol, call, wrap

POWERS = 14
"""Terms of the series of e^-r, r up to (log 2)/2: what is left out is below 1e-18."""
ODD = 18
"""Terms of the series of the logarithm."""
LOG2 = Number(repr(math.log(2)))


def decay(name: str, a: Expression, index: str = "", *size: int) -> list[Definition]:
    """Definitions that end with `name`: e^-a for a from 0 to about 700."""
    at = f"_{index}" if index else ""
    q, r = Symbol(f"{name}q", index), Symbol(f"{name}r", index)
    series: Expression = wrap(1)
    for i in range(POWERS, 0, -1):
        series = 1 - r / i * series
    return [
        define(f"{name}q{at}", call("floor", a / LOG2 + 0.5), *size),
        define(f"{name}r{at}", a - q * LOG2, *size),
        define(f"{name}{at}", series / Number("2") ** q, *size),
    ]


def log_of_1_plus(name: str, x: Expression, index: str = "", *size: int) -> list[Definition]:
    """Definitions that end with `name`: log(1 + x) for x from 0 to 1, as 2 artanh(x / (2 + x))."""
    at = f"_{index}" if index else ""
    s, t = Symbol(f"{name}s", index), Symbol(f"{name}t", index)
    series: Operand = 1 / (2 * ODD + 1)
    for i in range(ODD - 1, -1, -1):
        series = Number(repr(1 / (2 * i + 1))) + t * series
    return [
        define(f"{name}s{at}", x / (2 + x), *size),
        define(f"{name}t{at}", s * s, *size),
        define(f"{name}{at}", 2 * s * series, *size),
    ]
