"""Everything that is known of a loss and its gradient, as what looks for mistakes takes it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xent._validation import Array
from xent.check.differences import Derivatives
from xent.check.fitting import Measured
from xent.check.formulas import Meant
from xent.check.frameworks import PRECISION
from xent.check.problem import Problem


@dataclass(frozen=True)
class Case:
    """A loss, its numerical derivatives, the gradient given for it, and what they should be."""

    problem: Problem
    meant: Meant | None
    numeric: Derivatives
    analytic: Array
    """The given gradient, (rows, classes)."""
    failed: Array
    """Which of the numerical derivatives it disagrees with."""
    elsewhere: bool
    """Does it disagree with none of them, but along directions through all entries?"""
    reduction: str | None
    steady: bool
    """Does the loss give the same for the same logits?"""
    tied: bool
    """Does a row's loss change with another row's logits?"""
    precision: str
    grad_precision: str

    @property
    def relative(self) -> float:
        """How far numerical derivatives may be from the formula that they follow."""
        return _relative(self.precision)

    @property
    def grain(self) -> float:
        """How far the given gradient may be from any formula."""
        finite = np.abs(self.analytic[np.isfinite(self.analytic)])
        return float(64 * 2.0 ** -PRECISION[self.grad_precision] * finite.max(initial=0.0))

    @property
    def edge(self) -> Array:
        """Entries of masked classes and ignored rows."""
        edge = np.isneginf(self.problem.logits)
        if self.meant is not None:
            edge |= self.meant.ignored[:, None]
        return np.asarray(edge)

    @property
    def astray(self) -> Array:
        """Disagreements that are not told of by themselves, as those at the edges, and NaN, are."""
        told = self.edge | ~np.isfinite(self.analytic)
        return np.asarray(self.failed & ~told[self.numeric.row, self.numeric.column])

    def measured(self) -> tuple[Measured, Measured]:
        """Numerical derivatives at ordinary entries, and the given gradient there."""
        d = self.numeric
        usual = ~self.edge[d.row, d.column] & ~d.kinked
        error = 4 * np.nan_to_num(d.error)
        numeric = Measured(d.row, d.column, d.value, error, self.relative).only(usual)
        given = replace(
            numeric,
            value=self.analytic[numeric.row, numeric.column],
            error=np.full(len(numeric.row), self.grain),
            relative=max(self.relative, _relative(self.grad_precision)),
        )
        return numeric, given


def _relative(precision: str) -> float:
    return min(max(1e-5, 2.0 ** (15 - PRECISION[precision])), 0.05)
