"""The roles of texts and numbers, and the style of each in a terminal, in HTML and in pictures.

Colour-blind readers can tell the colours of a picture apart; a test computes it. Colours never
stand alone: signs, shapes and words say the same.
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
    "true": "bold color(130)",
    "loss": "bold color(133)",
    "pull": "color(28)",
    "push": "color(31)",
    "good": "color(28)",
    "bad": "bold color(160)",
    "note": "color(130)",
}
"""Styles of Rich. The colours are those of 256 that are read on a light and on a dark ground."""

COLOURS = {
    "true": ("#c05800", "#ffa657"),
    "loss": ("#ae4cb6", "#f09bf0"),
    "pull": ("#007d7d", "#5fe3cf"),
    "push": ("#2573cf", "#7fb2ff"),
    "other": ("#969389", "#969389"),
    "good": ("#0f8560", "#4fd1a5"),
    "bad": ("#c2540a", "#ff9d6b"),
    "unsure": ("#8f6f00", "#e0b94a"),
    "note": ("#2573cf", "#7fb2ff"),
}
"""Of the true class, the loss, a gradient that raises its logit or lowers it, other classes, and
verdicts: on a light background and on a dark one. All but "other" are colours of text."""


def colour(role: str) -> str:
    """The colour in CSS: the variable that the page sets, or else the one for a light background.

    On a dark one it is less clear, but seen.
    """
    return f"var(--xent-{role},{COLOURS[role][0]})"


def variables(*, dark: bool) -> str:
    """CSS variables with the colours for a light or a dark background."""
    return "".join(f"--xent-{role}:{shades[dark]};" for role, shades in COLOURS.items())
