"""Intervals over clusters of rows, such as those of one user, which are not independent."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from xent._validation import Array
from xent.scoring.intervals.estimate import Estimate
from xent.scoring.intervals.interval import Interval, refused
from xent.scoring.intervals.quantiles import t_quantile
from xent.scoring.intervals.refusals import few_carriers, few_of_a_class, infinite_losses, told
from xent.scoring.intervals.skewed import shrunk

METHOD = "clusters, Hall"
JACKKNIFE = "jackknife over clusters"

FEWEST_CLUSTERS = 10
"""Clusters below which there is no interval."""

NOISE = 1e-24
"""Squared deviations this small beside the squared sums come from rounding."""

FEWEST_EFFECTIVE = 5
"""Effective clusters, (ΣN)²/ΣN², below which there is none: a few hold nearly all rows."""


def ratio_interval(
    sums: Array,
    sizes: Array,
    level: float = 0.95,
    *,
    infinite: int = 0,
    counts: Mapping[str, int] | None = None,
    positive: int | None = None,
) -> Interval:
    r"""Interval of a ratio of sums over clusters: a mean loss, a Brier score, an accuracy.

    .. math::
        \hat\theta = \frac{\sum S_c}{\sum N_c}, \quad
        r_c = \frac{S_c - \hat\theta N_c}{1 - N_c / \sum N}, \quad
        \mathrm{SE}^2 = \frac{G - 1}{G} \frac{\sum r_c^2}{(\sum N_c)^2}

    with Hall's correction for the skewness of r, and t with (ΣN)²/ΣN² - 1 degrees of freedom, which
    is G - 1 if all clusters have the same size. Dividing by 1 - N/ΣN makes it the jackknife that
    leaves out one cluster at a time. With G - 1, or without dividing, the interval is too short
    where sizes differ much. The skill is 1 - θ with N the sum of -ln of the base rate of
    each row's class.

    Parameters
    ----------
    sums : array
        Of weight times loss in each cluster, or of the weight of the rows that are right; (G,).
    sizes : array
        Weight of each cluster, shape (G,); those of 0 are left out.
    level : float, default 0.95
        Confidence level.
    infinite, counts : optional
        As for `mean_interval`.
    positive : int, optional
        Clusters that have a row of the rarer class, for skill.

    Returns
    -------
    Interval

    Examples
    --------
    >>> import numpy as np
    >>> sizes = np.array([3.0, 1, 4, 1, 5, 9, 2, 6, 5, 3])
    >>> found = ratio_interval(sizes * np.linspace(0.2, 0.6, 10), sizes)
    >>> round(found.low, 3), round(found.high, 3)
    (0.329, 0.51)
    >>> ratio_interval(sizes[:4], sizes[:4]).reason
    'only 4 clusters: an interval needs 10'

    References
    ----------
    Liang & Zeger (1986), doi:10.1093/biomet/73.1.13; Miller (2024), arXiv:2411.00640; Bell &
    McCaffrey (2002) for the residuals.
    """
    if infinite:
        return refused(infinite_losses(infinite), METHOD)
    return ratio_estimate(sums, sizes, counts=counts, positive=positive).interval(level)


def ratio_estimate(
    sums: Array,
    sizes: Array,
    *,
    counts: Mapping[str, int] | None = None,
    positive: int | None = None,
    exact: tuple[float, Array] | None = None,
    differences: bool = False,
) -> Estimate:
    """The ratio with all that can be said of its error; see `ratio_interval`.

    `exact` are the ratio and the deviations S - θN by exact sums, of sizes that sum to 1. Of
    `differences` the error has the degrees of freedom of its fourth moment, if these are fewer.
    """
    kept = sizes > 0
    sums, sizes = sums[kept].astype(np.float64), sizes[kept].astype(np.float64)
    if exact is not None:
        whole, mean, off = 1.0, exact[0], exact[1][kept]
    else:
        whole = float(sizes.sum())
        mean = float(sums.sum()) / whole if whole else math.nan
        off = sums - mean * sizes
    if reason := few_clusters(sizes, positive) or few_of_a_class(counts or {}):
        return unknown(mean, reason)
    off = off / (1 - sizes / whole)
    n, squares = len(sizes), float(off @ off)
    if squares <= NOISE * float(sums @ sums):
        return unknown(mean, f"all {n:,} clusters have the same mean: its spread is unknown", 0.0)
    error = math.sqrt((n - 1) / n * squares) / whole
    skewness = float((off**3).sum()) / squares**1.5
    if reason := few_carriers(skewness, n, "clusters"):
        return unknown(mean, reason, error)
    # Large clusters decide the variance, so there are fewer degrees of freedom than clusters.
    freedom = whole**2 / float(sizes @ sizes) - 1
    if differences:
        spread = float((off**4).sum()) / squares**2 - 1 / n
        freedom = min(freedom, 2 / spread) if spread > 0 else freedom
        skewness = shrunk(skewness, freedom)
    bend = skewness / 3 - float(sizes @ off) / whole**2 / error
    return Estimate(mean, error, freedom, bend, skewness / 6, METHOD)


def unknown(mean: float, reason: str, error: float = math.nan) -> Estimate:
    """An estimate over clusters without an interval, and why."""
    return Estimate(mean, error, 1.0, method=METHOD, reason=reason)


def jackknife_interval(
    estimate: float,
    without: Array,
    sizes: Array,
    level: float = 0.95,
    *,
    positive: int | None = None,
    share: bool = False,
) -> Interval:
    r"""Interval of any figure from its values with one cluster left out.

    .. math::
        \mathrm{SE}^2 = \frac{G - 1}{G} \sum_c (\hat\theta_{(-c)} - \bar\theta)^2

    Parameters
    ----------
    estimate : float
        The figure of all rows.
    without : array
        The figure without cluster c, shape (G,).
    sizes : array
        Weight of each cluster, shape (G,).
    level : float, default 0.95
        Confidence level.
    positive : int, optional
        Clusters that have a row of the rarer class, for figures that compare classes, such as AUC.
    share : bool, default False
        Is the figure one from 0 to 1, as AUC is? Then the interval is symmetric in its logit.

    Returns
    -------
    Interval

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(12.0)
    >>> found = jackknife_interval(5.5, (x.sum() - x) / 11, np.ones(12))
    >>> round(found.low, 3), round(found.high, 3)
    (3.209, 7.791)

    References
    ----------
    Efron & Stein (1981), doi:10.1214/aos/1176345462.
    """
    if reason := few_clusters(sizes, positive):
        return refused(reason, JACKKNIFE)
    if not np.isfinite(without).all() or not math.isfinite(estimate):
        return refused("without one of the clusters the figure is not defined", JACKKNIFE)
    n = len(without)
    off = without - without.mean()
    error = math.sqrt((n - 1) / n * float(off @ off))
    if not error > 0:
        return refused(f"no cluster of {n:,} changes the figure: its spread is unknown", JACKKNIFE)
    half = t_quantile(level, n - 1) * error
    if not share:
        return Interval(estimate - half, estimate + half, error, JACKKNIFE)
    return Interval(*logit_bounds(estimate, estimate, half), error, JACKKNIFE)


def logit_bounds(estimate: float, center: float, half: float) -> tuple[float, float]:
    """Bounds of a share, symmetric in its logit, of half width `half` near the center."""
    slope = center * (1 - center)
    if not slope > 0:
        return 0.0, 1.0
    logit = math.log(center / (1 - center))
    low, high = (0.5 + 0.5 * math.tanh((logit + s * half / slope) / 2) for s in (-1, 1))
    return min(low, estimate), max(high, estimate)


def few_clusters(sizes: Array, positive: int | None = None) -> str:
    """That there are too few clusters, also of the rarer class, or a few hold nearly all rows."""
    held = sizes[sizes > 0]
    if len(held) < FEWEST_CLUSTERS:
        return told(len(held), "cluster", FEWEST_CLUSTERS)
    effective = float(held.sum()) ** 2 / float(held @ held)
    if effective < FEWEST_EFFECTIVE:
        return (
            f"the sizes make {len(held):,} clusters count like {effective:.1f}: "
            f"an interval needs {FEWEST_EFFECTIVE}"
        )
    if positive is not None and positive < FEWEST_CLUSTERS:
        what = "cluster has" if positive == 1 else "clusters have"
        rare = f"only {positive} {what} a row of the rarer class"
        return f"{rare}: an interval needs {FEWEST_CLUSTERS}"
    return ""
