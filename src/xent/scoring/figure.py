"""A figure of a report with its interval: how it is shown, and as plain data."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from xent._format import listed, plain, shown
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


def negated(interval: Interval) -> Interval:
    """The interval of minus a figure."""
    return replace(interval, low=-interval.high, high=-interval.low)


def exp(loss: float) -> float:
    """exp(loss), or inf where that is too large."""
    return math.exp(loss) if not loss >= 709 else math.inf


def data_of(interval: Interval) -> dict[str, Any]:
    """An interval as plain data, for JSON."""
    return {
        "low": plain(interval.low),
        "high": plain(interval.high),
        "standard_error": plain(interval.error),
        "method": interval.method,
        "reason": interval.reason,
    }


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
    return without_interval((f.name, f.interval) for f in figures if f.name)


def without_interval(
    of: Iterable[tuple[str, Interval | None]], what: str = "", most: int | None = None
) -> Iterator[Block]:
    """Why some have no interval, in a sentence for each reason; `what` stands before the names.

    Reasons that differ in numbers alone, as "only 3 rows: an interval needs 10", share a sentence.
    """
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name, interval in of:
        if interval is not None and interval.reason:
            seen, _, needed = interval.reason.rpartition(": ")
            alike = re.sub(r"[\d.,]+ (\w+?)s?\b", r"# \1", seen)
            found.setdefault((alike, needed), []).append((name, seen))
    for (_, needed), pairs in found.items():
        first, *others = dict.fromkeys(seen for _, seen in pairs)
        names = [f"{name} ({seen})" if others else name for name, seen in pairs]
        reason = f"{first}: {needed}" if first and not others else needed
        yield Text(f"No interval of {what}{listed(names, most)}: {reason}.", "plain")
