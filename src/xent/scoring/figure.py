"""A figure of a report with its interval: how it is shown, and as plain data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from xent._format import plain, shown
from xent._report import Block, Table, Text
from xent.scoring.file_score import cells
from xent.scoring.intervals import Interval


class Figure(NamedTuple):
    """A figure of a report."""

    key: str
    """As in `to_dict`."""
    name: str
    value: float
    about: str
    interval: Interval | None
    """None of figures that are no estimates, such as the base rate."""


def mapped(interval: Interval, function: Callable[[float], float]) -> Interval:
    """The interval of an increasing function of a figure."""
    low, high = function(interval.low), function(interval.high)
    return replace(interval, low=low, high=high, error=math.nan)


def scaled(interval: Interval, by: float) -> Interval:
    """The interval of a figure divided by a positive number."""
    low, high, error = interval.low / by, interval.high / by, interval.error / by
    return replace(interval, low=low, high=high, error=error)


def flipped(interval: Interval) -> Interval:
    """The interval of 1 minus a figure."""
    return replace(interval, low=1 - interval.high, high=1 - interval.low)


def exp(loss: float) -> float:
    """exp(loss), or inf where that is too large."""
    return math.exp(loss) if not loss >= 709 else math.inf


def data_of(interval: Interval) -> dict[str, Any]:
    """An interval as plain data, for JSON."""
    known = {"low": plain(interval.low), "high": plain(interval.high)}
    return {**known, "standard_error": plain(interval.error), "method": interval.method} | (
        {"reason": interval.reason} if interval.reason else {}
    )


def intervals_data(figures: Iterable[Figure]) -> dict[str, Any]:
    """The intervals of figures by their keys, as plain data."""
    return {f.key: data_of(f.interval) for f in figures if f.interval}


def figure_table(figures: Iterable[Figure], level: float) -> Table:
    """A row for each figure: name, value, interval, and what it is."""
    return Table(
        ("", "value", f"{100 * level:g} % interval", ""),
        tuple((f.name, *cells([(f.value,)])[0], between(f.interval), f.about) for f in figures),
        left=(0, 2, 3),
    )


def between(interval: Interval | None) -> str:
    """The bounds of an interval."""
    if interval is None:
        return ""
    if interval.reason:
        return "none"
    return " to ".join(shown(bound, trim=False) for bound in (interval.low, interval.high))


def refusals(figures: Iterable[Figure]) -> Iterator[Block]:
    """Why figures have no interval; those with one reason together."""
    reasons: dict[str, list[str]] = {}
    for figure in figures:
        if figure.interval is not None and figure.interval.reason and figure.name:
            reasons.setdefault(figure.interval.reason, []).append(figure.name)
    for reason, names in reasons.items():
        yield Text(f"No interval of {_listed(names)}: {reason}.", "plain")


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
