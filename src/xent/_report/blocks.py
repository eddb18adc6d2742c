"""The blocks that reports are made of: text, tables and findings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["mistake", "note"]


@dataclass(frozen=True)
class Text:
    """A paragraph. Roles: title, section, good, bad, unsure, note, plain."""

    text: str
    role: str = "plain"


@dataclass(frozen=True)
class Table:
    """Rows of cells below heads; columns in `left` are aligned left, the others right."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Finding:
    """Something noticed about a gradient, a loss or a batch.

    `name` is stable and short, for programs. `seen` says what was noticed, `matters` why it
    matters, and `fix` what to change. A report with a `mistake` is false; a `note` changes nothing.
    """

    name: str
    seen: str
    matters: str
    fix: str
    level: Level = "mistake"

    def to_dict(self) -> dict[str, str]:
        """Plain data, for JSON."""
        return asdict(self)


Block = Text | Table | Finding

SIGNS = {"mistake": ("bad", "MISTAKE"), "note": ("note", "Note")}
"""The role and the heading of a finding, by its level."""
