"""The catalogue of mistakes: a name for each, how it shows, how it is recognised, what to change.

The gradient check, the audit, the batch diagnosis and the watch all take names from here, so a
mistake has the same name wherever it is found. The check that finds it adds what was seen.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from xent._report import Finding, Level

KINDS = {
    "factors": "A wrong factor",
    "gradients": "A gradient of another formula",
    "formulas": "A loss of another formula",
    "targets": "Targets and labels",
    "weights": "Weights, ignored rows and options",
    "values": "Wrong values",
    "scores": "Scores of a batch",
    "pairs": "Scores and labels of different rows",
    "runs": "Training runs",
    "notes": "Not mistakes, but worth saying",
}
"""What the files of the catalogue hold."""


@dataclass(frozen=True)
class Mistake:
    """An entry of `catalogue/*.toml`.

    `code` is an example of a few lines that begin like those of a diff: "- " those of the mistake,
    "+ " those of its correction, two spaces those of both. The last expression is the check. Names
    that it does not define are those of `catalogue/setup.txt`.
    """

    matters: str
    shows: str
    """What one sees in training or in an evaluation."""
    recognised: str
    """What of the numbers is its evidence."""
    fix: str
    code: str
    formula: str = ""
    """What a loss or a gradient is if it follows the formula of the mistake."""
    option: str = ""
    """The option of xent's losses that is left out."""
    note: bool = False
    """Not a mistake: a report with only notes is still true."""
    explains: tuple[str, ...] = ()
    """Notes that add nothing if the mistake was found."""
    kind: str = ""

    def version(self, sign: str) -> str:
        """The example with the lines of the mistake (-) or of its correction (+)."""
        lines = self.code.splitlines()
        return "\n".join(line[2:] for line in lines if line[:1] in ("", " ", sign))


def anchor(name: str) -> str:
    """The part of an address that leads to a mistake on the page of all of them."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", name)).strip("-").lower()


@cache
def catalogue() -> dict[str, Mistake]:
    """All mistakes and notes, by name."""
    return {
        name: Mistake(kind=kind, **entry)
        for kind in KINDS
        for name, entry in tomllib.loads(_text(f"{kind}.toml")).items()
    }


def symptoms() -> dict[str, list[str]]:
    """What one sees, and the mistakes that are its likely causes."""
    return tomllib.loads(_text("symptoms.toml"))


def setup() -> str:
    """What every example begins with."""
    return _text("setup.txt")


def _text(file: str) -> str:
    return (files("xent.check") / "catalogue" / file).read_text("utf-8")


def found(name: str, seen: str, *, level: Level | None = None, fix: str = "") -> Finding:
    """The finding of this name; `level` and `fix` replace the catalogue's."""
    entry = catalogue()[name]
    level = level or ("note" if entry.note else "mistake")
    return Finding(name, seen, entry.matters, fix or entry.fix, level)
