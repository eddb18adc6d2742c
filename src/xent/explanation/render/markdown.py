"""Markdown, with formulas fenced as GitHub typesets them, or as Jupyter does."""

from __future__ import annotations

import re

from xent.explanation.render.latex import equations
from xent.explanation.steps import Explanation

GITHUB = ("```math", "```")
"""Between dollar signs GitHub reads backslashes as Markdown first, and loses the rows."""

JUPYTER = ("$$", "$$")


def render(explanation: Explanation, fence: tuple[str, str] = GITHUB) -> str:
    """The whole explanation."""
    opening, closing = fence
    parts = [f"## {_escape(explanation.title)}"]
    section = ""
    for number, step in enumerate(explanation.steps, start=1):
        if step.section != section:
            section = step.section
            parts.append(f"### {section}")
        parts.append(f"**{number}. {_escape(step.name)}**")
        mathematics = equations(step)
        if mathematics:
            parts.append(f"{opening}\n{mathematics}\n{closing}")
        if step.why:
            parts.append(_escape(step.why))
    return "\n\n".join(parts) + "\n"


def _escape(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#|$~&])", r"\\\1", text)
