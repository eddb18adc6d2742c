"""LaTeX: headings, aligned equations and prose; needs amsmath."""

from __future__ import annotations

from xent.explanation.glossary import Term
from xent.explanation.render.notation import LATEX, escape_latex
from xent.explanation.steps import Explanation, Line, Step


def render(explanation: Explanation, *, glossary: bool = False) -> str:
    """A fragment for a document that loads amsmath."""
    parts = [rf"\section*{{{escape_latex(explanation.title)}}}"]
    section = ""
    for number, step in enumerate(explanation.steps, start=1):
        if step.section != section:
            section = step.section
            parts.append(rf"\subsection*{{{escape_latex(section)}}}")
        parts.append(rf"\paragraph{{{number}. {escape_latex(step.name)}}}")
        mathematics = equations(step)
        if mathematics:
            parts.append(f"\\[\n{mathematics}\n\\]")
        if step.why:
            parts.append(escape_latex(step.why))
    parts.append(rf"\paragraph{{In short:}} {escape_latex(explanation.moral)}")
    if glossary:
        parts.append(r"\subsection*{Words used}")
        parts += [_entry(term) for term in explanation.words]
    return "\n\n".join(parts) + "\n"


def _entry(term: Term) -> str:
    formula = " = ".join(map(LATEX.write, term.formula))
    shown = f" \\({formula}\\)." if formula else ""
    told = escape_latex(term.definition)
    return rf"\paragraph{{{escape_latex(term.name)}:}} {told}{shown}"


def equations(step: Step) -> str:
    """The formula and the numbers of a step, aligned at the relation signs."""
    rows = []
    if len(step.formula) > 1:
        left, *chain = [LATEX.write(node) for node in step.formula]
        rows += [f"{left if i == 0 else ''} &= {right}" for i, right in enumerate(chain)]
    rows += [_line(line) for line in step.lines]
    if not rows:
        return ""
    joined = " \\\\\n".join(rows)
    return f"\\begin{{aligned}}\n{joined}\n\\end{{aligned}}"


def _line(line: Line) -> str:
    left = LATEX.write(line.symbol)
    relation = "=" if line.relation == "=" else r"\approx"
    value = LATEX.number(line.text)
    if line.substituted is None:
        return f"{left} &{relation} {value}"
    return f"{left} &= {LATEX.write(line.substituted)} {relation} {value}"
