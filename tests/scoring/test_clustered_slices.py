"""Slices of rows that belong to clusters: their sums, intervals and tests."""

from __future__ import annotations

import itertools
import json
import math
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from score_coverage_clusters import ACROSS, INSIDE, PARTLY, Clustered, sliced
from score_coverage_page import CALLED, coverage

import xent
from xent._validation import Array
from xent.scoring import Score, compiled, merge, score
from xent.scoring.comparing import groups as compared_groups
from xent.scoring.intervals import difference_estimate, ratio_interval
from xent.scoring.intervals.clusters import ratio_estimate
from xent.scoring.state import Groups, Schema, State, clusters
from xent.scoring.state import exact as exact_sums
from xent.scoring.state.clusters import BUCKETS
from xent.scoring.state.exact import ONE, ExactSums, ratio
from xent.scoring.state.keyed import KeyedSums

BY = ("home", "any")
BINARY = Schema("logits", ("no", "yes"), binary=True, by=BY, cluster="user")
SCHEMAS = (BINARY, replace(BINARY, weighted=True))


@pytest.fixture(params=["numpy", "compiled"], autouse=True, scope="module")
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each test is run by NumPy and by compiled code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "FIRST", math.inf if request.param == "numpy" else 0)
        yield request.param


def rows(n: int = 1200, users: int = 90, seed: int = 0, effect: float = 1.0) -> pd.DataFrame:
    """Clustered rows: all rows of a user have one `home`, and any value of `any`."""
    rng = np.random.default_rng(seed)
    user = rng.integers(0, users, n)
    z = rng.normal(0, 2, n)
    odds = z + effect * rng.normal(size=users)[user]
    return pd.DataFrame(
        {
            "label": (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(int),
            "logit": z,
            "user": user,
            "home": np.array(list("pqr"))[rng.integers(0, 3, users)][user],
            "any": rng.choice(["x", "y"], n),
            "w": rng.choice([0.1, 1.0, 2.5], n),
        }
    )


def losses(frame: pd.DataFrame) -> Array:
    z, y = frame.logit.to_numpy(), frame.label.to_numpy()
    return np.logaddexp(0, np.where(y == 1, -z, z))


def state_of(frame: pd.DataFrame, schema: Schema, first: int = 0) -> State:
    state = State(schema)
    columns = [*schema.by, *([schema.cluster] if schema.cluster else [])]
    codes = [pd.factorize(frame[name].astype(str), sort=True) for name in columns]
    state.add(
        frame.logit.to_numpy(),
        frame.label.to_numpy(),
        frame.w.to_numpy() if schema.weighted else None,
        first + np.arange(len(frame)),
        groups=[Groups(each, list(texts)) for each, texts in codes],
    )
    return state


def group_of(user: Any) -> int:
    return zlib.crc32(str(user).encode()) % BUCKETS


def by_group(frame: pd.DataFrame, weight: Array) -> tuple[Array, Array]:
    """Sum of weight times loss, and weight, of each group of clusters."""
    of = np.array([group_of(user) for user in frame.user], int)
    return np.bincount(of, weight * losses(frame), BUCKETS), np.bincount(of, weight, BUCKETS)


def scored(frame: pd.DataFrame, *by: str, **options: Any) -> Score:
    found = score(frame, by=list(by or BY), cluster="user", **options)
    assert isinstance(found, Score)
    return found


# What is kept.


@pytest.mark.parametrize("schema", SCHEMAS, ids=["", "weighted"])
def test_sums_are_those_of_the_rows_of_each_value_and_group(schema: Schema) -> None:
    frame = rows()
    state = state_of(frame, schema)
    weight = frame.w.to_numpy() if schema.weighted else np.ones(len(frame))
    for column in BY:
        found = state.clusters.by_value(column)
        assert found is not None
        assert sorted(found) == sorted(frame[column].unique())
        for value, each in found.items():
            mine = (frame[column] == value).to_numpy()
            sums, sizes = by_group(frame[mine], weight[mine])
            assert each.groups == np.flatnonzero(sizes).tolist()
            for amounts, expected in ((each.sums[0], sums), (each.w, sizes)):
                numbers = [ratio(amount, ONE) for amount in amounts]
                np.testing.assert_allclose(numbers, expected[each.groups], 1e-13)
            assert sum(each.rows) == mine.sum()


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(SCHEMAS), st.lists(st.integers(0, 60), max_size=4), st.sampled_from([4, 1000]),
    st.randoms(),
)  # fmt: skip
def test_the_order_of_rows_and_of_merging_does_not_matter(
    schema: Schema, cuts: list[int], most: int, random: Any
) -> None:
    frame = rows(60, 7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clusters, "MOST_CELLS", most)  # 7 users: too many pairs, or not
        whole = state_of(frame, schema)
        spans = list(itertools.pairwise(sorted({0, 60, *cuts})))
        parts = [state_of(frame[a:b], schema, a) for a, b in spans]
        random.shuffle(parts)
        merged = State(schema)
        for part in parts:
            merged = merged.merge(State.from_json(part.to_json()))
    assert merged == whole
    full = [whole.clusters.by_value(name) is None for name in BY]
    assert full == [most == 4] * 2


def test_without_clusters_states_are_as_before() -> None:
    state = state_of(rows(60, 7), replace(BINARY, cluster=None))
    assert json.loads(state.to_json())["parts"]["clusters"] == {}


def test_numbers_of_several_columns_and_many_keys() -> None:
    """Counts of more than a thousand keys, most of which are 0, are saved in another form."""
    n = 3000
    sums = KeyedSums({"some": 2}, {"x": 3}, 5000)
    keys = Groups(np.arange(n), [f"k{i}" for i in range(n)])
    at = sums.place([keys])
    assert at is not None
    sums.add("some", at[:5], column=1)
    for column in range(3):
        sums.add("x", at, np.arange(n) + 0.5 * column, column)
    again = KeyedSums({"some": 2}, {"x": 3}, 5000)
    again.read(json.loads(json.dumps(sums.to_data())))
    assert again.to_data() == sums.to_data()
    twice = sums.merge(again)
    for i in (0, 4, 5, 2999):
        wanted = {"some": [0, 2 * (i < 5)], "x": [(2 * i + c) * ONE for c in range(3)]}
        assert twice.at((f"k{i}",)) == wanted
    with pytest.raises(ValueError, match="2 sums, not 3"):
        KeyedSums({}, {"x": 3}, 5).read([["k", {"x": ["0", "0"]}]])


def test_a_column_of_many_values_is_saved(tmp_path: Path) -> None:
    n = 2500
    table = {"label": np.arange(n) % 2, "prob": np.full(n, 0.4), "id": np.arange(n)}
    found = score(table, by=["id"])
    assert isinstance(found, Score)
    found.save_state(tmp_path / "a.state")
    assert merge([tmp_path / "a.state"]).to_dict() == found.to_dict()


def test_sums_that_grow_past_what_compiled_code_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact_sums, "MOST_LIMBS", 8)
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=500), rng.normal(size=500)
    sums = ExactSums(5)
    sums.add(first, np.arange(500) % 5)
    sums.grow(20)
    assert sums._limbs is None
    sums.add(second, np.arange(500) % 20)
    for group in range(20):
        mine = [*(first[group::5] if group < 5 else []), *second[group::20]]
        assert ratio(sums.whole[group], ONE) == math.fsum(mine)


# Intervals.


@pytest.mark.parametrize("weighted", [False, True])
def test_the_interval_of_a_slice_is_over_its_clusters(weighted: bool) -> None:
    frame = rows(effect=0.5)
    found = scored(frame, weight_column="w" if weighted else None)
    for column in BY:
        for group in found.by_value(column):
            mine = frame[frame[column] == group.name]
            sums, sizes = by_group(mine, mine.w.to_numpy() if weighted else np.ones(len(mine)))
            sums, sizes = sums[sizes > 0], sizes[sizes > 0]
            g, whole = len(sizes), sizes.sum()
            off = (sums - sums.sum() / whole * sizes) / (whole - sizes)
            error = math.sqrt((g - 1) / g * (off**2).sum())
            assert group.loss == pytest.approx(sums.sum() / whole, rel=1e-12)
            assert group.interval.error == pytest.approx(error, rel=1e-11)
            assert group.interval.method == "clusters, Hall"
            t = scipy.stats.t(int(whole**2 / (sizes**2).sum() - 1)).ppf(0.975)
            skewness = (off**3).sum() / (off**2).sum() ** 1.5
            bend = skewness / 3 - (sizes / whole) @ off / error
            for bound, sign in ((group.interval.low, 1), (group.interval.high, -1)):
                x = (group.loss - bound) / error
                wanted = x + bend * x**2 + skewness / 6 + bend**2 * x**3 / 3
                assert wanted == pytest.approx(sign * t, rel=1e-9)


def test_a_slice_of_all_rows_has_their_interval() -> None:
    found = scored(rows().assign(all="x"), "all", weight_column="w")
    assert found.by_value("all")[0].interval == found.loss_interval
    assert found.slices == []  # there are no others


def test_slices_without_an_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = rows(600, 40, effect=0.0)
    few = np.where(frame.user < 9, "few", "many")
    one = np.where(frame.label == 1, "one", "both")
    one[:30] = "both"
    frame = frame.assign(few=few, one=one)
    found = scored(frame, "few", "one")
    reasons = {each.name: each.interval.reason for each in found.by_value("few")}
    assert reasons == {"few": "only 9 clusters: an interval needs 10", "many": ""}
    reasons = {each.name: each.interval.reason for each in found.by_value("one")}
    assert reasons["one"] == "no row of class '0': an interval needs 5"
    assert [each.interval.reason for each in found.by_value("few", "one")] == [
        "pairs of values have no interval with clusters"
    ] * 4
    assert found.by_class[0].interval.reason == "a class alone has no interval with clusters"
    endless = frame.assign(logit=np.where(np.arange(600) == 3, -math.inf, frame.logit))
    endless.loc[3, "label"] = 1
    bad = endless["any"][3]
    reasons = {each.name: each.interval.reason for each in scored(endless).by_value("any")}
    good = next(name for name in "xy" if name != bad)
    assert reasons == {bad: "1 row has an infinite loss: the mean has no interval", good: ""}
    monkeypatch.setattr(clusters, "MOST_CELLS", 60)  # 40 users in one home each, in both of `any`
    some = scored(frame)
    assert {each.interval.known for each in some.by_value("home")} == {True}
    assert {each.interval.reason for each in some.by_value("any")} == {
        "its values and the groups of clusters make too many pairs (131,072 are kept)"
    }
    assert {each.columns for each in some.slices} == {("home",)}
    told = " ".join(some.to_text().split())
    assert "No interval by any, and no test: its values and the groups of clusters make" in told


# The test against the other rows.


def influences(
    sums: tuple[Array, Array], sizes: tuple[Array, Array]
) -> tuple[Array, tuple[Array, Array]]:
    """By how much the difference, and each mean, changes if one cluster is left out."""
    parts = []
    for s, n in zip(sums, sizes, strict=True):
        g = (n > 0).sum()
        change = s.sum() / n.sum() - (s.sum() - s) / (n.sum() - n)
        parts.append(math.sqrt((g - 1) / g) * change)
    return parts[0] - parts[1], (parts[0], parts[1])


def test_the_error_of_a_difference_is_that_of_leaving_out_clusters() -> None:
    rng = np.random.default_rng(1)
    sizes = rng.integers(0, 6, (2, 60)).astype(float)
    effect = rng.normal(size=60)
    sums = sizes * effect + rng.normal(size=(2, 60)) * np.sqrt(sizes)
    found = difference_estimate((sums[0], sums[1]), (sizes[0], sizes[1]))
    both, (a, b) = influences((sums[0], sums[1]), (sizes[0], sizes[1]))
    means = sums.sum(axis=1) / sizes.sum(axis=1)
    assert found.mean == pytest.approx(means[0] - means[1])
    assert found.error == pytest.approx(math.sqrt((both**2).sum()))
    # The effects of clusters are in both means, so the difference is surer than of other clusters.
    assert found.error < 0.8 * math.sqrt((a**2).sum() + (b**2).sum())
    assert found.shift == pytest.approx((both**3).sum() / found.error**3 / 6)
    share = sizes / sizes.sum(axis=1, keepdims=True)
    parts = zip((a, b), share, strict=True)
    expected = sum((x**2).sum() * h**2 / (h**2).sum() for x, h in parts)
    assert found.freedom == pytest.approx(expected.sum() ** 2 / (expected**2).sum() - 1)
    pull = (both @ a) * (both @ share[0]) - (both @ b) * (both @ share[1])
    assert found.bend == pytest.approx(2 * found.shift - pull / found.error**3)


def test_clusters_on_one_side_alone_are_two_independent_means() -> None:
    rng = np.random.default_rng(2)
    sizes = rng.integers(1, 9, 50).astype(float)
    sums = rng.gamma(sizes)
    first = np.arange(50) < 20
    parts = [(np.where(rows, sums, 0.0), np.where(rows, sizes, 0.0)) for rows in (first, ~first)]
    (a, m), (b, n) = parts
    found = difference_estimate((a, b), (m, n))
    errors = [ratio_interval(s, k).error for s, k in parts]
    assert found.error == pytest.approx(math.hypot(*errors))
    freedoms = [(k**2).sum() ** 2 / (k**4).sum() for k in (m, n)]
    welch = found.error**4 / sum(e**4 / f for e, f in zip(errors, freedoms, strict=True))
    assert found.freedom == pytest.approx(welch - 1)
    alike = difference_estimate((a, b), (1.0 * first, 1.0 * ~first))
    assert 19 < alike.freedom < 48  # of sizes that are alike, as of 20 and 30 rows
    mirrored = difference_estimate((b, a), (n, m))
    assert mirrored.mean == -found.mean
    assert mirrored.below(0) == pytest.approx(found.above(0))


def test_differences_that_are_refused() -> None:
    rng = np.random.default_rng(3)
    ones, some = np.ones(30), rng.normal(size=30)
    few = np.where(np.arange(30) < 9, 1.0, 0.0)
    for sizes in ((few, ones), (ones, few)):
        found = difference_estimate((some * sizes[0], some * sizes[1]), sizes)
        assert found.reason == "only 9 clusters: an interval needs 10"
        assert math.isnan(found.below(0))
    same = difference_estimate((0.1 * ones, 0.3 * ones), (ones, ones))
    assert same.reason == "all clusters have the same difference: its spread is unknown"
    one = np.where(np.arange(30) == 0, 50.0, 0.0)
    found = difference_estimate((one, 0 * ones), (ones, ones))
    assert found.reason == "about 1.1 of 30 clusters decide it: an interval needs 3"
    assert found.error > 0


@pytest.mark.parametrize("weighted", [False, True])
def test_slices_are_tested_against_the_other_rows(weighted: bool) -> None:
    frame = rows(3000, 200, effect=0.5)
    worse = frame["any"] == "x"
    frame.loc[worse, "logit"] *= -0.3
    found = scored(frame, weight_column="w" if weighted else None)
    assert {(each.columns, each.values) for each in found.slices} == {
        *((("home",), (value,)) for value in "pqr"), *((("any",), (value,)) for value in "xy"),
    }  # fmt: skip
    weight = frame.w.to_numpy() if weighted else np.ones(len(frame))
    expected = {}
    for column in BY:
        for value in frame[column].unique():
            mine = (frame[column] == value).to_numpy()
            (s, m), (t, n) = (by_group(frame[k], weight[k]) for k in (mine, ~mine))
            expected[value] = difference_estimate((s, t), (m, n))
            both, _ = influences((s, t), (m, n))
            assert expected[value].error == pytest.approx(math.sqrt((both**2).sum()))
    p_values = {each.values[0]: each.p_value for each in found.slices}
    ranked = sorted(expected, key=lambda each: expected[each].below(0))
    largest = 0.0
    for i, value in enumerate(ranked):
        largest = max(largest, min(1.0, (5 - i) * expected[value].below(0)))
        assert p_values[value] == pytest.approx(largest, rel=1e-9)
    first = found.weak[0]
    assert first.name == "any x"
    own = losses(frame)
    for part, rows_of in ((first.loss, worse), (first.elsewhere, ~worse)):
        assert part == pytest.approx(np.average(own[rows_of], weights=weight[rows_of]), rel=1e-12)
    told = " ".join(found.to_text().split())
    how = "(5 slices of at least 30 rows tested, Holm's correction; no pairs of values, since rows "
    assert f"Worse than the other rows, beyond chance {how}are clustered)" in told
    assert found.to_dict()["weak_slices"][0]["values"] == ["x"]


def test_why_no_slice_is_tested() -> None:
    few = " ".join(scored(rows(400, 12)).to_text().split())
    told = "No slice is tested: none has 30 rows, and 30 others, whose losses differ, in 10 cl"
    assert told in " ".join(scored(rows(400, 9)).to_text().split())
    assert told not in few


def test_slices_of_few_users_are_not_called_worse_by_chance() -> None:
    """Each user's rows are alike: without their clusters, slices differ more than by chance."""
    wrong = {"user": 0, None: 0}
    for seed in range(40):
        frame = rows(2400, 240, seed)
        frame = frame.groupby("user").first().loc[frame.user].reset_index()
        for cluster in wrong:
            found = score(frame.assign(home=frame.user % 6), by=["home"], cluster=cluster)
            assert isinstance(found, Score)
            wrong[cluster] += bool(found.weak)
    assert wrong["user"] <= 5  # 2 are expected; more than 5 have a probability of 0.014
    assert wrong[None] >= 20


@pytest.mark.parametrize("how", [INSIDE, PARTLY, ACROSS])
def test_intervals_and_tests_of_slices_hold_the_truth(how: str) -> None:
    population = Clustered((0.0, 1.5))
    found = sliced(population, how, 100, 300, seed=5)
    assert 92 < coverage(found["log loss"]) < 98.5
    assert coverage(found[CALLED]) > 90.5  # data sets in which no slice is called worse


# Comparisons.


def pair_of(n: int = 1200, users: int = 90, seed: int = 0) -> pd.DataFrame:
    frame = rows(n, users, seed, effect=0.5)
    rng = np.random.default_rng(seed + 1)
    noise = rng.normal(0, 0.7, n) + 0.5 * rng.normal(size=users)[frame.user]
    return frame.assign(logit_b=frame.logit + noise).rename(columns={"logit": "logit_a"})


@pytest.mark.parametrize("weighted", [False, True])
def test_differences_by_slice_are_over_clusters(weighted: bool) -> None:
    frame = pair_of()
    result = xent.compare(
        frame, by=BY, cluster="user", weight_column="w" if weighted else None
    )  # fmt: skip
    d = losses(frame.assign(logit=frame.logit_a)) - losses(frame.assign(logit=frame.logit_b))
    w = frame.w.to_numpy() if weighted else np.ones(len(frame))
    of = np.array([group_of(user) for user in frame.user], int)
    every = []
    for column in BY:
        for each in result.by_value(column):
            mine = (frame[column] == each.value).to_numpy()
            sums = np.bincount(of[mine], (w * d)[mine], BUCKETS)
            sizes = np.bincount(of[mine], w[mine], BUCKETS)
            expected = ratio_estimate(sums, sizes, differences=True).interval(0.95)
            assert each.rows == mine.sum()
            assert each.difference == pytest.approx(sums.sum() / sizes.sum(), rel=1e-10)
            for name in ("low", "high", "error"):
                found = getattr(each.interval, name)
                assert found == pytest.approx(getattr(expected, name), rel=1e-8)
            outside = not each.interval.low <= 0 <= each.interval.high
            assert outside == (each.p < 0.05)
            every.append(each)
    ranked = sorted(every, key=lambda each: each.p)
    assert [each.corrected for each in ranked] == sorted(each.corrected for each in every)
    assert ranked[0].corrected == pytest.approx(min(1.0, 5 * ranked[0].p))
    assert "no interval" not in str(result)


def test_several_pairs_by_slice() -> None:
    rng = np.random.default_rng(3)
    frame = pair_of().assign(logit_c=lambda f: f.logit_b + rng.normal(size=len(f)))
    whole = xent.compare(frame, by=BY, cluster="user")
    for pair in whole.pairs:
        alone = frame[["label", "user", *BY, f"logit_{pair.first}", f"logit_{pair.second}"]]
        mine = xent.compare(alone, by=BY, cluster="user")
        for column in BY:
            found = [x for x in whole.by_value(column) if (x.first, x.second) == pair_names(pair)]
            expected = mine.by_value(column)
            assert [x.interval for x in found] == [x.interval for x in expected]
            assert [x.p for x in found] == [x.p for x in expected]


def pair_names(pair: Any) -> tuple[str, str]:
    return pair.first, pair.second


def test_differences_by_slice_without_an_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pair_of(600, 40)
    frame = frame.assign(few=np.where(frame.user < 9, "few", "many"))
    found = xent.compare(frame, by=["few"], cluster="user")
    reasons = {each.value: each.interval.reason for each in found.by_value("few")}
    assert reasons == {"few": "only 9 clusters: an interval needs 10", "many": ""}
    (few,) = (each for each in found.by_value("few") if each.value == "few")
    assert math.isnan(few.p)
    assert not math.isnan(few.difference)
    monkeypatch.setattr(compared_groups, "MOST_SUMS", 60)
    found = xent.compare(frame, by=BY, cluster="user")
    assert {each.interval.known for each in found.by_value("home")} == {True}
    assert {each.interval.reason for each in found.by_value("any")} == {
        "its values and the groups of clusters make too many pairs (60 are kept)"
    }
    told = " ".join(found.to_text().split())
    assert "No interval by any: its values and the groups of clusters make too many pairs" in told
    assert "No interval by home" not in told
