"""Light and dark backgrounds, and what all pictures have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast
from weakref import WeakKeyDictionary

try:
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes
except ModuleNotFoundError:
    message = "plots need matplotlib: pip install matplotlib, or xent with its extra plot"
    raise ModuleNotFoundError(message, name="matplotlib") from None

from xent._format import shown
from xent.plots.checks import FARTHEST

FONT, ROOMY, LEAST_TEXT = 11, 5.0, 0.7
"""Text size in points; width in inches of an Axes with room for it; the smallest readable
scale of it."""

SIZE = (6.4, 4.2)
"""Inches."""

GROUNDS = (("#1c1c1c", "#ffffff"), ("#e8e8e8", "#14171a"))
"""Ink and background, light and dark."""

_DESCRIPTIONS: WeakKeyDictionary[Axes, str] = WeakKeyDictionary()


@contextmanager
def style(*, dark: bool = False) -> Iterator[None]:
    """Draw in xent's style: light or dark, with few lines and readable text.

    Parameters
    ----------
    dark : bool, default False
        Light lines and text on a dark background.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from xent import plots
    >>> with plots.style(dark=True):
    ...     ax = plots.loss_curves(2.0, 1)
    """
    with plt.rc_context(cast(Any, settings(*GROUNDS[dark]))):
        yield


def settings(ink: str, ground: str) -> dict[str, Any]:
    """Matplotlib's settings for lines and text of colour `ink` on the background `ground`."""
    found: dict[str, Any] = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), ink
    )
    found |= dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), ground)
    found |= {"axes.spines.top": False, "axes.spines.right": False, "font.size": FONT}
    found |= {"legend.frameon": False, "axes.titlesize": 12, "font.sans-serif": ["DejaVu Sans"]}
    # Text stays text: it can be searched, read aloud, and set in the reader's font.
    return found | {"svg.hashsalt": "xent", "svg.fonttype": "none", "pdf.fonttype": 42}


def small(width: float) -> AbstractContextManager[None]:
    """Draw with smaller text in an Axes only `width` inches wide, where titles would not fit."""
    size = min(max(width / ROOMY, LEAST_TEXT), 1.0)
    return plt.rc_context({"font.size": FONT * size, "axes.titlesize": 12 * size})


def axes_or_new(ax: Axes | None) -> Axes:
    """The given Axes, or that of a new figure."""
    return plt.subplots(figsize=SIZE, layout="constrained")[1] if ax is None else ax


def describe(ax: Axes, text: str) -> None:
    """Store a description of the picture in words, for those who cannot see it."""
    _DESCRIPTIONS[ax] = text


def description(ax: Axes) -> str:
    """What the picture shows, in words.

    Parameters
    ----------
    ax : Axes
        An Axes that a function of `xent.plots` drew into.

    Returns
    -------
    str
        One or two sentences, with the numbers that are written in the picture.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from xent import plots
    >>> plots.description(plots.loss_curves(2.0, 1)).partition(". ")[2]
    'At z = 2 and label 1 it is 0.1269.'
    """
    return _DESCRIPTIONS.get(ax, "")


def titled(ax: Axes, title: str, *, columns: int = 2, legend: bool = True) -> None:
    """Set the title and the legend above the axes, where no curve can cross them."""
    rows = 0
    if legend:
        handles, _ = ax.get_legend_handles_labels()
        rows = -(-len(handles) // columns)
        ax.legend(
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=columns,
            fontsize="small",
            borderaxespad=0.2,
            columnspacing=1.2,
            handlelength=1.6,
        )
    size = plt.rcParams["font.size"] / FONT
    ax.set_title(title, pad=(6 + 15 * rows) * size)


def point(ax: Axes, x: float, y: float, colour: str, name: str, *, rising: bool) -> None:
    """Draw the reader's own point, with its value beside the curve. Set the limits first.

    A point beyond the picture is marked by an arrowhead at its border.
    """
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    mark, text = "o", f"{name} = {shown(y)}" if name else shown(y)
    if abs(x) > FARTHEST:
        mark, text = "<" if x < 0 else ">", f"{text} at z = {shown(x)}, further out"
        x, y = min(max(x, left), right), min(max(y, bottom), top)
    ax.plot([x], [y], mark, color=colour, markersize=8, zorder=4, clip_on=mark == "o")
    across, up = (x - left) / (right - left), (y - bottom) / (top - bottom)
    below = up > 0.94 or (y < 0 and up > 0.15)
    side = -1 if rising and not below else 1  # a rising curve leaves room above left, below right
    if not 0.2 < across < 0.8:
        side = 1 if across < 0.5 else -1
    away, align = (9 * side, -16 if below else 6), "left" if side > 0 else "right"
    ax.annotate(text, (x, y), xytext=away, textcoords="offset points", ha=align)
