"""What is done to logits before they become probabilities: capped, divided by the temperature."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from xent._live.lines import LiveLine
from xent._report.expression import Call, Derivative, Expression, Number, Symbol
from xent._validation import Array
from xent.explanation.form import Form, Stages
from xent.explanation.steps import LiveStep, step

L, CAP, T, G = Symbol("L"), Symbol("cap"), Symbol("T"), Symbol("g")


@dataclass(frozen=True)
class Scaling:
    """Softcap, then temperature; each logit z becomes the c that is capped, and the u divided."""

    softcap: float | None = None
    temperature: float = 1.0

    @property
    def stages(self) -> Stages:
        """What is done, each with the letter of its result."""
        done = {"softcap": "c"} if self.softcap is not None else {}
        return (*done.items(), *([("temperature", "u")] if self.temperature != 1 else []))

    @property
    def letter(self) -> str:
        """Of the logits that become probabilities."""
        return self.stages[-1][1] if self.stages else "z"

    def values(self, logits: Array) -> dict[str, Array]:
        """The logits as given and after each stage, by their letters; masked classes stay so."""
        found = {"z": logits}
        for name, letter in self.stages:
            if name == "temperature":
                logits = logits / self.temperature
            else:
                assert self.softcap is not None
                capped = self.softcap * np.tanh(logits / self.softcap)
                logits = np.where(np.isneginf(logits), logits, capped)
            found[letter] = logits
        return found

    def __call__(self, logits: Array) -> Array:
        """The logits after all stages."""
        return self.values(logits)[self.letter]

    def of_loss(self, loss: Callable[..., Any], logits: Array) -> tuple[Array, Array]:
        """Losses and gradients by a function of the library, which has the softcap but no T.

        cap · tanh(z / cap) / T is z / T, capped at cap / T.
        """
        cap = None if self.softcap is None else self.softcap / self.temperature
        losses, gradient = loss(logits / self.temperature, softcap=cap, return_grad=True)
        return np.asarray(losses), np.asarray(gradient / self.temperature)


UNSCALED = Scaling()
"""Logits as they are."""


def steps(form: Form) -> Iterator[LiveStep]:
    """The stages with their numbers."""
    before = "z"
    for key, letter in form.stages:
        lines = []
        for j in _moved(form):
            x = form.name(before, j)
            known = {x: form.number(before, j), CAP: CAP, T: T}
            result, formula = form.name(letter, j), _formula(key, x)
            lines.append(LiveLine(result, form.number(letter, j), formula, known, rounded=None))
        yield step(key, (form.name(letter, -1), _formula(key, form.name(before, -1))), lines)
        before = letter


def gradients(form: Form) -> Iterator[LiveStep]:
    """The gradient carried back through the stages, from that for the last logits to z."""
    letters = ["z", *(letter for _, letter in form.stages)]

    def slope(letter: str, j: int) -> Derivative:
        return Derivative(L, form.name(letter, j), partial=not form.binary)

    for number in reversed(range(len(form.stages))):
        (key, letter), before = form.stages[number], letters[number]
        divided = form.stages[number + 1 :]
        lines = []
        for j in _moved(form):
            known: Expression = form.number("g", j)
            if divided:
                known = known / T
            c, result = form.name(letter, j), known / T if key == "temperature" else known
            if before == "z":
                result = form.number("G", j)
            operands = {G: known, c: form.number(letter, j), CAP: CAP, T: T}
            line = LiveLine(
                slope(before, j), result, _back(key, G, c), operands, rounded=True, role="gradient"
            )
            lines.append(line)
        chain = (slope(before, -1), _back(key, slope(letter, -1), form.name(letter, -1)))
        yield step(f"{key} backward", chain, lines)


def _moved(form: Form) -> tuple[int, ...]:
    """The classes whose logits are shown; of a binary row that of label 1."""
    return (1,) if form.binary else form.chosen


def _formula(key: str, x: Expression) -> Expression:
    return x / T if key == "temperature" else CAP * Call("tanh", (x / CAP,))


def _back(key: str, g: Expression, c: Expression) -> Expression:
    return g / T if key == "temperature" else g * (1 - (c / CAP) ** Number("2"))
