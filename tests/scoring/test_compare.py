"""Figures of a comparison against NumPy and SciPy, on the predictions of real models."""

from __future__ import annotations

import json
import math
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
import scipy.stats
from helpers import close
from three_models import breast_cancer, digits

import xent
from xent.scoring import score
from xent.scoring.comparing import Comparison
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
        a = skewness / 3 - (share * off).sum() / error
        t = scipy.stats.t(int(1 / (share**2).sum() - 1)).ppf(0.975)
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


def table(**more: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.02, 0.98, 400)
    y = (rng.random(400) < p).astype(int)
    return {"label": y, "prob_A": p, "prob_B": 0.3 + 0.4 * p, **more}


def test_what_is_concluded() -> None:
    t = table()
    higher = xent.compare(t)
    assert higher.conclusion == (
        f"The log loss of A is lower than that of B by {-higher.pairs[0].difference:.4f} nats "
        f"(95 % interval {-higher.pairs[0].interval.high:.4f} to "
        f"{-higher.pairs[0].interval.low:.4f}, 400 rows): more than chance explains."
    )
    near = np.clip(t["prob_A"] + np.random.default_rng(1).normal(0, 0.01, 400), 0.01, 0.99)
    unclear = xent.compare({**t, "prob_B": near}, margin=0.01)
    assert unclear.conclusion.startswith(
        "No difference of the log losses can be concluded: the log loss of "
    )
    assert unclear.conclusion.endswith(
        f"A difference of {unclear.pairs[0].detectable:.4f} nats would have been seen with 80 % "
        "power."
    )
    assert unclear.conclusions[1] == (
        "Neither of A and B is worse than the other by more than 0.01 nats (A: one-sided 95 % "
        "bound: {:.4f}; B: one-sided 95 % bound: {:.4f}).".format(*unclear.pairs[0].bounds)
    )
    one = xent.compare(t, margin=0.01)
    assert one.conclusions[1].startswith("A is not worse than B by more than 0.01 nats (")
    other = xent.compare({**t, "prob_A": t["prob_B"], "prob_B": t["prob_A"]}, margin=0.01)
    assert other.conclusions[1].startswith("B is not worse than A by more than 0.01 nats (")
    tiny = xent.compare({**t, "prob_B": near}, margin=1e-6)
    assert tiny.conclusions[1].startswith("Each of A and B may be worse than the other by more")
    asked = xent.compare({**t, "prob_C": near}, baseline_model="A", margin=0.01)
    interval = asked.pairs[0].interval
    size = f"{asked.pairs[0].difference:.4f} nats (95 % interval {interval.low:.4f} to "
    size += f"{interval.high:.4f})"
    assert asked.conclusions == [
        f"Against the log loss of A, that of B is higher by {size}: more than chance explains; no "
        "difference from C can be concluded (Holm's correction over 2 comparisons).",
        f"B may be worse than A by more than 0.01 nats (one-sided 95 % bound: "
        f"{asked.pairs[0].bounds[0]:.4f}; p {asked.pairs[0].not_worse[0]:.4f} by Holm's "
        "correction).",
        f"C is not worse than A by more than 0.01 nats (one-sided 95 % bound: "
        f"{asked.pairs[1].bounds[0]:.4f}; p {asked.pairs[1].not_worse[0]:.4f} by Holm's "
        "correction).",
    ]
    three = xent.compare({**t, "prob_C": near})
    best = min(three.models, key=lambda model: model.loss).name
    other_name = {"A": "C", "C": "A"}[best]
    sizes = {}
    for pair in three.pairs:
        low, high = sorted(map(abs, (pair.interval.low, pair.interval.high)))
        told = f"{abs(pair.difference):.4f} nats (95 % interval {low:.4f} to {high:.4f})"
        if "B" in (pair.first, pair.second):
            sizes[pair.first if pair.second == "B" else pair.second] = told
    assert three.conclusion == (
        f"The log loss of {best} is lower than that of B by {sizes[best]}: more than chance "
        f"explains; no difference from {other_name} can be concluded (Holm's correction over 3 "
        "comparisons)."
    )
    many = xent.compare({**t, **{f"prob_B{i}": t["prob_B"] for i in range(4)}})
    assert many.conclusion == (
        "The log loss of A is lower than that of B, B0, B1, B2 and B3: more than chance explains "
        "(Holm's correction over 5 comparisons)."
    )
    p = np.where(t["label"] == 1, 0.99, 0.01)
    p[7] = 1e-12 if t["label"][7] else 1 - 1e-12
    rare = xent.compare({**t, "prob_C": p})
    assert [pair.tested for pair in rare.pairs] == [True, False, False]
    assert rare.conclusion.startswith(
        "The log loss of C is the lowest, but there is no interval of the difference from A and B; "
        "that of A is lower than that of B by "
    )
    assert rare.conclusion.endswith("), more than chance explains.")
    assert "by Holm's correction over 3 pairs; intervals and McNemar's p are" in three.notes[-1]


@pytest.mark.parametrize(
    ("change", "options", "conclusion", "note"),
    [
        ({"prob_B": table()["prob_A"]}, {}, "A and B have the same loss in each row (400 rows).",
         ""),
        ({"logit_B": np.log(table()["prob_A"] / (1 - table()["prob_A"])), "prob_B": None}, {},
         "A and B have the same loss in each row, but for rounding (400 rows).", ""),
        ({"prob_B": np.full(400, 0.5)}, {}, "The log loss of A is lower than that of B by ",
         "B gives each row the same scores: it tells no row from another."),
        ({"label": np.ones(400, int)}, {},
         "No difference of the log losses can be concluded: the log loss of B is lower by 0.1824 "
         "nats on these rows, but there is no interval (no row of class '0': an interval needs 5).",
         "All rows are of class 1: they do not show how the models do on others."),
        ({"c": np.arange(400)}, {"cluster": "c"}, "The log loss of A is lower than that of B by ",
         "Each row is a cluster of its own in 'c': errors are those of independent rows."),
        ({"c": np.arange(400) % 7}, {"cluster": "c"},
         "No difference of the log losses can be concluded: the log loss of A is lower by",
         "No interval of the log loss of A and B, or of the difference A less B: only 7 clusters: "
         "an interval needs 10."),
    ],
    ids=["identical", "another kind", "constant", "one class", "clusters of one", "few clusters"],
)  # fmt: skip
def test_what_would_mislead_is_said(
    change: dict[str, Any], options: dict[str, Any], conclusion: str, note: str
) -> None:
    changed = {name: column for name, column in table(**change).items() if column is not None}
    result = xent.compare(changed, **options)
    assert result.conclusion.startswith(conclusion)
    assert any(each == note for each in result.notes) or not note


def test_a_single_row() -> None:
    result = xent.compare({name: column[:1] for name, column in table().items()})
    assert result.conclusion.endswith("there is no interval (only 1 row: an interval needs 10).")
    assert "All rows are of class" in result.notes[0]
    assert math.isnan(result.pairs[0].p)


def test_a_rare_class_has_no_interval() -> None:
    t = table()
    t["label"] = np.r_[np.ones(4, int), np.zeros(396, int)]
    result = xent.compare(t)
    assert "(only 4 rows of class '1': an interval needs 5)" in result.conclusion


def test_rows_whose_powers_overflow_are_said() -> None:
    t = table()
    logits = np.log(t["prob_A"] / (1 - t["prob_A"]))
    logits[3] = 1e200 * (1 - 2 * t["label"][3])
    result = xent.compare({"label": t["label"], "prob_A": t["prob_A"], "logit_B": logits})
    assert result.conclusion == (
        "No difference of the log losses can be concluded: the log loss of A is lower by 2.5e+197 "
        "nats on these rows, but there is no interval (1 row has a loss whose powers are too "
        "large to sum)."
    )


def test_the_report_in_every_form() -> None:
    frame = breast_cancer()
    result = xent.compare(frame, clip=FLOOR, by=["size"], show=["id"], margin=0.01)
    text = result.to_text(width=100)
    for words in ("pandas DataFrame: 3 models, 569 rows", "less that of", "95 % interval",
                  "McNemar p", "p (Holm)", "loss of forest", "80 % power at", "large"):  # fmt: skip
        assert words in text
    assert all(len(line) <= 80 for line in result.to_text(width=80).splitlines())
    assert result.conclusion in result.to_markdown().replace("\N{NO-BREAK SPACE}", " ")
    assert "<table" in result.to_page()
    assert r"\begin{tabular}" in result.to_latex()
    data = json.loads(result.to_json())
    assert data["schema_version"] == 1
    assert data["conclusions"] == result.conclusions
    assert [model["model"] for model in data["models"]] == list(NAMES)
    assert set(data["pairs"][0]) >= {"difference_nats", "interval", "p_holm", "mcnemar_p",
                                     "worse_by_at_most_nats"}  # fmt: skip
    assert len(data["slices"]["size"]) == 6
    assert repr(result).startswith("Comparison('pandas DataFrame': ")
    assert isinstance(result, Comparison)


def test_many_values_are_shown_in_part() -> None:
    t = table(c=np.arange(400) // 4)
    result = xent.compare(t, by=["c"])
    assert "The 15 highest differences and the 5 lowest, of 100; --format json has all." in str(
        result
    )
    assert len(json.loads(result.to_json())["slices"]["c"]) == 100


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
