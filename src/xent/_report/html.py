"""Prints blocks as HTML: plain elements, readable without scripts, style sheets and tags.

Notebooks that are not trusted drop SVG, MathML and style sheets, so only pictures use them.
"""

from __future__ import annotations

import html
from collections.abc import Iterable

from xent._report.blocks import Block, Equations, Finding, Line, Picture, Table, Terms, Text
from xent._report.links import Linker
from xent._report.notation import HTML
from xent._report.roles import COLOURS, colour

HEADINGS = {"title": "h3", "headline": "h3", "section": "h4"}
NARROW = "text-align:left;padding:0 0.3em"
INNER = {"name": "b", "summary": "strong"}
"""The element within a paragraph, by role."""


def to_html(blocks: Iterable[Block], *, name: str = "report", opened: bool = False) -> str:
    """One element to be put into a page, of the class xent-`name`.

    Definitions with a heading are folded away unless `opened`; a browser unfolds them where a link
    leads to one.
    """
    blocks = list(blocks)
    terms = next((block for block in blocks if isinstance(block, Terms)), Terms(()))
    linker = Linker(terms)
    parts = []
    for block in blocks:
        match block:
            case Text(_, "hint"):
                pass
            case Text():
                parts.append(_text(block, linker))
            case Table():
                parts.append(_table(block))
            case Finding():
                told = "<br>\n".join(map(html.escape, block.told))
                head = f"<b{_coloured(block.role)}>{html.escape(block.heading)}</b>"
                parts.append(f"<p>{head}<br>\n{told}</p>")
            case Equations():
                parts.append(_equations(block))
            case Terms(heading=heading):
                definitions = (linker if block is terms else Linker(block)).definitions()
                if heading:
                    fold = "<details open>" if opened else "<details>"
                    definitions = f"{fold}<summary>{heading}</summary>\n{definitions}\n</details>"
                parts.append(definitions)
            case Picture(drawn):
                parts.append(drawn)
    body = "\n".join(parts)
    return f'<div class="xent-{name}">\n{body}\n</div>\n'


def _text(block: Text, linker: Linker) -> str:
    tag = HEADINGS.get(block.role, "p")
    text = html.escape(block.text) if block.role == "section" else linker.linked(block.text)
    inner = INNER.get(block.role)
    if inner:
        text = f"<{inner}>{text}</{inner}>"
    return f"<{tag}{_coloured(block.role)}>{text}</{tag}>"


def _coloured(role: str) -> str:
    return f' style="color:{colour(role)}"' if role in COLOURS else ""


def _equations(block: Equations) -> str:
    chain = [
        row([cell(left), cell("="), cell(right, span=3)])
        for left, right in HTML.equations(block.chain)
    ]
    return scrolled([*chain, *map(_line, block.lines)])


def _line(line: Line) -> str:
    """Symbol, operands and value, each in a column of its own."""
    left = HTML.write(line.symbol)
    if line.true:
        left = f"<span{_coloured('true')}>{left}</span>"
    value = f"<b{_coloured(line.role)}>{HTML.number(line.text)}</b>"
    middle = ["", ""] if line.substituted is None else ["=", HTML.write(line.substituted)]
    return row(map(cell, [left, *middle, line.relation, value]))


def _table(table: Table) -> str:
    def cells(texts: Iterable[str], tag: str = "td", weight: str = "") -> str:
        pairs = zip(map(html.escape, texts), table.sides("left", "right"), strict=True)
        style = "text-align:{};padding:0 0.6em" + weight
        return row(cell(text, tag, style=style.format(side)) for text, side in pairs)

    heads = [cells(table.heads, "th", ";font-weight:bold")] if table.heads else []
    return scrolled([*heads, *map(cells, table.rows)], ";margin:0.7em 0")


def scrolled(rows: Iterable[str], style: str = "") -> str:
    """Rows as a table in a box of its own that scrolls: a formula may be wider than a phone."""
    body = "\n".join(rows)
    return f'<div style="overflow-x:auto{style}"><table>\n{body}\n</table></div>'


def row(cells: Iterable[str]) -> str:
    """One row of a table; the blanks keep cells apart where tags are stripped."""
    return f"<tr>{' '.join(cells)}</tr>"


# Styles stand in the elements, because notebooks drop style sheets.
def cell(content: str, tag: str = "td", span: int = 1, style: str = NARROW) -> str:
    """One cell, whose content is HTML."""
    wide = f' colspan="{span}"' if span > 1 else ""
    return f'<{tag} style="{style}"{wide}>{content}</{tag}>'
