"""The pictures of a report, as inline SVG with what they show in words."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from typing import Any

from xent._report import Block, Picture, Text
from xent.scoring.page.told import Told
from xent.scoring.page.wording import lowered

FIGURE = 'style="margin:0.8rem 0;max-width:36rem"'
BELOW = "Where the curve is below the dashed line, the event is rarer than predicted."
BAND = (
    " Where the dashed line leaves the grey band, the predictions are wrong by more than chance "
    "explains."
)
WIDE = 5.2
"""Inches."""

LEAST = 10
"""Rows of a slice below which it is not shown."""

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


def missing(*, drawn: bool) -> Iterator[Block]:
    """A note in place of pictures that cannot be drawn."""
    if drawn and not available():
        yield Text(MISSING, "note")


def reliability(score: Told, model: str = "", number: int = 0) -> Picture:
    """The reliability curve, of a model among others if it has a name."""
    from xent import plots

    below = "" if model else caption(score)
    draw = lambda ax: plots.reliability_curve(score, ax=ax)  # noqa: E731
    return drawn(draw, f"reliability{number}", 4.6, below, model)


def caption(score: Told) -> str:
    """How to read a reliability curve."""
    return BELOW + BAND * (not score.clustered and not score.state.schema.weighted)


def losses(score: Told, model: str = "", number: int = 0) -> Picture:
    """The histogram of losses."""
    from xent import plots

    draw = lambda ax: plots.loss_histogram(score, ax=ax)  # noqa: E731
    return drawn(draw, f"losses{number}", 3.4, model=model)


def slices(score: Told, column: str, number: int) -> Picture:
    """The slices by a column as dots."""
    from xent import plots

    count = sum(each.rows >= LEAST for each in score.by_value(column))
    draw = lambda ax: plots.slice_dots(score, column, ax=ax)  # noqa: E731
    return drawn(draw, f"slices{number}", height_of(count))


def height_of(dots: int) -> float:
    """Of a picture of dots, in inches."""
    from xent.plots.dots import MOST

    return 1.5 + 0.24 * min(dots, MOST)


def drawn(
    draw: Callable[[Any], Any], name: str, high: float, caption: str = "", model: str = ""
) -> Picture:
    """What a function draws into Axes; a name of a model stands before the title."""
    from xent import plots
    from xent.plots.dots import short
    from xent.plots.saving import inline, new_figure, page_ink

    with page_ink():
        figure, (ax,) = new_figure((WIDE, high))
        draw(ax)
        if model:
            ax.title.set_text(f"{short(model)}: {lowered(ax.get_title())}")
        svg = inline(figure, ax.get_title(), plots.description(ax), f"xent-{name}")
    below = f"\n<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return Picture(f"<figure {FIGURE}>\n{svg}{below}\n</figure>")
