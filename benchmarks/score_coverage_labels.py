"""Coverage where several labels of a row may be true: the cells of a row go together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from score_coverage_clusters import Clustered
from score_coverage_page import Found
from score_coverage_tally import MODELS, WEIGHTS, Array, Case, Tally

from xent.scoring.intervals import Interval, normal_quantile
from xent.scoring.losses import scored
from xent.scoring.row_intervals import RowIntervals
from xent.scoring.state import Batch
from xent.scoring.state.label_rows import LabelRows

SETS = 2_000
POPULATIONS = {"30 % true": -1.3, "1 % true": -6.08}
"""Mean of the true logits of all labels: with it, so many of the cells are true."""
DEVIATION, APART = 1.5, 0.7
SPREAD = 1.0
"""The labels' mean logits are so far above and below the mean of all, evenly."""
LEAST_KNOWN = 0.2
"""A row has each of its labels with a probability that is uniform between this and 1."""


@dataclass(frozen=True)
class Labelled:
    """Rows with several labels, whose logits and outcomes go together, or do not.

    Half the variance of the logits is that of the rows, and the log odds of all labels of a row
    differ from the logits by one normal number; if cells are independent each has its own numbers.
    So the true figures are the same, and are those of the labels, each a `Clustered` population.
    """

    mean: float
    slope: float = 1.0
    labels: int = 5
    together: bool = True
    missing: bool = False
    weighted: bool = False

    @property
    def means(self) -> Array:
        return self.mean + np.linspace(-SPREAD, SPREAD, self.labels)

    @cached_property
    def truth(self) -> dict[str, float]:
        """The figures of the whole population: cells are missing, and have weights, at random."""
        each = [Clustered((mean, DEVIATION), self.slope, APART).truth for mean in self.means]
        loss = math.fsum(one["log loss"] for one in each)
        base = math.fsum(one["log loss"] / (1 - one["skill"]) for one in each)
        return {
            "log loss": loss / self.labels,
            "accuracy": math.fsum(one["accuracy"] for one in each) / self.labels,
            "skill": 1 - loss / base,
            "macro loss": loss / self.labels,
        }

    def rows(self, rng: np.random.Generator, n: int) -> tuple[Array, Array, Array, Array]:
        """Logits, labels and which of them are known, by row and label; and weights."""
        of_row = (n, 1 if self.together else self.labels)
        common, apart = (rng.standard_normal(of_row) for _ in range(2))
        own = rng.standard_normal((n, self.labels))
        z = self.means + DEVIATION * math.sqrt(0.5) * (common + own)
        y = rng.random(z.shape) < 1 / (1 + np.exp(-z - APART * apart))
        known = np.ones(z.shape, bool)
        if self.missing:
            known = rng.random(z.shape) < rng.uniform(LEAST_KNOWN, 1, (n, 1))
        weight = np.ones(n)
        if self.weighted:
            weight = rng.choice([*WEIGHTS], n, p=[*WEIGHTS.values()])
        return self.slope * z, y.astype(np.int64), known, weight


def several_labels(population: Labelled, rows: int, sets: int, seed: int) -> dict[str, Found]:
    """Tallies of the intervals of data sets with so many rows."""
    rng = np.random.default_rng(seed)
    tally = Tally(population.truth)
    for _ in range(sets):
        z, y, known, weight = population.rows(rng, rows)
        batches = []
        for j in range(population.labels):
            at = np.flatnonzero(known[:, j])
            made = scored(z[at, j], y[at, j], "logits")
            weights = weight[at] if population.weighted else None
            batches.append(Batch(z[at, j], y[at, j], made, weights, at))
        together = LabelRows(population.labels, weighted=population.weighted)
        together.add([batch.places for batch in batches], batches)
        counts = [
            (
                f"label {j}",
                int((known[:, j] & (y[:, j] == 0)).sum()),
                int((y[known[:, j], j]).sum()),
            )
            for j in range(population.labels)
        ]
        found = RowIntervals(together, 0, counts, 0.95)
        tally.add("log loss", found.loss)
        tally.add("accuracy", found.accuracy(together.moments("right").mean))
        tally.add("skill", found.skill)
        tally.add("macro loss", found.macro)
        tally.add("as if independent", of_cells(batches), "log loss")
    return tally.found


def of_cells(batches: list[Batch]) -> Interval:
    """The interval of the mean loss that takes every cell for independent."""
    losses = np.concatenate([batch.losses for batch in batches])
    w = np.concatenate([np.ones(len(b.places)) if b.weight is None else b.weight for b in batches])
    mean = float(w @ losses / w.sum())
    error = float(np.linalg.norm(w * (losses - mean)) / w.sum())
    half = normal_quantile(0.95) * error
    return Interval(mean - half, mean + half, error, "")


def cells() -> Iterator[Case]:
    """The table of several labels."""
    for name, mean in POPULATIONS.items():
        for model, slope in MODELS.items():
            kinds = {
                "independent": Labelled(mean, slope, together=False),
                "correlated": Labelled(mean, slope),
                "correlated, 40 % missing": Labelled(mean, slope, missing=True),
                "correlated, weighted": Labelled(mean, slope, weighted=True),
                "correlated, 20 labels": Labelled(mean, slope, labels=20),
            }
            for kind, population in kinds.items():
                sizes = (100, 1_000, 10_000) if kind == "correlated" else (100, 1_000)
                for rows in sizes:
                    yield case(f"{name}, {kind}", model, rows, population)


def case(name: str, model: str, rows: int, population: Labelled) -> Case:
    def simulated(sets: int) -> dict[str, Found]:
        return several_labels(population, rows, sets, seed=rows + 4)

    return Case("labels", name, model, rows, simulated, SETS)
