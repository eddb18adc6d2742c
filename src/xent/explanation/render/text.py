"""Plain text: numbered steps, equations aligned at their relation sign, reasons below."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from xent.explanation.render.notation import TEXT
from xent.explanation.steps import Explanation, Step

WIDTH, INDENT = 88, "   "
NUMBERS = 100  # a number and its operands rather stay on one line


def render(explanation: Explanation) -> str:
    """The whole explanation, without colour."""
    return "\n".join(text for _, text in styled_lines(explanation)) + "\n"


def styled_lines(explanation: Explanation) -> Iterator[tuple[str, str]]:
    """Lines with the name of their role, for a printer that has colours.

    Roles are title, section, name, formula, number, why and blank.
    """
    yield "title", explanation.title
    yield "title", "=" * len(explanation.title)
    section = ""
    for number, step in enumerate(explanation.steps, start=1):
        yield "blank", ""
        if step.section != section:
            section = step.section
            yield "section", section
            yield "section", "-" * len(section)
        yield "name", f"{number}. {step.name}"
        yield from _body(step)


def _body(step: Step) -> Iterator[tuple[str, str]]:
    lefts = [TEXT.write(line.symbol) for line in step.lines]
    if len(step.formula) > 1:
        left, *chain = [TEXT.write(node) for node in step.formula]
        left = left.ljust(max(map(len, lefts), default=0))
        one_line = f"{INDENT}{left} = {' = '.join(chain)}"
        if len(one_line) <= WIDTH:
            yield "formula", one_line
        else:
            for i, right in enumerate(chain):
                yield "formula", f"{INDENT}{left if i == 0 else ' ' * len(left)} = {right}"
        lefts = [text.ljust(len(left)) for text in lefts]
    width = max(map(len, lefts), default=0)
    for left, line in zip(lefts, step.lines, strict=True):
        middle = "" if line.substituted is None else f" = {TEXT.write(line.substituted)}"
        text = f"{INDENT}{left:<{width}}{middle} {line.relation} {line.text}"
        hang = " " * (len(INDENT) + width + len(" = "))
        for part in textwrap.wrap(text, NUMBERS, subsequent_indent=hang, break_on_hyphens=False):
            yield "number", part
    for text in textwrap.wrap(step.why, WIDTH - len(INDENT)):
        yield "why", f"{INDENT}{text}"
