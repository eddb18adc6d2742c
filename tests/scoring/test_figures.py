"""The figures of a score and their intervals: against scikit-learn, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    log_loss,
    roc_auc_score,
)
from sklearn.model_selection import cross_val_predict

import xent
from xent._validation import Array
from xent.scoring import FileError, Score, merge, score
from xent.scoring.state import sample

RNG = np.random.default_rng(0)


def predicted(load: Any, model: Any) -> tuple[Array, Array]:
    x, y = load(return_X_y=True)
    return y, cross_val_predict(model, x / x.max(axis=0).clip(1), y, method="predict_proba")


CANCER = predicted(load_breast_cancer, LogisticRegression())
DIGITS = predicted(load_digits, LogisticRegression(max_iter=300))
WEIGHT = RNG.choice([0.25, 1.0, 3.0], 569)


def of_cancer(**options: Any) -> Score:
    y, p = CANCER
    found = score({"label": y, "prob": p[:, 1], "w": WEIGHT, "g": np.arange(569) // 4}, **options)
    assert isinstance(found, Score)
    return found


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("columns", [1, 2])
def test_binary_figures_are_those_of_scikit_learn(columns: int, weighted: bool) -> None:
    y, p = CANCER
    scores = {"prob": p[:, 1]} if columns == 1 else {"prob_0": p[:, 0], "prob_1": p[:, 1]}
    found = score({"label": y, **scores, "w": WEIGHT}, weight_column="w" if weighted else None)
    w = WEIGHT if weighted else None
    assert isinstance(found, Score)
    expected = {
        "loss": log_loss(y, p, sample_weight=w),
        "brier": brier_score_loss(y, p[:, 1], sample_weight=w),
        "accuracy": accuracy_score(y, p[:, 1] > 0.5, sample_weight=w),
        "roc_auc": roc_auc_score(y, p[:, 1], sample_weight=w),
        "average_precision": average_precision_score(y, p[:, 1], sample_weight=w),
    }
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value, rel=1e-12), name
    assert found.confusion == confusion_matrix(y, p[:, 1] > 0.5).tolist()


def test_figures_of_classes_are_those_of_scikit_learn() -> None:
    y, p = DIGITS
    found = score({"label": y, **{f"prob_{j}": p[:, j] for j in range(10)}})
    assert isinstance(found, Score)
    assert found.loss == pytest.approx(log_loss(y, p), rel=1e-12)
    assert found.brier == pytest.approx(brier_score_loss(y, p), rel=1e-12)
    assert found.accuracy == accuracy_score(y, p.argmax(axis=1))
    assert found.confusion == confusion_matrix(y, p.argmax(axis=1)).tolist()
    assert {each.key for each in found.figures}.isdisjoint({"roc_auc", "average_precision"})
    table = found.to_text().split("predicted instead  rows")[1].splitlines()[1]
    assert table.split() == ["3", "8", str(max(found.confused, key=lambda each: each[2])[2])]


def test_ranking_of_bins_is_near_that_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = of_cancer()
    monkeypatch.setattr(sample, "MOST_ROWS", 100)
    monkeypatch.setattr(sample, "FEWEST", 10)
    binned = of_cancer()
    assert binned.roc_auc != exact.roc_auc
    assert binned.roc_auc == pytest.approx(exact.roc_auc, abs=1e-4)
    assert binned.average_precision == pytest.approx(exact.average_precision, abs=1e-4)
    assert binned.loss == exact.loss


@pytest.mark.parametrize("options", [{}, {"weight_column": "w"}, {"cluster": "g"}])
def test_each_figure_lies_in_its_interval(options: dict[str, Any]) -> None:
    found = of_cancer(**options)
    wide = of_cancer(**options, level=0.99)
    for figure, wider in zip(found.figures, wide.figures, strict=True):
        if figure.interval is None:
            assert figure.key == "base_rate_loss"
        elif not figure.interval.reason:
            assert wider.interval is not None
            assert wider.interval.low <= figure.interval.low < figure.value, figure.key
            assert figure.value < figure.interval.high <= wider.interval.high, figure.key
    known = {f.key for f in found.figures if f.interval and not f.interval.reason}
    assert {"log_loss_nats", "skill", "brier_score", "accuracy"} <= known
    assert "99 % interval" in wide.to_text()


def test_the_standard_error_of_weighted_rows() -> None:
    y, p = CANCER
    losses = -np.log(np.where(y == 1, p[:, 1], 1 - p[:, 1]))
    mean = np.average(losses, weights=WEIGHT)
    squares = (WEIGHT**2 * (losses - mean) ** 2).sum()
    expected = math.sqrt(569 / 568 * squares) / WEIGHT.sum()
    assert of_cancer(weight_column="w").standard_error == pytest.approx(expected, rel=1e-9)


def test_bits_and_perplexity_have_the_bounds_of_the_loss() -> None:
    found = of_cancer().to_dict()["intervals"]
    for bound in ("low", "high"):
        nats = found["log_loss_nats"][bound]
        assert found["log_loss_bits"][bound] == pytest.approx(nats / math.log(2))
        assert found["perplexity"][bound] == pytest.approx(math.exp(nats))


def test_skill_against_the_shares_of_other_data(tmp_path: Path) -> None:
    train = tmp_path / "train.csv"
    train.write_text("label,x\n" + "1,2\n" * 30 + "0,1\n" * 10 + ",5\n")
    found = of_cancer(baseline=train)
    y, _ = CANCER
    base = log_loss(y, np.full(len(y), 0.75))
    assert found.baseline == (0.25, 0.75)
    assert found.base_loss == pytest.approx(base, rel=1e-12)
    assert found.skill == pytest.approx(1 - found.loss / base, rel=1e-12)
    assert not found.skill_interval.reason
    assert found.skill_interval.low < found.skill < found.skill_interval.high
    found.save_state(tmp_path / "a.state")
    assert merge([tmp_path / "a.state"]) == found
    with pytest.raises(ValueError, match="Their baselines differ"):
        merge([found, of_cancer()])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("y,x\n1,2\n", r"train\.csv: has no column 'label' of labels.* the columns are y, x\."),
        ("label\n1\n7\n", r"train\.csv: row 1 \(line 3\), column 'label': '7' is not a class"),
        ("label\n", r"train\.csv: holds no label|train\.csv: holds no rows"),
    ],
)
def test_baselines_that_do_not_fit(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(text)
    with pytest.raises(FileError, match=told):
        of_cancer(baseline=tmp_path / "train.csv")


def test_a_class_that_the_baseline_lacks_leaves_skill_undefined(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("label\n1\n1\n")
    found = of_cancer(baseline=tmp_path / "train.csv")
    assert found.base_loss == math.inf
    assert "the base rate is not a finite number above 0" in found.skill_interval.reason


def test_infinite_rows_refuse_the_interval_and_show_clipped_losses() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    forest = RandomForestClassifier(20, random_state=0)
    p = cross_val_predict(forest, x, y, method="predict_proba")[:, 1]
    found = score({"label": y, "prob": p})
    assert isinstance(found, Score)
    assert found.infinite > 1
    assert "an infinite loss: the mean has no interval" in found.loss_interval.reason
    eps = log_loss(y, p)
    assert found.clipped[2.0**-52] == pytest.approx(eps, rel=1e-9)
    told = " ".join(found.to_text().split())
    assert f"had a probability below the one in parentheses: {eps:.4f} (2.2e-16), " in told
    assert not found.brier_interval.reason
    data = json.loads(found.to_json())
    assert data["log_loss_nats"] == "inf"
    assert data["intervals"]["log_loss_nats"]["low"] is None
    assert data["intervals"]["log_loss_nats"]["reason"] == found.loss_interval.reason


def test_few_rows_of_a_class_refuse_the_interval() -> None:
    y = np.r_[np.ones(3, int), np.zeros(200, int)]
    found = score({"label": y, "prob": RNG.uniform(0.01, 0.2, 203)})
    assert isinstance(found, Score)
    assert "only 3 rows of class '1'" in found.loss_interval.reason
    told = " ".join(found.to_text().split())
    assert f"{found.loss_interval.reason}." in told
    assert found.standard_error > 0


def test_levels_that_are_none() -> None:
    for level in (95, 0, 0.5, 1, 2.0, np.nan, np.inf):
        what = rf"^level is {level}; expected a number above 0\.5 and below 1\.$"
        with pytest.raises(ValueError, match=what):
            of_cancer(level=level)
    with pytest.raises(TypeError, match=r"level is '0\.9'; expected a number\."):
        of_cancer(level="0.9")


def test_slices_by_bins_of_numbers_and_by_pairs() -> None:
    y, p = CANCER
    age = RNG.integers(18, 90, 569).astype(float)
    age[3] = math.nan
    site = RNG.choice(list("AB"), 569)
    table = {"label": y, "prob": p[:, 1], "age": age, "site": site}
    found = score(table, by=["site", "age:40:65"])
    assert isinstance(found, Score)
    losses = -np.log(np.where(y == 1, p[:, 1], 1 - p[:, 1]))
    expected = {
        "below 40": age < 40, "40 to 65": (age >= 40) & (age < 65), "65 and above": age >= 65,
        "(missing)": np.isnan(age),
    }  # fmt: skip
    bins = {each.name: each for each in found.by_value("age:40:65")}
    assert bins.keys() == expected.keys()
    for name, rows in expected.items():
        assert bins[name].rows == rows.sum()
        assert bins[name].loss == pytest.approx(losses[rows].mean(), rel=1e-12)
    pairs = {each.name: each for each in found.by_value("site", "age:40:65")}
    rows = (site == "B") & expected["below 40"]
    assert pairs["B, below 40"].loss == pytest.approx(losses[rows].mean(), rel=1e-12)
    assert found.to_dict()["slices"].keys() == {"site", "age:40:65", "site, age:40:65"}


def test_numbers_of_bins_and_weights_are_shown_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("label,prob,age,w\n1,0.9,22,2\n0,0.8,40.5,1\n1,0.1,7,0.5\n")
    found = score(path, by=["age:20"], weight_column="w", show=["age", "w"])
    assert isinstance(found, Score)
    assert [row.key for row in found.worst] == [("7", "0.5"), ("40.5", "1"), ("22", "2")]


@pytest.mark.parametrize("by", ["age:40:30", "age:x", "age:", "age:1:nan"])
def test_edges_of_bins_that_are_none(by: str) -> None:
    y, p = CANCER
    with pytest.raises(ValueError, match="expected a column, or one with rising edges of bins"):
        score({"label": y, "prob": p[:, 1], "age": np.arange(569)}, by=[by])


def test_a_column_whose_name_has_a_colon() -> None:
    y, p = CANCER
    found = score({"label": y, "prob": p[:, 1], "a:1": np.arange(569) % 2}, by=["a:1"])
    assert isinstance(found, Score)
    assert [each.name for each in found.by_value("a:1")] == ["0", "1"]


def of_slices(
    shift: float, seed: int = 0, n: int = 2000, weighted: bool = False, **options: Any
) -> Score:
    """Calibrated logits but for those of site 2, which are shifted."""
    rng = np.random.default_rng(seed)
    z, site, sex = rng.normal(0, 2, n) - 3, rng.integers(0, 6, n), rng.choice(list("fm"), n)
    label = rng.random(n) < 1 / (1 + np.exp(-z))
    table: dict[str, Any] = {"label": label.astype(int), "logit": z + shift * (site == 2)}
    table |= {"site": site, "sex": sex, "w": rng.choice([1.0, 2.0], n)}
    weight = "w" if weighted else None
    found = score(table, by=["site", "sex"], weight_column=weight, **options)
    assert isinstance(found, Score)
    return found


@pytest.mark.parametrize("weighted", [False, True])
def test_the_slice_that_is_worse_is_found(weighted: bool) -> None:
    found = of_slices(3.0, weighted=weighted)
    first = found.weak[0]
    assert first.name == "site 2"
    assert first.p_value < 1e-4
    assert first.loss == next(s.loss for s in found.by_value("site") if s.name == "2")
    rest = sum(s.loss * s.share for s in found.by_value("site") if s.name != "2")
    share = next(s.share for s in found.by_value("site") if s.name == "2")
    assert first.elsewhere == pytest.approx(rest / (1 - share))
    assert len(found.slices) == 6 + 2 + 12
    told = " ".join(found.to_text().split())
    assert "Worse than the other rows, beyond chance (20 slices of at least 30 rows" in told
    assert found.to_dict()["weak_slices"][0]["values"] == ["2"]


def test_where_no_slice_is_worse_few_are_called_so() -> None:
    wrong = sum(bool(of_slices(0.0, seed, 1000).weak) for seed in range(60))
    assert wrong <= 8  # 3 are expected; more than 8 have a probability of 0.004


def test_why_no_slice_is_tested() -> None:
    few = " ".join(of_slices(0.0, n=40).to_text().split())
    assert "No slice is tested: none has 30 rows, and 30 others" in few
    clustered = " ".join(of_slices(0.0, n=200, cluster="w").to_text().split())
    assert "whose losses differ, in 10 clusters each." in clustered
    none = " ".join(of_slices(0.0, n=300).to_text().split())
    assert "No slice is worse than the other rows beyond chance" in none


def test_a_model_that_is_the_base_rate_has_a_skill_of_0() -> None:
    label = np.repeat([1, 0], [333, 667])
    found = score({"label": label, "prob": np.full(1000, 0.333)})
    assert isinstance(found, Score)
    assert found.skill == 0
    assert not any("higher than that" in note for note in found.notes)


def test_one_class_alone_has_no_average_precision() -> None:
    found = score({"label": np.ones(50, int), "prob": RNG.uniform(0.3, 0.9, 50)})
    assert isinstance(found, Score)
    assert math.isnan(found.average_precision)
    assert found.macro_interval == found.loss_interval
    assert found.to_dict()["average_precision"] is None


def test_a_floor_under_the_probabilities_is_told() -> None:
    y, p = CANCER
    found = score({"label": y, "prob": p[:, 1]}, clip=1e-6)
    assert "No probability counts as less than 1e-06 (--clip)." in found.to_text()
    assert found.to_dict()["clip"] == 1e-6


def test_a_pair_of_slices_that_is_worse_than_its_parts_is_named() -> None:
    rng = np.random.default_rng(3)
    n = 6000
    z, c, d = rng.normal(0, 2, n), rng.choice(list("abc"), n), rng.choice(list("mw"), n)
    label = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(int)
    table = {"label": label, "logit": np.where((c == "a") & (d == "m"), -z, z), "c": c, "d": d}
    found = score(table, by=["c", "d"])
    assert isinstance(found, Score)
    assert found.weak[0].name == "c a, d m"
    assert "c a" in [each.name for each in found.weak]


def test_weights_that_leave_few_rows_leave_no_calibration() -> None:
    y, p = CANCER
    weight = np.r_[1e6, np.ones(568)]
    found = score({"label": y, "prob": p[:, 1], "w": weight}, weight_column="w")
    assert isinstance(found, Score)
    assert found.calibration is None
    told = " ".join(found.to_text().split())
    assert "No calibration: the weights make 569 rows count like 1.0, and it takes 200." in told


def test_no_temperature_turns_predictions_round() -> None:
    rng = np.random.default_rng(4)
    z = rng.normal(0, 2, 2000)
    label = (rng.random(2000) < 1 / (1 + np.exp(z))).astype(int)
    found = score({"label": label, "logit": z})
    assert isinstance(found, Score)
    assert found.calibration is not None
    gains = {each.method: each.gain.value for each in found.calibration.gains}
    assert gains["temperature"] == pytest.approx(found.loss - math.log(2), abs=1e-12)
    assert gains["Platt"] > gains["temperature"] + 0.1


def test_a_slice_with_few_rows_of_a_class_has_no_interval() -> None:
    rng = np.random.default_rng(0)
    n = 3000
    p = np.where(np.arange(n) % 3 == 0, 0.004, 0.3)
    label = (rng.random(n) < p).astype(int)
    site = np.array(["rare", "b", "c"])[np.arange(n) % 3]
    ones = int(label[site == "rare"].sum())
    assert 0 < ones < 5
    table = {"prob": p, "label": label, "site": site}
    found = {each.name: each.interval for each in xent.score(table, by=["site"]).by_value("site")}
    told = f"only {ones} row{'s' * (ones > 1)} of class '1': an interval needs 5"
    assert found["rare"].reason == told
    assert found["b"].known
    compared = xent.compare({**table, "prob_a": p, "prob_b": 0.5 * p}, by=["site"],
                            models={"a": "prob_a", "b": "prob_b"})  # fmt: skip
    reasons = {each.value: each.interval.reason for each in compared.by_value("site")}
    assert reasons == {"rare": told, "b": "", "c": ""}
    many = xent.score({**table, "label": np.where(site == "rare", 0, label)}, by=["site"])
    rare = next(each for each in many.by_value("site") if each.name == "rare")
    assert rare.interval.reason == "no row of class '1': an interval needs 5"


def test_a_pair_is_named_where_all_p_values_are_zero() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 3, (2, 60_000))
    z = rng.normal(0, 2, len(a))
    y = rng.random(len(a)) < 1 / (1 + np.exp(-z))
    wrong = (a == 0) & (b == 0)
    result = score({"logit": z, "label": (y ^ wrong).astype(int), "a": a, "b": b}, by=["a", "b"])
    assert [each.name for each in result.weak] == ["a 0, b 0", "b 0", "a 0"]
    assert {each.p_value for each in result.weak} == {0.0}
