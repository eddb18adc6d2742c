"""Coverage over clusters of rows, and of slices of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from score_coverage_page import CALLED, Found
from score_coverage_tally import BALANCED, MODELS, SIZES, Array, Case, Tally, log1pexp, sigmoid

from xent.scoring.intervals import (
    Interval,
    auc,
    difference_estimate,
    holm,
    jackknife_interval,
    normal_quantile,
    ratio_interval,
    refused,
)
from xent.scoring.weak_slices import FEWEST

POPULATIONS = {"balanced": BALANCED, "1 % positive": (-5.72, 1.5)}
"""Mean and standard deviation of the true logits."""


@dataclass(frozen=True)
class Clustered:
    """Clusters of ten rows on average (geometric sizes), whose logits and outcomes go together.

    Half the variance of the logits is that of the clusters; and the log odds of a cluster's rows
    all differ from the logits by a normal number with standard deviation 0.7.
    """

    logits: tuple[float, float]
    slope: float = 1.0
    apart: float = 0.7
    bins: int = 64
    mean_size: int = 10

    def rows(self, rng: np.random.Generator, clusters: int) -> tuple[Array, Array, Array, Array]:
        """Sizes of clusters; and of each row its cluster, its true logit and its label."""
        sizes = rng.geometric(1 / self.mean_size, clusters)
        of = np.repeat(np.arange(clusters), sizes)
        both = rng.standard_normal((2, clusters))[:, of]
        mean, deviation = self.logits
        z = mean + deviation * math.sqrt(0.5) * (both[0] + rng.standard_normal(len(of)))
        return sizes, of, z, rng.random(len(of)) < sigmoid(z + self.apart * both[1])

    def binned(self, z: Array) -> Array:
        t = (z - self.logits[0]) / self.logits[1]
        return np.clip(((t + 4.5) / 9 * self.bins).astype(np.int64), 0, self.bins - 1)

    @cached_property
    def truth(self) -> dict[str, float]:
        """The figures of the whole population, by quadrature."""
        t = np.linspace(-9, 9, 20_001)
        mass = np.exp(-t * t / 2)
        mass /= mass.sum()
        z = self.logits[0] + self.logits[1] * t
        nodes, shares = np.polynomial.hermite_e.hermegauss(60)
        true = sigmoid(z[:, None] + self.apart * nodes) @ (shares / shares.sum())
        said = self.slope * z
        p1, p0 = mass * true, mass * (1 - true)
        loss = float(p1 @ log1pexp(-said) + p0 @ log1pexp(said))
        share = float(p1.sum())
        base = -share * math.log(share) - (1 - share) * math.log1p(-share)
        bins = self.binned(z)
        return {
            "log loss": loss,
            "Brier": float(p1 @ sigmoid(-said) ** 2 + p0 @ sigmoid(said) ** 2),
            "accuracy": float(p1[z > 0].sum() + p0[z <= 0].sum()),
            "skill": 1 - loss / base,
            "AUC": auc(*(np.bincount(bins, p, self.bins) for p in (p0, p1))),
        }


def clustered(population: Clustered, clusters: int, sets: int, seed: int) -> dict[str, Found]:
    """Tallies of the intervals of data sets with so many clusters."""
    rng = np.random.default_rng(seed)
    tally = Tally(population.truth)
    part = max(1, min(sets, 200_000 // clusters))
    bins = population.bins
    for at in range(0, sets, part):
        n = min(part, sets - at)
        sizes, of, z, true = population.rows(rng, n * clusters)
        said = population.slope * z
        loss = log1pexp(np.where(true, -said, said))
        keys = (of * 2 + true) * bins + population.binned(z)
        values = {
            "log loss": loss,
            "square": loss**2,
            "Brier": sigmoid(np.where(true, -said, said)) ** 2,
            "accuracy": ((z > 0) == true) * 1.0,
            "positives": true * 1.0,
        }
        sums = {
            name: np.bincount(of, each, n * clusters).reshape(n, clusters)
            for name, each in values.items()
        }
        sizes = sizes.reshape(n, clusters).astype(np.float64)
        starts = np.searchsorted(of, np.arange(n + 1) * clusters)
        for i in range(n):
            local = keys[starts[i] : starts[i + 1]] - i * clusters * 2 * bins
            histogram = np.bincount(local, minlength=clusters * 2 * bins)
            of_clusters(
                tally,
                sizes[i],
                {name: each[i] for name, each in sums.items()},
                histogram.reshape(clusters, 2, bins),
            )
    return tally.found


def of_clusters(tally: Tally, sizes: Array, sums: dict[str, Array], histogram: Array) -> None:
    """Every interval of a data set of clusters."""
    rows, positives = int(sizes.sum()), int(sums["positives"].sum())
    counts = {"0": rows - positives, "1": positives}
    mean = float(sums["log loss"].sum()) / rows
    error = math.sqrt(float(sums["square"].sum()) / rows - mean**2) / math.sqrt(rows)
    half = normal_quantile(0.95) * error
    tally.add("as if independent", Interval(mean - half, mean + half, error, ""), "log loss")
    for name in ("log loss", "Brier"):
        tally.add(name, ratio_interval(sums[name], sizes, counts=counts))
    tally.add("accuracy", ratio_interval(sums["accuracy"], sizes))
    least = min(counts.values())
    of_rarer = sums["positives"] if positives <= rows - positives else sizes - sums["positives"]
    held = int((of_rarer > 0).sum())
    few = refused("few clusters with a row of the rarer class", "") if held < 10 else None
    share = positives / rows
    if least:
        surprise = -math.log(share) * sums["positives"]
        surprise = surprise - math.log1p(-share) * (sizes - sums["positives"])
        found = ratio_interval(sums["log loss"], surprise, counts=counts, positive=held)
        skill = Interval(1 - found.high, 1 - found.low, found.error, found.method, found.reason)
        tally.add("skill", skill)
    else:
        tally.add("skill", refused("one class", ""))
    if few:
        tally.add("AUC", few)
        return
    every = histogram.sum(axis=0)
    rest = every - histogram
    below = np.cumsum(rest[:, 0], axis=1) - rest[:, 0] / 2
    without = (below * rest[:, 1]).sum(axis=1) / rest[:, 0].sum(axis=1) / rest[:, 1].sum(axis=1)
    estimate = auc(*every)
    tally.add("AUC", jackknife_interval(estimate, without, sizes, positive=held, share=True))


VALUES = 4
"""Slices of a data set; no one is worse than the others."""
INSIDE, PARTLY, ACROSS = "whole clusters", "mostly one value", "any value"
"""How rows of a cluster have values: all the same one, 70 % of them at least, or any."""


def sliced(
    population: Clustered, how: str, clusters: int, sets: int, seed: int
) -> dict[str, Found]:
    """Tallies of the intervals of slices, and of data sets in which no slice is called worse."""
    rng = np.random.default_rng(seed)
    tally = Tally(population.truth | {CALLED: 0.0})
    for _ in range(sets):
        _, of, z, true = population.rows(rng, clusters)
        loss = log1pexp(population.slope * np.where(true, -z, z))
        value = rng.integers(0, VALUES, clusters)[of]
        any_value = rng.integers(0, VALUES, len(of))
        alone = {INSIDE: 0.0, PARTLY: 0.3, ACROSS: 1.0}[how]
        value = np.where(rng.random(len(of)) < alone, any_value, value)
        cells = value * clusters + of
        shape = (VALUES, clusters)
        sums, sizes = (
            np.bincount(cells, x, VALUES * clusters).reshape(shape) for x in (loss, None)
        )
        positives = np.bincount(value, true, VALUES)
        p_values = []
        for j in range(VALUES):
            rows = int(sizes[j].sum())
            counts = {"0": rows - int(positives[j]), "1": int(positives[j])}
            tally.add("log loss", ratio_interval(sums[j], sizes[j], counts=counts))
            others = sums.sum(axis=0) - sums[j], sizes.sum(axis=0) - sizes[j]
            if min(rows, len(of) - rows) >= FEWEST:
                found = difference_estimate((sums[j], others[0]), (sizes[j], others[1]))
                p_values.append(found.below(0))
        called = any(p < 0.05 for p in holm(p_values))
        tested = any(not math.isnan(p) for p in p_values)
        # Not called worse: as an interval that holds the true difference, which is 0.
        said = Interval(float(called), math.inf, math.nan, "") if tested else refused("none", "")
        tally.add(CALLED, said)
    return tally.found


def cells() -> Iterator[Case]:
    """The tables of clusters and of slices."""
    for name, logits in POPULATIONS.items():
        for model, slope in MODELS.items():
            of = Clustered(logits, slope)
            for rows in SIZES:
                yield of_size("clusters", name, model, rows, of)
    for how in (INSIDE, PARTLY, ACROSS):
        for name, logits in POPULATIONS.items():
            for model, slope in MODELS.items():
                of = Clustered(logits, slope)
                for rows in SIZES[1:]:
                    yield of_size("slices", f"{how}, {name}", model, rows, of, how)


def of_size(table: str, name: str, model: str, rows: int, of: Clustered, how: str = "") -> Case:
    clusters = rows // of.mean_size

    def simulated(sets: int) -> dict[str, Found]:
        if how:
            return sliced(of, how, clusters, sets, seed=clusters + 3)
        return clustered(of, clusters, sets, seed=clusters + 2)

    return Case(table, name, model, rows, simulated)
