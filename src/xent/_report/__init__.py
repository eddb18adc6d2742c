"""Reports as blocks, and one set of printers for them: text, Markdown, LaTeX and HTML."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from xent._report.blocks import (
    Block,
    Equations,
    Finding,
    Level,
    Line,
    Picture,
    Role,
    Table,
    Term,
    Terms,
    Text,
)
from xent._report.html import to_html
from xent._report.latex import to_latex
from xent._report.markdown import to_markdown
from xent._report.page import page
from xent._report.text import WIDTH, Layout, to_text

__all__ = [
    "Block",
    "Equations",
    "Finding",
    "Layout",
    "Level",
    "Line",
    "Picture",
    "Report",
    "Role",
    "Table",
    "Term",
    "Terms",
    "Text",
    "page",
    "to_html",
    "to_latex",
    "to_markdown",
    "to_text",
]


class Report:
    """A report in blocks, which prints as text, Markdown, LaTeX, HTML and JSON."""

    def blocks(self) -> Iterator[Block]:
        """The report as text, tables, findings and so on; the first block is its title."""
        raise NotImplementedError

    def to_text(self, *, width: int = WIDTH) -> str:
        """Plain text for a terminal of so many columns."""
        return to_text(self.blocks(), width)

    def to_markdown(self) -> str:
        """Markdown, with tables as GitHub reads them."""
        return to_markdown(self.blocks())

    def to_latex(self) -> str:
        """LaTeX: a fragment for a document."""
        return to_latex(self.blocks())

    def to_html(self) -> str:
        """HTML: a fragment that needs no script and no style sheet."""
        return to_html(self.blocks())

    def to_page(self) -> str:
        """HTML: a page of its own."""
        first = next(self.blocks())
        title = first.text if isinstance(first, Text) else type(self).__name__
        return page(title, self.to_html())

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        raise NotImplementedError

    def to_json(self, **options: Any) -> str:
        """JSON; the options are those of `to_dict`."""
        return json.dumps(self.to_dict(**options), indent=2, ensure_ascii=False) + "\n"

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return self.to_html()

    def _repr_markdown_(self) -> str:
        return self.to_markdown()
