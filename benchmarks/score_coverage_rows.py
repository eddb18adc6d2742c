"""Coverage over independent rows, with and without weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from score_coverage_page import Found
from score_coverage_tally import (
    BALANCED,
    MODELS,
    SIZES,
    WEIGHTS,
    Array,
    Case,
    Tally,
    log1pexp,
    sigmoid,
)

from xent.scoring.intervals import (
    Effective,
    Interval,
    auc,
    auc_interval,
    average_precision,
    average_precision_interval,
    class_moments,
    macro_interval,
    mean_interval,
    moments_of_sums,
    normal_quantile,
    proportion_interval,
    refused,
    skill_interval,
    weighted_proportion_interval,
)

PART = 500
"""Data sets that are drawn at a time."""
SCALE = 40
ONE = 1 << SCALE
"""Sums are given to the intervals as integers in units of 2**-40, as a state has them."""

ACCURATE, RARE = (0.0, 5.0), (-5.52, 1.5)
"""Mean and standard deviation of the true logits; with the last, 1.1 % of the rows have label 1."""
HEAVY = 5.0
"""The weights of label 1 are so many times as large."""


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


def cells() -> Iterator[Case]:
    """The tables of independent rows."""
    populations = {"balanced": BALANCED, "accurate": ACCURATE, "1 % positive": RARE}
    for weighted in (False, True):
        for name, logits in populations.items():
            for model, slope in MODELS.items():
                population = binary(logits, slope, weighted=weighted)
                for rows in SIZES:
                    table = "weights" if weighted else "rows"
                    yield case(table, name, model, rows, population)
    for model, slope in MODELS.items():
        for rows in SIZES:
            yield case("classes", "ten classes", model, rows, many(slope))
    for expected in (2.5, 5, 10, 20, 40):
        logits = (mean_for(expected / 1000), RARE[1])
        for model, slope in MODELS.items():
            yield case("few", f"{expected:g} expected", model, 1000, binary(logits, slope))


def case(table: str, name: str, model: str, rows: int, population: Population) -> Case:
    def simulated(sets: int) -> dict[str, Found]:
        return independent(population, rows, sets, seed=rows + 1)

    return Case(table, name, model, rows, simulated)


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
