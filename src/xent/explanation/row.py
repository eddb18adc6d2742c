"""One row: its scores, and what the library computes from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from xent._format import shown
from xent._report.expression import Expression, Symbol
from xent._validation import Array
from xent.explanation.scaling import UNSCALED, Scaling
from xent.explanation.target import Target
from xent.functions import log_softmax, sigmoid, softmax
from xent.metrics import log_loss

STEP = 1e-5
"""Step of the numerical derivative: small, yet far above rounding."""

LARGEST_CHECKED = 1e5
"""Beyond this a logit plus or minus the step is rounded too much to say anything."""

SHOWN = 10
"""Up to so many classes are all shown; of more, the likeliest and those of the label."""


SMALLEST_DIVERGENCE = 1e-15
"""Less than this is rounding: the forecast is the target."""


@dataclass(frozen=True)
class Row:
    """A row with its results. A binary row has two classes, whose logits are 0 and z."""

    given: Array
    """The logits as given; those behind the probabilities, where these are given."""
    p: Array
    """The probability of every class."""
    target: Target
    loss: float
    gradient: Array
    """For the logits as given; of a binary row one number."""
    inner: Array
    """The gradient for the logits after softcap and temperature."""
    names: Sequence[str]
    scaling: Scaling = UNSCALED
    from_probabilities: bool = False
    """Were the probabilities given, and not the logits?"""

    @classmethod
    def of_logits(
        cls, logits: Array, target: Target, scaling: Scaling, names: Sequence[str]
    ) -> Row:
        """A row of K logits, or of one."""
        scaled = scaling(logits)
        (loss,), gradients = scaling.of_loss(target.losses, logits[np.newaxis])
        _, inner = target.losses(scaled[np.newaxis], return_grad=True)
        binary = logits.ndim == 0
        both = np.array([sigmoid(-scaled), sigmoid(scaled)]) if binary else softmax(scaled)
        given = np.array([0, logits]) if binary else logits
        return cls(given, both, target, float(loss), gradients[0], inner[0], names, scaling)

    @classmethod
    def of_probabilities(
        cls, p: Array, logits: Array, target: Target, names: Sequence[str], *, binary: bool
    ) -> Row:
        """A row of probabilities given as such, and the logits behind them."""
        every = target.total * p - target.masses
        gradient = np.asarray(every[1]) if binary else every
        row = cls(logits, p, target, math.nan, gradient, gradient, names, from_probabilities=True)
        terms = [v * s for v, s in zip(target.masses, row.surprises, strict=True) if v]
        return replace(row, loss=math.fsum(terms))

    @cached_property
    def logits(self) -> Array:
        """Those that become probabilities."""
        return self.scaling(self.given)

    @property
    def binary(self) -> bool:
        """Is there one logit?"""
        return self.gradient.ndim == 0

    def name(self, letter: str, j: int) -> Symbol:
        """The symbol of a class, z_2, or of any, z_j for -1; of a binary row z, or p and q."""
        if self.binary:
            return Symbol("q" if (letter, j) == ("p", 0) else letter)
        return Symbol(letter, "j" if j < 0 else str(j))

    def share(self, letter: str, j: int) -> Expression:
        """The share of a class, y_2; of a binary row y and 1 - y, or with weights v_1 and v_0."""
        if not self.binary or letter == "v":
            return Symbol(letter, "j" if j < 0 else str(j))
        return 1 - Symbol(letter) if j == 0 else Symbol(letter)

    def values(self, letter: str, j: int, share: float) -> dict[Symbol, float]:
        """The symbol in a share's expression with its number."""
        symbol = self.share(letter, j)
        if isinstance(symbol, Symbol):
            return {symbol: share}
        return {Symbol(letter): float(self.target.shares[1])}

    @property
    def label(self) -> int | None:
        """The true class, if there is one."""
        return self.target.label

    @property
    def q(self) -> float:
        """The probability of the true class."""
        assert self.label is not None
        return float(self.p[self.label])

    @property
    def slope(self) -> float:
        """The gradient for the logit of the true class, or for z."""
        return float(self.gradient if self.binary else self.gradient[self.label])

    @property
    def loss_per_weight(self) -> float:
        """The loss, as it would be if the weights were 1 on average."""
        return self.loss / self.target.total

    @cached_property
    def surprises(self) -> Array:
        """-log p of every class."""
        if self.from_probabilities:
            pairs = [(j, self.p[1]) for j in (0, 1)] if self.binary else [(1, p) for p in self.p]
            return np.array([float(log_loss([label], [p])) for label, p in pairs])
        return np.asarray(-log_softmax(self.logits)) + 0.0

    @cached_property
    def divergence(self) -> float:
        """The KL divergence of the probabilities from the target's shares, at least 0."""
        pairs = zip(self.target.shares.tolist(), self.surprises.tolist(), strict=True)
        total = math.fsum(y * (math.log(y) + surprise) for y, surprise in pairs if y)
        return total if total > SMALLEST_DIVERGENCE else 0.0

    @cached_property
    def masked(self) -> Array:
        """Which classes are masked."""
        return np.zeros(len(self.p), bool) if self.from_probabilities else np.isneginf(self.given)

    @cached_property
    def exact(self) -> Array:
        """Whose probability is not rounded: masked classes, and all if the others are equal."""
        unmasked = self.logits[~self.masked]
        even = bool((unmasked == unmasked[0]).all())
        return np.asarray(self.from_probabilities | self.masked | even)

    @cached_property
    def chosen(self) -> list[int]:
        """The classes to show, in order."""
        if len(self.p) <= SHOWN:
            return list(range(len(self.p)))
        shares = self.target.given
        leading = [np.argsort(-of, kind="stable")[: SHOWN // 2] for of in (self.p, shares)]
        return sorted({*leading[0].tolist(), *(j for j in leading[1].tolist() if shares[j])})

    @property
    def certain(self) -> bool:
        """Is a loss of 0 or inf exact, not the result of rounding?"""
        wanted = self.target.masses > 0
        if self.from_probabilities:
            return bool(np.isin(self.p[wanted], (0, 1)).all())
        return bool(self.masked[wanted].any()) or self.masked.sum() == len(self.p) - 1

    @property
    def checkable(self) -> bool:
        """Does a numerical derivative say anything?"""
        largest = np.abs(self.given[~self.masked]).max()
        return bool(np.isfinite(self.loss) and largest <= LARGEST_CHECKED)

    @property
    def noise(self) -> float:
        """How far rounding alone moves a numerical derivative."""
        gradient = self.gradient if self.binary else self.gradient[~self.masked]
        moved = np.abs(self.given[~self.masked] * gradient).max()
        return float(np.finfo(float).eps * (self.loss + moved) / STEP)

    @property
    def called(self) -> str:
        """`label 7`, `label 7 (cat)` or the shares, and the options."""
        target = self.target
        kind = "label" if self.binary else "class"
        if target.label is None:
            shares = ", ".join(shown(y) for y in target.given.tolist())
            many = f"soft label of {len(target.given)} classes"
            told = [f"soft label ({shares})" if len(target.given) <= SHOWN else many]
            if self.binary:
                told = [f"soft label {shown(float(target.given[1]))}"]
        else:
            name = self.names[target.label]
            own = "" if name == f"{kind} {target.label}" else f" ({name})"
            told = [f"label {target.label}{own}"]
        if target.smoothing:
            told.append(f"label smoothing {shown(target.smoothing)}")
        if target.weights is not None:
            told.append("weighted")
        if self.scaling.softcap is not None:
            told.append(f"softcap {shown(self.scaling.softcap)}")
        if self.scaling.temperature != 1:
            told.append(f"temperature {shown(self.scaling.temperature)}")
        return ", ".join(told)
