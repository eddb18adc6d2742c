"""The value of a formula: as a double, exactly, or from the numbers as they are shown."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from functools import reduce
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
    return function_of(node)(values)


def function_of(node: Expression) -> Callable[[Values], float]:
    """What a tree computes from the values, to be called many times."""
    match node:
        case Number(text):
            number = float(text)
            return lambda _values: number
        case Symbol("e", ""):
            return lambda _values: math.e
        case Symbol(name, ""):
            return lambda values: float(values[name])
        case Symbol(name, index):
            places = [_place(part) for part in index.split(",")]
            return lambda values: float(_element(values[name], places, values))
        case Negative(body):
            return _calling(operator.neg, body)
        case Power(Symbol("e"), exponent):
            return _calling(_exp, exponent)
        case Power(base, exponent):
            return _calling(lambda a, b: float(a**b), base, exponent)
        case Binary(sign, left, right) | Comparison(sign, left, right):
            return _calling(OPERATORS[sign], left, right)
        case Case(condition, then, otherwise):
            test, one, other = map(function_of, (condition, then, otherwise))
            return lambda values: one(values) if test(values) else other(values)
        case Total(_, body, size) if size:
            term = function_of(body)
            return lambda values: _summed(term(inner) for inner in _inner(node, values))
        case Extreme(function, _, body):
            extreme, each = EXTREMES[function], function_of(body)
            return lambda values: extreme([each(inner) for inner in _inner(node, values)])
        case Call("exact", (body,)):
            return lambda values: _nearest(exactly(body, values))
        case Call("and" | "or" as name, arguments):
            conditions, joined = [function_of(each) for each in arguments], JOINED[name]
            return lambda values: joined(each(values) for each in conditions)
        case Call(name, arguments) if name in CALLS:
            return _calling(CALLS[name], *arguments)
    msg = f"no value: {node!r}"
    raise ValueError(msg)


def _calling(function: Callable[..., float], *operands: Expression) -> Callable[[Values], float]:
    """A function of the values of one or more trees."""
    if len(operands) == 1:
        only = function_of(operands[0])
        return lambda values: function(only(values))
    if len(operands) == 2:
        first, second = map(function_of, operands)
        return lambda values: function(first(values), second(values))
    parts = [function_of(each) for each in operands]
    return lambda values: function(*(each(values) for each in parts))


def _summed(terms: Iterable[float]) -> float:
    """A sum from left to right, as in a page: `sum` compensates rounding since Python 3.12."""
    return reduce(operator.add, terms, 0.0)


def _place(part: str) -> Callable[[Values], int]:
    """The number of an index: 2, j, or j+1."""
    letter, _, more = part.partition("+")
    added = int(more or 0)
    if letter.isdigit():
        number = int(letter) + added
        return lambda _values: number
    return lambda values: int(values[letter]) + added


def position(part: str, values: Values) -> int:
    """The number of an index: 2, j, or j+1."""
    return _place(part)(values)


def _element(found: Any, places: Iterable[Callable[[Values], int]], values: Values) -> Any:
    for place in places:
        found = found[place(values)]
    return found


def _inner(node: Total | Extreme, values: Values) -> Iterator[Values]:
    """The values with the index at each of its numbers; for `j≠k` without that of k."""
    letter, _, left_out = node.index.partition("≠")
    inner, without = dict(values), position(left_out, values) if left_out else None
    for number in range(node.size):
        if number != without:
            inner[letter] = number
            yield inner


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


JOINED: dict[str, Callable[[Iterable[float]], bool]] = {"and": all, "or": any}
EXTREMES: dict[str, Callable[[list[float]], float]] = {
    "max": max,
    "argmax": lambda found: float(found.index(max(found))),
}
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
        case Symbol(name) if name in values:
            return exactly(Number(repr(evaluate(node, values))))
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
