"""Colours, light and dark ground, and where a picture goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

try:
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes
except ModuleNotFoundError:
    message = "plots need matplotlib: pip install 'xent[plot]'"
    raise ModuleNotFoundError(message, name="matplotlib") from None

BLUE, ORANGE, GREEN, GREY = "#3b8bc4", "#e8761c", "#1f9e77", "#8c8c8c"
"""Told apart by colour-blind readers, and seen on light and dark ground."""

LABEL_COLOURS = (BLUE, ORANGE)
"""Of label 0 and label 1."""


@contextmanager
def style(*, dark: bool = False) -> Iterator[None]:
    """Draw in xent's style: light or dark, few lines, text of a size to be read.

    Parameters
    ----------
    dark : bool, default False
        Light lines and text on a dark ground.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from xent import plots
    >>> with plots.style(dark=True):
    ...     ax = plots.loss_curves(2.0, 1)
    """
    ink, ground = ("#e8e8e8", "#14171a") if dark else ("#1c1c1c", "#ffffff")
    settings: dict[str, Any] = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), ink
    )
    settings |= dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), ground)
    settings |= {"axes.spines.top": False, "axes.spines.right": False, "font.size": 11}
    settings |= {"legend.frameon": False, "svg.hashsalt": "xent", "axes.titlesize": 12}
    with plt.rc_context(cast(Any, settings)):
        yield


def axes_or_new(ax: Axes | None) -> Axes:
    """The Axes given, or those of a new figure."""
    return plt.subplots(figsize=(6.4, 4.2), layout="constrained")[1] if ax is None else ax


def point(ax: Axes, x: float, y: float, colour: str, name: str) -> None:
    """The reader's own point, with its value."""
    ax.plot([x], [y], "o", color=colour, markersize=8, zorder=4)
    text = f"{name} = {y:.4f}" if name else f"{y:.4f}"
    ax.annotate(text, (x, y), xytext=(8, 8 if y >= 0 else -16), textcoords="offset points")
