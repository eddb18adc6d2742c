"""Slices whose loss is higher than elsewhere, beyond what chance explains."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from xent.scoring.intervals import Estimate, LossMoments, holm, moments_of_sums
from xent.scoring.intervals.refusals import few_carriers
from xent.scoring.state import ratio
from xent.scoring.state.exact import ONE
from xent.scoring.state.slices import CellSums

FEWEST = 30
"""Rows of a slice, and of the others, below which it is not tested."""


class WeakSlice(NamedTuple):
    """A slice, and how its loss compares with that of the other rows."""

    columns: tuple[str, ...]
    values: tuple[str, ...]
    rows: int
    loss: float
    elsewhere: float
    """The loss of all other rows."""
    p_value: float
    """One-sided, after Holm's correction for all slices that were tested."""

    @property
    def name(self) -> str:
        """As in "site A, age 18 to 40"."""
        pairs = zip(self.columns, self.values, strict=True)
        return ", ".join(f"{column.partition(':')[0]} {value}" for column, value in pairs)


Cell = tuple[tuple[str, ...], tuple[str, ...], CellSums]
"""Columns, their values, and the sums of the rows with these."""

Compared = Callable[[Cell, CellSums], Estimate]
"""The mean loss of a cell less that of the other rows, whose sums are given, too."""


def weak_slices(cells: Iterable[Cell], whole: CellSums, compared: Compared) -> list[WeakSlice]:
    """All slices that can be tested, those with the least p-value first.

    Parameters
    ----------
    cells : iterable
        Slices by a column, and by pairs of columns.
    whole : CellSums
        Of all rows.
    compared : callable
        How the loss of a slice compares with that of the other rows: `of_rows`, or with clusters
        `intervals.difference_estimate`.

    References
    ----------
    Holm (1979), jstor.org/stable/4615733.
    """
    found = []
    for cell in cells:
        columns, values, sums = cell
        others = CellSums(*(a - b for a, b in zip(whole, sums, strict=True)))
        if min(sums.rows, others.rows) < FEWEST or whole.infinite:
            continue
        p = compared(cell, others).below(0)
        if not math.isnan(p):
            loss, elsewhere = (ratio(each.wl, each.w) for each in (sums, others))
            found.append(WeakSlice(columns, values, sums.rows, loss, elsewhere, p))
    corrected = holm([each.p_value for each in found])
    found = [each._replace(p_value=p) for each, p in zip(found, corrected, strict=True)]
    return sorted(found, key=lambda each: (each.p_value, each.elsewhere - each.loss))


def of_rows(cell: CellSums, others: CellSums, *, weighted: bool) -> Estimate:
    r"""The difference of the mean losses of independent rows.

    .. math:: T = \frac{\bar l_s - \bar l_r}{\sqrt{\mathrm{SE}_s^2 + \mathrm{SE}_r^2}}

    for the rows s of a slice and all others r, with Welch's degrees of freedom and Hall's
    correction for the skewness of the difference.

    References
    ----------
    Welch (1947), doi:10.1093/biomet/34.1-2.28; Hall (1992),
    doi:10.1111/j.2517-6161.1992.tb01876.x.
    """
    a, b = (_moments(each, weighted=weighted) for each in (cell, others))
    squares = [each.error**2 for each in (a, b)]
    error = math.sqrt(sum(squares))
    if not error > 0:
        return Estimate(a.mean - b.mean, error, 1.0, reason="no spread")
    cubes = [each.skewness * each.error**3 if each.error > 0 else 0.0 for each in (a, b)]
    skewness = (cubes[0] - cubes[1]) / error**3
    terms = [
        square**2 / (each.effective - 1)
        for square, each in zip(squares, (a, b), strict=True)
        if each.effective > 1
    ]
    freedom = max(1.0, error**4 / sum(terms))
    reason = few_carriers(skewness, a.rows)
    return Estimate(a.mean - b.mean, error, freedom, skewness / 3, skewness / 6, reason=reason)


def _moments(cell: CellSums, *, weighted: bool) -> LossMoments:
    names = ("wl", "wll", "wlll", *(("w", "ww", "wwl", "wwll") if weighted else ()))
    return moments_of_sums(cell.rows, ONE, {name: getattr(cell, name) for name in names})
