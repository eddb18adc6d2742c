"""The catalogue of mistakes: one name for each, why it matters, and what to change."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from xent._report import Finding, Level


@dataclass(frozen=True)
class Mistake:
    """An entry of `mistakes.toml`, which says what the fields mean."""

    matters: str
    fix: str
    formula: str = ""
    option: str = ""
    note: bool = False
    explains: tuple[str, ...] = ()


@cache
def catalogue() -> dict[str, Mistake]:
    """All mistakes and notes, by name."""
    text = (files("xent.check") / "mistakes.toml").read_text(encoding="utf-8")
    return {name: Mistake(**entry) for name, entry in tomllib.loads(text).items()}


def found(name: str, seen: str, *, level: Level | None = None, fix: str = "") -> Finding:
    """The finding of this name; `level` and `fix` replace the catalogue's."""
    entry = catalogue()[name]
    level = level or ("note" if entry.note else "mistake")
    return Finding(name, seen, entry.matters, fix or entry.fix, level)
