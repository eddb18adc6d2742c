"""Estimates of means of rows, which may go together in clusters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from xent._format import counted
from xent.scoring.intervals import Estimate, LossMoments, mean_interval
from xent.scoring.intervals.clusters import ratio_estimate, unknown
from xent.scoring.intervals.refusals import infinite_losses
from xent.scoring.intervals.skewed import shrunk
from xent.scoring.state import ratio


def of_rows(
    moments: LossMoments, lost: tuple[int, int], counts: Mapping[str, int] | None = None
) -> Estimate:
    """The mean of independent rows; of so many the powers, or the value itself, are not finite."""
    m = moments
    reason = _lost(*lost) or mean_interval(m, counts=counts).reason
    if reason:
        return Estimate(math.nan if lost[1] else m.mean, m.error, 1.0, reason=reason)
    freedom = m.effective - 1
    if m.error_freedom is not None:
        freedom = min(freedom, m.error_freedom)
    skewness = shrunk(m.skewness, freedom)
    bend = skewness / 3 - m.pull / m.error
    return Estimate(m.mean, m.error, max(1.0, freedom), bend, skewness / 6)


def of_differences(estimate: Estimate) -> Estimate:
    """The estimate, with what is said of losses said of differences."""
    reason = estimate.reason.replace("have the same loss", "have the same difference")
    return replace(estimate, reason=reason)


def _lost(powers: int, values: int) -> str:
    """Why there is no interval where the powers of some values, or these themselves, are lost."""
    if values:
        return infinite_losses(values)
    if powers:
        rows = counted(powers, "row has a loss", "rows have losses")
        return f"{rows} whose powers are too large to sum"
    return ""


def of_clusters(
    sums: Sequence[tuple[int, int]], lost: tuple[int, int], counts: Mapping[str, int] | None = None
) -> Estimate:
    """The mean of rows that depend on each other within clusters, as `ratio_interval` has it.

    Parameters
    ----------
    sums : sequence of tuple of int
        Exact sum and weight of each cluster, in the same unit.
    lost : tuple of int
        Rows of which the powers, or the value itself, are not finite.
    counts : mapping, optional
        Rows of each class by its name.

    Examples
    --------
    >>> sums = [(c * c, 1 + c % 3) for c in range(20)]
    >>> found = of_clusters(sums, (0, 0))
    >>> round(found.mean, 4), round(found.error, 4), round(found.freedom, 2)
    (63.3333, 14.6357, 16.09)
    """
    top, whole = sum(s for s, _ in sums), sum(w for _, w in sums)
    mean = ratio(top, whole)
    if lost[1]:
        return unknown(math.nan, _lost(0, lost[1]))
    # Deviations as parts of the whole weight, so that large losses that are alike cancel exactly.
    off = np.array([ratio(s * whole - top * w, whole * whole) for s, w in sums])
    tops, shares = (np.array([ratio(each[i], whole) for each in sums]) for i in (0, 1))
    return ratio_estimate(tops, shares, counts=counts, exact=(mean, off), differences=True)
