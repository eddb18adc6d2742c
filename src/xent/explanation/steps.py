"""The steps of an explanation: as trees, which follow the numbers of a row, and as data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from xent._live.conditions import Cases, Condition, every, first, holds, reached, some
from xent._live.lines import LiveLine
from xent._live.words import Prose, choice, filled, sentences, told
from xent._report import Line
from xent._report.evaluation import Values
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

Chain = tuple[Expression, ...]


@dataclass(frozen=True)
class Step:
    """One step: its formula as a chain of equal expressions, its numbers, and the reason."""

    section: str
    name: str
    formula: Chain = ()
    lines: tuple[Line, ...] = ()
    why: str = ""

    @property
    def part(self) -> str:
        """The section in one word."""
        return PARTS[self.section]


@dataclass(frozen=True)
class LiveStep:
    """A step for any numbers of a row: its formula, lines and words, each where it holds."""

    key: str
    """In `steps.toml`."""
    section: str
    name: str
    formula: Cases[Chain] = ()
    lines: tuple[LiveLine, ...] = ()
    why: Prose = ()
    when: Condition = True

    @property
    def part(self) -> str:
        """The section in one word."""
        return PARTS[self.section]

    @property
    def tells_the_loss(self) -> Condition:
        """Is it there, with a line that has the loss?"""
        return every(self.when, some(*(line.when for line in self.lines if line.role == "loss")))

    def at(self, values: Values) -> Step:
        """The step for these numbers."""
        return Step(
            self.section,
            self.name,
            first((*self.formula, (True, ())), values),
            tuple(line.at(values) for line in self.lines if holds(line.when, values)),
            told(self.why, values),
        )


def step(
    key: str,
    formula: Chain | Iterable[tuple[Condition, Chain]] = (),
    lines: Iterable[LiveLine] = (),
    why: Iterable[Prose] | None = None,
    *,
    when: Condition = True,
    **facts: Any,
) -> LiveStep:
    """The step of this key in `steps.toml`.

    The formula is a chain, or one for each of some conditions. `why` has its sentences, if they are
    not the one called so. The `facts` are put into that, and into the name.
    """
    cases: Any = tuple(formula)
    if cases and isinstance(cases[0], Expression):
        cases = ((True, cases),)
    said = [words(key, "why", **facts)] if why is None else why
    return LiveStep(
        key,
        WORDS[key]["section"],
        WORDS[key]["name"].format(**facts),
        reached(cases),
        tuple(line for line in lines if line.when is not False),
        sentences(*said),
        when,
    )


def words(key: str, name: str, /, **facts: Any) -> Prose:
    """A text of a step, with facts put in: plain values, trees, or texts that follow."""
    return filled(WORDS[key][name], facts)


def speaker(key: str, /, **facts: Any) -> Callable[..., Prose]:
    """What gives the texts of a step: always, or under a condition."""

    def say(name: str, when: Condition = True) -> Prose:
        return choice((when, words(key, name, **facts)))

    return say
