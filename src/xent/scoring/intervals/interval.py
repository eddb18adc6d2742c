"""An interval of a figure, or the reason why there is none."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from xent._validation import check_number


@dataclass(frozen=True)
class Interval:
    """Between which bounds a figure of the whole population lies, at some confidence level."""

    low: float
    high: float
    error: float
    """Standard error of the figure; NaN where it is not estimated."""
    method: str
    """How the bounds were found, as "Hall" or "Wilson"."""
    reason: str = ""
    """Why the interval is refused, as one sentence; then both bounds are NaN."""

    @property
    def known(self) -> bool:
        """Is there an interval?"""
        return not self.reason


def refused(reason: str, method: str, error: float = math.nan) -> Interval:
    """No interval, and why."""
    return Interval(math.nan, math.nan, error, method, reason)


def asked_level(level: Any) -> float:
    """The confidence level that a user asks for; below 0.5, an interval would say nothing.

    Raises
    ------
    TypeError
        Unless it is a number.
    ValueError
        Unless it is above 0.5 and below 1.
    """
    with suppress(ValueError):
        number = check_number(level, "level", 0.5, 1, above=True)
        if number < 1:
            return number
    msg = f"level is {level}; expected a number above 0.5 and below 1."
    raise ValueError(msg)


def check_level(level: float) -> float:
    """The confidence level.

    Raises
    ------
    ValueError
        Unless it is above 0 and below 1.
    """
    if not 0 < level < 1:
        msg = f"level is {level!r}; expected a number between 0 and 1, such as 0.95."
        raise ValueError(msg)
    return level
