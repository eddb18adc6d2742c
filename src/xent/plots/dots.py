"""Numbers as dots, one below the other, each with its interval: for slices and for differences."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from xent._format import shown, visible
from xent.plots.bars import literal
from xent.plots.checks import require
from xent.plots.colours import shade
from xent.plots.style import titled

MOST, LEAST = 20, 10
"""The most dots that are drawn, and the fewest rows of one."""

FAR = 5
"""How many times as far as most numbers one is that does not stretch the axis."""

LONGEST = 22
"""The most characters shown of a name."""

TOLD = 3
"""Dots that are told in words."""


class Dot(NamedTuple):
    """A number of some rows, or of all rows if there are 0."""

    name: str
    """As it is printed: short."""
    rows: int
    value: float
    interval: Any
    """As figures have it: `low` and `high`, if it is `known`."""

    @property
    def size(self) -> str:
        """How many rows it is of, if these are not all."""
        return f" ({self.rows:,})" if self.rows else ""

    @property
    def bounds(self) -> tuple[float, ...]:
        """Of the interval, if there is one."""
        return (self.interval.low, self.interval.high) if self.interval.known else ()

    @property
    def told(self) -> str:
        """In words."""
        told = f"{self.name} {shown(self.value)}"
        return told + (f" ({' to '.join(map(shown, self.bounds))})" if self.bounds else "")


def check_column(known: Collection[Any], column: Any, name: str) -> None:
    """An error unless there are slices by a column, or by two; the name is as it was given."""
    require(column in known, f"there are no slices by {name}; by={sorted(known)}.")


def draw_dots(
    ax: Axes,
    dots: Sequence[Dot],
    *,
    title: str,
    most: int,
    level: float,
    line: float,
    line_name: str,
    which: str = "",
    least: float = -math.inf,
) -> None:
    """Draw the first of them from the top on, beside a line; no value is less than `least`.

    If some are left out, the title says `which` ones are drawn.

    A hollow dot has no interval; an arrowhead at the border is a number far beyond the others, or
    an infinite one.
    """
    some = f", {which}{most} of {len(dots):,}" if len(dots) > most else ""
    dots = dots[:most]
    places = range(len(dots))
    if math.isfinite(line):
        ax.axvline(line, color=shade("loss"), linewidth=1.5, label=line_name)
    low, high = limits(dots, line)
    margin = 0.08 * (high - low) or 0.1
    left, right = max(least, low - margin), high + margin
    ax.set(xlim=(left, right), ylim=(len(dots) - 0.5, -0.5))
    style: dict[str, Any] = {"color": shade("push"), "clip_on": False, "zorder": 3}
    beyond = False
    for place, each in zip(places, dots, strict=True):
        if math.isinf(each.value):
            ax.plot([right], [place], ">", markersize=7, **(style | {"color": shade("true")}))
            continue
        if each.bounds:
            ax.hlines(place, *np.clip(each.bounds, left, right), color=shade("push"), linewidth=2)
        fill = shade("push") if each.bounds else mpl.rcParams["axes.facecolor"]
        if not left <= each.value <= right:
            _mark(ax, place, each.value, style | {"markerfacecolor": fill})
            beyond = True
            continue
        for end in each.bounds:
            if not left <= end <= right:
                border, mark = (left, "<") if end < left else (right, ">")
                ax.plot([border], [place], mark, markersize=4, **style)
                beyond = True
        ax.plot([each.value], [place], "o", markersize=6, markerfacecolor=fill, **style)
    for mark, fill, name in _legend(level, dots):
        face = shade("push") if fill else "none"
        ax.plot([], [], mark, color=shade("push"), markerfacecolor=face, label=name)
    if beyond:
        ax.plot([], [], ">", color=shade("push"), label="beyond the axis")
    if any(math.isinf(each.value) for each in dots):
        ax.plot([], [], ">", color=shade("true"), label="infinite loss")
    ax.set_yticks(places, [literal(each.name) + each.size for each in dots])
    ax.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5))  # more labels touch each other
    ax.tick_params(axis="y", labelsize="small", length=0)
    ax.grid(axis="x", color=shade("other"), alpha=0.3, linewidth=0.6)
    titled(ax, f"{title}{some}")


def limits(dots: Sequence[Dot], line: float) -> tuple[float, float]:
    """Between which numbers line, dots and intervals lie, but for those far beyond the others.

    Far is more than 5 times as far from the median dot as three quarters of the numbers are.

    Examples
    --------
    >>> from xent.scoring.intervals import Interval
    >>> near = [Dot("a", 50, x, Interval(x - 0.1, x + 0.1, 0.05, "")) for x in (1, 2, 3)]
    >>> limits(near, 2.0)
    (0.9, 3.1)
    >>> limits([*near, Dot("d", 50, 90.0, Interval(50.0, 200.0, 40, ""))], 2.0)
    (0.9, 3.1)
    """
    ends = [x for each in dots for x in (each.value, *each.bounds) if math.isfinite(x)]
    lines = [line] * math.isfinite(line)
    if not ends:
        return (line, line) if lines else (0.0, 1.0)
    middle = float(np.median([each.value for each in dots if math.isfinite(each.value)]))
    far = FAR * float(np.quantile(np.abs(np.array(ends) - middle), 0.75, method="lower"))
    near = [x for x in ends if abs(x - middle) <= far] if far > 0 else ends
    return min([*near, *lines]), max([*near, *lines])


def _mark(ax: Axes, place: int, value: float, style: dict[str, Any]) -> None:
    """An arrowhead at the border for a number beyond it, with the number beside it."""
    left, right = ax.get_xlim()
    over = value > right
    ax.plot([right if over else left], [place], ">" if over else "<", markersize=7, **style)
    ax.annotate(
        shown(value), (right if over else left, place), xytext=(-8 if over else 8, 0),
        textcoords="offset points", ha="right" if over else "left", va="center", fontsize="small",
        bbox={"facecolor": mpl.rcParams["axes.facecolor"], "edgecolor": "none", "pad": 1},
    )  # fmt: skip


def _legend(level: float, dots: Sequence[Dot]) -> list[tuple[str, bool, str]]:
    known = [bool(each.bounds) for each in dots if math.isfinite(each.value)]
    found = [("o-", True, f"{100 * level:g} % interval")] if any(known) else []
    return found if all(known) else [*found, ("o", False, "no interval")]


def short(name: str, longest: int = LONGEST) -> str:
    """A name that fits beside the dots, without signs that steer."""
    name = visible(name).replace("\n", "\\n")
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def called(columns: Sequence[str]) -> str:
    """The names of columns, without the edges of their bins."""
    return literal(", ".join(short(each.partition(":")[0] or each) for each in columns))
