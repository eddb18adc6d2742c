"""Intervals where several labels of a row may be true: the row is the unit, in any batches."""

from __future__ import annotations

import functools
import itertools
import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.stats
from ratio_of_sums import hall
from score_coverage_labels import POPULATIONS, Labelled, several_labels
from score_coverage_page import coverage

from xent.scoring import MultiLabelScore, from_state, merge, score
from xent.scoring.state import label_rows

RNG = np.random.default_rng(21)
N = 400
Z = RNG.normal(size=(N, 3)) + RNG.normal(size=(N, 1))
Y = RNG.uniform(size=Z.shape) < 1 / (1 + np.exp(-Z - RNG.normal(size=(N, 1))))
W = RNG.uniform(0.5, 2, N)
KNOWN = RNG.uniform(size=Z.shape) > 0.3
LOSS = np.logaddexp(0, np.where(Y, -Z, Z))
ALL = np.ones(Y.shape, bool)


def table(known: Any = ALL, weight: Any = None) -> Any:
    truth = [[int(y) if k else None for y, k in zip(*row, strict=True)]
             for row in zip(Y, known, strict=True)]  # fmt: skip
    columns = {f"label_{j}": [row[j] for row in truth] for j in range(3)}
    columns |= {f"logit_{j}": Z[:, j] for j in range(3)}
    return pa.table(columns | ({} if weight is None else {"weight": weight}))


def scored(source: Any, **options: Any) -> MultiLabelScore:
    result = score(source, missing="drop", **options)
    assert isinstance(result, MultiLabelScore)
    return result


def data(result: MultiLabelScore) -> Any:
    return json.loads(json.dumps(result.to_dict()))


@pytest.mark.parametrize("known", [ALL, KNOWN])
@pytest.mark.parametrize("weight", [None, W])
@pytest.mark.parametrize("level", [0.95, 0.8])
def test_the_loss_is_a_ratio_of_sums_over_rows(known: Any, weight: Any, level: float) -> None:
    options: dict[str, Any] = {} if weight is None else {"weight_column": "weight"}
    result = scored(table(known, weight), level=level, **options)
    each = np.ones(N) if weight is None else weight
    some = known.any(axis=1)
    totals, sizes = (LOSS * known).sum(axis=1) * each, known.sum(axis=1) * each
    low, high = hall(totals[some], sizes[some], level)
    found = data(result)["intervals"]
    assert found["log_loss_nats"]["low"] == pytest.approx(low, rel=1e-9)
    assert found["log_loss_nats"]["high"] == pytest.approx(high, rel=1e-9)
    assert found["log_loss_bits"]["high"] == pytest.approx(high / math.log(2), rel=1e-9)
    macro = found["macro_log_loss_nats"]
    if known is ALL:
        assert macro == found["log_loss_nats"]
        assert result.macro_loss == pytest.approx(result.loss)
    else:
        lacking = "some rows lack some labels: the macro loss has no interval then"
        assert (macro["low"], macro["reason"]) == (None, lacking)


def test_the_accuracy_is_a_share_of_as_many_independent_cells() -> None:
    right = (Z > 0) == Y
    result = scored(table())
    shares = right.mean(axis=1)
    cells = right.mean() * (1 - right.mean()) / (shares.var(ddof=1) / N)
    z = scipy.stats.norm.ppf(0.975)
    middle = (right.mean() + z * z / (2 * cells)) / (1 + z * z / cells)
    found = data(result)["intervals"]["accuracy"]
    # Wilson's bounds are the shares p whose score test has the quantile z.
    for p in (found["low"], found["high"]):
        score_test = abs(right.mean() - p) / math.sqrt(p * (1 - p) / cells)
        assert score_test == pytest.approx(z, rel=1e-6)
    assert (found["low"] + found["high"]) / 2 == pytest.approx(middle, rel=1e-9)
    assert cells < right.size  # the cells of a row go together
    assert found["standard_error"] == pytest.approx(shares.std(ddof=1) / math.sqrt(N), rel=1e-9)


@pytest.mark.parametrize("known", [ALL, KNOWN])
@pytest.mark.parametrize("weight", [None, W])
def test_the_error_of_skill_is_that_of_a_ratio(known: Any, weight: Any) -> None:
    options: dict[str, Any] = {} if weight is None else {"weight_column": "weight"}
    each = np.ones(N) if weight is None else weight
    result = scored(table(known, weight), **options)
    mass = known * each[:, None]
    shares = (mass * Y).sum(axis=0) / mass.sum(axis=0)
    base = (-np.log(np.where(Y, shares, 1 - shares)) * mass).sum(axis=1)
    r = (LOSS * mass).sum(axis=1) - (1 - result.skill) * base
    n = known.any(axis=1).sum()
    error = math.sqrt(n / (n - 1) * r @ r) / base.sum()
    found = data(result)["intervals"]["skill"]
    assert found["standard_error"] == pytest.approx(error, rel=1e-9)
    assert found["low"] < result.skill < found["high"]
    assert found["high"] - found["low"] == pytest.approx(3.93 * error, rel=0.03)


def test_a_single_label_is_as_without_others() -> None:
    """Its interval is that of a file that has no other label."""
    result = scored(table())
    for j, each in enumerate(result.by_label):
        alone = score(Z[:, j], labels=Y[:, j].astype(int), kind="logits")
        assert each.interval == alone.loss_interval
        assert each.skill_interval == alone.skill_interval
        assert data(result)["labels"][j]["intervals"]["accuracy"]["method"] == "Wilson"


def test_the_same_bits_however_rows_are_cut(tmp_path: Any) -> None:
    whole = table(KNOWN, W)
    due = scored(whole, weight_column="weight")
    cuts = [0, 3, 50, 51, 300, N]
    parts = [whole.slice(a, b - a) for a, b in itertools.pairwise(cuts)]
    states = [scored(part, weight_column="weight") for part in parts]
    for order in ([0, 1, 2, 3, 4], [4, 2, 0, 3, 1]):
        assert merge([states[i] for i in order]).together == due.together  # type: ignore[union-attr]
    for i, part in enumerate(parts):
        pq.write_table(part, tmp_path / f"{i}.parquet")
    for threads in (1, 3):
        found = scored(tmp_path, weight_column="weight", threads=threads)
        assert found.together == due.together
        assert found.figures == due.figures
    again = from_state(due.to_state())
    assert isinstance(again, MultiLabelScore)
    assert again.together == due.together


def test_rows_of_weight_0_are_left_out() -> None:
    weight = W.copy()
    weight[::3] = 0
    kept = weight > 0
    due = scored(table(KNOWN, weight).filter(pa.array(kept)), weight_column="weight")
    assert scored(table(KNOWN, weight), weight_column="weight").figures == due.figures


def test_too_many_sets_of_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_rows, "MOST", 5)
    result = scored(table())
    assert result.together.sets is None
    reason = data(result)["intervals"]["skill"]["reason"]
    assert reason.endswith("sets of labels are true together: too many for skill")
    halves = [scored(table().slice(*part)) for part in ((0, 2), (2, N))]
    assert functools.reduce(lambda a, b: a.together.merge(b.together), halves).sets is None  # type: ignore[arg-type,return-value]
    assert from_state(result.to_state()).figures == result.figures  # type: ignore[union-attr]


def test_refusals() -> None:
    few = scored(table().slice(0, 6))
    assert few.figures[0].interval is not None
    assert few.figures[0].interval.reason == "only 6 rows: an interval needs 10"
    assert "No interval of log loss, skill, accuracy and macro loss: only 6 rows" in few.to_text()
    truth = np.zeros((50, 2), int)
    truth[:3, 0] = 1
    p = np.linspace(0.1, 0.4, 100).reshape(50, 2)
    rare = scored({"label": truth, "prob": p}).to_text()
    assert "No interval of log loss and macro loss: only 3 rows have a true label: an" in rare
    p[7, 1] = 1
    infinite = data(scored({"label": truth, "prob": p}))["intervals"]
    due = "1 cell has an infinite loss: the mean has no interval"
    assert infinite["log_loss_nats"]["reason"] == due
    assert infinite["skill"]["reason"] == due
    assert infinite["accuracy"]["low"] > 0.8


def test_the_report_fits() -> None:
    columns = {f"severe_toxic{j}": Y[:, j].astype(int) for j in range(3)}
    columns |= {f"logit_severe_toxic{j}": Z[:, j] for j in range(3)}
    text = scored(columns).to_text()
    assert max(map(len, text.splitlines())) <= 80
    assert "the cells of one row go together: 400 rows." in " ".join(text.split())
    assert f"{scored(columns).by_label[0].interval.low:.4f} to " in text


def test_intervals_hold_the_truth() -> None:
    """A small part of benchmarks/score_coverage.py, with the same code."""
    population = Labelled(POPULATIONS["30 % true"], labels=3, missing=True)
    found = several_labels(population, 150, 300, seed=4)
    for name in ("log loss", "accuracy", "skill"):
        assert found[name]["shown"] == 300
        assert 91.5 <= coverage(found[name]) <= 98.5, name
    assert not found["macro loss"]["shown"]


@pytest.mark.parametrize("together", [True, False])
def test_true_figures_are_those_of_a_large_sample(together: bool) -> None:
    population = Labelled(POPULATIONS["30 % true"], slope=2, together=together, missing=True)
    z, y, known, _ = population.rows(np.random.default_rng(3), 200_000)
    losses = np.logaddexp(0, np.where(y == 1, -z, z))
    shares = np.array([y[known[:, j], j].mean() for j in range(5)])
    base = -(shares * np.log(shares) + (1 - shares) * np.log(1 - shares)) @ known.mean(axis=0)
    truth = population.truth
    assert shares.mean() == pytest.approx(0.3, abs=0.003)
    assert known.mean() == pytest.approx(0.6, abs=0.003)
    assert truth["log loss"] == pytest.approx(losses[known].mean(), abs=0.005)
    assert truth["accuracy"] == pytest.approx(((z > 0) == y)[known].mean(), abs=0.003)
    assert truth["skill"] == pytest.approx(
        1 - (losses * known).sum(axis=1).mean() / base, abs=0.006
    )
