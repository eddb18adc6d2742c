"""One thing noticed: what was seen, why it matters, what to change."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["mistake", "note"]


@dataclass(frozen=True)
class Finding:
    """Something noticed about a gradient, a loss or a batch.

    `name` is stable and short, for programs; a `mistake` makes a report false, a `note` does not.
    """

    name: str
    seen: str
    matters: str
    fix: str
    level: Level = "mistake"

    def to_dict(self) -> dict[str, str]:
        """Plain data, for JSON."""
        return asdict(self)
