"""Lines of numbers as code: a page puts its numbers into a formula as an explanation does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from xent._live.conditions import Condition, code, holds
from xent._live.javascript import exactly, printed
from xent._report.blocks import Line, Role
from xent._report.evaluation import Values, evaluate
from xent._report.expression import Expression, Negative, Number, Symbol, substitute
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
    role: Literal["", "loss", "gradient"] = ""
    true: Condition = False
    """Is it about the true class?"""
    when: Condition = True
    """Is it there?"""

    def at(self, values: Values) -> Line:
        """The line with the numbers that these values give."""
        result = evaluate(self.value, values)
        rounded = None if self.rounded is None else holds(self.rounded, values)
        role: Role = direction(result) if self.role == "gradient" else self.role
        marks: dict[str, Any] = {"role": role, "true": holds(self.true, values)}
        if self.formula is None:
            return Line(self.symbol, None, result, self.digits, bool(rounded), **marks)
        numbers = {symbol: evaluate(tree, values) for symbol, tree in self.operands.items()}
        return line_of(
            self.symbol, self.formula, numbers, result, self.digits, rounded=rounded, **marks
        )

    def javascript(self) -> str:
        """An object: value y, digits d, rounded r, whether it is there (w) and about the true
        class (t); of a formula its operands x, how their texts are put into it (f), and what these
        are worth, as numbers (n) and exactly (q).
        """
        told = "null" if self.rounded is None else code(self.rounded)
        parts = [f"y: v => {printed(self.value)}", f"d: {self.digits}", f"r: v => {told}"]
        if self.when is not True:
            parts.append(f"w: v => {code(self.when)}")
        if self.true is not False:
            parts.append(f"t: v => {code(self.true)}")
        if self.formula is not None:
            used = [each for each in self.operands if _has(self.formula, each)]
            holes: dict[Symbol, Expression] = {
                symbol: Symbol(HOLE, str(i)) for i, symbol in enumerate(used)
            }
            node = substitute(self.formula, holes)
            named = {hole: Symbol("x", hole.index) for hole in map(_symbol, holes.values())}
            value = printed(substitute(node, named), {"x"})
            operands = ", ".join(printed(self.operands[each]) for each in used)
            parts += [
                f"x: v => [{operands}]",
                f"f: (n, m) => `{TEMPLATE.write(node)}`",
                f"n: x => {value}",
                f"q: x => {exactly(node, lambda hole: f'x[{hole.index}]')}",
            ]
        return f"{{ {', '.join(parts)} }}"


def _has(formula: Expression, symbol: Symbol) -> bool:
    """Does the symbol occur?"""
    return substitute(formula, {symbol: Number("0")}) != formula


def direction(gradient: float) -> Role:
    """A step down a negative gradient raises its logit."""
    return "pull" if gradient < 0 else "push" if gradient > 0 else ""


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
