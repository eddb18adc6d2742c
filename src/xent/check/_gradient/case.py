"""Everything that is known of a loss and its gradient when mistakes are looked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xent._validation import Array
from xent.check._gradient.behaviour import Behaviour
from xent.check._gradient.derivatives import Derivatives
from xent.check._gradient.fitting import Counts, Measured
from xent.check._gradient.problem import Problem
from xent.check._gradient.reference import Reference
from xent.check.dtypes import largest, unit_roundoff


@dataclass(frozen=True)
class Case:
    """A loss, its numerical derivatives, the gradient given for it, and what they should be."""

    problem: Problem
    behaviour: Behaviour
    reference: Reference | None
    reduction: str | None
    numeric: Derivatives
    analytic: Array
    """The given gradient, (rows, classes)."""
    failed: Array
    """Numerical derivatives that the given gradient disagrees with."""
    only_directions_failed: bool
    """Does it disagree with none of them, but along directions through all entries?"""

    @property
    def tolerance(self) -> float:
        """How far numerical derivatives may be from the formula that they follow, relatively."""
        return _tolerance(self.behaviour.precision)

    @property
    def grad_tolerance(self) -> float:
        """How far the given gradient may be from any formula."""
        return 64 * unit_roundoff(self.behaviour.grad_precision) * largest(self.analytic)

    @property
    def scales(self) -> list[float]:
        """Factors that a right gradient of the sum of the losses may have."""
        assert self.reference is not None
        return Counts.of(self.reference).expected(self.reduction, self.problem.per_row)

    @property
    def edge(self) -> Array:
        """Entries of masked classes and ignored rows."""
        edge = np.isneginf(self.problem.logits)
        if self.reference is not None:
            edge |= self.reference.ignored[:, None]
        return np.asarray(edge)

    @property
    def unexplained(self) -> Array:
        """Disagreements that have no finding of their own, as those at the edges and NaN have."""
        explained = self.edge | ~np.isfinite(self.analytic)
        return np.asarray(self.failed & ~explained[self.numeric.row, self.numeric.column])

    def measured(self) -> tuple[Measured, Measured]:
        """Numerical derivatives at ordinary entries, and the given gradient there."""
        d = self.numeric
        usual = ~self.edge[d.row, d.column] & ~d.kinked
        row, column = d.row[usual], d.column[usual]
        # A formula is rejected by its worst entry of many, so single errors are taken generously.
        error = 4 * np.nan_to_num(d.error[usual])
        numeric = Measured(row, column, d.value[usual], error, self.tolerance)
        error = np.full(len(row), self.grad_tolerance)
        relative = max(self.tolerance, _tolerance(self.behaviour.grad_precision))
        return numeric, Measured(row, column, self.analytic[row, column], error, relative)


def _tolerance(precision: str) -> float:
    # Above the error of central differences in the dtype; of half precision hardly a digit is left.
    return min(max(1e-5, 2.0**15 * unit_roundoff(precision)), 0.05)
