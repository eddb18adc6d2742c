"""Everything that is known about a loss and its gradient when searching for mistakes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from xent._validation import Array
from xent.check._gradient.behaviour import Behaviour
from xent.check._gradient.composition.search import Probes, enough_rows
from xent.check._gradient.derivatives import Derivatives
from xent.check._gradient.factors import Counts
from xent.check._gradient.fitting import Measured
from xent.check._gradient.problem import CallError, Problem
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
    """Does it disagree along directions through all entries, but with none of the derivatives?"""

    @property
    def tolerance(self) -> float:
        """Relative tolerance of numerical derivatives against the formula that they follow."""
        return _tolerance(self.behaviour.precision)

    @property
    def grad_tolerance(self) -> float:
        """Absolute tolerance of the given gradient against any formula."""
        return 64 * unit_roundoff(self.behaviour.grad_precision) * largest(self.analytic)

    @property
    def scales(self) -> list[float]:
        """Factors that a correct gradient may have, relative to that of the sum of the losses."""
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
        """Disagreements without a finding of their own; those at the edges and NaN have one."""
        explained = self.edge | ~np.isfinite(self.analytic)
        return np.asarray(self.failed & ~explained[self.numeric.row, self.numeric.column])

    @cached_property
    def few_rows(self) -> tuple[Array, Problem] | None:
        """Some rows and the problem of them, where there are many that do not depend on others."""
        problem, options = self.problem, {} if self.reference is None else self.reference.options
        number = enough_rows(problem.classes) * (4 if problem.per_row else 1)
        of_rows = "sample_weight" in options or np.size(options.get("pos_weight", 1)) > 1
        several = self.reference is not None and self.reference.labels_per_row > 1
        if self.behaviour.rows_coupled or of_rows or several or len(problem.logits) < 8 * number:
            return None
        rows = np.linspace(0, len(problem.logits) - 1, number).astype(int)
        few = problem.of_rows(rows)
        try:
            if few is not None:
                few.losses(few.logits)
        except (CallError, TypeError, ValueError):
            return None  # it needs the rows that it was made for
        return None if few is None else (rows, few)

    @cached_property
    def probes(self) -> Probes:
        """Values of the loss at random logits, of some rows if there are many."""
        return Probes.of(self.problem if self.few_rows is None else self.few_rows[1])

    def measured(self) -> tuple[Measured, Measured]:
        """Numerical derivatives at ordinary entries, and the given gradient there."""
        d = self.numeric
        usual = ~self.edge[d.row, d.column] & ~d.kinked
        row, column = d.row[usual], d.column[usual]
        # The worst entry of many can reject a formula, so the error of each is estimated
        # generously.
        error = 4 * np.nan_to_num(d.error[usual])
        numeric = Measured(row, column, d.value[usual], error, self.tolerance)
        error = np.full(len(row), self.grad_tolerance)
        relative = max(self.tolerance, _tolerance(self.behaviour.grad_precision))
        return numeric, Measured(row, column, self.analytic[row, column], error, relative)


def _tolerance(precision: str) -> float:
    # Above the error of central differences in the dtype; half precision keeps hardly a digit.
    return min(max(1e-5, 2.0**15 * unit_roundoff(precision)), 0.05)
