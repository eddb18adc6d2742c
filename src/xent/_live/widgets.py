"""What pages are made of besides text: the stage with its pictures and controls, and code."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping

from xent._live.lines import LiveLine
from xent._live.page import Live
from xent._report.expression import Expression

POINT = "Point at a bar or a point, or reach it with Tab, to see its formula with its numbers."


def stage(
    pictures: Iterable[str],
    controls: Iterable[str],
    summary: str,
    formulas: Iterable[str] = (),
    told: str = POINT,
) -> str:
    """Pictures that stay in view above their controls, and a sentence that sums them up.

    `formulas` are those that marks in the pictures show.
    """
    hidden = "".join(formulas)
    box = f'<div data-told aria-live="polite">{told}</div>{hidden}' if hidden else ""
    return (
        f'<div class="stage"><div class="pictures">{"".join(pictures)}</div>'
        f'<div class="controls">{"".join(controls)}</div>'
        f'<p class="summary" id="summary">{summary}</p>{box}'
        '<div class="heard" aria-live="polite" data-say="#summary"></div></div>'
    )


def lines(live: Live, *shown: LiveLine) -> str:
    """Formulas with their numbers, below each other."""
    return f'<div class="lines" tabindex="0">{"".join(live.line(each) for each in shown)}</div>'


def code(live: Live, text: str, numbers: Mapping[str, Expression | tuple[Expression, int]]) -> str:
    """Python that gives what the page shows; `{name}` is one of the numbers.

    A number alone is shown in full, with a tuple to so many digits.
    """
    parts = []
    for piece in re.split(r"(\{\w+\})", text.strip()):
        if piece.startswith("{"):
            found = numbers[piece[1:-1]]
            tree, digits = found if isinstance(found, tuple) else (found, 16)
            parts.append(live.number(tree, digits))
        else:
            parts.append(html.escape(piece))
    button = '<button type="button" data-copy="Copy">Copy</button>'
    return f'<div class="code">{button}<pre tabindex="0"><code>{"".join(parts)}</code></pre></div>'
