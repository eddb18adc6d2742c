"""Prints blocks as Markdown, with tables and formulas as GitHub reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from xent._report.blocks import Block, Equations, Finding, Table, Term, Terms, Text
from xent._report.expression import Expression
from xent._report.latex import aligned
from xent._report.notation import LATEX

GITHUB = ("```math", "```")
"""The fence of a formula. Between dollar signs GitHub reads backslashes as Markdown first, and
loses the rows."""

JUPYTER = ("$$", "$$")
STRONG = ("good", "bad", "unsure", "name", "summary")


def to_markdown(blocks: Iterable[Block], *, top: int = 1, fence: tuple[str, str] = GITHUB) -> str:
    """Markdown, with the title as a heading of level `top`."""
    return "\n\n".join(_parts(blocks, top, fence)) + "\n"


def _parts(blocks: Iterable[Block], top: int, fence: tuple[str, str]) -> Iterator[str]:
    """Each block but pictures, and hints for a terminal."""
    for block in blocks:
        match block:
            case Text(text, "title" | "headline" | "section" as role):
                yield f"{'#' * (top + (role == 'section'))} {escape(text)}"
            case Text(text, role, first) if role != "hint":
                bold = first or len(text) * (role in STRONG)
                yield f"**{escape(text[:bold])}**{escape(text[bold:])}" if bold else escape(text)
            case Table():
                yield _table(block)
            case Finding():
                yield f"**{escape(block.heading)}.** {escape(' '.join(block.told))}"
            case Equations():
                yield fenced(aligned(block), fence)
            case Terms(terms, heading):
                if heading:
                    yield f"{'#' * (top + 1)} {escape(heading)}"
                yield from (_term(term, fence) for term in terms)


def _table(table: Table) -> str:
    rule = table.sides(":--", "--:")
    heads = table.heads or ("",) * len(rule)
    rows = [map(escape, heads), rule, *(map(escape, row) for row in table.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _term(term: Term, fence: tuple[str, str]) -> str:
    see = f" See {', '.join(term.see)}." if term.see else ""
    told = f"**{escape(term.name)}**: {escape(term.definition + see)}"
    return told + chain(term.formula, fence)


def chain(formula: tuple[Expression, ...], fence: tuple[str, str] = GITHUB) -> str:
    """A blank line and a chain of equal expressions, if there is one."""
    return f"\n\n{fenced(LATEX.chain(formula), fence)}" if formula else ""


def fenced(mathematics: str, fence: tuple[str, str] = GITHUB) -> str:
    """A formula on lines of its own."""
    opening, closing = fence
    return f"{opening}\n{mathematics}\n{closing}"


def escape(text: str) -> str:
    """Text that Markdown shows as it is. Underscores within a word emphasise nothing."""
    return re.sub(r"([\\`*\[\]<>#|$~&]|(?<!\w)_|_(?!\w))", r"\\\1", text)
