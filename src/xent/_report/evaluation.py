"""The value of a formula: as a double, exactly, or from the numbers as they are shown."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from xent._format import shown
from xent._report.expression import (
    Binary,
    Call,
    Case,
    Comparison,
    Expression,
    Extreme,
    Negative,
    Number,
    Power,
    Symbol,
    Total,
    substitute,
)

FULL = 20
"""Decimals that show any double from 0.001 on in full."""

Values = Mapping[str, Any]
"""The numbers of symbols, by name: lists where they have an index. Indices have numbers, too."""


def evaluate(node: Expression, values: Values = MappingProxyType({})) -> float:
    """The value of a tree, in double precision, as JavaScript and a calculator find it."""
    match node:
        case Number(text):
            return float(text)
        case Symbol(name, index):
            return _looked_up(name, index, values)
        case Negative(body):
            return -evaluate(body, values)
        case Power(Symbol("e"), exponent):
            return _exp(evaluate(exponent, values))
        case Power(base, exponent):
            return float(evaluate(base, values) ** evaluate(exponent, values))
        case Binary(operator, left, right):
            return OPERATORS[operator](evaluate(left, values), evaluate(right, values))
        case Comparison(sign, left, right):
            return OPERATORS[sign](evaluate(left, values), evaluate(right, values))
        case Case(condition, then, otherwise):
            return evaluate(then if evaluate(condition, values) else otherwise, values)
        case Total(_, body, size) if size:
            return sum(evaluate(body, each) for each in _each(node, values))
        case Extreme(function, _, body):
            found = [evaluate(body, each) for each in _each(node, values)]
            return max(found) if function == "max" else float(found.index(max(found)))
        case Call("exact", (body,)):
            return _nearest(exactly(body, values))
        case Call("and", arguments):
            return all(evaluate(each, values) for each in arguments)
        case Call("or", arguments):
            return any(evaluate(each, values) for each in arguments)
        case Call(function, arguments) if function in CALLS:
            return CALLS[function](*(evaluate(each, values) for each in arguments))
    msg = f"no value: {node!r}"
    raise ValueError(msg)


def _looked_up(name: str, index: str, values: Values) -> float:
    """The number of a symbol, of one element for each index."""
    found: Any = math.e if (name, index) == ("e", "") else values[name]
    for part in index.split(",") if index else ():
        found = found[position(part, values)]
    return float(found)


def position(part: str, values: Values) -> int:
    """The number of an index: 2, j, or j+1."""
    letter, _, more = part.partition("+")
    return int(letter if letter.isdigit() else values[letter]) + int(more or 0)


def _each(node: Total | Extreme, values: Values) -> Iterator[Values]:
    """The values with the index at each of its numbers; for `j≠k` without that of k."""
    letter, _, left_out = node.index.partition("≠")
    for number in range(node.size):
        if not (left_out and number == position(left_out, values)):
            yield {**values, letter: number}


def _nearest(exact: Fraction | float | None) -> float:
    """The double nearest to an exact value."""
    assert exact is not None
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf if x == 0 else math.nan


def _quotient(a: float, b: float) -> float:
    """a / b as IEEE 754 has it."""
    if b:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1, b)


OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _quotient,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
CALLS: dict[str, Callable[..., float]] = {
    "log": _log,
    "log1p": lambda x: math.log1p(x) if x > -1 else _log(1 + x),
    "tanh": math.tanh,
    "sqrt": math.sqrt,
    "floor": math.floor,
    "abs": abs,
    "max": max,
    "min": min,
    "not": lambda held: not held,
    "rounded": lambda x, digits: float(shown(x, int(digits), trim=False)),
    "placed": lambda x, places: float(f"{x:.{int(places)}f}"),
}


def exactly(node: Expression, values: Values = MappingProxyType({})) -> Fraction | float | None:
    """The exact value of a tree of numbers, or None if e^x or log(x) in it is not exact.

    An infinity is a float. Symbols are worth the shortest decimals of their numbers.
    """
    match node:
        case Number(text):
            return float(text) if "inf" in text else Fraction(text)
        case Symbol(name, index) if name in values:
            return exactly(Number(repr(_looked_up(name, index, values))))
        case Negative(body):
            value = exactly(body, values)
            return None if value is None else -value
        case Power(Symbol("e"), exponent):
            power = exactly(exponent, values)
            return Fraction(int(power == 0)) if power in (0, -math.inf) else None
        case Call("log", (x,)):
            value = exactly(x, values)
            return Fraction(0) if value == 1 else -math.inf if value == 0 else None
        case Call("log1p", (x,)):
            return Fraction(0) if exactly(x, values) == 0 else None
        case Binary("/", left, Call("log", (Number("2"),))) if exactly(left, values) in (
            0,
            math.inf,
        ):
            return exactly(left, values)
        case Binary(sign, left, right):
            return _combined(sign, exactly(left, values), exactly(right, values))
    return None


def _combined(
    sign: str, a: Fraction | float | None, b: Fraction | float | None
) -> Fraction | float | None:
    """The exact value of an operation; the sum of an infinity and a finite number is known."""
    if sign == "-":
        sign, b = "+", None if b is None else -b
    if isinstance(a, float) or isinstance(b, float):
        known = isinstance(a, float) != isinstance(b, float) and sign == "+"
        return (a if isinstance(a, float) else b) if known else None
    if a is None or b is None or (sign == "/" and b == 0):
        return None
    return a + b if sign == "+" else a / b if sign == "/" else a * b


def with_numbers(
    formula: Expression, values: Mapping[Symbol, float], result: float, digits: int = 4
) -> Expression:
    """Substitute rounded numbers, with just enough digits that they reproduce the shown result."""
    node = formula
    for places in range(max(digits, 4), FULL + 1):
        numbers: dict[Symbol, Expression] = {s: Number(shown(v, places)) for s, v in values.items()}
        node = substitute(formula, numbers)
        if reproduces(node, result, digits):
            break
    return node


def reproduces(node: Expression, result: float, digits: int = 4) -> bool:
    """Do the shown operands give the shown result?"""
    return shown(evaluate(node), digits, trim=False) == shown(result, digits, trim=False)
