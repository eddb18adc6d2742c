"""A report as blocks of text and tables, and three printers over it that compute nothing."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xent.check.finding import Finding

WIDTH = 88


@dataclass(frozen=True)
class Text:
    """A paragraph. Roles: title, section, good, bad, unsure, note, plain."""

    text: str
    role: str = "plain"


@dataclass(frozen=True)
class Table:
    """Rows of cells below heads; columns in `left` are aligned at the left."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: tuple[int, ...] = (0,)


Block = Text | Table | Finding


class Report:
    """What tells itself in blocks, and so prints in every form."""

    def blocks(self) -> Iterator[Block]:
        """The report as text, tables and findings."""
        raise NotImplementedError

    def to_text(self) -> str:
        """Plain text for a terminal."""
        return text(self.blocks())

    def to_markdown(self) -> str:
        """Markdown, with tables as GitHub reads them."""
        return markdown(self.blocks())

    def to_html(self) -> str:
        """HTML: a fragment that needs no script and no style sheet."""
        return fragment(self.blocks())

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return self.to_html()

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


SIGNS = {"mistake": ("bad", "MISTAKE"), "note": ("note", "Note")}


def styled_lines(blocks: Iterable[Block]) -> Iterator[tuple[str, str]]:
    """Plain text, line by line, each with the name of its role."""
    for number, block in enumerate(blocks):
        if number:
            yield "blank", ""
        if isinstance(block, Table):
            yield from _table(block)
        elif isinstance(block, Finding):
            role, sign = SIGNS[block.level]
            yield role, f"{sign}: {block.name}"
            for part in (block.seen, block.matters, block.fix):
                yield from _wrapped(part, "plain", "  ")
        else:
            yield from _wrapped(block.text, block.role)
            if block.role in ("title", "section"):
                yield block.role, ("=" if block.role == "title" else "-") * len(block.text)


def text(blocks: Iterable[Block]) -> str:
    """Plain text."""
    return "\n".join(line for _, line in styled_lines(blocks)) + "\n"


def markdown(blocks: Iterable[Block]) -> str:
    """Markdown with tables as GitHub reads them."""
    parts = []
    for block in blocks:
        if isinstance(block, Table):
            rule = [":--" if i in block.left else "--:" for i in range(len(block.heads))]
            rows = [map(_escaped, block.heads), rule, *(map(_escaped, row) for row in block.rows)]
            parts.append("\n".join(f"| {' | '.join(row)} |" for row in rows))
        elif isinstance(block, Finding):
            sign = SIGNS[block.level][1]
            told = " ".join((block.seen, block.matters, block.fix))
            parts.append(f"**{sign}: {_escaped(block.name)}.** {_escaped(told)}")
        else:
            sign = {"title": "# ", "section": "## "}.get(block.role, "")
            strong = "**" if block.role in ("good", "bad", "unsure") else ""
            parts.append(f"{sign}{strong}{_escaped(block.text)}{strong}")
    return "\n\n".join(parts) + "\n"


COLOURS = {"good": "#006d4e", "bad": "#b34700", "unsure": "#7a5c00", "note": "#00588a"}
CELL = "padding:0 0.6em;text-align:"


def fragment(blocks: Iterable[Block]) -> str:
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


def _table(table: Table) -> Iterator[tuple[str, str]]:
    widths = [max(map(len, column)) for column in zip(table.heads, *table.rows, strict=True)]
    for role, cells in [("head", table.heads), *(("row", row) for row in table.rows)]:
        padded = [
            cell.ljust(n) if i in table.left else cell.rjust(n)
            for i, (cell, n) in enumerate(zip(cells, widths, strict=True))
        ]
        yield role, "  ".join(padded).rstrip()


def _wrapped(paragraph: str, role: str, indent: str = "") -> Iterator[tuple[str, str]]:
    wrapper = textwrap.TextWrapper(
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
    for line in wrapper.wrap(paragraph):
        yield role, line


def _escaped(cell: str) -> str:
    # Underscores within a word emphasise nothing.
    return re.sub(r"([\\`*\[\]<>#|$~&]|(?<!\w)_|_(?!\w))", r"\\\1", cell)
