"""How often the intervals of `xent.scoring.intervals` contain the truth, by simulation.

python benchmarks/score_coverage.py            simulate; write score_coverage.json and its page
python benchmarks/score_coverage.py --only T   only the table T; the others stay as they are
python benchmarks/score_coverage.py --sets N   with N data sets in each cell; write nothing
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import machine
import numpy as np
import score_coverage_page
from score_coverage_page import Cell, Found, Report

from xent.scoring.intervals import (
    Effective,
    Interval,
    auc,
    auc_interval,
    average_precision,
    average_precision_interval,
    class_moments,
    difference_estimate,
    holm,
    jackknife_interval,
    macro_interval,
    mean_interval,
    moments_of_sums,
    normal_quantile,
    proportion_interval,
    ratio_interval,
    refused,
    skill_interval,
    weighted_proportion_interval,
)
from xent.scoring.weak_slices import FEWEST

HERE = Path(__file__).parent
RESULTS = HERE / "score_coverage.json"
PAGE = HERE.parent / "docs" / "score-coverage.md"

Array = Any
SETS = 4_000
"""Data sets in each cell: an error of at most 0.4 percentage points at 95 %."""
SIZES = (100, 1_000, 10_000)
PART = 500
"""Data sets that are drawn at a time."""
SCALE = 40
ONE = 1 << SCALE
"""Sums are given to the intervals as integers in units of 2**-40, as a state has them."""

BALANCED, ACCURATE, RARE = (0.0, 1.5), (0.0, 5.0), (-5.52, 1.5)
"""Mean and standard deviation of the true logits; with the last, 1.1 % of the rows have label 1."""
WEIGHTS = {0.25: 0.05, 0.5: 0.25, 1.0: 0.4, 2.0: 0.25, 4.0: 0.05}
HEAVY = 5.0
"""Weights and their shares; those of label 1 are so many times as large."""


def log1pexp(z: Array) -> Array:
    return np.logaddexp(0, z)


def sigmoid(z: Array) -> Array:
    return 0.5 + 0.5 * np.tanh(z / 2)


@dataclass(frozen=True)
class Population:
    """Kinds of rows with their probabilities, from which rows are drawn independently."""

    p: Array
    label: Array
    loss: Array
    brier: Array
    right: Array
    weight: Array
    grid: tuple[int, int, int] | None = None
    """Weights, labels, scores, if kinds are these combined, and so have an AUC."""

    @cached_property
    def weighted(self) -> bool:
        return bool((self.weight != 1).any())

    @cached_property
    def classes(self) -> int:
        return int(self.label.max()) + 1

    @cached_property
    def truth(self) -> dict[str, float]:
        """The figures of the whole population."""
        mass = self.p * self.weight
        mass = mass / mass.sum()
        shares = np.bincount(self.label, mass)
        loss = float(mass @ self.loss)
        found = {
            "log loss": loss,
            "Brier": float(mass @ self.brier),
            "accuracy": float(mass @ self.right),
            "skill": 1 - loss / -float(shares @ np.log(shares)),
            "macro loss": float((np.bincount(self.label, mass * self.loss) / shares).mean()),
        }
        if self.grid:
            negatives, positives = mass.reshape(self.grid).sum(axis=0)
            found["AUC"] = auc(negatives, positives)
            found["average precision"] = average_precision(negatives, positives)
        return found

    @cached_property
    def features(self) -> Array:
        """What is summed over the rows of each class: products of weight and loss, and others."""
        w, x, b, r = self.weight, self.loss, self.brier, self.right
        ones = np.ones_like(w)
        columns = [ones, w, w * r, w * w]
        columns += [each for v in (x, b) for each in powers(w, v)]
        return np.stack(columns, axis=1)


def powers(w: Array, x: Array) -> list[Array]:
    return [w * x, w * x * x, w * x**3, w * w * x, w * w * x * x]


NAMES = ("wl", "wll", "wlll", "wwl", "wwll")


def binary(
    logits: tuple[float, float], slope: float = 1.0, *, weighted: bool = False, steps: int = 300
) -> Population:
    """True logits z, normal, on a grid; the model's are `slope` times as large."""
    mean, deviation = logits
    t = np.linspace(-4.5, 4.5, steps)
    of_score = np.exp(-t * t / 2)
    of_score /= of_score.sum()
    z = mean + deviation * t
    true = np.stack([sigmoid(-z), sigmoid(z)])
    weights = WEIGHTS if weighted else {1.0: 1.0}
    shape = (len(weights), 2, steps)
    p = np.array([*weights.values()])[:, None, None] * (of_score * true)
    loss = np.stack([log1pexp(slope * z), log1pexp(-slope * z)])
    brier = np.stack([sigmoid(slope * z) ** 2, sigmoid(-slope * z) ** 2])
    right = np.stack([z <= 0, z > 0]) * 1.0
    heavy = np.array([1.0, HEAVY if weighted else 1.0])[:, None]
    weight = np.array([*weights])[:, None, None] * heavy
    label = np.arange(2)[:, None]
    p, label, loss, brier, right, weight = (
        np.broadcast_to(each, shape).ravel() for each in (p, label, loss, brier, right, weight)
    )
    return Population(p, label, loss, brier, right, weight, grid=shape)


def many(slope: float, classes: int = 10, kinds: int = 400) -> Population:
    """Ten classes, of which each is 0.7 times as frequent as the one before."""
    rng = np.random.default_rng(5)
    z = rng.normal(0, 2, (kinds, classes)) + np.log(0.7) * np.arange(classes)
    true = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    said = np.exp(slope * z) / np.exp(slope * z).sum(axis=1, keepdims=True)
    brier = 1 - 2 * said + (said**2).sum(axis=1, keepdims=True)
    right = (said == said.max(axis=1, keepdims=True)) * 1.0
    label = np.broadcast_to(np.arange(classes), z.shape)
    columns = (true / kinds, label, -np.log(said), brier, right, np.ones_like(z))
    p, labels, loss, briers, hits, weight = (each.ravel() for each in columns)
    return Population(p, labels, loss, briers, hits, weight)


class Tally:
    """For each figure, how many intervals were shown, held the truth, and lay above it."""

    def __init__(self, truth: dict[str, float]) -> None:
        self.truth = truth
        self.found: dict[str, Found] = {}

    def add(self, name: str, interval: Interval, of: str = "") -> None:
        found = self.found.setdefault(name, {"sets": 0, "shown": 0, "held": 0, "above": 0})
        truth = self.truth[of or name]
        found["sets"] += 1
        found["shown"] += interval.known
        found["held"] += interval.low <= truth <= interval.high
        found["above"] += interval.low > truth


def independent(population: Population, rows: int, sets: int, seed: int) -> dict[str, Found]:
    """Tallies of the intervals of data sets with so many independent rows."""
    rng = np.random.default_rng(seed)
    tally = Tally(population.truth)
    for at in range(0, sets, PART):
        counts = rng.multinomial(rows, population.p, size=min(PART, sets - at)).astype(np.float64)
        for sums, histogram in zip(
            summed(population, counts), histograms(population, counts), strict=True
        ):
            of_set(tally, population, sums, histogram)
    return tally.found


def summed(population: Population, counts: Array) -> Array:
    """The sums of the features of each data set and class: shape (sets, classes, features)."""
    of = [population.label == j for j in range(population.classes)]
    return np.stack([counts[:, rows] @ population.features[rows] for rows in of], axis=1)


def histograms(population: Population, counts: Array) -> Array:
    """Weights by label and score of each data set, if the population has a grid."""
    if population.grid is None:
        return [None] * len(counts)
    return (counts * population.weight).reshape(-1, *population.grid).sum(axis=1)


def whole(values: Array) -> list[int]:
    return [int(each) for each in np.rint(values * ONE)]


def of_set(tally: Tally, population: Population, sums: Array, histogram: Array) -> None:
    """Every interval of a data set."""
    weighted = population.weighted
    rows = [int(each) for each in sums[:, 0]]
    counts = {str(j): count for j, count in enumerate(rows)}
    w, right, ww = sums[:, 1], sums[:, 2], sums[:, 3]
    weights = {"w": whole(w), "ww": whole(ww)}
    losses, briers = (
        {name: whole(each) for name, each in zip(NAMES, sums[:, at : at + 5].T, strict=True)}
        for at in (4, 9)
    )
    for each in (losses, briers):
        each |= weights if weighted else {}
        if not weighted:
            del each["wwl"], each["wwll"]
    moments = moments_of_sums(rows, ONE, losses)
    tally.add("log loss", mean_interval(moments, counts=counts))
    half = normal_quantile(0.95) * moments.error
    plain = Interval(moments.mean - half, moments.mean + half, moments.error, "normal")
    tally.add("normal", plain, "log loss")
    tally.add("Brier", mean_interval(moments_of_sums(rows, ONE, briers), counts=counts))
    if weighted:
        tally.add("accuracy", weighted_proportion_interval(right, w, ww, sum(rows)))
    else:
        tally.add("accuracy", proportion_interval(float(right.sum()) / sum(rows), sum(rows)))
    by_class = class_moments([*counts], rows, ONE, losses)
    if len(by_class.rows) < population.classes:  # the true macro loss is one of all classes
        tally.add("macro loss", refused("a class is missing", ""))
    else:
        tally.add("macro loss", macro_interval(by_class))
    tally.add("skill", skill_interval(by_class))
    if histogram is None:
        return
    negatives, positives = histogram
    held = of_rows = None
    if weighted and min(rows):
        held, of_rows = Effective(*(w**2 / ww).tolist()), (rows[0], rows[1])
    tally.add("AUC", auc_interval(negatives, positives, effective=held, rows=of_rows))
    tally.add(
        "average precision", average_precision_interval(negatives, positives, weighted=weighted)
    )


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
    tally = Tally(population.truth | {score_coverage_page.CALLED: 0.0})
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
        tally.add(score_coverage_page.CALLED, said)
    return tally.found


MODELS = {"calibrated": 1.0, "over-confident": 2.0}


def cells() -> Iterator[tuple[str, str, str, int, Callable[[int], dict[str, Found]]]]:
    """Table, population, model, size, and what simulates it."""
    populations = {"balanced": BALANCED, "accurate": ACCURATE, "1 % positive": RARE}
    for weighted in (False, True):
        for name, logits in populations.items():
            for model, slope in MODELS.items():
                population = binary(logits, slope, weighted=weighted)
                for rows in SIZES:
                    table = "weights" if weighted else "rows"
                    yield table, name, model, rows, on_rows(population, rows)
    for model, slope in MODELS.items():
        for rows in SIZES:
            yield "classes", "ten classes", model, rows, on_rows(many(slope), rows)
    for expected in (2.5, 5, 10, 20, 40):
        logits = (mean_for(expected / 1000), RARE[1])
        for model, slope in MODELS.items():
            name = f"{expected:g} expected"
            yield "few", name, model, 1000, on_rows(binary(logits, slope), 1000)
    for name, logits in {"balanced": BALANCED, "1 % positive": (-5.72, 1.5)}.items():
        for model, slope in MODELS.items():
            of = Clustered(logits, slope)
            for rows in SIZES:
                yield "clusters", name, model, rows, on_clusters(of, rows // of.mean_size)
    for how in (INSIDE, PARTLY, ACROSS):
        for name, logits in {"balanced": BALANCED, "1 % positive": (-5.72, 1.5)}.items():
            for model, slope in MODELS.items():
                of = Clustered(logits, slope)
                for rows in SIZES[1:]:
                    simulated = on_slices(of, how, rows // of.mean_size)
                    yield "slices", f"{how}, {name}", model, rows, simulated


def on_rows(population: Population, rows: int) -> Callable[[int], dict[str, Found]]:
    return lambda sets: independent(population, rows, sets or SETS, seed=rows + 1)


def on_clusters(population: Clustered, clusters: int) -> Callable[[int], dict[str, Found]]:
    return lambda sets: clustered(population, clusters, sets or SETS, seed=clusters + 2)


def on_slices(population: Clustered, how: str, clusters: int) -> Callable[[int], dict[str, Found]]:
    return lambda sets: sliced(population, how, clusters, sets or SETS, seed=clusters + 3)


def mean_for(share: float) -> float:
    """The mean of the logits for which this share of the rows has label 1."""
    low, high = -20.0, 0.0
    for _ in range(60):
        middle = (low + high) / 2
        population = binary((middle, RARE[1]))
        if float(population.p[population.label == 1].sum()) < share:
            low = middle
        else:
            high = middle
    return low


def main() -> None:
    """Simulate, print, and write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sets", type=int, default=0)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    found: list[Cell] = []
    start = time.perf_counter()
    for table, population, model, rows, simulated in cells():
        if asked.only and table != asked.only:
            continue
        figures = simulated(asked.sets)
        cell: Cell = {
            "table": table,
            "population": population,
            "model": model,
            "rows": rows,
            "figures": figures,
        }
        found.append(cell)
        shown = {name: score_coverage_page.told(each) for name, each in figures.items()}
        print(
            f"{time.perf_counter() - start:.0f} s",
            table,
            population,
            model,
            rows,
            shown,
            flush=True,
        )
    if asked.sets:
        return
    if asked.only:
        kept = json.loads(RESULTS.read_text(encoding="utf-8"))["cells"]
        found = [cell for cell in kept if cell["table"] != asked.only] + found
    report: Report = {
        "date": machine.today(),
        "processor": machine.processor(),
        "cores": machine.cores(),
        "versions": machine.versions("numpy", "xent"),
        "cells": found,
    }
    RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(score_coverage_page.page(report), encoding="utf-8")


if __name__ == "__main__":
    main()
