"""Prints blocks as Markdown, with tables as GitHub reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from xent._report.blocks import SIGNS, Block, Finding, Table


def to_markdown(blocks: Iterable[Block]) -> str:
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


def _escaped(cell: str) -> str:
    # Underscores within a word emphasise nothing.
    return re.sub(r"([\\`*\[\]<>#|$~&]|(?<!\w)_|_(?!\w))", r"\\\1", cell)
