"""The steps of an explanation as data, and how a step gets its numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from xent._report import Line, Role
from xent._report.expression import Expression
from xent.explanation.texts import texts

WORDS: dict[str, dict[str, str]] = texts("steps.toml")


PARTS = {
    "Prediction": "prediction",
    "Target": "target",
    "Loss": "loss",
    "Gradient": "gradient",
    "Numerical check": "check",
    "Where the gradient comes from": "why",
    "What it means": "meaning",
}
"""The sections, each in one word by which it can be asked for."""


@dataclass(frozen=True)
class Step:
    """One step: its formula as a chain of equal expressions, its numbers, and the reason."""

    section: str
    name: str
    formula: tuple[Expression, ...] = ()
    lines: tuple[Line, ...] = ()
    why: str = ""

    @property
    def part(self) -> str:
        """The section in one word."""
        return PARTS[self.section]


def step(
    key: str,
    formula: tuple[Expression, ...],
    lines: Iterable[Line] = (),
    told: Iterable[str] = ("why",),
    **facts: Any,
) -> Step:
    """The step of this key in `steps.toml`.

    `told` names the texts that give the reason; the `facts` are put into them and into the name.
    """
    words = WORDS[key]
    why = " ".join(words[text] for text in told)
    name = words["name"].format(**facts)
    return Step(words["section"], name, formula, tuple(lines), why.format(**facts))


def direction(gradient: float) -> Role:
    """A step down a negative gradient raises its logit."""
    return "pull" if gradient < 0 else "push" if gradient > 0 else ""
