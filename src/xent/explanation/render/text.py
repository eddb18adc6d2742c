"""Plain text: numbered steps, their equations in columns, reasons below."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from xent.explanation.glossary import Term
from xent.explanation.render.notation import TEXT
from xent.explanation.steps import Explanation, Line, Step

WIDTH, INDENT = 88, "   "
NUMBERS = 100  # a number and its operands rather stay on one line
NO_BREAK = "\N{NO-BREAK SPACE}"

Spans = list[tuple[str, str]]
"""Pieces of a line, each with the name of its role.

Roles are title, section, name, formula, symbol, numbers, result, loss, pull, push, true (the true
class), why, moral, word and blank.
"""


def render(explanation: Explanation, *, glossary: bool = False) -> str:
    """The whole explanation, without colour."""
    lines = styled_lines(explanation, glossary=glossary)
    return "".join("".join(text for _, text in spans).rstrip() + "\n" for spans in lines)


def styled_lines(
    explanation: Explanation, *, glossary: bool = False, width: int = NUMBERS
) -> Iterator[Spans]:
    """Lines in pieces with roles, for a printer that has colours, no wider than a terminal."""
    most, width = width, min(width, WIDTH)
    yield [("title", explanation.title)]
    yield [("title", "=" * len(explanation.title))]
    section = ""
    for number, step in enumerate(explanation.steps, start=1):
        yield []
        if step.section != section:
            section = step.section
            yield from heading(section)
        yield [("name", f"{number}. {step.name}")]
        yield from formula(step, width)
        yield from numbers(step.lines, left_width(step), most)
        yield from prose(step.why, "why", width)
    yield []
    yield from prose(f"In short: {explanation.moral}", "moral", width, "")
    yield []
    if glossary:
        yield from heading("Words used")
        for term in explanation.words:
            yield from entry(term, width)
    else:
        words = ", ".join(term.name for term in explanation.words)
        yield from prose(f"Words, defined by xent glossary WORD: {words}.", "why", width, "")


def heading(text: str) -> Iterator[Spans]:
    """A section's name, underlined."""
    yield [("section", text)]
    yield [("section", "-" * len(text))]


def formula(step: Step, width: int = WIDTH) -> Iterator[Spans]:
    """The chain of equal expressions, on one line if it fits."""
    if len(step.formula) < 2:
        return
    left, *chain = [TEXT.write(node) for node in step.formula]
    left = left.ljust(left_width(step))
    one_line = f"{INDENT}{left} = {' = '.join(chain)}"
    if len(one_line) <= width:
        yield [("formula", one_line)]
        return
    for i, right in enumerate(chain):
        yield [("formula", f"{INDENT}{left if i == 0 else ' ' * len(left)} = {right}")]


def numbers(lines: tuple[Line, ...], left: int, most: int = NUMBERS) -> Iterator[Spans]:
    """Symbol, operands and value of each line in columns, the values at their decimal points."""
    middles = ["" if x.substituted is None else f" = {TEXT.write(x.substituted)}" for x in lines]
    middle = max(map(len, middles), default=0)
    point = max((_before_point(x.text) for x in lines), default=0)
    longest = max((len(x.text) - _before_point(x.text) for x in lines), default=0)
    if len(INDENT) + left + middle + len(" = ") + point + longest > most:
        middle = point = 0  # no columns: some line is too long for them
    for line, operands in zip(lines, middles, strict=True):
        symbol = INDENT + TEXT.write(line.symbol).ljust(left)
        value = " " * (point - _before_point(line.text)) + line.text
        before = f"{symbol}{operands.ljust(middle)} {line.relation}{NO_BREAK}"
        parts = [before + value]
        if len(parts[0]) > most:
            hang = " " * (len(symbol) + len(" = "))
            parts = textwrap.wrap(parts[0], most, subsequent_indent=hang, break_on_hyphens=False)
        for i, part in enumerate(part.replace(NO_BREAK, " ") for part in parts):
            start = len(symbol) if i == 0 else 0
            end = len(part) - len(value) if i == len(parts) - 1 else len(part)
            yield [
                ("true" if line.true else "symbol", part[:start]),
                ("numbers", part[start:end]),
                (line.role or "result", part[end:]),
            ]


def prose(text: str, role: str, width: int = WIDTH, indent: str = INDENT) -> Iterator[Spans]:
    """A paragraph in lines."""
    for part in textwrap.wrap(text, width - len(indent), break_on_hyphens=False):
        yield [(role, f"{indent}{part}")]


def entry(term: Term, width: int = WIDTH) -> Iterator[Spans]:
    """A term with its definition, formula and relatives."""
    yield [("word", term.name)]
    yield from prose(term.definition, "plain", width)
    if term.formula:
        yield [("formula", INDENT + " = ".join(map(TEXT.write, term.formula)))]
    if term.see:
        yield from prose(f"See {', '.join(term.see)}.", "why", width)


def left_width(step: Step) -> int:
    """Columns of the left sides, the formula's included."""
    lefts = [line.symbol for line in step.lines]
    if len(step.formula) > 1:
        lefts.append(step.formula[0])
    return max((len(TEXT.write(node)) for node in lefts), default=0)


def _before_point(text: str) -> int:
    """So many characters stand before the decimal point."""
    return len(text.partition("e")[0].partition(".")[0])
