"""One row: its scores, and what the library computes from them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from xent._validation import Array
from xent.explanation.form import Form, Source
from xent.explanation.quantities import (
    LARGEST_UNSHIFTED,
    NO_GRADIENT,
    SMALLEST_DIVERGENCE,
    STEP,
    TIE,
)
from xent.explanation.scaling import UNSCALED, Scaling
from xent.explanation.target import Target
from xent.functions import log_softmax, sigmoid, softmax
from xent.metrics import log_loss

SHOWN = 10
"""Up to so many classes are all shown; of more, the likeliest and those of the label."""


@dataclass(frozen=True)
class Row:
    """A row with its results. A binary row has two classes, whose logits are 0 and z."""

    source: Source
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
    layer: Mapping[str, Any] = field(default_factory=dict)
    """Features x, weights w and bias b, where the logit is made of them."""

    @classmethod
    def of_logits(
        cls,
        logits: Array,
        target: Target,
        scaling: Scaling,
        names: Sequence[str],
        layer: Mapping[str, Any] | None = None,
    ) -> Row:
        """A row of K logits, or of one, perhaps of a linear layer."""
        scaled = scaling(logits)
        (loss,), gradients = scaling.of_loss(target.losses, logits[np.newaxis])
        _, inner = target.losses(scaled[np.newaxis], return_grad=True)
        binary = logits.ndim == 0
        both = np.array([sigmoid(-scaled), sigmoid(scaled)]) if binary else softmax(scaled)
        given = np.array([0, logits]) if binary else logits
        results = (both, target, float(loss), gradients[0], inner[0], names, scaling)
        return cls("features" if layer else "logits", given, *results, layer or {})

    @classmethod
    def of_probabilities(
        cls, p: Array, logits: Array, target: Target, names: Sequence[str], *, binary: bool
    ) -> Row:
        """A row of probabilities given as such, and the logits behind them."""
        every = target.total * p - target.masses
        gradient = np.asarray(every[1]) if binary else every
        row = cls("probabilities", logits, p, target, math.nan, gradient, gradient, names)
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

    @property
    def label(self) -> int | None:
        """The true class, if there is one."""
        return self.target.label

    @property
    def slope(self) -> float:
        """The gradient for the logit of the true class, or for z."""
        return float(self.gradient if self.binary else self.gradient[self.label])

    @cached_property
    def surprises(self) -> Array:
        """-log p of every class."""
        if self.source == "probabilities":
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
        given = self.source == "probabilities"
        return np.zeros(len(self.p), bool) if given else np.isneginf(self.given)

    @cached_property
    def movable(self) -> bool:
        """Can a page compute it anew for other numbers?"""
        alone = self.binary or self.source != "probabilities"
        return alone and len(self.p) <= SHOWN and not self.masked.any()

    @cached_property
    def chosen(self) -> list[int]:
        """The classes to show, in order."""
        if len(self.p) <= SHOWN:
            return list(range(len(self.p)))
        shares = self.target.given
        leading = [np.argsort(-of, kind="stable")[: SHOWN // 2] for of in (self.p, shares)]
        return sorted({*leading[0].tolist(), *(j for j in leading[1].tolist() if shares[j])})

    @cached_property
    def form(self) -> Form:
        """What stays while the numbers move."""
        target, label, everything = self.target, self.label, range(len(self.p))
        labels: tuple[int, ...] = () if label is None else (label,)
        if labels and self.movable:
            weights = np.ones(len(self.p)) if target.weights is None else target.weights
            labels = tuple(j for j in everything if weights[j] or target.smoothing)
        shared = [j for j in reversed(everything) if target.masses[j]]
        return Form(
            source=self.source,
            names=self.names,
            binary=self.binary,
            labels=labels,
            support=() if target.one_hot else tuple(shared if self.binary else shared[::-1]),
            chosen=tuple(self.chosen),
            smoothed=target.smoothing > 0,
            weighted=target.weights is not None,
            whole=target.total == 1,
            stages=tuple(self.scaling.stages),
            masked=frozenset(np.flatnonzero(self.masked).tolist()),
            features=len(self.layer.get("x", ())),
        )

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """The numbers that all others are computed from, by the names of `quantities.py`."""
        target, z = self.target, self.given.tolist()
        weights = np.ones(len(self.p)) if target.weights is None else target.weights
        found = {"eps": target.smoothing, "h": STEP, "weight": weights.tolist()}
        found |= {"cap": self.scaling.softcap or 0, "T": self.scaling.temperature, **self.layer}
        if self.source == "probabilities":
            found["given"] = float(self.p[1]) if self.binary else self.p.tolist()
        elif not self.layer:
            found["z"] = z[1] if self.binary else z
        if self.binary:
            return found | {
                "share": self.label if self.label is not None else target.given[1].item()
            }
        return found | (
            {"t": target.given.tolist()} if self.label is None else {"label": self.label}
        )

    @property
    def told(self) -> dict[str, Any]:
        """What was given, by the names that the caller knows."""
        given = self.given.tolist()
        if self.source == "features":
            found = dict(zip(("features", "weights", "bias"), self.layer.values(), strict=True))
        elif self.source == "logits":
            found = {"logit": given[1]} if self.binary else {"logits": given}
        else:
            p = self.p.tolist()
            found = {"probability": p[1]} if self.binary else {"probabilities": p}
        return {**found, "label": self.target.told(binary=self.binary)}

    @cached_property
    def values(self) -> dict[str, Any]:
        """The numbers of all symbols, by the library where it has them."""
        target, u = self.target, self.logits
        z = self.given[1] if self.binary else self.given
        with np.errstate(all="ignore"):
            m, k = float(u.max()), int(u.argmax())
            # The same logits may have probabilities that differ in their last digit.
            best = int(self.p.argmax()) if self.binary or self.source == "probabilities" else k
            reach = np.abs(self.given[~self.masked])
            gradient = self.gradient if self.binary else self.gradient[~self.masked]
            net = math.fsum(np.atleast_1d(self.inner).tolist())
            shift = m if np.abs(u[~self.masked]).max() > LARGEST_UNSHIFTED else 0.0
            terms = np.exp(u - shift)
            found = {
                **self.inputs,
                **self.scaling.values(z),
                "t": target.given,
                "y": target.shares,
                "v": target.masses,
                "V": target.total,
                "p": self.p,
                "s": self.surprises,
                "L": self.loss,
                "g": self.inner,
                "G": self.gradient,
                "H": target.entropy,
                "D": self.divergence,
                "m": m,
                "k": k,
                "R": np.exp(np.delete(u, k) - m).sum(),
                "uneven": (u[~self.masked] != m).sum(),
                "shift": shift,
                "E": terms,
                "S": terms.sum(),
                "unlike": ((u != shift) & ~self.masked).sum(),
                "net": 0.0 if abs(net) < NO_GRADIENT * max(1.0, target.total) else net,
                "best": best,
                "tied": (self.p >= (1 - TIE) * self.p[best]).sum(),
                "reach": reach.max(),
                "moved": np.abs(reach * gradient).max(),
            }
            hidden = np.delete(np.arange(len(u)), self.chosen)
            losses = (target.masses[j] * self.surprises[j] for j in hidden if target.masses[j])
            found |= {"restE": terms[hidden].sum(), "restL": math.fsum(losses)}
            return found | self._around()

    def _around(self) -> dict[str, Any]:
        """Losses a step away from the logits, by the library, and what they say of the slope."""
        if self.binary:
            pair = np.array([self.given[1] + STEP, self.given[1] - STEP])
            above, below = self.scaling.of_loss(self.target.losses, pair)[0].tolist()
            return {"above": above, "below": below, "slope": (above - below) / (2 * STEP)}
        if self.source == "probabilities":
            return {}
        above, below, slopes = {}, {}, {}
        for j in self.chosen:
            pair = np.stack([self.given, self.given])
            pair[:, j] += STEP, -STEP
            above[j], below[j] = self.scaling.of_loss(self.target.losses, pair)[0].tolist()
            slopes[j] = (above[j] - below[j]) / (2 * STEP)
        return {"above": above, "below": below, "slope": slopes}
