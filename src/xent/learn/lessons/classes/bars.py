"""Classes as bars: probability, target, and the arrow of a step; their numbers stand below."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xent._live.page import Live
from xent._live.picture import Picture, Role
from xent._report.expression import Expression, call, case

COUNT = 3
LINE = 17
"""Pixels from one row of numbers to the next."""
WIDTH = 112
"""Of a class, in pixels."""
Each = Callable[[int], Expression]
"""Gives something of a class by its number."""


def frame(live: Live, name: str, rows: Sequence[tuple[str, Each, Role]], height: int) -> Picture:
    """Axes for probabilities of three classes, and rows of numbers below them."""
    bottom = 20 + LINE * (len(rows) + 1)
    picture = Picture(
        live,
        name,
        (-0.5, COUNT - 0.5),
        (0, 1),
        y_label="probability",
        y_ticks=(0, 0.25, 0.5, 0.75, 1),
        height=height + bottom,
        bottom=bottom,
        left=62,
    )
    for j in range(COUNT):
        picture.text(j, 0, f"class {j}", dy=LINE)
    for place, (title, number, role) in enumerate(rows, 2):
        picture.text(-0.5, 0, title, anchor="end", dx=-6, dy=place * LINE, style="light")
        for j in range(COUNT):
            picture.text(j, 0, number(j), role=role, dy=place * LINE, digits=4, style="light")
    return picture


def bars(
    live: Live,
    name: str,
    *,
    z: Each,
    p: Each,
    y: Each,
    slope: Each,
    true: Each,
    height: int = 190,
) -> str:
    """Bars of p, lines at y, and arrows from one to the other; `true` says whose bar is marked.

    Each class shows the formula called by the picture's name and the number of the class.
    """
    rows: list[tuple[str, Each, Role]] = [
        ("z", z, "plain"),
        ("p", p, "plain"),
        ("y", y, "true"),
        ("p − y", slope, "plain"),
    ]
    picture = frame(live, name, rows, height)
    for j in range(COUNT):
        picture.bar(j - 0.18, case(true(j), p(j), 0), "true", width=34)
        picture.bar(j - 0.18, case(true(j), 0, p(j)), "other", width=34)
        picture.segment((j - 0.4, y(j)), (j + 0.4, y(j)), "true")
        picture.arrow(j + 0.18, p(j), call("max", p(j), y(j)), "pull")
        picture.arrow(j + 0.18, p(j), call("min", p(j), y(j)), "push")
        picture.bar(j, 1, "plain", width=WIDTH, style="area", tell=f"{name}{j}", label=f"Class {j}")
    return picture.svg(
        "Bar: probability p. Line: target y. Arrow: step",
        "A bar for each of three classes with its probability, a line at its target, and an arrow "
        "from the one to the other. The numbers stand below.",
    )


def pairs(live: Live, name: str, *, z: Each, left: Each, right: Each, height: int = 190) -> str:
    """Two bars for each class: its share of a softmax, and a sigmoid of its own."""
    rows: list[tuple[str, Each, Role]] = [
        ("z", z, "plain"),
        ("softmax", left, "plain"),
        ("sigmoid", right, "push"),
    ]
    picture = frame(live, name, rows, height)
    for j in range(COUNT):
        picture.bar(j - 0.17, left(j), "other", width=34)
        picture.bar(j + 0.17, right(j), "push", width=34)
        picture.bar(j, 1, "plain", width=WIDTH, style="area", tell=f"{name}{j}", label=f"Class {j}")
    return picture.svg(
        "Left: softmax of all three. Right: sigmoid of one",
        "Two bars for each of three classes: its probability by the softmax, and by a sigmoid of "
        "its own logit. The numbers stand below.",
    )
