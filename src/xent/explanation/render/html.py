"""HTML: tables and bars of plain elements, readable with scripts, styles and tags stripped.

Notebooks that are not trusted drop SVG, MathML and style sheets: all but the pictures does without.
"""

from __future__ import annotations

import html
import math
import zlib
from collections.abc import Iterable

from xent.explanation.expression import shown
from xent.explanation.render.colours import colour, variables
from xent.explanation.render.links import Linker
from xent.explanation.render.notation import HTML
from xent.explanation.steps import Explanation, Line, Step

CELL = 'style="text-align:left;padding:0 0.3em"'
SCROLL = 'style="overflow-x:auto"'  # a formula may be wider than a phone
GALLERY = 'style="display:flex;flex-wrap:wrap;gap:1rem;margin:1rem 0"'
FIGURE = 'style="flex:1 1 20rem;max-width:25rem;margin:0"'
BAR = "display:inline-block;height:0.8em;vertical-align:middle;background:"

STYLE = f"""\
:root {{ color-scheme: light dark; {variables(dark=False)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {variables(dark=True)} }} }}
body {{ max-width: 52rem; margin: 1rem auto; padding: 0 1rem; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }}
h3 {{ font-size: 1.4rem; }}
h4 {{ font-size: 1.15rem; margin-bottom: 0.3rem; border-bottom: 1px solid; }}
td, th {{ white-space: nowrap; font-weight: normal; font-variant-numeric: tabular-nums; }}
@media (max-width: 40rem) {{
  td {{ white-space: normal; overflow-wrap: normal; font-size: 0.8rem; vertical-align: bottom; }}
  td, th {{ padding: 0 0.15em !important; }}
  td:last-child, td:nth-last-child(2) {{ white-space: nowrap; }}
}}
p {{ margin: 0.5rem 0; }}
a {{ color: inherit; text-decoration: underline dotted; }}
a:focus-visible {{ outline: 2px solid; outline-offset: 2px; }}
summary {{ font-size: 1.15rem; font-weight: bold; margin-top: 1.2rem; }}
dt {{ font-weight: bold; margin-top: 0.6rem; }}
dt:target {{ background: color-mix(in srgb, currentColor 12%, transparent); }}
dd {{ margin-left: 1.2rem; }}"""


def render(explanation: Explanation, *, pictures: bool = True, opened: bool = False) -> str:
    """The whole explanation, as one element to be put into a page.

    The words are folded away unless `opened`; a browser unfolds them where a link leads there.
    """
    prefix = f"xent-{zlib.crc32(repr((explanation.title, explanation.moral)).encode()):08x}"
    words = Linker(explanation.words, prefix)
    parts = [f"<h3>{words.linked(explanation.title)}</h3>", _bars(explanation)]
    if pictures:
        parts.append(_pictures(explanation, prefix))
    section = ""
    for number, step in enumerate(explanation.steps, start=1):
        if step.section != section:
            section = step.section
            parts.append(f"<h4>{html.escape(section)}</h4>")
        parts.append(f"<p><b>{number}. {words.linked(step.name)}</b></p>")
        parts.append(_table(step))
        if step.why:
            parts.append(f"<p>{words.linked(step.why)}</p>")
    parts.append(f"<p><strong>In short: {words.linked(explanation.moral)}</strong></p>")
    if explanation.words:
        fold = "<details open>" if opened else "<details>"
        parts.append(f"{fold}<summary>Words used</summary>\n{words.definitions()}\n</details>")
    body = "\n".join(part for part in parts if part)
    return f'<div class="xent-explanation">\n{body}\n</div>\n'


def page(explanation: Explanation, *, pictures: bool = True) -> str:
    """The explanation as a page of its own, for light and dark, wide and narrow screens."""
    title = html.escape(explanation.title)
    head = (
        f'<meta charset="utf-8">\n<title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>\n{STYLE}\n</style>"
    )
    body = render(explanation, pictures=pictures, opened=True)
    return f'<!doctype html>\n<html lang="en">\n{head}\n{body}</html>\n'


def _pictures(explanation: Explanation, prefix: str) -> str:
    try:
        from xent.plots.inline import pictures
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        return ""
    drawn = [f"<figure {FIGURE}>\n{svg}</figure>" for svg in pictures(explanation, prefix)]
    return f"<div {GALLERY}>\n{chr(10).join(drawn)}\n</div>" if drawn else ""


def _table(step: Step) -> str:
    rows = []
    if len(step.formula) > 1:
        left, *chain = [HTML.write(node) for node in step.formula]
        for i, right in enumerate(chain):
            cells = [_cell(left if i == 0 else ""), _cell("="), _cell(right, span=3)]
            rows.append(_row(cells))
    rows += [_line(line) for line in step.lines]
    return f"<div {SCROLL}><table>\n{chr(10).join(rows)}\n</table></div>" if rows else ""


def _line(line: Line) -> str:
    """Symbol, operands and value, each in a column of its own."""
    left = HTML.write(line.symbol)
    if line.true:
        left = f'<span style="color:{colour("true")}">{left}</span>'
    style = f' style="color:{colour(line.role)}"' if line.role else ""
    value = f"<b{style}>{HTML.number(line.text)}</b>"
    middle = ["", ""] if line.substituted is None else ["=", HTML.write(line.substituted)]
    return _row(map(_cell, [left, *middle, line.relation, value]))


def _row(cells: Iterable[str]) -> str:
    """One row of a table; the blanks keep cells apart where tags are stripped."""
    return f"<tr>{' '.join(cells)}</tr>"


def _cell(content: str, tag: str = "td", span: int = 1) -> str:
    wide = f' colspan="{span}"' if span > 1 else ""
    return f"<{tag} {CELL}{wide}>{content}</{tag}>"


def _bars(explanation: Explanation) -> str:
    """Probability and gradient of each class as bars of the right length."""
    rows = _shares(explanation)
    if len(rows) > 12:
        return ""
    heads = ["class", "probability", "gradient"]
    lines = [_row(_cell(head, "th") for head in heads)]
    for name, true, share, push in rows:
        force = ""
        if push is not None:  # a negative gradient pulls the logit up
            bar = _bar(abs(push), "push" if push > 0 else "pull")
            force = f"{bar} {'+' * (push > 0)}{shown(push)}"
        chance = f"{_bar(share, 'true' if true else 'other')} {shown(share)}"
        lines.append(_row(map(_cell, [html.escape(name), chance, force])))
    return f"<div {SCROLL}><table>\n{chr(10).join(lines)}\n</table></div>"


def _shares(explanation: Explanation) -> list[tuple[str, bool, float, float | None]]:
    """Name, truth, probability, gradient of each class; a binary row has that of one logit."""
    p, gradient = explanation.probabilities, explanation.gradient
    label, names = explanation.inputs["label"], explanation.inputs.get("names")
    rows: list[tuple[str, float, float | None]]
    if p.ndim == 0:
        # 1 - p, in the form that keeps its digits: -dL/df for label 1, e^-L for label 0.
        other = abs(float(gradient)) if label else math.exp(-explanation.loss)
        rows = [("1 - p", other, None), ("p", float(p), float(gradient))]
    else:
        pairs = zip(p.tolist(), gradient.tolist(), strict=True)
        rows = [(f"p{j}", share, push) for j, (share, push) in enumerate(pairs)]
    called = [f" {name}" for name in names] if names else [""] * len(rows)
    called[label] += " (true)"
    return [
        (row[0] + call, j == label, *row[1:])
        for j, (row, call) in enumerate(zip(rows, called, strict=True))
    ]


def _bar(size: float, role: str) -> str:
    return f'<span style="{BAR}{colour(role)};width:{100 * size:.0f}px"></span>'
