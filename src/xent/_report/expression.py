"""Formulas as trees: written once, then printed with symbols or numbers, and evaluated.

The formula, the substituted numbers and the value have one source, so that an explanation cannot
contradict itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Union

from xent._format import shown

SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4
"""Binding strengths, for parentheses."""

Operand = Union["Expression", float, int]


def _operator(sign: str, *, swapped: bool = False) -> Callable[[Expression, Operand], Expression]:
    """What an arithmetic operator does: it builds a tree."""

    def build(self: Expression, other: Operand) -> Expression:
        left, right = (wrap(other), self) if swapped else (self, wrap(other))
        return Binary(sign, left, right)

    return build


class Expression:
    """Base of the nodes; arithmetic operators build trees."""

    strength = ATOM

    __add__, __radd__ = _operator("+"), _operator("+", swapped=True)
    __sub__, __rsub__ = _operator("-"), _operator("-", swapped=True)
    __mul__, __rmul__ = _operator("*"), _operator("*", swapped=True)
    __truediv__, __rtruediv__ = _operator("/"), _operator("/", swapped=True)

    def __pow__(self, other: Operand) -> Expression:
        return Power(self, wrap(other))

    def __neg__(self) -> Expression:
        return Negative(self)


@dataclass(frozen=True)
class Number(Expression):
    """A number as it is shown; its value is that of the text."""

    text: str

    @property
    def strength(self) -> int:  # type: ignore[override]
        """A signed number needs parentheses wherever a sum would."""
        return SUM if self.text.startswith("-") else ATOM


@dataclass(frozen=True)
class Symbol(Expression):
    """A named quantity, perhaps with an index."""

    name: str
    index: str = ""


@dataclass(frozen=True)
class Binary(Expression):
    """Sum, difference, product or quotient."""

    operator: str
    left: Expression
    right: Expression

    @property
    def strength(self) -> int:  # type: ignore[override]
        """Products bind tighter than sums."""
        return SUM if self.operator in "+-" else PRODUCT


@dataclass(frozen=True)
class Negative(Expression):
    """Change of sign."""

    body: Expression
    strength = SUM


@dataclass(frozen=True)
class Power(Expression):
    """A power; the base e is Symbol("e")."""

    base: Expression
    exponent: Expression
    strength = POWER


@dataclass(frozen=True)
class Call(Expression):
    """A function of its arguments: log, log1p, tanh, max, abs, σ, L, or lim (h → 0)."""

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Total(Expression):
    """A sum over an index, for formulas."""

    index: str
    body: Expression
    strength = PRODUCT


@dataclass(frozen=True)
class Derivative(Expression):
    """d top / d bottom, or ∂ top / ∂ bottom."""

    top: Expression
    bottom: Expression
    partial: bool = False


E = Symbol("e")
FULL = 20
"""Decimals that show any double from 0.001 on in full."""


def wrap(value: Operand) -> Expression:
    """A plain number as a node, shown as written."""
    return value if isinstance(value, Expression) else Number(f"{value}")


def exp(x: Operand) -> Expression:
    """e to a power."""
    return Power(E, wrap(x))


def log(x: Operand) -> Expression:
    """Natural logarithm."""
    return Call("log", (wrap(x),))


def log1p(x: Operand) -> Expression:
    """log(1 + x), computed without forming 1 + x."""
    return Call("log1p", (wrap(x),))


def plus(first: Expression, *others: Expression) -> Expression:
    """Sum of any number of terms."""
    return sum(others, first)


def substitute(node: Expression, values: Mapping[Symbol, Expression]) -> Expression:
    """The tree with symbols replaced."""
    match node:
        case Symbol():
            return values.get(node, node)
        case Binary(operator, left, right):
            return Binary(operator, substitute(left, values), substitute(right, values))
        case Negative(body):
            return _negated(substitute(body, values))
        case Power(base, exponent):
            return Power(substitute(base, values), substitute(exponent, values))
        case Call(function, arguments):
            return Call(function, tuple(substitute(a, values) for a in arguments))
    return node


def _negated(node: Expression) -> Expression:
    """The negative of a node. That of -2 is 2, so that e^-z at z = -2 reads e^2."""
    if isinstance(node, Number) and node.text.startswith("-"):
        return Number(node.text.removeprefix("-"))
    return Negative(node)


def evaluate(node: Expression) -> float:
    """The value of a tree of numbers, as a reader with a calculator would find it."""
    match node:
        case Number(text):
            return float(text)
        case Symbol("e"):
            return math.e
        case Negative(body):
            return -evaluate(body)
        case Power(Symbol("e"), exponent):
            return _exp(evaluate(exponent))
        case Power(base, exponent):
            return float(evaluate(base) ** evaluate(exponent))
        case Binary(operator, left, right):
            a, b = evaluate(left), evaluate(right)
            if operator == "/":
                return a / b if b else math.nan
            return a + b if operator == "+" else a - b if operator == "-" else a * b
        case Call(function, arguments) if function in CALLS:
            return CALLS[function](*map(evaluate, arguments))
    msg = f"no value: {node!r}"
    raise ValueError(msg)


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf


CALLS: dict[str, Callable[..., float]] = {
    "log": _log,
    "log1p": math.log1p,
    "tanh": math.tanh,
    "abs": abs,
    "max": max,
}


def exactly(node: Expression) -> Fraction | float | None:
    """The exact value of a tree of numbers, or None if e^x or log(x) in it is not exact.

    An infinity is a float.
    """
    match node:
        case Number(text):
            return float(text) if "inf" in text else Fraction(text)
        case Negative(body):
            value = exactly(body)
            return None if value is None else -value
        case Power(Symbol("e"), exponent):
            power = exactly(exponent)
            return Fraction(int(power == 0)) if power in (0, -math.inf) else None
        case Call("log", (x,)):
            value = exactly(x)
            return Fraction(0) if value == 1 else -math.inf if value == 0 else None
        case Call("log1p", (x,)):
            return Fraction(0) if exactly(x) == 0 else None
        case Binary("/", left, Call("log", (Number("2"),))) if exactly(left) in (0, math.inf):
            return exactly(left)
        case Binary(operator, left, right):
            return _combined(operator, exactly(left), exactly(right))
    return None


def _combined(
    operator: str, a: Fraction | float | None, b: Fraction | float | None
) -> Fraction | float | None:
    """The exact value of an operation; the sum of an infinity and a finite number is known."""
    if operator == "-":
        operator, b = "+", None if b is None else -b
    if isinstance(a, float) or isinstance(b, float):
        known = isinstance(a, float) != isinstance(b, float) and operator == "+"
        return (a if isinstance(a, float) else b) if known else None
    if a is None or b is None or (operator == "/" and b == 0):
        return None
    return a + b if operator == "+" else a / b if operator == "/" else a * b


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
