"""Prints blocks as LaTeX: headings, paragraphs, tables and aligned equations; needs amsmath."""

from __future__ import annotations

from collections.abc import Iterable

from xent._report.blocks import Block, Equations, Finding, Line, Picture, Table, Term, Terms, Text
from xent._report.notation import LATEX, escape_latex


def to_latex(blocks: Iterable[Block]) -> str:
    """A fragment for a document that loads amsmath."""
    parts: list[str] = []
    for block in blocks:
        match block:
            case Text(_, "hint") | Picture():
                pass
            case Text(text, "title" | "headline"):
                parts.append(rf"\section*{{{escape_latex(text)}}}")
            case Text(text, "section"):
                parts.append(_heading(text))
            case Text(text, "name"):
                parts.append(rf"\paragraph{{{escape_latex(text)}}}")
            case Text(text, "summary"):
                head, _, rest = text.partition(": ")
                parts.append(_paragraph(f"{head}:", rest))
            case Text(text):
                parts.append(escape_latex(text))
            case Table():
                parts.append(_table(block))
            case Finding():
                told = " ".join((block.seen, block.matters, block.fix))
                parts.append(_paragraph(f"{block.heading}.", told))
            case Equations():
                parts.append(f"\\[\n{aligned(block)}\n\\]")
            case Terms(terms, heading):
                if heading:
                    parts.append(_heading(heading))
                parts += map(_term, terms)
    return "\n\n".join(parts) + "\n"


def aligned(block: Equations) -> str:
    """The formula and the numbers, aligned at the relation signs."""
    rows = []
    if block.chain:
        left, *chain = [LATEX.write(node) for node in block.chain]
        rows += [f"{left if i == 0 else ''} &= {right}" for i, right in enumerate(chain)]
    rows += map(_line, block.lines)
    joined = " \\\\\n".join(rows)
    return f"\\begin{{aligned}}\n{joined}\n\\end{{aligned}}"


def _line(line: Line) -> str:
    left = LATEX.write(line.symbol)
    relation = "=" if line.relation == "=" else r"\approx"
    value = LATEX.number(line.text)
    if line.substituted is None:
        return f"{left} &{relation} {value}"
    return f"{left} &= {LATEX.write(line.substituted)} {relation} {value}"


def _heading(text: str) -> str:
    return rf"\subsection*{{{escape_latex(text)}}}"


def _paragraph(head: str, text: str) -> str:
    return rf"\paragraph{{{escape_latex(head)}}} {escape_latex(text)}"


def _table(table: Table) -> str:
    columns = "".join("l" if i in table.left else "r" for i in range(len(table.rows[0])))
    lines = [" & ".join(map(escape_latex, row)) + r" \\" for row in table.rows]
    if table.heads:
        lines[:0] = [" & ".join(map(escape_latex, table.heads)) + r" \\", r"\hline"]
    return "\n".join([rf"\begin{{tabular}}{{{columns}}}", *lines, r"\end{tabular}"])


def _term(term: Term) -> str:
    formula = " = ".join(map(LATEX.write, term.formula))
    return _paragraph(f"{term.name}:", term.definition) + (f" \\({formula}\\)." if formula else "")
