"""The loss of each slice of the rows beside that of all rows."""

from __future__ import annotations

import math
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from xent._format import shown, visible
from xent.plots.bars import literal
from xent.plots.checks import require
from xent.plots.colours import shade
from xent.plots.style import axes_or_new, describe, titled

MOST, LEAST = 20, 10
"""The most slices that are drawn, and the fewest rows of one."""

LONGEST = 22
"""The most characters shown of a slice's name."""

TOLD = 3


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
    known = score.state.slices.cells
    require(
        columns in known,
        f"there are no slices by {', '.join(map(repr, columns))}; by={sorted(known)}.",
    )
    groups = [each for each in score.by_value(*columns) if each.rows >= least]
    require(bool(groups), f"no slice by {', '.join(columns)} has {least} rows.")
    groups.sort(key=lambda each: (-each.loss, -each.rows, each.name))
    drawn, ax = groups[:most], axes_or_new(ax)
    places = np.arange(len(drawn))
    ends = [x for each in drawn for x in (each.loss, *_bounds(each)) if math.isfinite(x)]
    if math.isfinite(score.loss):
        ends.append(score.loss)
        ax.axvline(score.loss, color=shade("loss"), linewidth=1.5, label="all rows")
    least_loss, right = (min(ends), max(ends)) if ends else (0.0, 1.0)
    room = 0.08 * (right - least_loss) or 0.1
    right += room
    ax.set(xlim=(max(0.0, least_loss - room), right), ylim=(len(drawn) - 0.5, -0.5))
    style: dict[str, Any] = {"color": shade("push"), "clip_on": False, "zorder": 3}
    for place, each in zip(places, drawn, strict=True):
        if math.isinf(each.loss):
            ax.plot([right], [place], ">", markersize=7, **(style | {"color": shade("true")}))
            continue
        if each.interval.known:
            low, high = _bounds(each)
            ax.hlines(place, low, high, color=shade("push"), linewidth=2)
        fill = shade("push") if each.interval.known else mpl.rcParams["axes.facecolor"]
        ax.plot([each.loss], [place], "o", markersize=6, markerfacecolor=fill, **style)
    for mark, fill, name in _legend(score.level, drawn):
        face = shade("push") if fill else "none"
        ax.plot([], [], mark, color=shade("push"), markerfacecolor=face, label=name)
    if any(math.isinf(each.loss) for each in drawn):
        ax.plot([], [], ">", color=shade("true"), label="infinite loss")
    ax.set_yticks(places, [f"{literal(_short(each.name))} ({each.rows:,})" for each in drawn])
    ax.tick_params(axis="y", labelsize="small", length=0)
    called = literal(", ".join(_short(each.partition(":")[0] or each) for each in columns))
    ax.set(xlabel="log loss (nats)", ylabel=f"{called} (rows)")
    ax.grid(axis="x", color=shade("other"), alpha=0.3, linewidth=0.6)
    some = f", worst {most} of {len(groups):,}" if len(groups) > most else ""
    titled(ax, f"Log loss by {called}{some}")
    describe(ax, _told(score, columns, groups))
    return ax


def _bounds(group: Any) -> tuple[float, ...]:
    return (group.interval.low, group.interval.high) if group.interval.known else ()


def _legend(level: float, drawn: list[Any]) -> list[tuple[str, bool, str]]:
    known = [each.interval.known for each in drawn if math.isfinite(each.loss)]
    found = [("o-", True, f"{100 * level:g} % interval")] if any(known) else []
    return found if all(known) else [*found, ("o", False, "no interval")]


def _short(name: str) -> str:
    """A name that fits beside the dots, without signs that steer."""
    name = visible(name).replace("\n", "\\n")
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def _told(score: Any, columns: tuple[str, ...], groups: list[Any]) -> str:
    """What the picture shows, in words."""
    of = ", ".join(
        f"{_short(each.name)} {shown(each.loss)}"
        + (f" ({' to '.join(map(shown, _bounds(each)))})" if each.interval.known else "")
        for each in groups[:TOLD]
    )
    best = min(groups, key=lambda each: each.loss)
    told = (
        f"Log loss of {len(groups):,} slice{'s' * (len(groups) > 1)} by "
        f"{_short(', '.join(columns))}, in nats; of all rows it is {shown(score.loss)}. The worst: "
        f"{of}."
    )
    if len(groups) > TOLD:
        told += f" The best: {_short(best.name)} {shown(best.loss)}."
    return told
