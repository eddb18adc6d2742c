"""The roles of texts and numbers, and the style of each in a terminal and in HTML.

The colours can be told apart by colour-blind readers. They never stand alone: signs and words say
the same.
"""

from __future__ import annotations

TERMINAL = {
    "title": "bold",
    "headline": "bold",
    "section": "bold",
    "name": "bold",
    "summary": "bold",
    "term": "bold",
    "head": "bold",
    "result": "bold",
    "why": "dim",
    "hint": "dim",
    "true": "bold yellow",
    "loss": "bold magenta",
    "pull": "green",
    "push": "cyan",
    "good": "green",
    "bad": "bold red",
    "note": "yellow",
}
"""Styles of Rich."""

COLOURS = {
    "true": ("#b45309", "#9a4a00", "#ffa657"),
    "loss": ("#b04cc4", "#8b3a9e", "#e2a3f0"),
    "pull": ("#0f8560", "#00704f", "#4fd1a5"),
    "push": ("#2a7cc7", "#0a5ca8", "#7ab8f5"),
    "other": ("#8c8c8c", "#767676", "#9a9a9a"),
    "good": ("#0f8560", "#006d4e", "#4fd1a5"),
    "bad": ("#c2540a", "#b34700", "#ff9d6b"),
    "unsure": ("#8f6f00", "#7a5c00", "#e0b94a"),
    "note": ("#2a7cc7", "#00588a", "#7ab8f5"),
}
"""Of the true class, the loss, a gradient that raises its logit or lowers it, other classes, and
verdicts: on a background that is not known, on a light one, and on a dark one."""


def colour(role: str) -> str:
    """The colour in CSS: the variable that the page sets, or else one for any background."""
    return f"var(--xent-{role},{COLOURS[role][0]})"


def variables(*, dark: bool) -> str:
    """CSS variables with the colours for a light or a dark background."""
    return "".join(f"--xent-{role}:{shades[2 if dark else 1]};" for role, shades in COLOURS.items())
