"""The colours of curves, labels, bars and arrows: those of reports, on the style's background."""

from __future__ import annotations

import matplotlib as mpl

from xent._report.roles import COLOURS

LABELS = ("push", "true")
"""The roles whose colours are used for labels 0 and 1."""


def shade(role: str) -> str:
    """The colour of a role on the background of matplotlib's current style."""
    red, green, blue, alpha = mpl.colors.to_rgba(mpl.rcParams["axes.facecolor"])
    return COLOURS[role][alpha > 0 and red + green + blue < 1.5]
