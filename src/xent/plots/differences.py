"""By how much the losses of models differ, on all rows or on each slice of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from xent._format import listed
from xent.plots.bars import literal
from xent.plots.checks import require
from xent.plots.dots import LEAST, MOST, TOLD, Dot, called, check_column, draw_dots, short
from xent.plots.style import axes_or_new, describe

LONGEST = 10
"""The most characters shown of a model's name beside another one."""


def difference_dots(
    comparison: Any,
    column: str | None = None,
    *,
    most: int = MOST,
    least: int = LEAST,
    ax: Axes | None = None,
) -> Axes:
    """The difference of the log losses of each pair of models, with its interval.

    Right of the line the first model's loss is the higher one. Intervals are for each difference
    alone, not corrected for their number. A hollow dot has no interval.

    Parameters
    ----------
    comparison : Comparison
        As `xent.compare` returns it.
    column : str, optional
        A column of `by`: a dot for each of its values, the highest difference at the top. Of more
        than two models, the one with the lowest loss is compared with each other one.
    most : int, default 20
        The most dots that are drawn.
    least : int, default 10
        Values with fewer rows are left out.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        With differences in nats.

    Raises
    ------
    ValueError
        If the column is none of `by`, or no difference is known.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> import xent
    >>> from xent import plots
    >>> table = {"prob_A": [0.9, 0.8, 0.4, 0.1], "prob_B": [0.6, 0.7, 0.6, 0.2]}
    >>> ax = plots.difference_dots(xent.compare(table | {"label": [1, 1, 0, 0]}))
    >>> print(plots.description(ax))
    Log losses of pairs of models, in nats, the first one's less the second's: A less B -0.2656.
    """
    if column is not None:
        check_column(comparison.state.schema.by, column, repr(column))
    dots = [each for each in _dots(comparison, column, least) if not math.isnan(each.value)]
    require(bool(dots), "no difference is known" + f" of {least} rows" * (column is not None) + ".")
    ax = axes_or_new(ax)
    by = "" if column is None else f" by {called([column])}"
    draw_dots(
        ax, dots, title=f"Differences of the log loss{by}", most=most, level=comparison.level,
        line=0.0, line_name="no difference",
    )  # fmt: skip
    two = len(comparison.models) == 2
    first, second = (literal(short(each.name, LONGEST)) for each in comparison.models[:2])
    ax.set(xlabel=f"log loss (nats): {f'{first} less {second}' if two else 'first less second'}")
    if column is not None:
        ax.set_ylabel(f"{called([column])} (rows)")
    describe(ax, _told(comparison, column, dots, two=two))
    return ax


def _dots(comparison: Any, column: str | None, least: int) -> list[Dot]:
    """In the order in which they are drawn."""
    if column is None:
        return [
            Dot(_pair(each), 0, each.difference, each.interval) for each in comparison.told_pairs
        ]
    several = len(comparison.models) > 2
    dots = [
        Dot(
            short(each.value) + f": {_pair(each)}" * several,
            each.rows, each.difference, each.interval,
        )
        for each in comparison.beside_reference(column)
        if each.rows >= least
    ]  # fmt: skip
    return sorted(dots, key=lambda each: (-each.value, -each.rows, each.name))


def _pair(figures: Any) -> str:
    return f"{short(figures.first, LONGEST)} less {short(figures.second, LONGEST)}"


def _told(comparison: Any, column: str | None, dots: Sequence[Dot], *, two: bool) -> str:
    """What the picture shows, in words."""
    if column is None:
        of = "pairs of models, in nats, the first one's less the second's"
        return f"Log losses of {of}: {listed([each.told for each in dots], TOLD)}."
    pair = comparison.pairs[0]
    of = f"{short(pair.first)}, less that of {short(pair.second)}" if two else "pairs of models"
    told = f"Log loss of {of}, in nats, by {short(column)}. The highest: "
    told += f"{', '.join(each.told for each in dots[:TOLD])}."
    return told + (f" The lowest: {dots[-1].told}." if len(dots) > TOLD else "")
