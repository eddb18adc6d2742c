"""Sentences that follow numbers: words, numbers, and parts that depend on conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from string import Formatter
from typing import Any

from xent._format import shown
from xent._live.conditions import Condition, first, reached
from xent._live.javascript import printed
from xent._report.evaluation import FULL, Values, evaluate
from xent._report.expression import Expression, Operand, wrap


@dataclass(frozen=True)
class Shown:
    """A number in a sentence: as everywhere, or by one of Python's formats, ``.3f`` or ``.1g``.

    With `beside` it has the digits, four or more, in which it differs from that number.
    """

    tree: Expression
    digits: int = 4
    format: str = ""
    beside: Expression | None = None

    def at(self, values: Values) -> str:
        """As text."""
        number = evaluate(self.tree, values)
        if self.beside is not None:
            other = evaluate(self.beside, values)
            return next(
                (t for d in range(4, FULL) if (t := shown(number, d)) != shown(other, d)),
                shown(number, FULL),
            )
        return format(number, self.format) if self.format else shown(number, self.digits)

    def javascript(self) -> str:
        """The code of its text."""
        number = printed(self.tree)
        if self.beside is not None:
            return f"apart({number}, {printed(self.beside)})"
        if self.format:
            function = {"f": "fixed", "g": "general"}[self.format[-1]]
            return f"{function}({number}, {self.format[1:-1]})"
        return f"shown({number}, {self.digits})"


@dataclass(frozen=True)
class Choice:
    """The first of these whose condition holds; nothing where none does."""

    cases: tuple[tuple[Condition, Prose], ...]


Prose = tuple[str | Shown | Choice, ...]
"""A sentence in parts."""


def choice(*cases: tuple[Condition, Prose | str]) -> Prose:
    """The first text whose condition holds, or nothing."""
    made = [(condition, (text,) if isinstance(text, str) else text) for condition, text in cases]
    left = reached(tuple(made))
    if left and left[0][0] is True:
        return left[0][1]
    return (Choice(left),) if left else ()


def number(tree: Operand, digits: int = 4) -> Prose:
    """A number as a text."""
    return (Shown(wrap(tree), digits),)


def filled(template: str, facts: Mapping[str, Any]) -> Prose:
    """A template for `str.format`; facts are plain values, trees, or texts that follow."""
    parts: list[str | Shown | Choice] = []
    for text, name, spec, _ in Formatter().parse(template):
        if text:
            parts.append(text)
        if name is None:
            continue
        match facts[name]:
            case Expression() as tree:
                parts.append(Shown(tree, format=spec or ""))
            case tuple() as prose:
                parts += prose
            case value:
                parts.append(format(value, spec or ""))
    return tuple(_joined(parts))


def _joined(parts: list[str | Shown | Choice]) -> Iterator[str | Shown | Choice]:
    """Words that follow each other are one part: e^- and z are written as one exponent."""
    for plain, group in groupby(parts, lambda part: isinstance(part, str)):
        if plain:
            yield "".join(map(str, group))
        else:
            yield from group


def sentences(*proses: Prose) -> Prose:
    """Sentences with blanks between them. The first is always there."""
    parts: list[str | Shown | Choice] = []
    for prose in filter(None, proses):
        match prose:
            case (Choice(cases),) if parts:
                parts.append(Choice(tuple((held, (" ", *each)) for held, each in cases)))
            case _:
                parts += [" "] * bool(parts) + list(prose)
    return tuple(parts)


def told(prose: Prose, values: Values) -> str:
    """The sentence for these values."""
    parts = []
    for part in prose:
        if isinstance(part, Choice):
            parts.append(told(first((*part.cases, (True, ())), values), values))
        else:
            parts.append(part if isinstance(part, str) else part.at(values))
    return "".join(parts)


def strings(prose: Prose) -> Iterator[str]:
    """All words that it may have."""
    for part in prose:
        if isinstance(part, str):
            yield part
        elif isinstance(part, Choice):
            for _, text in part.cases:
                yield from strings(text)
