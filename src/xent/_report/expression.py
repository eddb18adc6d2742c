"""Formulas as trees: written once, then printed with symbols or numbers, evaluated, or computed by
a page.

The formula, the substituted numbers and the value have one source, so that an explanation cannot
contradict itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Union

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

    def __lt__(self, other: Operand) -> Expression:
        return Comparison("<", self, wrap(other))

    def __le__(self, other: Operand) -> Expression:
        return Comparison("<=", self, wrap(other))

    def __gt__(self, other: Operand) -> Expression:
        return Comparison("<", wrap(other), self)

    def __ge__(self, other: Operand) -> Expression:
        return Comparison("<=", wrap(other), self)


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
    """A function of its arguments: log, log1p, tanh, max, min, abs, sqrt, floor, and, or, not.

    Of numbers as they are shown: rounded(x, digits) and placed(x, places) are worth what is
    written, and exact(x) computes with the shortest decimals of its operands and rounds once.

    In formulas also σ, L, or lim (h → 0), which have no value.
    """

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Total(Expression):
    """A sum over an index, `j` or `j≠k`; with a size it can be evaluated."""

    index: str
    body: Expression
    size: int = 0
    strength = PRODUCT


@dataclass(frozen=True)
class Extreme(Expression):
    """The largest value over an index (max), or the first index that has it (argmax)."""

    function: str
    index: str
    body: Expression
    size: int


@dataclass(frozen=True)
class Comparison(Expression):
    """Whether one number is <, <=, == or != the other."""

    sign: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Case(Expression):
    """One of two values, by a condition; the other is not computed."""

    condition: Expression
    then: Expression
    otherwise: Expression


@dataclass(frozen=True)
class Derivative(Expression):
    """d top / d bottom, or ∂ top / ∂ bottom."""

    top: Expression
    bottom: Expression
    partial: bool = False


E = Symbol("e")


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


def same(a: Operand, b: Operand) -> Expression:
    """Whether two numbers are equal; `==` compares trees."""
    return Comparison("==", wrap(a), wrap(b))


def case(condition: Expression, then: Operand, otherwise: Operand) -> Expression:
    """The first value where the condition holds, else the second."""
    return Case(condition, wrap(then), wrap(otherwise))


def call(function: str, *arguments: Operand) -> Expression:
    """A function of plain numbers or trees."""
    return Call(function, tuple(map(wrap, arguments)))


def sigmoid(x: Expression) -> Expression:
    """1 / (1 + e^-x), in the form that cannot overflow."""
    return case(x >= 0, 1 / (1 + exp(-x)), exp(x) / (1 + exp(x)))


def softplus(x: Expression) -> Expression:
    """log(1 + e^x) without overflow: -log of the sigmoid of -x."""
    return call("max", x, 0) + log1p(exp(-call("abs", x)))


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
        case Comparison(sign, left, right):
            return Comparison(sign, substitute(left, values), substitute(right, values))
        case Case(condition, then, otherwise):
            return Case(*(substitute(each, values) for each in (condition, then, otherwise)))
        case Total(_, body) | Extreme(_, _, body):
            return replace(node, body=substitute(body, values))
    return node


def _negated(node: Expression) -> Expression:
    """The negative of a node. That of -2 is 2, so that e^-z at z = -2 reads e^2."""
    if isinstance(node, Number) and node.text.startswith("-"):
        return Number(node.text.removeprefix("-"))
    return Negative(node)
