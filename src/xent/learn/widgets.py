"""What lessons are made of besides text."""

from __future__ import annotations

from xent._format import shown
from xent._live.widgets import POINT, code, lines, stage

__all__ = ["POINT", "code", "fact", "lines", "stage"]


def fact(value: float, digits: int = 4) -> str:
    """A number of the library in a lesson's text, which does not move."""
    return shown(float(value), digits)
