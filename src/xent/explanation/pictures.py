"""What an explanation's HTML shows besides its steps: bars of the classes, and pictures as SVG."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from typing import Any

from xent._format import shown
from xent._report.expression import Symbol
from xent._report.html import cell, scrolled
from xent._report.html import row as html_row
from xent._report.notation import HTML
from xent._report.roles import colour
from xent.explanation.row import Row

BAR = "display:inline-block;height:0.8em;vertical-align:middle;background:"
HALF = '<span style="display:inline-block;width:50px;{}">{}</span>'
"""One side of a gradient's bar: negative ones, which raise the logit, go to the left."""

P = Symbol("p")
MOST = 12
"""Classes that bars are drawn for."""

GALLERY = 'style="display:flex;flex-wrap:wrap;gap:1rem;margin:1rem 0"'
FIGURE = 'style="flex:1 1 20rem;max-width:25rem;margin:0"'
SIZE = (5.2, 3.4)


def bars(row: Row, names: Sequence[str] | None) -> str:
    """A table with the probability and the gradient of each class as bars of the right length."""
    if len(row.p) > MOST:
        return ""
    target = row.target
    heads = ["class", "probability", *(["target"] * (not target.one_hot)), "gradient"]
    rows = [html_row(cell(head, "th") for head in heads)]
    for j in range(len(row.p)):
        symbol = HTML.write((1 - P, P)[j] if row.binary else Symbol("p", str(j)))
        called = (f" {names[j]}" if names else "") + " (true)" * (j == target.label)
        bar = _bar(row.p[j], "true" if j == target.label else "other")
        chance = f"{bar} {HTML.number(shown(row.p[j]))}"
        shares = [] if target.one_hot else [shown(target.shares[j])]
        cells = symbol + html.escape(called), chance, *shares, _force(row, j)
        rows.append(html_row(map(cell, cells)))
    return scrolled(rows)


def _force(row: Row, j: int) -> str:
    """The gradient of a class; a binary row has that of one logit."""
    if row.binary and j == 0:
        return ""
    push = row.slope if row.binary else float(row.gradient[j])
    size = min(abs(push), 1.0) / 2
    left, right = (_bar(size, "pull"), "") if push < 0 else ("", _bar(size, "push"))
    sides = (HALF.format("text-align:right", left), HALF.format("border-left:1px solid", right))
    return f"{''.join(sides)} {'+' * (push > 0)}{HTML.number(shown(push))}"


def _bar(size: float, role: str) -> str:
    return f'<span style="{BAR}{colour(role)};width:{100 * size:.0f}px"></span>'


def gallery(row: Row, names: Sequence[str] | None, prefix: str) -> str:
    """Pictures side by side, or nothing where matplotlib is not installed.

    For a binary row the sigmoid, the loss and the gradient at its logit; for several classes bars
    and arrows, which lead to the target where there are neither weights nor a scaling. The names
    in the SVG begin with `prefix`.
    """
    try:
        from xent import plots
        from xent.plots.bars import draw_classes
        from xent.plots.saving import inline, new_figure, page_ink
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        return ""
    target, label = row.target, row.label
    as_given = target.weights is None and not row.scaling.stages
    drawings: list[Callable[[Any], Any]] = []
    if not row.binary:
        goal = target.shares if label is None else label
        if as_given:
            drawings = [lambda ax: draw_classes(row.p, row.gradient, row.loss, goal, names, ax)]
    elif math.isfinite(z := float(row.logits[1])):
        drawings = [lambda ax: plots.sigmoid_curve(z, ax=ax)]
        if as_given and target.plain:
            drawings.append(lambda ax: plots.loss_curves(z, label, ax=ax))
            drawings.append(lambda ax: plots.gradient_curves(z, label, ax=ax))
    figures = []
    for number, draw in enumerate(drawings, start=1):
        with page_ink():
            figure, (ax,) = new_figure(SIZE)
            draw(ax)
            told = plots.description(ax)
            svg = inline(figure, ax.get_title(), told, f"{prefix}-picture{number}")
        figures.append(f"<figure {FIGURE}>\n{svg}</figure>")
    body = "\n".join(figures)
    return f"<div {GALLERY}>\n{body}\n</div>" if figures else ""
