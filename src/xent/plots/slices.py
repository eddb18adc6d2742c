"""The loss of each slice of the rows beside that of all rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from xent._format import shown
from xent.plots.checks import require
from xent.plots.dots import LEAST, MOST, TOLD, Dot, called, check_column, draw_dots, short
from xent.plots.style import axes_or_new, describe


def slice_dots(
    score: Any, *columns: str, most: int = MOST, least: int = LEAST, ax: Axes | None = None
) -> Axes:
    """The loss of each value of a column, with its interval, beside the loss of all rows.

    The worst is at the top. A hollow dot has no interval, for want of rows; an arrowhead is an
    infinite loss.

    Parameters
    ----------
    score : Score
        As `xent.score` returns it with these columns in `by`.
    *columns : str
        One column, or two for the pairs of their values.
    most : int, default 20
        The most slices that are drawn.
    least : int, default 10
        Slices with fewer rows are left out.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        With the losses in nats.

    Raises
    ------
    ValueError
        If the columns are none of the slices, or no slice has as many rows.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> import xent
    >>> from xent import plots
    >>> table = {"prob": [0.9, 0.8, 0.4, 0.3] * 5, "label": [1] * 20, "group": list("aabb") * 5}
    >>> ax = plots.slice_dots(xent.score(table, by=["group"]), "group")
    >>> [tick.get_text() for tick in ax.get_yticklabels()]
    ['b (10)', 'a (10)']
    """
    check_column(score.state.slices.cells, columns, ", ".join(map(repr, columns)))
    found = (Dot(short(g.name), g.rows, g.loss, g.interval) for g in score.by_value(*columns))
    dots = [each for each in found if each.rows >= least]
    require(bool(dots), f"no slice by {', '.join(columns)} has {least} rows.")
    dots.sort(key=lambda each: (-each.value, -each.rows, each.name))
    ax, name = axes_or_new(ax), called(columns)
    draw_dots(
        ax, dots, title=f"Log loss by {name}", most=most, level=score.level, line=score.loss,
        line_name="all rows", which="worst ", least=0.0,
    )  # fmt: skip
    ax.set(xlabel="log loss (nats)", ylabel=f"{name} (rows)")
    describe(ax, _told(score, columns, dots))
    return ax


def _told(score: Any, columns: tuple[str, ...], dots: Sequence[Dot]) -> str:
    """What the picture shows, in words."""
    told = (
        f"Log loss of {len(dots):,} slice{'s' * (len(dots) > 1)} by {short(', '.join(columns))}, "
        f"in nats; of all rows it is {shown(score.loss)}. The worst: "
        f"{', '.join(each.told for each in dots[:TOLD])}."
    )
    if len(dots) > TOLD:
        best = min(dots, key=lambda each: each.value)
        told += f" The best: {best.name} {shown(best.value)}."
    return told
