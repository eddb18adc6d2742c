"""Lines of numbers as code: a page puts its numbers into a formula as an explanation does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xent._live.javascript import printed
from xent._report.blocks import Line
from xent._report.evaluation import Values, evaluate
from xent._report.expression import (
    Binary,
    Call,
    Expression,
    Negative,
    Number,
    Power,
    Symbol,
    substitute,
)
from xent._report.lines import line_of
from xent._report.notation import Html

HOLE = "#"
"""The name of what stands for a number in a template."""


@dataclass(frozen=True)
class LiveLine:
    """``symbol = formula ≈ value``: the value and the numbers in the formula have trees."""

    symbol: Expression
    value: Expression
    formula: Expression | None = None
    operands: Mapping[Symbol, Expression] = field(default_factory=dict)
    digits: int = 4
    rounded: bool | Expression | None = False
    """As in `line_of`; or the condition under which the operands were rounded."""

    def at(self, values: Values) -> Line:
        """The line with the numbers that these values give."""
        result, rounded = evaluate(self.value, values), self.rounded
        if isinstance(rounded, Expression):
            rounded = bool(evaluate(rounded, values))
        if self.formula is None:
            return Line(self.symbol, None, result, self.digits, bool(rounded))
        numbers = {symbol: evaluate(tree, values) for symbol, tree in self.operands.items()}
        return line_of(self.symbol, self.formula, numbers, result, self.digits, rounded=rounded)

    def javascript(self) -> str:
        """An object: value y, digits d, rounded r, and of a formula its operands x, how their
        texts are put into it (f), and what these are worth, as numbers (n) and exactly (q).
        """
        rounded = self.rounded
        told = printed(rounded) if isinstance(rounded, Expression) else _constant(rounded)
        parts = [f"y: v => {printed(self.value)}", f"d: {self.digits}", f"r: v => {told}"]
        if self.formula is not None:
            holes: dict[Symbol, Expression] = {
                symbol: Symbol(HOLE, str(i)) for i, symbol in enumerate(self.operands)
            }
            node = substitute(self.formula, holes)
            named = {hole: Symbol("x", hole.index) for hole in map(_symbol, holes.values())}
            value = printed(substitute(node, named), {"x"})
            operands = ", ".join(map(printed, self.operands.values()))
            parts += [
                f"x: v => [{operands}]",
                f"f: (n, m) => `{TEMPLATE.write(node)}`",
                f"n: x => {value}",
                f"q: (q, x) => {_exact(node)}",
            ]
        return f"{{ {', '.join(parts)} }}"


def _constant(rounded: bool | None) -> str:
    return {True: "true", False: "false", None: "null"}[rounded]


def _symbol(node: Expression) -> Symbol:
    assert isinstance(node, Symbol)
    return node


class _Template(Html):
    """HTML with calls where numbers will be; how tightly they must bind decides on parentheses."""

    def write(self, node: Expression, least: int = 0) -> str:
        match node:
            case Symbol(name, index) if name == HOLE:
                return f"${{n({index}, {least})}}"
            case Negative(Symbol(name, index)) if name == HOLE:
                return f"${{m({index}, {least})}}"
        return super().write(node, least)


TEMPLATE = _Template()

EXACT = {"+": "plus", "-": "minus", "*": "times", "/": "over"}


def _exact(node: Expression) -> str:
    """Code for the exact value, in the cases of `xent._report.evaluation.exactly`."""
    match node:
        case Symbol(name, index) if name == HOLE:
            return f"x[{index}]"
        case Number(text):
            return f'q.read("{text}")'
        case Negative(body):
            return f"q.minus(q.zero, {_exact(body)})"
        case Power(Symbol("e"), exponent):
            return f"q.exp({_exact(exponent)})"
        case Call("log" | "log1p" as function, (x,)):
            return f"q.{function}({_exact(x)})"
        case Binary("/", left, Call("log", (Number("2"),))):
            return f"q.bits({_exact(left)})"
        case Binary(sign, left, right):
            return f"q.{EXACT[sign]}({_exact(left)}, {_exact(right)})"
    return "null"
