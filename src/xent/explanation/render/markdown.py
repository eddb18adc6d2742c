"""Markdown, with formulas between dollar signs as GitHub and Jupyter typeset them."""

from __future__ import annotations

import re

from xent.explanation.render.latex import equations
from xent.explanation.steps import Explanation


def render(explanation: Explanation) -> str:
    """The whole explanation."""
    parts = [f"## {_escape(explanation.title)}"]
    section = ""
    for number, step in enumerate(explanation.steps, start=1):
        if step.section != section:
            section = step.section
            parts.append(f"### {section}")
        parts.append(f"**{number}. {_escape(step.name)}**")
        mathematics = equations(step)
        if mathematics:
            parts.append(f"$$\n{mathematics}\n$$")
        if step.why:
            parts.append(_escape(step.why))
    return "\n\n".join(parts) + "\n"


def _escape(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#|$~&])", r"\\\1", text)
