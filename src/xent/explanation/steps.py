"""An explanation as data: steps with formulas, numbers and reasons; printers are elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xent.arrays import Array
from xent.explanation.expression import (
    FULL,
    Expression,
    Number,
    Symbol,
    exactly,
    reproduces,
    shown,
    substitute,
    with_numbers,
)


@dataclass(frozen=True)
class Line:
    """One computed number: ``symbol = substituted ≈ value``."""

    symbol: Expression
    substituted: Expression | None
    value: float
    digits: int = 4
    rounded: bool = False
    """Were the operands rounded, as shown or already when computed (a probability of 1)?"""

    @property
    def text(self) -> str:
        """The value as shown."""
        return shown(self.value, self.digits)

    @property
    def relation(self) -> str:
        """`=` where nothing was rounded, neither in showing the value nor in computing it."""
        if self.rounded or float(self.text) != self.value:
            return "≈"
        if self.substituted is None:
            return "="
        exact = exactly(self.substituted)
        return "=" if exact is not None and exact == exactly(Number(self.text)) else "≈"


@dataclass(frozen=True)
class Step:
    """One step: its formula as a chain of equal expressions, its numbers, and why it is so."""

    section: str
    name: str
    formula: tuple[Expression, ...] = ()
    lines: tuple[Line, ...] = ()
    why: str = ""


@dataclass(frozen=True, repr=False, eq=False)
class Explanation:
    """The steps from the scores to the loss and its gradient, with the results at full precision.

    Print it (plain text), or let Jupyter show it. `to_text`, `to_markdown`, `to_latex`,
    `to_html` and `to_dict` give it in other forms.
    """

    title: str
    steps: tuple[Step, ...]
    loss: float
    gradient: Array
    probabilities: Array
    inputs: Mapping[str, Any] = field(default_factory=dict)

    def step(self, name: str) -> Step:
        """Return the step of this name."""
        for step in self.steps:
            if step.name == name:
                return step
        names = ", ".join(repr(step.name) for step in self.steps)
        msg = f"no step is named {name!r}; there are {names}."
        raise KeyError(msg)

    def to_text(self) -> str:
        """Plain text for a terminal."""
        from xent.explanation.render import text

        return text.render(self)

    def to_markdown(self) -> str:
        """Markdown with formulas as GitHub typesets them."""
        from xent.explanation.render import markdown

        return markdown.render(self)

    def to_latex(self) -> str:
        """LaTeX: a document fragment that needs amsmath."""
        from xent.explanation.render import latex

        return latex.render(self)

    def to_html(self) -> str:
        """HTML: a fragment that needs no script and no style sheet."""
        from xent.explanation.render import html

        return html.render(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        from xent.explanation.render import data

        return data.render(self)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"<Explanation: {self.title}; loss {shown(self.loss)}>"

    def _repr_markdown_(self) -> str:
        from xent.explanation.render import markdown

        return markdown.render(self, markdown.JUPYTER)

    def _repr_latex_(self) -> str:
        return self.to_latex()

    def _repr_html_(self) -> str:
        return self.to_html()


def computed(
    section: str,
    name: str,
    chain: tuple[Expression, ...],
    numbers: Expression,
    values: Mapping[Symbol, float],
    result: float,
    why: str = "",
) -> Step:
    """A step of one number: `chain` is its formula, `numbers` the form the values are put into.

    The first of the chain is what the number is called.
    """
    return Step(section, name, chain, (computed_line(chain[0], numbers, values, result),), why)


def computed_line(
    symbol: Expression, numbers: Expression, values: Mapping[Symbol, float], result: float
) -> Line:
    """One number beside the operands that give it, or alone where they overflow."""
    node = with_numbers(numbers, values, result)
    if not reproduces(node, result):
        return Line(symbol, None, result, rounded=True)
    full = substitute(numbers, {s: Number(shown(v, FULL)) for s, v in values.items()})
    return Line(symbol, node, result, rounded=node != full)
