"""What is done to logits before they become probabilities: capped, divided by the temperature."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from xent._report.expression import Call, Derivative, Expression, Number, Symbol
from xent._report.lines import line_of
from xent._validation import Array
from xent.explanation.steps import Step, direction, step

L, CAP, T = Symbol("L"), Symbol("cap"), Symbol("T")
Name = Callable[[str, int], Symbol]
"""Makes the symbol of a class: z_2, or z where there is one logit."""


@dataclass(frozen=True)
class Scaling:
    """Softcap, then temperature; each logit z becomes the c that is capped, and the u divided."""

    softcap: float | None = None
    temperature: float = 1.0

    @property
    def stages(self) -> list[tuple[str, str]]:
        """What is done, each with the letter of its result."""
        done = {"softcap": "c"} if self.softcap is not None else {}
        return [*done.items(), *([("temperature", "u")] if self.temperature != 1 else [])]

    @property
    def letter(self) -> str:
        """Of the logits that become probabilities."""
        return self.stages[-1][1] if self.stages else "z"

    def stage(self, name: str, values: Array) -> Array:
        """The logits after one stage; masked classes stay so."""
        if name == "temperature":
            return values / self.temperature
        assert self.softcap is not None
        capped = self.softcap * np.tanh(values / self.softcap)
        return np.where(np.isneginf(values), values, capped)

    def __call__(self, logits: Array) -> Array:
        """The logits after all stages."""
        for name, _ in self.stages:
            logits = self.stage(name, logits)
        return logits

    def of_loss(self, loss: Callable[..., Any], logits: Array) -> tuple[Array, Array]:
        """Losses and gradients by a function of the library, which has the softcap but no T.

        cap · tanh(z / cap) / T is z / T, capped at cap / T.
        """
        cap = None if self.softcap is None else self.softcap / self.temperature
        losses, gradient = loss(logits / self.temperature, softcap=cap, return_grad=True)
        return np.asarray(losses), np.asarray(gradient / self.temperature)

    def steps(self, logits: Array, classes: Iterable[int], name: Name) -> Iterator[Step]:
        """The stages with their numbers."""
        before = "z"
        for key, letter in self.stages:
            after, lines = self.stage(key, logits), []
            for j in classes:
                x, result = name(before, j), name(letter, j)
                values = {x: float(logits[j]), **self._constants(key)}
                formula = self._formula(key, x)
                lines.append(line_of(result, formula, values, float(after[j]), rounded=None))
            chain = (name(letter, -1), self._formula(key, name(before, -1)))
            yield step(key, chain, lines)
            before, logits = letter, after

    def _formula(self, key: str, x: Expression) -> Expression:
        return x / T if key == "temperature" else CAP * Call("tanh", (x / CAP,))

    def _constants(self, key: str) -> dict[Symbol, float]:
        if key == "temperature":
            return {T: self.temperature}
        assert self.softcap is not None
        return {CAP: self.softcap}

    def gradients(
        self, logits: Array, inner: Array, outer: Array, classes: Iterable[int], name: Name
    ) -> Iterator[Step]:
        """The gradient carried back through the stages, from `inner` to that for the logits."""
        letters = ["z", *(letter for _, letter in self.stages)]
        known = inner
        g, partial = Symbol("g"), name("z", 0).index != ""
        for (key, letter), before in reversed(list(zip(self.stages, letters, strict=False))):
            last = before == "z"
            result = outer if last else known / self.temperature
            lines = []
            for j in classes:
                values = {g: float(known[j]), **self._constants(key)}
                c = name(letter, j)
                if key == "softcap":
                    values[c] = float(self.stage(key, logits)[j])
                slope, value = Derivative(L, name(before, j), partial=partial), float(result[j])
                formula = self._back(key, g, c)
                marks: dict[str, Any] = {"role": direction(value), "rounded": True}
                lines.append(line_of(slope, formula, values, value, **marks))
            top = Derivative(L, name(letter, -1), partial=partial)
            chain = (
                Derivative(L, name(before, -1), partial=partial),
                self._back(key, top, name(letter, -1)),
            )
            yield step(f"{key} backward", chain, lines)
            known = result

    def _back(self, key: str, g: Expression, c: Expression) -> Expression:
        return g / T if key == "temperature" else g * (1 - (c / CAP) ** Number("2"))


UNSCALED = Scaling()
"""Logits as they are."""
