"""How numbers are shown to a reader, and how they are written as JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

STEERING = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters but for tabs and ends of lines, and those that turn a text's direction."""


def visible(text: str) -> str:
    """The text with signs that would steer a terminal, or turn its direction, written as codes."""
    if text.isprintable():
        return text
    return STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def shown(value: float, digits: int = 4, *, trim: bool = True) -> str:
    """A number to `digits` decimals, very small and very large ones as 1.2e-07.

    With `trim`, an exact number is shown without trailing zeros: 0.5, not 0.5000. Tables do not
    trim, so that their columns line up.
    """
    if not math.isfinite(value):
        return str(value)
    value = float(value) + 0.0  # -0.0 reads 0
    full = repr(value).removesuffix(".0")
    size = abs(value)
    if value == 0 or (1e-3 <= size < 1e6):
        places = digits
        if 1 - 10.0**-digits / 2 <= size < 1:  # 0.99999998 must not read 1.0000
            places = max(digits - 2 - math.floor(math.log10(1 - size)), 0)
        text = f"{value:.{places}f}"
    else:
        text = f"{value:.{digits}e}"
    if trim and float(text) == value and len(full) <= len(text):
        return full
    return text


def counted(number: int, one: str, many: str = "") -> str:
    """A number and its noun: "1 row", "2,000 rows", "3 entries"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(names: Sequence[str], most: int | None = None, last: str = "and") -> str:
    """Names as a sentence has them: "a", "a and b", "a, b and c"; beyond `most`, "a and 2 more"."""
    told = [*names[:most]]
    if len(told) < len(names):
        told.append(f"{len(names) - len(told):,} more")
    *first, end = told
    return f"{', '.join(first)} {last} {end}" if first else end


def reasons(counts: Iterable[tuple[str, int]]) -> str:
    """Of what there are how many: "1,000 with weight 0, 2 with a missing label"."""
    return ", ".join(f"{number:,} with {why}" for why, number in counts)


def plain(value: Any) -> Any:
    """A value for JSON, which has no infinity and no NaN: "inf", and null for what is undefined.

    Arrays become lists.
    """
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
