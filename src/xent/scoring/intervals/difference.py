"""The difference of two means whose rows may belong to the same clusters."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from xent._validation import Array
from xent.scoring.intervals.clusters import METHOD, NOISE, few_clusters, unknown
from xent.scoring.intervals.estimate import Estimate
from xent.scoring.intervals.refusals import few_carriers


class Side(NamedTuple):
    """One of the two means: what each cluster adds to its error, and how large the cluster is."""

    mean: float
    off: Array
    """What the mean loses if the cluster is left out, scaled for the number of clusters."""
    share: Array
    """The cluster's part of the weight."""
    noise: float
    """The sum of squares of `off` that rounding may have made."""

    @property
    def expected_squares(self) -> Array:
        """Of `off`, with the same sum, if the rows of a cluster are alike."""
        squares = self.share**2
        return np.asarray(squares / squares.sum() * float(self.off @ self.off))


def difference_estimate(sums: tuple[Array, Array], sizes: tuple[Array, Array]) -> Estimate:
    r"""The first mean less the second, where a cluster may have rows of both.

    .. math::
        r_c = f_1 \frac{S_{1c} - \bar l_1 N_{1c}}{N_1 - N_{1c}}
            - f_2 \frac{S_{2c} - \bar l_2 N_{2c}}{N_2 - N_{2c}}, \qquad
        \mathrm{SE}^2 = \sum_c r_c^2, \qquad f_k^2 = \frac{G_k - 1}{G_k}

    Each fraction is by how much a mean changes if cluster c is left out, so r is the influence of a
    cluster on the difference: what it does to both means alike cancels. Clusters that have rows of
    one mean alone give the sum of the two squared errors of `ratio_interval`.

    The degrees of freedom are those of Satterthwaite for this sum of squares, whose expectations t
    are taken to be in proportion to the squares of the clusters' sizes, as they are where the rows
    of a cluster are alike. With the squared errors v of the two means, and the clusters' parts h of
    their weights:

    .. math::
        \nu = \frac{(\sum_c t_c)^2}{\sum_c t_c^2} - 1, \qquad
        t_c = v_1 \frac{h_{1c}^2}{\sum h_1^2} + v_2 \frac{h_{2c}^2}{\sum h_2^2}

    With sizes in place of their squares, as in `ratio_interval`, 7 to 8 % of simulated data sets
    with large clusters had a slice that was called worse by chance, instead of 5 %; with squares,
    at most 6.3 %.

    Parameters
    ----------
    sums, sizes : tuple of arrays
        Of weight times loss, and of the weight, in each cluster: of the first mean and the second,
        shape (G,) each. A size of 0 says that the cluster has no such row.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> cluster, sizes = rng.normal(size=20), np.full(20, 5.0)
    >>> a, b = (5 * cluster + rng.normal(size=20) for _ in range(2))
    >>> together = difference_estimate((a, b), (sizes, sizes))
    >>> apart = difference_estimate(
    ...     (np.append(a, 0 * a), np.append(0 * b, b)),
    ...     (np.append(sizes, 0 * sizes), np.append(0 * sizes, sizes)),
    ... )
    >>> round(together.error, 3), round(apart.error, 3)
    (0.064, 0.285)
    """
    for each in sizes:
        if reason := few_clusters(each):
            return unknown(math.nan, reason)
    a, b = (_side(*each) for each in zip(sums, sizes, strict=True))
    influence, mean = a.off - b.off, a.mean - b.mean
    squares = float(influence @ influence)
    if squares <= a.noise + b.noise:
        return unknown(mean, "all clusters have the same difference: its spread is unknown", 0.0)
    error, n = math.sqrt(squares), int(((sizes[0] > 0) | (sizes[1] > 0)).sum())
    skewness = float((influence**3).sum()) / squares**1.5
    if reason := few_carriers(skewness, n, "clusters"):
        return unknown(mean, reason, error)
    # SE² is computed with means that err together with the difference: an error d of a mean takes
    # 2 d Σ r h from it. Given T, the errors of the means are T Σ r off / SE, so this adds to T²,
    # which in `ratio_interval` is the term with Σ N r.
    pull, other = (float(influence @ x.off) * float(influence @ x.share) for x in (a, b))
    bend = skewness / 3 - (pull - other) / squares**1.5
    expected = a.expected_squares + b.expected_squares
    freedom = max(1.0, float(expected.sum()) ** 2 / float(expected @ expected) - 1)
    return Estimate(mean, error, freedom, bend, skewness / 6, METHOD)


def _side(sums: Array, sizes: Array) -> Side:
    whole = float(sizes.sum())
    mean = float(sums.sum()) / whole
    clusters = int((sizes > 0).sum())
    scale = math.sqrt((clusters - 1) / clusters)
    off = scale * (sums - mean * sizes) / (whole - sizes)
    noise = NOISE * float(sums @ sums) / whole**2
    return Side(mean, off, sizes / whole, noise)
