"""An explanation as data: steps with formulas, numbers and reasons; printers are elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from xent._validation import Array
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

if TYPE_CHECKING:
    from xent.explanation.glossary import Term

Role = Literal["", "loss", "pull", "push"]
"""What a number does: it is the loss, or a gradient that pulls its logit up or pushes it down."""


@dataclass(frozen=True)
class Line:
    """One computed number: ``symbol = substituted ≈ value``."""

    symbol: Expression
    substituted: Expression | None
    value: float
    digits: int = 4
    rounded: bool = False
    """Were the operands rounded, as shown or already when computed (a probability of 1)?"""
    role: Role = ""
    true: bool = False
    """Is it about the true class?"""

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
    moral: str = ""
    """What to remember, in one sentence."""

    @property
    def words(self) -> tuple[Term, ...]:
        """The terms of the glossary that occur."""
        from xent.explanation.glossary import used

        told = [text for step in self.steps for text in (step.name, step.why)]
        return used([self.title, *told, self.moral])

    def step(self, name: str) -> Step:
        """Return the step of this name."""
        for step in self.steps:
            if step.name == name:
                return step
        names = ", ".join(repr(step.name) for step in self.steps)
        msg = f"no step is named {name!r}; there are {names}."
        raise KeyError(msg)

    def to_text(self, *, glossary: bool = False) -> str:
        """Plain text for a terminal; with `glossary`, the words used and what they mean."""
        from xent.explanation.render import text

        return text.render(self, glossary=glossary)

    def to_markdown(self, *, glossary: bool = False) -> str:
        """Markdown with formulas as GitHub typesets them; with `glossary`, the words used."""
        from xent.explanation.render import markdown

        return markdown.render(self, glossary=glossary)

    def to_latex(self, *, glossary: bool = False) -> str:
        """LaTeX: a document fragment that needs amsmath; with `glossary`, the words used."""
        from xent.explanation.render import latex

        return latex.render(self, glossary=glossary)

    def to_html(self, *, pictures: bool = True) -> str:
        """HTML: a fragment without scripts, its words linked to what they mean.

        With `pictures`, curves or bars as inline SVG, where matplotlib is installed. A notebook
        shows it without: those that are not trusted drop SVG.
        """
        from xent.explanation.render import html

        return html.render(self, pictures=pictures)

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

        return markdown.render(self, fence=markdown.JUPYTER)

    def _repr_latex_(self) -> str:
        return self.to_latex()

    def _repr_html_(self) -> str:
        return self.to_html(pictures=False)


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

    The first of the chain is what the number is called; `marks` are the line's role and truth,
    and whether its operands are exact.
    """
    line = computed_line(chain[0], numbers, values, result, **marks)
    return Step(section, name, chain, (line,), why)


def computed_line(
    symbol: Expression,
    numbers: Expression,
    values: Mapping[Symbol, float],
    result: float,
    *,
    exact: bool = True,
    **marks: Any,
) -> Line:
    """One number beside the operands that give it, or alone where they overflow.

    `exact` says that the operands are what they stand for, and not rounded when computed.
    """
    node = with_numbers(numbers, values, result)
    if not reproduces(node, result):
        return Line(symbol, None, result, rounded=True, **marks)
    full = substitute(numbers, {s: Number(shown(v, FULL)) for s, v in values.items()})
    rounded = not exact or (node != full and math.isfinite(result))
    return Line(symbol, node, result, rounded=rounded, **marks)


def direction(gradient: float) -> Role:
    """A step down a negative gradient pulls its logit up."""
    return "pull" if gradient < 0 else "push" if gradient > 0 else ""
