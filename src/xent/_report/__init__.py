"""Reports as blocks, and one set of printers over them: text, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Iterator

from xent._report.blocks import Block, Finding, Level, Table, Text
from xent._report.html import to_html
from xent._report.markdown import to_markdown
from xent._report.text import styled_lines, to_text

__all__ = [
    "Block",
    "Finding",
    "Level",
    "Report",
    "Table",
    "Text",
    "styled_lines",
    "to_html",
    "to_markdown",
    "to_text",
]


class Report:
    """A report in blocks, which prints as text, Markdown and HTML."""

    def blocks(self) -> Iterator[Block]:
        """The report as text, tables and findings."""
        raise NotImplementedError

    def to_text(self) -> str:
        """Plain text for a terminal."""
        return to_text(self.blocks())

    def to_markdown(self) -> str:
        """Markdown, with tables as GitHub reads them."""
        return to_markdown(self.blocks())

    def to_html(self) -> str:
        """HTML: a fragment that needs no script and no style sheet."""
        return to_html(self.blocks())

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return self.to_html()

    def _repr_markdown_(self) -> str:
        return self.to_markdown()
