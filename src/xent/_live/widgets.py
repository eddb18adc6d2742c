"""What lessons are made of besides text: the stage with its pictures and controls, and code."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping

from xent._format import shown
from xent._live.lines import LiveLine
from xent._live.page import Live
from xent._report.expression import Expression
from xent._report.notation import HTML

POINT = "Point at a bar or a point, or reach it with Tab, to see its formula with its numbers."


def stage(
    pictures: Iterable[str],
    controls: Iterable[str],
    summary: str,
    formulas: Iterable[str] = (),
    told: str = POINT,
    *,
    name: str = "summary",
    split: bool = False,
    compact: bool = False,
) -> str:
    """Pictures that stay in view above their controls, and a sentence that sums them up.

    `formulas` are those that marks in the pictures show. A second stage of a page needs a `name`.
    On a wide screen the controls stand to the right of the pictures if `split`, and in two columns
    if `compact`.
    """
    hidden = "".join(formulas)
    box = f'<div data-told aria-live="polite">{told}</div>{hidden}' if hidden else ""
    kind = " split" * split + " compact" * compact
    return (
        f'<div class="stage{kind}"><div class="pictures">{"".join(pictures)}</div>'
        f'<div class="controls">{"".join(controls)}</div>'
        f'<p class="summary" id="{name}">{summary}</p>{box}'
        f'<div class="heard" aria-live="polite" data-say="#{name}"></div></div>'
    )


def fact(value: float, digits: int = 4) -> str:
    """A number of the library in a lesson's text, which does not move."""
    return HTML.number(shown(float(value), digits))


def guess(question: str, options: Iterable[tuple[str, bool]], answer: str) -> str:
    """As `:::guess` in Markdown: options, of which some are right, and HTML that they open."""
    buttons = "".join(
        f'<button type="button" data-guess="{"right" if right else "wrong"}">'
        f"{html.escape(told)}</button>"
        for told, right in options
    )
    return (
        f'<div class="guess"><p><strong>A guess first.</strong> {question}</p>'
        f'<div class="options">{buttons}</div>'
        f"<details><summary>The answer</summary>{answer}</details></div>"
    )


def lines(live: Live, *shown: LiveLine | str) -> str:
    """Formulas with their numbers, below each other; also as HTML."""
    made = (each if isinstance(each, str) else live.line(each) for each in shown)
    return f'<div class="lines" tabindex="0">{"".join(made)}</div>'


def code(
    live: Live, text: str, numbers: Mapping[str, Expression | tuple[Expression, int] | str]
) -> str:
    """Python that gives what the page shows; `{name}` is one of the numbers, or HTML.

    A number alone is shown in full, with a tuple to so many digits.
    """
    parts = []
    for piece in re.split(r"(\{\w+\})", text.strip()):
        found = numbers[piece[1:-1]] if piece.startswith("{") else html.escape(piece)
        if not isinstance(found, str):
            found = literal(live, *(found if isinstance(found, tuple) else (found,)))
        parts.append(found)
    button = '<button type="button" data-copy="Copy">Copy</button>'
    return f'<div class="code">{button}<pre tabindex="0"><code>{"".join(parts)}</code></pre></div>'


def literal(live: Live, tree: Expression, digits: int = 16) -> str:
    """A number in code."""
    return f"<span{live.following(tree, digits, 'literal')}</span>"
