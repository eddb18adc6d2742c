"""Labels as given, and how well they fit the scores when they are read in another way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from xent._kind import Kind
from xent._validation import Array
from xent.check._batch.logits import as_logits, log_probabilities
from xent.check._batch.significance import significantly_positive
from xent.check.naming import Names

MOST_NUMBERS = 1 << 20
"""Scores that are read to decide between two meanings of the labels."""


@dataclass(frozen=True)
class GivenLabels:
    """Labels of the rows that are kept, as given, and the scores that they belong to."""

    labels: Array
    classes: int
    scores: Array
    kept: Array
    """Indices of the labels' rows."""
    names: Names
    kind: Kind
    dtype: str

    @property
    def binary(self) -> bool:
        """Is each score a row of its own?"""
        return self.scores.ndim == 1

    @cached_property
    def values(self) -> list[float]:
        """The different labels, in order."""
        return [float(value) for value in np.unique(self.labels)]

    @cached_property
    def bad(self) -> Array:
        """Is the label no class?"""
        return ~((self.labels >= 0) & (self.labels <= self.classes - 1))

    @cached_property
    def _sample(self) -> Array:
        """Some rows, evenly drawn."""
        most = max(1, MOST_NUMBERS // (1 if self.binary else self.classes))
        rows = len(self.labels)
        return np.arange(rows) if rows <= most else np.linspace(0, rows - 1, most).astype(int)

    @cached_property
    def _log_p(self) -> Array:
        raw = self.scores[self.kept[self._sample]].astype(np.float64)
        return log_probabilities(as_logits(raw, self.kind, self.dtype))

    def losses(self, labels: Array, where: Array | None = None) -> Array:
        """Losses of a sample of the rows if these were their labels; of some of them, if asked."""
        labels = labels[self._sample]
        valid = (labels >= 0) & (labels <= self.classes - 1)
        if where is not None:
            valid &= where[self._sample]
        log_p, labels = self._log_p[valid], labels[valid]
        if self.binary:
            return np.asarray(-labels * log_p[:, 1] - (1 - labels) * log_p[:, 0])
        return np.asarray(-log_p[np.arange(len(labels)), labels.astype(int)])

    def fits(self, labels: Array, where: Array | None = None) -> bool:
        """Are the losses with these labels lower than chance, beyond doubt?"""
        chance = math.log(self.classes)
        return significantly_positive(chance - self.losses(labels, where), 0.05 * chance)
