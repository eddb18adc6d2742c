"""The pictures of a report, as inline SVG with what they show in words."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from typing import Any

from xent._report import Block, Picture, Text
from xent.scoring.page.told import Told

FIGURE = 'style="margin:0.8rem 0;max-width:36rem"'
BELOW = "Where the curve is below the dashed line, the event is rarer than predicted."
BAND = (
    " Where the dashed line leaves the grey band, the predictions are wrong by more than chance "
    "explains."
)
WIDE = 5.2
"""Inches."""

MISSING = (
    "The pictures are left out, since matplotlib is not installed: pip install matplotlib, or xent "
    "with its extra plot."
)


def available() -> bool:
    """Can pictures be drawn?"""
    try:
        import xent.plots  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        return False
    return True


def missing() -> Iterator[Block]:
    """A note in place of the pictures."""
    yield Text(MISSING, "note")


def reliability(score: Told) -> Picture:
    """The reliability curve."""
    from xent import plots

    return _figure(
        lambda ax: plots.reliability_curve(score, ax=ax),
        "reliability",
        4.6,
        BELOW + BAND * (not score.clustered and not score.state.schema.weighted),
    )


def losses(score: Told) -> Picture:
    """The histogram of losses."""
    from xent import plots

    return _figure(lambda ax: plots.loss_histogram(score, ax=ax), "losses", 3.4, "")


def slices(score: Told, column: str, number: int) -> Picture:
    """The slices by a column as dots."""
    from xent import plots
    from xent.plots.slices import LEAST, MOST

    count = sum(each.rows >= LEAST for each in score.by_value(column))
    high = 1.5 + 0.24 * min(count, MOST)
    draw = lambda ax: plots.slice_dots(score, column, ax=ax)  # noqa: E731
    return _figure(draw, f"slices{number}", high, "")


def _figure(draw: Callable[[Any], Any], name: str, high: float, caption: str) -> Picture:
    from xent import plots
    from xent.plots.saving import inline, new_figure, page_ink

    with page_ink():
        figure, (ax,) = new_figure((WIDE, high))
        draw(ax)
        svg = inline(figure, ax.get_title(), plots.description(ax), f"xent-{name}")
    below = f"\n<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return Picture(f"<figure {FIGURE}>\n{svg}{below}\n</figure>")
