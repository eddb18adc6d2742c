"""Prints blocks as HTML that needs no script and no style sheet."""

from __future__ import annotations

import html
from collections.abc import Iterable

from xent._report.blocks import SIGNS, Block, Finding, Table

COLOURS = {"good": "#006d4e", "bad": "#b34700", "unsure": "#7a5c00", "note": "#00588a"}
CELL = "padding:0 0.6em;text-align:"


def to_html(blocks: Iterable[Block]) -> str:
    """HTML: one element to be put into a page, readable without styles."""
    parts = []
    for block in blocks:
        if isinstance(block, Table):
            parts.append(_html_table(block))
        elif isinstance(block, Finding):
            role, sign = SIGNS[block.level]
            told = "<br>\n".join(map(html.escape, (block.seen, block.matters, block.fix)))
            head = f'<b style="color:{COLOURS[role]}">{sign}: {html.escape(block.name)}</b>'
            parts.append(f"<p>{head}<br>\n{told}</p>")
        else:
            tag = {"title": "h3", "section": "h4"}.get(block.role, "p")
            style = f' style="color:{COLOURS[block.role]}"' if block.role in COLOURS else ""
            parts.append(f"<{tag}{style}>{html.escape(block.text)}</{tag}>")
    return '<div class="xent-report">\n' + "\n".join(parts) + "\n</div>\n"


def _html_table(table: Table) -> str:
    lines = []
    for tag, cells in [("th", table.heads), *(("td", row) for row in table.rows)]:
        row = " ".join(
            f'<{tag} style="{CELL}{"left" if i in table.left else "right"}">'
            f"{html.escape(cell)}</{tag}>"
            for i, cell in enumerate(cells)
        )
        lines.append(f"<tr>{row}</tr>")
    return "<table>\n" + "\n".join(lines) + "\n</table>"
