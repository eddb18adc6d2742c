"""Numbers as dots, one below the other, each with its interval: for slices and for differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from xent._format import shown, visible
from xent.plots.bars import literal
from xent.plots.colours import shade

MOST, LEAST = 20, 10
"""The most dots that are drawn, and the fewest rows of one."""

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


def draw_dots(
    ax: Axes,
    dots: Sequence[Dot],
    *,
    level: float,
    line: float,
    line_name: str,
    least: float = -math.inf,
) -> None:
    """Draw them from the top on, beside a line; no value is less than `least`.

    A hollow dot has no interval; an arrowhead at the border is an infinite number.
    """
    places = np.arange(len(dots))
    ends = [x for each in dots for x in (each.value, *each.bounds) if math.isfinite(x)]
    if math.isfinite(line):
        ends.append(line)
        ax.axvline(line, color=shade("loss"), linewidth=1.5, label=line_name)
    left, right = (min(ends), max(ends)) if ends else (0.0, 1.0)
    margin = 0.08 * (right - left) or 0.1
    right += margin
    ax.set(xlim=(max(least, left - margin), right), ylim=(len(dots) - 0.5, -0.5))
    style: dict[str, Any] = {"color": shade("push"), "clip_on": False, "zorder": 3}
    for place, each in zip(places, dots, strict=True):
        if math.isinf(each.value):
            ax.plot([right], [place], ">", markersize=7, **(style | {"color": shade("true")}))
            continue
        if each.bounds:
            low, high = each.bounds
            ax.hlines(place, low, high, color=shade("push"), linewidth=2)
        fill = shade("push") if each.bounds else mpl.rcParams["axes.facecolor"]
        ax.plot([each.value], [place], "o", markersize=6, markerfacecolor=fill, **style)
    for mark, fill, name in _legend(level, dots):
        face = shade("push") if fill else "none"
        ax.plot([], [], mark, color=shade("push"), markerfacecolor=face, label=name)
    if any(math.isinf(each.value) for each in dots):
        ax.plot([], [], ">", color=shade("true"), label="infinite loss")
    ax.set_yticks(places, [literal(each.name) + each.size for each in dots])
    ax.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5))  # more labels touch each other
    ax.tick_params(axis="y", labelsize="small", length=0)
    ax.grid(axis="x", color=shade("other"), alpha=0.3, linewidth=0.6)


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
