"""Coverage of the differences between two models on the same rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from score_coverage_clusters import Clustered
from score_coverage_page import Found
from score_coverage_rows import ACCURATE, PART, RARE
from score_coverage_tally import (
    BALANCED,
    SIZES,
    WEIGHTS,
    Array,
    Case,
    Tally,
    log1pexp,
    sigmoid,
)

from xent.scoring.comparing.estimates import of_clusters, of_rows
from xent.scoring.comparing.sums import powers, products
from xent.scoring.intervals import Interval, normal_quantile, paired_interval
from xent.scoring.products import moments
from xent.scoring.state.exact import ONE

NODES = 8
"""Values that the noise of a model has, and 100 those of the true logits."""


@dataclass(frozen=True)
class Models:
    """Kinds of rows with their probabilities, and what the two models make of each."""

    p: Array
    label: Array
    difference: Array
    """Of the losses."""
    alone: Array
    """1 if only the first model is right, -1 if only the second one is, and 0."""

    @cached_property
    def truth(self) -> dict[str, float]:
        """The differences of the whole population."""
        return {
            "log loss": float(self.p @ self.difference),
            "accuracy": float(self.p @ self.alone),
        }


def models_of(logits: tuple[float, float]) -> dict[str, Models]:
    """Pairs of models by how they differ: in noise, or in how confident they are."""
    return {
        "equally good": noisy(logits, (0.5, 0.5)),
        "one noisy": noisy(logits, (0.0, 0.7)),
        "nearly alike": noisy(logits, (0.0, 0.1)),
        "one over-confident": noisy(logits, (0.0, 0.0), slope=2.0),
        "one under-confident": noisy(logits, (0.0, 0.0), slope=0.5),
    }


def noisy(logits: tuple[float, float], noises: tuple[float, float], slope: float = 1.0) -> Models:
    """True logits on a grid; each model's have independent normal noise (by quadrature)."""
    mean, deviation = logits
    t = np.linspace(-4.5, 4.5, 100)
    of_score = np.exp(-t * t / 2) / np.exp(-t * t / 2).sum()
    at, share = np.polynomial.hermite_e.hermegauss(NODES)
    z = (mean + deviation * t)[:, None, None]
    first = z + noises[0] * at[:, None]
    second = slope * (z + noises[1] * at)
    p = of_score[:, None, None] * np.outer(share, share) / share.sum() ** 2
    signs = np.array([-1, 1])[:, None, None, None]  # of the two labels
    shape = (2, *p.shape)
    difference = np.broadcast_to(log1pexp(-signs * first) - log1pexp(-signs * second), shape)
    alone = np.broadcast_to((signs * first > 0) * 1.0 - (signs * second > 0), shape)
    label = np.broadcast_to(signs > 0, shape)
    return Models(*(each.ravel() for each in (p * sigmoid(signs * z), label, difference, alone)))


def simulate(
    population: Models, rows: int, sets: int, seed: int, *, weighted: bool
) -> dict[str, Found]:
    """Tallies of the intervals of data sets with so many independent rows."""
    rng = np.random.default_rng(seed)
    tally = Tally(population.truth)
    for at in range(0, sets, PART):
        for counts in rng.multinomial(rows, population.p, size=min(PART, sets - at)):
            kinds = np.repeat(np.arange(len(counts)), counts)
            weight = rng.choice([*WEIGHTS], rows, p=[*WEIGHTS.values()]) if weighted else None
            of_set(tally, population, kinds, weight)
    return tally.found


def of_set(tally: Tally, population: Models, kinds: Array, weight: Array | None) -> None:
    """Both intervals of a data set, as `compare` has them."""
    rows, ones = len(kinds), int(population.label[kinds].sum())
    counts = {"0": rows - ones, "1": ones}
    tally.add("log loss", of_mean(population.difference[kinds], weight, counts))
    if not population.alone.any():
        return
    alone = population.alone[kinds]
    if weight is not None:
        tally.add("accuracy", of_mean(alone, weight, counts))
        return
    b, c = int((alone > 0).sum()), int((alone < 0).sum())
    tally.add("accuracy", paired_interval(b, c, rows))
    tally.add("Wald", wald(b, c, rows), "accuracy")


def of_mean(values: Array, weight: Array | None, counts: Mapping[str, int]) -> Interval:
    """The interval of a mean difference, from exact sums."""
    made = products(values, weight) | ({} if weight is None else powers(weight))
    sums = {name: int(Fraction(float(each.sum())) * ONE) for name, each in made.items()}
    return of_rows(moments(len(values), sums, 0), (0, 0), counts).interval(0.95)


def of_clustered(
    logits: tuple[float, float], slope: float, clusters: int, sets: int, seed: int
) -> dict[str, Found]:
    """The same of the mean loss for clusters of rows: of noisy models, or of one too confident."""
    rows, other = Clustered(logits), Clustered(logits, slope)
    truth = rows.truth["log loss"] - other.truth["log loss"]
    rng = np.random.default_rng(seed)
    tally = Tally({"log loss": truth})
    for _ in range(sets):
        sizes, of, z, true = rows.rows(rng, clusters)
        noise = 0.5 * (slope == 1.0)
        a, b = (each * z + noise * rng.standard_normal(len(z)) for each in (1.0, slope))
        signs = np.where(true, -1, 1)
        sums = np.bincount(of, log1pexp(signs * a) - log1pexp(signs * b), clusters)
        exact = [
            (int(Fraction(float(s)) * ONE), int(n) * ONE) for s, n in zip(sums, sizes, strict=True)
        ]
        counts = {"0": int((~true).sum()), "1": int(true.sum())}
        tally.add("log loss", of_clusters(exact, (0, 0), counts).interval(0.95))
    return tally.found


def wald(b: int, c: int, rows: int) -> Interval:
    """The usual interval of a difference of accuracies."""
    mean = (b - c) / rows
    error = math.sqrt(((b + c) / rows - mean * mean) / rows)
    half = normal_quantile(0.95) * error
    return Interval(mean - half, mean + half, error, "Wald")


def cells() -> Iterator[Case]:
    """The table of two models."""
    populations = {"balanced": BALANCED, "accurate": ACCURATE, "1 % positive": RARE}
    for name, logits in populations.items():
        for model, kinds in models_of(logits).items():
            for weighted in (False, True):
                for rows in SIZES:
                    about = model + ", weighted" * weighted
                    yield case(name, about, rows, kinds, weighted=weighted)
        for model, slope in {"equally good": 1.0, "one over-confident": 2.0}.items():
            for clusters in (30, 100, 1000):
                yield clustered_case(name, model, clusters, logits, slope)


def case(name: str, model: str, rows: int, population: Models, *, weighted: bool) -> Case:
    def simulated(sets: int) -> dict[str, Found]:
        return simulate(population, rows, sets, seed=rows + 2, weighted=weighted)

    return Case("models", name, model, rows, simulated)


def clustered_case(
    name: str, model: str, clusters: int, logits: tuple[float, float], slope: float
) -> Case:
    def simulated(sets: int) -> dict[str, Found]:
        return of_clustered(logits, slope, clusters, min(sets, 2_000), seed=clusters)

    return Case("models", name, f"{model}, {clusters:,} clusters", 10 * clusters, simulated)
