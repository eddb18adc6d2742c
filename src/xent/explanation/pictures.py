"""What an explanation's HTML shows besides its steps: bars of the classes, and pictures as SVG."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from xent._format import shown
from xent._report.html import cell, row, scrolled
from xent._report.roles import colour
from xent._validation import Array

BAR = "display:inline-block;height:0.8em;vertical-align:middle;background:"
MOST = 12
"""Classes that bars are drawn for."""

GALLERY = 'style="display:flex;flex-wrap:wrap;gap:1rem;margin:1rem 0"'
FIGURE = 'style="flex:1 1 20rem;max-width:25rem;margin:0"'
SIZE = (5.2, 3.4)


class Classes(NamedTuple):
    """The classes of a row, in the order of the arguments of `draw_classes`."""

    p: Array
    gradient: Array
    loss: float
    label: int
    names: Sequence[str] | None


def bars(classes: Classes) -> str:
    """A table with the probability and the gradient of each class as bars of the right length."""
    label, names = classes.label, classes.names
    if classes.p.size > MOST:
        return ""
    rows = [row(cell(head, "th") for head in ("class", "probability", "gradient"))]
    for j, (name, share, push) in enumerate(_shares(classes)):
        called = name + (f" {names[j]}" if names else "") + " (true)" * (j == label)
        force = ""
        if push is not None:  # a negative gradient raises the logit
            bar = _bar(abs(push), "push" if push > 0 else "pull")
            force = f"{bar} {'+' * (push > 0)}{shown(push)}"
        chance = f"{_bar(share, 'true' if j == label else 'other')} {shown(share)}"
        rows.append(row(map(cell, (html.escape(called), chance, force))))
    return scrolled(rows)


def _shares(classes: Classes) -> list[tuple[str, float, float | None]]:
    """Name, probability and gradient of each class; a binary row has the gradient of one logit."""
    p, gradient, loss, label, _ = classes
    if p.ndim == 0:
        # 1 - p, in the form that keeps its digits: -dL/df for label 1, e^-L for label 0.
        other = abs(float(gradient)) if label else math.exp(-loss)
        return [("1 - p", other, None), ("p", float(p), float(gradient))]
    pairs = zip(p.tolist(), gradient.tolist(), strict=True)
    return [(f"p{j}", share, push) for j, (share, push) in enumerate(pairs)]


def _bar(size: float, role: str) -> str:
    return f'<span style="{BAR}{colour(role)};width:{100 * size:.0f}px"></span>'


def gallery(classes: Classes, logit: float | None, prefix: str) -> str:
    """Pictures side by side, or nothing where matplotlib is not installed.

    For a binary row the sigmoid, the loss and the gradient at its logit; for several classes bars
    and arrows. The names in the SVG begin with `prefix`.
    """
    try:
        from xent import plots
        from xent.plots.bars import draw_classes
        from xent.plots.saving import inline, new_figure, page_ink
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        return ""
    label = classes.label
    drawings: list[Callable[[Any], Any]] = []
    if classes.p.ndim:
        drawings = [lambda ax: draw_classes(*classes, ax)]
    elif logit is not None and math.isfinite(logit):
        drawings = [
            lambda ax: plots.sigmoid_curve(logit, ax=ax),
            lambda ax: plots.loss_curves(logit, label, ax=ax),
            lambda ax: plots.gradient_curves(logit, label, ax=ax),
        ]
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
