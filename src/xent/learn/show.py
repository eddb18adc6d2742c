"""Functions with which the notebooks show pictures, tables of numbers, steps and code."""

from __future__ import annotations

import html
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import marimo as mo
from matplotlib.axes import Axes

from xent._format import shown
from xent._report import Equations
from xent._report.html import scrolled
from xent._report.latex import aligned
from xent._report.markdown import JUPYTER, fenced
from xent.explanation import Explanation
from xent.learn import COURSE
from xent.plots.saving import inline, new_figure, page_ink

ROW = "display:flex;flex-wrap:wrap;gap:0.5rem 1.5rem;align-items:flex-start"
CELL = "padding:0.15rem 0.8rem 0.15rem 0.3rem;text-align:left;vertical-align:top;border:0"

INDEXED = re.compile(r"(?<![\w$])(-?[A-Za-z])([_^])(-?\|?\w+\|?|[+-])( = \d\b)?")
"""Symbols with an index or an exponent, as plain text writes them: x_i, e^-z, y_j = 1."""


def picture(
    draw: Callable[[Axes], Any], alt: str, *, size: tuple[float, float] = (5.6, 3.7)
) -> mo.Html:
    """Draw into an Axes, and show it in the page's colours, with a text for who cannot see it."""
    with page_ink():
        figure, (ax,) = new_figure(size)
        draw(ax)
        svg = inline(figure, ax.get_title(), alt, f"picture-{zlib.crc32(alt.encode()):x}")
    return mo.Html(f'<div class="picture">{svg}</div>')


class Clicks(mo.ui.button):
    """A button whose value is how often it was pressed.

    The browser counts, so that no press is lost while cells run.
    """

    def __init__(self, label: str) -> None:
        super().__init__(value=0, label=label)

    def _convert_value(self, value: Any) -> Any:
        return value


def kept(rates: list[float], steps: int, rate: float) -> list[float]:
    """The rate of every step: steps that were taken keep theirs in `rates`, new ones get `rate`."""
    del rates[steps:]
    rates.extend([rate] * (steps - len(rates)))
    return list(rates)


def beside(*items: Any, least: str = "18rem") -> mo.Html:
    """Items side by side if there is room, otherwise below each other."""
    boxes = "".join(
        f'<div style="flex:1 1 {least};min-width:0;max-width:100%">{mo.as_html(item).text}</div>'
        for item in items
    )
    return mo.Html(f'<div style="{ROW}">{boxes}</div>')


def numbers(rows: Iterable[Sequence[Any]], heads: Sequence[str] = ()) -> mo.Html:
    """A table whose first cells name the rows; floats are shown to 4 decimals or as 1.2e-07."""
    lines = []
    if heads:
        lines.append("".join(f'<th scope="col" style="{CELL}">{head}</th>' for head in heads))
    for name, *values in rows:
        cells = "".join(f'<td style="{CELL}">{_cell(value)}</td>' for value in values)
        lines.append(f'<th scope="row" style="{CELL};font-weight:normal">{name}</th>{cells}')
    return mo.Html(scrolled(f"<tr>{line}</tr>" for line in lines))


def steps(explanation: Explanation, *names: str, why: bool = True) -> mo.Html:
    """Steps of an explanation, typeset, with the reader's numbers."""
    parts = []
    for name in names:
        step = explanation.step(name)
        equations = fenced(aligned(Equations(step.formula, step.lines)), JUPYTER)
        parts.append(f"**{step.name}**\n\n{equations}")
        if why and step.why:
            parts.append(INDEXED.sub(r"$\1\2{\3}\4$", step.why.replace("*", r"\*")))
    return mo.md("\n\n".join(parts))


def answer(question: str, reply: str) -> mo.Html:
    """A question whose answer is folded away."""
    box = mo.md(reply).text
    return mo.Html(f"<details><summary>{html.escape(question)}</summary>{box}</details>")


def code(source: str) -> mo.Html:
    """Python code to copy; it gives the numbers that are shown."""
    return mo.md(f"```python\n{source.strip()}\n```")


def around(name: str) -> mo.Html:
    """Links to the lessons before and after, and to all."""
    place = [lesson.name for lesson in COURSE].index(name)
    before, after = COURSE[:place][-1:], COURSE[place + 1 :][:1]  # none at either end
    links = [
        *(f'<a href="../{each.name}/">Before: {each.title}</a>' for each in before),
        '<a href="../">The course</a>',
        *(f'<a href="../{each.name}/">Next: {each.title}</a>' for each in after),
    ]
    style = "text-decoration:underline"
    return mo.Html(f'<nav aria-label="Lessons" style="{style}">{" · ".join(links)}</nav>')


def _cell(value: Any) -> str:
    if isinstance(value, mo.Html):
        return str(value.text)
    return html.escape(value) if isinstance(value, str) else shown(float(value), trim=False)
