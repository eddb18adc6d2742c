"""Figures of a comparison against NumPy and SciPy, on the predictions of real models."""

from __future__ import annotations

import json
import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
import scipy.stats
from helpers import close
from score_coverage_models import models_of, of_clustered, simulate
from score_coverage_page import coverage
from score_coverage_rows import ACCURATE, RARE
from score_coverage_tally import BALANCED
from three_models import breast_cancer, digits

import xent
from xent.scoring import score
from xent.scoring.comparing.estimates import of_clusters
from xent.scoring.intervals import paired_interval
from xent.scoring.intervals.tails import t_tail

NAMES = ("logistic", "boosted", "forest")
FLOOR = 1e-2


def losses_of(frame: pd.DataFrame, name: str, clip: float = FLOOR) -> np.ndarray:
    p = np.clip(frame[f"prob_{name}"].to_numpy(), clip, 1 - clip)
    return -np.log(np.where(frame.label == 1, p, 1 - p))


def solved(mean: float, error: float, a: float, b: float, t: float) -> float:
    """The value at which the transformed studentised distance of the mean is t."""

    def distance(value: float) -> float:
        x = (mean - value) / error
        return x + a * x * x + b + a * a * x**3 / 3 - t

    return float(scipy.optimize.brentq(distance, mean - 50 * error, mean + 50 * error, xtol=1e-15))


def brute(
    x: np.ndarray,
    w: np.ndarray,
    level: float,
    labels: np.ndarray | None = None,
    *,
    differences: bool = False,
) -> dict[str, float]:
    """Mean, interval, p-value and detectable difference of one column, by their definitions.

    With labels, third powers of weights are what they are on average if, in each class, weights are
    log-normal and independent of x. Differences have the degrees of freedom of their squares.
    """
    n, mean = len(x), float(np.average(x, weights=w))
    off = x - mean
    error = math.sqrt(n / (n - 1) * (w**2 * off**2).sum()) / w.sum()
    effective = w.sum() ** 2 / (w**2).sum()
    cubes = ((w * off) ** 3).sum()
    if labels is not None:
        of_class = [(w[labels == k], off[labels == k]) for k in np.unique(labels)]
        cubes = sum(
            len(v) * ((v**2).mean() / v.mean()) ** 3 * np.average(o**3, weights=v)
            for v, o in of_class
        )
    skewness = cubes / ((w * off) ** 2).sum() ** 1.5
    freedom = effective - 1
    if differences:
        squares = (w * off) ** 2
        kurtosis = (squares**2).sum() / squares.sum() ** 2
        freedom = min(freedom, 2 / (kurtosis - (w**4).sum() / (w**2).sum() ** 2))
        skewness *= freedom / (freedom + 8)
    a = skewness / 3 - (w**2 * off).sum() / w.sum() ** 2 / error
    b = skewness / 6
    t = scipy.stats.t(int(freedom) if freedom < 200 else freedom)
    studentised = mean / error
    transformed = studentised + a * studentised**2 + b + a * a * studentised**3 / 3
    quantile = t.ppf((1 + level) / 2)
    return {
        "mean": mean,
        "error": error,
        "low": solved(mean, error, a, b, quantile),
        "high": solved(mean, error, a, b, -quantile),
        "p": 2 * t.sf(abs(transformed)),
        "detectable": error * (quantile + t.ppf(0.8)),
    }


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_two_models(weighted: bool, level: float) -> None:
    frame = breast_cancer().drop(columns="prob_forest")
    w = frame.w.to_numpy() if weighted else np.ones(len(frame))
    result = xent.compare(
        frame, level=level, clip=FLOOR, weight_column="w" if weighted else None,
        show=["id"], by=["size"],
    )  # fmt: skip
    (pair,) = result.pairs
    a, b = losses_of(frame, "logistic"), losses_of(frame, "boosted")
    wanted = brute(a - b, w, level, differences=True)
    found = {
        "mean": pair.difference, "error": pair.interval.error, "low": pair.interval.low,
        "high": pair.interval.high, "p": pair.p, "detectable": pair.detectable,
    }  # fmt: skip
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, rel=1e-8), name
    assert (pair.lower, pair.equal) == (((a < b).sum(), (b < a).sum()), (a == b).sum())
    right = {name: (frame[f"prob_{name}"] > 0.5) == frame.label for name in NAMES[:2]}
    alone = [(right[x] & ~right[y]).sum() for x, y in (NAMES[:2], NAMES[1::-1])]
    assert pair.right_alone == tuple(alone)
    exact = scipy.stats.binomtest(int(alone[0]), int(sum(alone)), 0.5).pvalue
    if weighted:  # rows that do not count alike are no rows of that test
        assert math.isnan(pair.mcnemar)
        assert pair.accuracy_interval.method == "Hall"
        assert "accuracy differs by" in result.to_text()
    else:
        assert pair.mcnemar == pytest.approx(exact, rel=1e-12)
        assert pair.accuracy_interval == paired_interval(*map(int, alone), len(frame), level)
    for model, losses in zip(result.models, (a, b), strict=True):
        alone_score = score(
            frame, score_columns=[f"prob_{model.name}"], clip=FLOOR, level=level, by=["size"],
            weight_column="w" if weighted else None,
        )  # fmt: skip
        wanted = brute(losses, w, level, frame.label.to_numpy() if weighted else None)
        assert model.loss_interval.low == pytest.approx(wanted["low"], rel=1e-8)
        assert model.loss_interval.high == pytest.approx(wanted["high"], rel=1e-8)
        own = result.scores[model.name]
        assert own.figures == alone_score.figures
        assert own.by_value("size") == alone_score.by_value("size")
        assert (model.loss, model.loss_interval) == (own.loss, own.loss_interval)
        assert (model.accuracy, model.accuracy_interval) == (own.accuracy, own.accuracy_interval)
    for each in result.by_value("size"):
        of = (frame["size"] == each.value).to_numpy()
        wanted = brute((a - b)[of], w[of], level, differences=True)
        assert (each.rows, each.difference) == (of.sum(), pytest.approx(wanted["mean"], rel=1e-9))
        assert each.interval.low == pytest.approx(wanted["low"], rel=1e-7)
        assert each.p == pytest.approx(wanted["p"], rel=1e-7)
    p, corrected = zip(*((x.p, x.corrected) for x in result.by_value("size")), strict=True)
    assert corrected == tuple(max(2 * min(p), q) if q > min(p) else 2 * q for q in p)
    far = np.argsort(-abs(a - b), kind="stable")[:5]
    assert [each.row for each in result.differing] == far.tolist()
    assert [each.key for each in result.differing] == [(str(frame.id[i]),) for i in far]
    for i, each in zip(far, result.differing, strict=True):
        close(each.losses, (a[i], b[i]))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_third_powers_of_weights_by_class_are_near_the_exact_ones(level: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 1.5, 1000)
    label = (rng.random(1000) < 1 / (1 + np.exp(-z))).astype(int)
    losses = np.log1p(np.exp(np.where(label == 1, -z, z)))
    # How far bounds differ, in standard errors: in 30 other seeds 0.3, 0.033 and 0.04.
    for w, far in (
        (rng.lognormal(0, 0.5, 1000), 0.35),
        (rng.uniform(0.5, 2, 1000), 0.05),
        (rng.integers(1, 5, 1000) / 2, 0.05),
    ):
        table = {"logit": z, "label": label, "w": w}
        found = score(table, weight_column="w", level=level).loss_interval
        wanted, exact = (brute(losses, w, level, each) for each in (label, None))
        for bound in ("low", "high"):
            assert getattr(found, bound) == pytest.approx(wanted[bound], rel=1e-8)
            assert abs(wanted[bound] - exact[bound]) < far * exact["error"]


def test_three_models_and_holms_correction() -> None:
    frame = breast_cancer()
    result = xent.compare(frame, clip=FLOOR)
    losses = {name: losses_of(frame, name) for name in NAMES}
    assert [(pair.first, pair.second) for pair in result.pairs] == [*combinations(NAMES, 2)]
    ones = np.ones(len(frame))
    differences = [losses[a] - losses[b] for a, b in combinations(NAMES, 2)]
    raw = [brute(each, ones, 0.95, differences=True)["p"] for each in differences]
    assert [pair.p for pair in result.pairs] == pytest.approx(raw, rel=1e-8)
    order = np.argsort(raw)
    steps = np.maximum.accumulate(np.array(raw)[order] * [3, 2, 1]).clip(max=1)
    assert [result.pairs[i].corrected for i in order] == pytest.approx(steps.tolist(), rel=1e-8)
    for pair, each in zip(result.pairs, differences, strict=True):
        strict = brute(each, ones, 1 - 0.05 / 3, differences=True)["detectable"]
        assert pair.detectable == pytest.approx(strict, rel=1e-9)
    baseline = xent.compare(frame, clip=FLOOR, baseline_model="boosted")
    assert [(p.first, p.second) for p in baseline.pairs] == [
        ("logistic", "boosted"), ("forest", "boosted")
    ]  # fmt: skip
    assert baseline.pairs[0].difference == result.pairs[0].difference
    assert baseline.pairs[1].difference == -result.pairs[2].difference


def test_clusters() -> None:
    frame = breast_cancer()
    for weighted in (False, True):
        w = frame.w if weighted else pd.Series(1.0, frame.index)
        result = xent.compare(
            frame.drop(columns="prob_forest"), cluster="site", clip=FLOOR, by=["size"],
            weight_column="w" if weighted else None,
        )  # fmt: skip
        (pair,) = result.pairs
        d = pd.Series(losses_of(frame, "logistic") - losses_of(frame, "boosted"))
        sums, sizes = (d * w).groupby(frame.site).sum(), w.groupby(frame.site).sum()
        mean, g = sums.sum() / sizes.sum(), len(sums)
        share = sizes / sizes.sum()
        off = (sums - mean * sizes) / sizes.sum() / (1 - share)
        error = math.sqrt((g - 1) / g * (off**2).sum())
        skewness = (off**3).sum() / (off**2).sum() ** 1.5
        spread = (off**4).sum() / (off**2).sum() ** 2 - 1 / g
        freedom = min(1 / (share**2).sum() - 1, 2 / spread)
        skewness *= freedom / (freedom + 8)
        a = skewness / 3 - (share * off).sum() / error
        t = scipy.stats.t(int(freedom)).ppf(0.975)
        assert pair.difference == pytest.approx(mean, rel=1e-10)
        assert pair.interval.error == pytest.approx(error, rel=1e-9)
        assert pair.interval.low == pytest.approx(solved(mean, error, a, skewness / 6, t), rel=1e-8)
        assert pair.interval.high == pytest.approx(
            solved(mean, error, a, skewness / 6, -t), rel=1e-8
        )
        assert math.isnan(pair.mcnemar)
        assert pair.accuracy_interval is not None
        assert pair.accuracy_interval.known
        for each in result.by_value("size"):  # tests/scoring/test_clustered_slices.py has more
            mine = frame["size"] == each.value
            sums, sizes = ((x * mine).groupby(frame.site).sum() for x in (d * w, w))
            off = (sums - each.difference * sizes) / (sizes.sum() - sizes)
            g = (sizes > 0).sum()
            assert each.interval.error == pytest.approx(math.sqrt((g - 1) / g * (off**2).sum()))
        assert "Errors are those of 25 clusters in 'site'." in str(result)


def test_interval_and_p_value_agree() -> None:
    """The interval is without 0 exactly where p is below 1 - level; so are one-sided bounds."""
    rng = np.random.default_rng(1)
    for n in (10, 30, 300, 3000):
        y = rng.integers(0, 2, n)
        p = rng.uniform(0.05, 0.95, n)
        q = np.clip(p + rng.normal(0, 0.2, n) + 0.02 * (2 * y - 1), 0.02, 0.98)
        table = {"label": y, "prob_a": p, "prob_b": q}
        (pair,) = xent.compare(table).pairs
        if not pair.interval.known:
            continue
        level = 1 - pair.p
        for step, inside in ((1e-6, True), (-1e-6, False)):
            if not 0.5 < level + step < 1:
                continue
            (again,) = xent.compare(table, level=level + step).pairs
            assert (again.interval.low < 0 < again.interval.high) == inside
        margin = abs(pair.difference) + pair.interval.error
        result = xent.compare(table, margin=margin)
        for worse, bound in zip(result.pairs[0].not_worse, result.pairs[0].bounds, strict=True):
            assert (worse < 0.05) == (bound < margin)


def test_many_classes_in_columns_by_model() -> None:
    frame = digits()
    result = xent.compare(frame)
    assert [model.name for model in result.models] == ["logistic", "forest"]
    for model in result.models:
        columns = [f"{model.name}_{k}" for k in range(10)]
        alone = score(frame, score_columns=columns)
        assert (model.loss, model.accuracy) == (alone.loss, alone.accuracy)
    p, q = (frame[[f"{m}_{k}" for k in range(10)]].to_numpy() for m in ("logistic", "forest"))
    rows = np.arange(len(frame))
    d = np.log(q[rows, frame.label]) - np.log(p[rows, frame.label])
    assert result.pairs[0].difference == pytest.approx(d.mean(), rel=1e-10)


def test_infinite_losses_are_never_a_number() -> None:
    frame = breast_cancer()
    result = xent.compare(frame, by=["size"])
    forest = (frame.prob_forest == 1 - frame.label).sum()
    assert forest > 0
    assert [model.infinite for model in result.models] == [0, 0, forest]
    assert result.models[2].loss == math.inf
    for pair in result.pairs[1:]:
        assert math.isnan(pair.difference)
        assert math.isnan(pair.p)
        assert not pair.interval.known
        assert pair.lower[0] + pair.lower[1] + pair.equal == len(frame)
    assert (
        f"The log loss is infinite where the true class has a probability of 0: that of forest "
        f"({forest} rows). --clip 1e-6, say, sets a floor under the probabilities; the result "
        "then depends on it."
    ) in result.conclusion
    two = xent.compare(frame, models={n: f"prob_{n}" for n in ("forest", "boosted")}, margin=0.1)
    assert two.conclusions[0] == (
        "No difference of the log losses can be computed: forest gives the true class a "
        f"probability of 0 in {forest} rows, boosted in 0 rows; the log loss is infinite there. "
        "--clip 1e-6, say, sets a floor under the probabilities; the result then depends on it."
    )
    assert two.conclusions[1].startswith(
        "Whether forest is worse than boosted by more than 0.1 nats cannot be concluded"
    )
    data = json.loads(result.to_json())
    assert data["models"][2]["log_loss_nats"] == "inf"
    assert data["pairs"][1]["difference_nats"] is None
    assert "none" in str(result)  # the difference


def test_tails_of_students_t() -> None:
    for n in (1, 2, 3, 7, 50, 199, 200, 1000.5, 1e5, 1e9):
        for t in (-40.0, -3, -1e-3, 0, 1e-9, 0.5, 2, 5, 12, 60):
            wanted = float(scipy.stats.t.sf(t, n))
            assert t_tail(t, n) == pytest.approx(wanted, rel=1e-7, abs=1e-290), (t, n)
    assert t_tail(math.inf, 5) == 0
    assert t_tail(-math.inf, 5) == 1


def test_the_estimate_over_clusters_is_refused_without_spread() -> None:
    found = of_clusters([(3, 1)] * 12, (0, 0))
    assert found.mean == 3
    assert found.reason == "all 12 clusters have the same mean: its spread is unknown"
    assert math.isnan(found.two_sided())
    assert math.isnan(found.seen(0.95))


# Coverage: a small part of benchmarks/score_coverage.py, with the same code.


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("model", ["equally good", "one over-confident"])
@pytest.mark.parametrize(
    ("logits", "rows"), [(BALANCED, 100), (RARE, 1000)], ids=["balanced", "rare"]
)
def test_intervals_of_differences_hold_the_truth(
    logits: tuple[float, float], rows: int, model: str, weighted: bool
) -> None:
    found = simulate(models_of(logits)[model], rows, 500, seed=4, weighted=weighted)
    assert 91 < coverage(found["log loss"]) <= 99


def test_intervals_of_differences_over_clusters_hold_the_truth() -> None:
    found = of_clustered(RARE, 1.0, 100, 300, seed=4)
    assert 92 < coverage(found["log loss"]) <= 99


def test_a_usual_interval_of_accuracies_misses_where_they_hardly_differ() -> None:
    found = simulate(models_of(ACCURATE)["nearly alike"], 1000, 300, seed=4, weighted=False)
    assert coverage(found["accuracy"]) > 93
    assert coverage(found["Wald"]) < 80
