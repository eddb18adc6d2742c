"""HTML: tables and bars of plain elements, readable with scripts, styles and tags stripped.

Notebooks that are not trusted drop SVG, MathML and style sheets, so none is used.
"""

from __future__ import annotations

import html

import numpy as np

from xent.explanation.render.notation import HTML
from xent.explanation.steps import Explanation, Line, Step

CELL = 'style="text-align:left;padding:0 0.4em;white-space:nowrap"'
BAR = "display:inline-block;height:0.8em;vertical-align:middle;background:"
BLUE, ORANGE = "#0072b2", "#d55e00"  # told apart by colour-blind readers too


def render(explanation: Explanation) -> str:
    """The whole explanation, as one element."""
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
    return f"<tr><td {CELL}>{left}</td><td {CELL}>{relation}</td><td {CELL}>{right}</td></tr>"


def _bars(explanation: Explanation) -> str:
    """Probability and gradient of each class as bars of the right length."""
    p = np.atleast_1d(explanation.probabilities)
    gradient = np.atleast_1d(explanation.gradient)
    label = explanation.inputs["label"]
    if len(p) == 1:
        shares = [("1 - p", float(1 - p[0]), label == 0), ("p", float(p[0]), label == 1)]
        pushes = [None, float(gradient[0])]
    elif len(p) <= 12:
        shares = [(f"p{j}", float(v), j == label) for j, v in enumerate(p)]
        pushes = [float(g) for g in gradient]
    else:
        return ""
    heads = ["class", "probability", "gradient of the logit"]
    rows = ["<tr>" + "".join(f"<th {CELL}>{head}</th>" for head in heads) + "</tr>"]
    for (name, share, is_label), push in zip(shares, pushes, strict=True):
        mark = " (true)" if is_label else ""
        cells = [f"{name}{mark}", f"{_bar(share, BLUE)} {share:.4f}"]
        if push is None:
            cells.append("")
        else:
            cells.append(f"{_bar(abs(push), ORANGE)} {push:+.4f}")
        rows.append("<tr>" + "".join(f"<td {CELL}>{cell}</td>" for cell in cells) + "</tr>")
    return f"<table>\n{chr(10).join(rows)}\n</table>"


def _bar(size: float, colour: str) -> str:
    return f'<span style="{BAR}{colour};width:{100 * size:.0f}px"></span>'
