"""Markdown, with formulas fenced as GitHub typesets them, or as Jupyter does."""

from __future__ import annotations

import re

from xent.explanation.glossary import Term
from xent.explanation.render.latex import equations
from xent.explanation.render.notation import LATEX
from xent.explanation.steps import Explanation

GITHUB = ("```math", "```")
"""Between dollar signs GitHub reads backslashes as Markdown first, and loses the rows."""

JUPYTER = ("$$", "$$")


def render(
    explanation: Explanation, *, fence: tuple[str, str] = GITHUB, glossary: bool = False
) -> str:
    """The whole explanation."""
    parts = [f"## {escape(explanation.title)}"]
    section = ""
    for number, step in enumerate(explanation.steps, start=1):
        if step.section != section:
            section = step.section
            parts.append(f"### {section}")
        parts.append(f"**{number}. {escape(step.name)}**")
        mathematics = equations(step)
        if mathematics:
            parts.append(fenced(mathematics, fence))
        if step.why:
            parts.append(escape(step.why))
    parts.append(f"**In short: {escape(explanation.moral)}**")
    if glossary:
        parts.append("### Words used")
        parts += [entry(term, fence) for term in explanation.words]
    return "\n\n".join(parts) + "\n"


def fenced(mathematics: str, fence: tuple[str, str]) -> str:
    """A formula set apart."""
    opening, closing = fence
    return f"{opening}\n{mathematics}\n{closing}"


def entry(term: Term, fence: tuple[str, str] = GITHUB) -> str:
    """A term in bold, its definition, formula and relatives."""
    see = f" See {', '.join(term.see)}." if term.see else ""
    return _formula(f"**{escape(term.name)}**: {escape(term.definition + see)}", term, fence)


def chapter(term: Term) -> str:
    """A term under a heading of its own, its relatives linked."""
    links = ", ".join(f"[{name}](#{name.lower().replace(' ', '-')})" for name in term.see)
    see = f" See {links}." if term.see else ""
    return _formula(f"## {escape(term.name)}\n\n{escape(term.definition)}{see}", term, GITHUB)


def _formula(told: str, term: Term, fence: tuple[str, str]) -> str:
    if not term.formula:
        return told
    return f"{told}\n\n{fenced(' = '.join(map(LATEX.write, term.formula)), fence)}"


def escape(text: str) -> str:
    """Prose for Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>#|$~&])", r"\\\1", text)
