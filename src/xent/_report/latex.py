"""Prints blocks as LaTeX: headings, paragraphs, tables and aligned equations; needs amsmath."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xent._report.blocks import Block, Equations, Finding, Line, Table, Term, Terms, Text
from xent._report.notation import LATEX, escape_latex

HEADINGS = {
    "title": r"\section*",
    "headline": r"\section*",
    "section": r"\subsection*",
    "name": r"\paragraph",
}
"""The command, by role."""

SHORT = "In short: "
"""How the summary of an explanation begins."""


def to_latex(blocks: Iterable[Block]) -> str:
    """A fragment for a document that loads amsmath."""
    return "\n\n".join(_parts(blocks)) + "\n"


def _parts(blocks: Iterable[Block]) -> Iterator[str]:
    """Each block but pictures, and hints for a terminal."""
    for block in blocks:
        match block:
            case Text(text, role) if role in HEADINGS:
                yield _heading(text, role)
            case Text(text, "summary") if text.startswith(SHORT):
                yield _paragraph(SHORT.strip(), text.removeprefix(SHORT))
            case Text(text, "summary"):
                yield rf"\textbf{{{escape_latex(text)}}}"
            case Text(text, role) if role != "hint":
                yield escape_latex(text)
            case Table():
                yield _table(block)
            case Finding():
                yield _paragraph(f"{block.heading}.", " ".join(block.told))
            case Equations():
                yield f"\\[\n{aligned(block)}\n\\]"
            case Terms(terms, heading):
                if heading:
                    yield _heading(heading, "section")
                yield from map(_term, terms)


def aligned(block: Equations) -> str:
    """The formula and the numbers, aligned at the relation signs."""
    chain = [f"{left} &= {right}" for left, right in LATEX.equations(block.chain)]
    joined = " \\\\\n".join([*chain, *map(_line, block.lines)])
    return f"\\begin{{aligned}}\n{joined}\n\\end{{aligned}}"


def _line(line: Line) -> str:
    left = LATEX.write(line.symbol)
    relation = "=" if line.relation == "=" else r"\approx"
    value = LATEX.number(line.text)
    if line.substituted is None:
        return f"{left} &{relation} {value}"
    return f"{left} &= {LATEX.write(line.substituted)} {relation} {value}"


def _heading(text: str, role: str) -> str:
    return f"{HEADINGS[role]}{{{escape_latex(text)}}}"


def _paragraph(head: str, text: str) -> str:
    return f"{_heading(head, 'name')} {escape_latex(text)}"


def _table(table: Table) -> str:
    columns = "".join(table.sides("l", "r"))
    lines = [" & ".join(map(escape_latex, row)) + r" \\" for row in table.rows]
    if table.heads:
        lines[:0] = [" & ".join(map(escape_latex, table.heads)) + r" \\", r"\hline"]
    return "\n".join([rf"\begin{{tabular}}{{{columns}}}", *lines, r"\end{tabular}"])


def _term(term: Term) -> str:
    formula = f" \\({LATEX.chain(term.formula)}\\)." if term.formula else ""
    return _paragraph(f"{term.name}:", term.definition) + formula
