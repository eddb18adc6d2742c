"""HTML: tables and bars of plain elements, readable with scripts, styles and tags stripped.

Notebooks that are not trusted drop SVG, MathML and style sheets, so none is used.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable

from xent.explanation.expression import shown
from xent.explanation.render.notation import HTML
from xent.explanation.steps import Explanation, Line, Step

CELL = 'style="text-align:left;padding:0 0.4em"'
BAR = "display:inline-block;height:0.8em;vertical-align:middle;background:"
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"  # told apart by colour-blind readers too


def render(explanation: Explanation) -> str:
    """The whole explanation, as one element to be put into a page."""
    parts = [f"<h3>{html.escape(explanation.title)}</h3>", _bars(explanation)]
    section = ""
    for number, step in enumerate(explanation.steps, start=1):
        if step.section != section:
            section = step.section
            parts.append(f"<h4>{html.escape(section)}</h4>")
        parts.append(f"<p><b>{number}. {html.escape(step.name)}</b></p>")
        parts.append(_table(step))
        if step.why:
            parts.append(f"<p>{html.escape(step.why)}</p>")
    body = "\n".join(part for part in parts if part)
    return f'<div class="xent-explanation">\n{body}\n</div>\n'


def page(explanation: Explanation) -> str:
    """The explanation as a page of its own, which says that it is UTF-8."""
    title = html.escape(explanation.title)
    head = f'<meta charset="utf-8">\n<title>{title}</title>'
    return f'<!doctype html>\n<html lang="en">\n{head}\n{render(explanation)}</html>\n'


def _table(step: Step) -> str:
    rows = []
    if len(step.formula) > 1:
        left, *chain = [HTML.write(node) for node in step.formula]
        rows += [_row(left if i == 0 else "", "=", right) for i, right in enumerate(chain)]
    rows += [_line(line) for line in step.lines]
    return f"<table>\n{chr(10).join(rows)}\n</table>" if rows else ""


def _line(line: Line) -> str:
    left, value = HTML.write(line.symbol), HTML.number(line.text)
    if line.substituted is None:
        return _row(left, line.relation, f"<b>{value}</b>")
    return _row(left, "=", f"{HTML.write(line.substituted)} {line.relation} <b>{value}</b>")


def _row(left: str, relation: str, right: str) -> str:
    return _cells("td", [left, relation, right])


def _cells(tag: str, contents: Iterable[str]) -> str:
    """One row of a table; the blanks keep cells apart where tags are stripped."""
    return f"<tr>{' '.join(f'<{tag} {CELL}>{content}</{tag}>' for content in contents)}</tr>"


def _bars(explanation: Explanation) -> str:
    """Probability and gradient of each class as bars of the right length."""
    rows = _shares(explanation)
    if len(rows) > 12:
        return ""
    heads = ["class", "probability", "gradient for the logit"]
    lines = [_cells("th", heads)]
    for name, share, push in rows:
        force = ""
        if push is not None:  # a negative gradient pulls the logit up
            bar = _bar(abs(push), ORANGE if push > 0 else GREEN)
            force = f"{bar} {'+' * (push > 0)}{shown(push)}"
        lines.append(
            _cells("td", [html.escape(name), f"{_bar(share, BLUE)} {shown(share)}", force])
        )
    return f"<table>\n{chr(10).join(lines)}\n</table>"


def _shares(explanation: Explanation) -> list[tuple[str, float, float | None]]:
    """Name, probability and gradient of each class; a binary row has the gradient of one logit."""
    p, gradient = explanation.probabilities, explanation.gradient
    label, names = explanation.inputs["label"], explanation.inputs.get("names")
    if p.ndim == 0:
        # 1 - p, in the form that keeps its digits: -dL/df for label 1, e^-L for label 0.
        other = abs(float(gradient)) if label else math.exp(-explanation.loss)
        rows = [("1 - p", other, None), ("p", float(p), float(gradient))]
    else:
        pairs = zip(p.tolist(), gradient.tolist(), strict=True)
        rows = [(f"p{j}", share, push) for j, (share, push) in enumerate(pairs)]
    called = [f" {name}" for name in names] if names else [""] * len(rows)
    called[label] += " (true)"
    return [(row[0] + call, *row[1:]) for row, call in zip(rows, called, strict=True)]


def _bar(size: float, colour: str) -> str:
    return f'<span style="{BAR}{colour};width:{100 * size:.0f}px"></span>'
