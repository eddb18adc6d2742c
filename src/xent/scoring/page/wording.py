"""Numbers and names in the sentences of a report."""

from __future__ import annotations

import re

from xent._format import shown, visible
from xent.scoring.intervals import Interval

LONGEST = 60
"""The most characters shown of a name that a file holds."""


def cut(name: str, longest: int = LONGEST) -> str:
    """A name of one line, not too long."""
    name = visible(name).replace("\n", "\\n")
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def column_name(text: str) -> str:
    """A column of slices without the edges of its bins."""
    return cut(re.sub(r"(?<=.)(:-?[0-9.]+(e[-+]?[0-9]+)?)+$", "", text))


def percent(share: float) -> str:
    """A share as a percentage, with a digit after the point."""
    return f"{100 * share:.1f} %"


def between(interval: Interval | None, level: float, *, shares: bool = False) -> str:
    """The interval of a figure, in parentheses."""
    if interval is None or not interval.known:
        return ""
    if shares:
        return f" ({100 * interval.low:.1f} to {percent(interval.high)})"
    return f" ({100 * level:g} % interval {shown(interval.low)} to {shown(interval.high)})"


def lowered(sentence: str) -> str:
    """A sentence that goes on behind a colon."""
    plain_word = sentence[:2].istitle() and sentence[1:2].islower()
    return sentence[0].lower() + sentence[1:] if plain_word else sentence
