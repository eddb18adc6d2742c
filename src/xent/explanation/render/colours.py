"""What the colours mean: the same in the terminal, in HTML and in pictures.

Told apart by colour-blind readers too, and never alone: signs and words say the same.
"""

from __future__ import annotations

TERMINAL = {
    "true": "bold yellow",
    "loss": "bold magenta",
    "pull": "green",
    "push": "cyan",
    "result": "bold",
}

MEANING = {
    "true": ("#b45309", "#9a4a00", "#ffa657"),
    "loss": ("#b04cc4", "#8b3a9e", "#e2a3f0"),
    "pull": ("#0f8560", "#00704f", "#4fd1a5"),
    "push": ("#2a7cc7", "#0a5ca8", "#7ab8f5"),
    "other": ("#8c8c8c", "#767676", "#9a9a9a"),
}
"""Of the true class, the loss, a gradient that pulls a logit up or pushes it down, other classes:
on an unknown ground, on a light one, and on a dark one."""


def colour(role: str) -> str:
    """The colour as CSS: that of the page's ground, if the page tells."""
    return f"var(--xent-{role},{MEANING[role][0]})"


def variables(*, dark: bool) -> str:
    """The colours for a light or a dark ground, as CSS variables."""
    return "".join(f"--xent-{role}:{shades[2 if dark else 1]};" for role, shades in MEANING.items())
