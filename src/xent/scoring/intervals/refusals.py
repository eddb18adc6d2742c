"""Sentences that say why there is no interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from xent._format import counted
from xent.scoring.intervals.by_class import ClassMoments

FEWEST_OF_A_CLASS = 5
"""Rows of the rarer of two classes below which a mean has no interval."""

FEWEST_CARRIERS = 3
"""A figure as skewed as if fewer rare rows than this decided it has no interval."""


NO_MEAN = "the mean has no interval"


class Units(NamedTuple):
    """What independent units are called, and what makes some of them count more."""

    name: str
    weights: str
    fewest: int = 20
    """If the weights are sizes: of how many units the error must be made, unless they are even."""


ROWS = Units("row", "weights")


def told(count: int, what: str, least: int) -> str:
    """That there are too few of something."""
    return f"only {counted(count, what)}: an interval needs {least:,}"


def infinite_losses(count: int, what: str = "row") -> str:
    """That a mean has no interval, since some losses are infinite."""
    return f"{counted(count, f'{what} has', f'{what}s have')} an infinite loss: {NO_MEAN}"


def told_of_class(count: int, name: str, least: int) -> str:
    """That a class has too few rows."""
    if not count:
        return f"no row of class '{name}': an interval needs {least:,}"
    return f"only {counted(count, 'row')} of class '{name}': an interval needs {least:,}"


def told_of_weights(
    rows: int, effective: float, least: int, of: str = "", units: Units = ROWS
) -> str:
    """That the weights leave too few effective rows."""
    how = f"the {units.weights} make {rows:,} {units.name}s{of} count like {effective:.1f}"
    return f"{how}: an interval needs {least:,}"


def few_of_a_class(counts: Mapping[str, int], least: int = FEWEST_OF_A_CLASS) -> str:
    """That the rarer of two classes has too few rows, or that only one class occurs; or nothing.

    Of more classes a rare one says nothing by itself: `few_carriers` tells whether its rows decide.
    """
    if len(counts) == 2:
        name = min(counts, key=lambda each: counts[each])
        return told_of_class(counts[name], name, least) if counts[name] < least else ""
    if counts and sum(count > 0 for count in counts.values()) < 2:
        return "only one class occurs: nothing is known of the others' losses"
    return ""


def of_two(classes: Sequence[str], rows: int, ones: int) -> dict[str, int]:
    """Rows of each of two classes, of so many of the second one; nothing of more classes."""
    return dict(zip(classes, (rows - ones, ones), strict=True)) if len(classes) == 2 else {}


def few_rows(moments: ClassMoments, least: int) -> str:
    """The same of effective rows, for moments by class."""
    if len(moments.rows) > 2:
        return ""
    few = int(moments.effective.argmin())
    rows, effective, name = int(moments.rows[few]), moments.effective[few], moments.names[few]
    if rows < least:
        return told_of_class(rows, name, least)
    if effective < least:
        return told_of_weights(rows, effective, least, f" of class '{name}'")
    return ""


def few_carriers(
    skewness: float, units: int, what: str = "rows", least: int = FEWEST_CARRIERS
) -> str:
    """That too few rows decide a figure whose error has this skewness; or nothing.

    If k of very many rows have the same large loss and the others none, the skewness is 1/√k.
    """
    if skewness * skewness * least <= 1:
        return ""
    decide = max(1.0, 1 / skewness**2)
    return f"about {decide:.1f} of {units:,} {what} decide it: an interval needs {least}"
