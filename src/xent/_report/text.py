"""Prints blocks as plain text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from xent._report.blocks import SIGNS, Block, Finding, Table

WIDTH = 88


def to_text(blocks: Iterable[Block]) -> str:
    """Plain text."""
    return "\n".join(line for _, line in styled_lines(blocks)) + "\n"


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
