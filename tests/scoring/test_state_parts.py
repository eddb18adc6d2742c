"""What the parts of a state hold, against the rows themselves."""

from __future__ import annotations

import math
import zlib
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, confusion_matrix, log_loss

import xent
from xent._validation import Array
from xent.scoring import compiled
from xent.scoring.losses import scored
from xent.scoring.state import SCALE, Groups, Schema, State
from xent.scoring.state import sample as sampling
from xent.scoring.state import slices as slicing
from xent.scoring.state.clips import CLIPS
from xent.scoring.state.clusters import BINNED, BUCKETS


@pytest.fixture(params=["numpy", "compiled"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test is run by NumPy and by compiled code."""
    monkeypatch.setattr(compiled, "FIRST", math.inf if request.param == "numpy" else 0)


def rows_of(classes: int, n: int = 400, seed: int = 0, **more: Any) -> tuple[State, dict[str, Any]]:
    """A state of random rows of probabilities, and these rows."""
    rng = np.random.default_rng(seed)
    p = xent.softmax(rng.normal(size=(n, classes)) * 2)
    data = {
        "p": p,
        "labels": rng.integers(0, classes, n),
        "weight": rng.choice([0.5, 1.0, 3.25], n),
        "place": np.arange(n),
    }
    state = State(schema(classes, **more))
    add(state, data, slice(None))
    return state, data


def schema(classes: int, **more: Any) -> Schema:
    names = tuple(f"c{j}" for j in range(classes))
    return Schema("probabilities", names, **{"binary": classes == 2, "weighted": True, **more})


def add(state: State, data: dict[str, Any], rows: Any, groups: Any = ()) -> None:
    p = data["p"][rows]
    scores = p[:, 1] if state.schema.binary else p
    weight = data["weight"][rows] if state.schema.weighted else None
    state.add(scores, data["labels"][rows], weight, data["place"][rows], groups=groups)


def value(amount: int) -> float:
    return float(Fraction(amount, 1 << SCALE))


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("classes", [2, 5])
def test_brier_scores_are_those_of_scikit_learn(classes: int, weighted: bool) -> None:
    state, data = rows_of(classes, weighted=weighted)
    weight = data["weight"] if weighted else np.ones(len(data["place"]))
    p = data["p"][:, 1] if classes == 2 else data["p"]
    expected = brier_score_loss(
        data["labels"], p, sample_weight=weight, labels=range(classes),
        scale_by_half=classes == 2,
    )  # fmt: skip
    assert value(state.brier["wl"]) / weight.sum() == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("kind", ["logits", "log-probabilities"])
@pytest.mark.parametrize("classes", [1, 2, 7])
def test_brier_scores_of_confident_rows_keep_their_digits(kind: Any, classes: int) -> None:
    z = np.array([[0.0, 30.0], [0.0, 18.0], [0.0, -25.0]])
    z = np.pad(z, [(0, 0), (0, max(0, classes - 2))], constant_values=-5.0)
    labels = np.array([1, 1, 0])
    logp = xent.log_softmax(z)
    scores = z if kind == "logits" else logp
    if classes == 1:
        scores = scores[:, 1]
    own = np.zeros(z.shape, bool)
    own[np.arange(3), labels] = True
    rest = np.exp(logp)
    rest[own] = 0.0
    missed = rest.sum(axis=1)
    expected = missed**2 if classes < 3 else missed**2 + (rest**2).sum(axis=1)
    # Near 0, a log-probability of a binary label has lost digits of 1 - p.
    near = 1e-13 if kind == "logits" else 1e-3
    np.testing.assert_allclose(scored(scores, labels, kind).brier, expected, near, 1e-30)


def test_a_masked_label_has_the_worst_brier_score() -> None:
    z = np.array([[0.0, -np.inf, -np.inf], [np.inf, 0.0, 0.0], [-np.inf] * 3])
    brier = scored(z, np.array([1, 0, 0]), "logits").brier
    assert brier.tolist() == [2.0, 0.0, 2.0]


def test_the_confusion_matrix_is_that_of_scikit_learn() -> None:
    state, data = rows_of(5, weighted=False)
    found = np.array([*state.confusion.rows])
    expected = confusion_matrix(data["labels"], data["p"].argmax(axis=1), labels=range(5))
    np.testing.assert_array_equal(found, expected)
    pairs = state.confusion.mistaken()
    assert sum(n for *_, n in pairs) == expected.sum() - expected.trace()
    assert pairs[0][2] == (expected - np.diag(expected.diagonal())).max()


def test_many_classes_have_no_confusion_matrix() -> None:
    assert not State(schema(1025)).confusion.known


@pytest.mark.parametrize("classes", [2, 4])
def test_clipped_losses_are_those_of_clipped_probabilities(classes: int) -> None:
    _, data = rows_of(classes)
    data["p"][:40] = 0.0  # 40 infinite losses, and some that are cut
    data["p"][np.arange(40), (data["labels"][:40] + 1) % classes] = 1.0
    tiny = [1e-3, 1e-6, 1e-9, 1e-17, 1e-300]
    for row, p in enumerate(tiny, 50):
        data["p"][row] = (1 - p) / (classes - 1)
        data["p"][row, data["labels"][row]] = p
    state = State(schema(classes))
    add(state, data, slice(None))
    own = data["p"][np.arange(400), data["labels"]]
    if classes == 2:  # a probability of 0 of label 0 is 1 - p
        own = np.where(data["labels"] == 1, data["p"][:, 1], 1 - data["p"][:, 1])
    assert state.clips.rows == (own == 0).sum()
    for number, clip in enumerate(CLIPS):
        expected = np.average(-np.log(np.maximum(own, clip)), weights=data["weight"])
        found = state.clips.loss(number, sum(state.losses), sum(state.weights))
        assert found == pytest.approx(expected, rel=1e-13)
    with np.errstate(all="ignore"):
        eps = log_loss(data["labels"], data["p"], sample_weight=data["weight"])
    found = state.clips.loss(0, sum(state.losses), sum(state.weights))
    assert found == pytest.approx(eps, rel=1e-9)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_sample_of_few_rows_has_all(classes: int) -> None:
    state, data = rows_of(classes)
    rows = state.sample.rows
    assert rows is not None
    scores = data["p"][:, 1:2] if classes == 2 else data["p"]
    expected = sorted(zip(scores.tolist(), data["labels"].tolist(), data["weight"], strict=True))
    found = rows.scores.reshape(len(rows.labels), -1).tolist()
    assert sorted(zip(found, rows.labels.tolist(), rows.weights, strict=True)) == expected


def test_a_sample_is_the_same_in_any_order_and_fair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "MOST_ROWS", 1000)
    monkeypatch.setattr(sampling, "FEWEST", 10)
    _, data = rows_of(2, 20_000, 1)
    whole = State(schema(2))
    add(whole, data, slice(None))
    parts = []
    for a in range(0, 20_000, 1700):
        state = State(schema(2))
        for b in range(a, min(a + 1700, 20_000), 100):
            add(state, data, slice(b, min(b + 100, a + 1700)))
        parts.append(state)
    merged = State(schema(2))
    for state in reversed(parts):
        merged = merged.merge(State.from_json(state.to_json()))
    assert merged == whole
    rows = whole.sample.rows
    assert rows is not None
    assert len(rows.labels) == 1000
    assert abs(rows.labels.mean() - data["labels"].mean()) < 4 * math.sqrt(0.25 / 1000)
    assert abs(rows.scores.mean() - data["p"][:, 1].mean()) < 4 * data["p"][:, 1].std() / 31


def test_many_classes_have_no_sample() -> None:
    state = State(schema(2000))
    state.add(np.full((1, 2000), 1 / 2000), np.zeros(1, int), np.ones(1), np.arange(1))
    assert state.sample.rows is None


def sliced(**more: Any) -> tuple[State, dict[str, Any], Array, Array]:
    _, data = rows_of(3, 300)
    data["p"][:5] = [[0.0, 0.0, 1.0]]
    data["labels"][:5] = 0
    first, second = np.arange(300) % 4, np.arange(300) % 3
    groups = [Groups(first, [*"abcd", "unused"]), Groups(second, [*"xyz"])]
    state = State(schema(3, by=("one", "two"), **more))
    for a in range(0, 300, 70):
        rows = np.arange(a, min(a + 70, 300))
        add(state, data, rows, [each.of(rows) for each in groups])
    return state, data, first, second


@pytest.mark.parametrize("weighted", [True, False])
def test_slices_hold_what_their_rows_say(weighted: bool) -> None:
    state, data, first, second = sliced(weighted=weighted)
    made = scored(data["p"], data["labels"], "probabilities")
    w = data["weight"] if weighted else np.ones(300)
    right = made.predicted == data["labels"]
    finite = np.isfinite(made.losses)
    x = np.where(finite, made.losses, 0.0)
    seen = {(): np.ones(300, bool)}
    for names, cells in state.slices.cells.items():
        for key, sums in cells:
            mine = np.ones(300, bool)
            for name, text in zip(names, key, strict=True):
                codes, texts = (first, "abcd") if name == "one" else (second, "xyz")
                mine &= codes == texts.index(text)
            seen[key] = mine
            assert sums.rows == mine.sum()
            assert sums.infinite == (mine & ~finite).sum()
            expected = {
                "w": w, "right": w * right, "wl": w * x, "wll": w * x * x, "wlll": w * x**3,
                "ww": w * w, "wwl": w * w * x, "wwll": (w * x) ** 2,
            }  # fmt: skip
            for name, values in expected.items():
                total = math.fsum(values[mine])
                assert value(getattr(sums, name)) == pytest.approx(total, rel=1e-14), name
    assert len(seen) == 1 + 4 + 3 + 12


def test_too_many_pairs_of_values_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slicing, "MOST", 11)
    state, *_ = sliced()
    assert [cells.full for cells in state.slices.cells.values()] == [False, False, True]
    assert State.from_json(state.to_json()) == state
    merged = State(state.schema).merge(state)
    assert merged == state
    assert merged.slices.cells[("one", "two")].full


def test_too_many_values_are_an_error_that_names_bins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slicing, "MOST", 3)
    with pytest.raises(ValueError, match=r"column 'one' has more than 3 values.*'one:18:40:65'"):
        sliced()


@pytest.fixture
def clustered() -> tuple[State, dict[str, Any], Array]:
    _, data = rows_of(2, 300)
    codes = np.arange(300) // 7
    groups = Groups(codes, [f"user {i}" for i in range(43)])
    state = State(schema(2, cluster="user"))
    add(state, data, slice(None), [groups])
    return state, data, codes


def test_clusters_hold_what_their_rows_say(clustered: Any) -> None:
    state, data, codes = clustered
    made = scored(data["p"][:, 1], data["labels"], "probabilities")
    w = data["weight"]
    sums = state.clusters.sums
    buckets = np.array([zlib.crc32(f"user {i}".encode()) % BUCKETS for i in codes.tolist()])
    assert state.clusters.groups <= 43
    for name, values in {
        "losses": w * made.losses, "weights": w, "brier": w * made.brier,
        "right": w * (made.predicted == data["labels"]),
    }.items():  # fmt: skip
        found = [value(each) for each in sums[name].whole]
        np.testing.assert_allclose(found, np.bincount(buckets, values, BUCKETS), 1e-13)
    labels = np.array([value(each) for each in sums["labels"].whole]).reshape(BUCKETS, 2)
    np.testing.assert_allclose(labels.sum(axis=0), np.bincount(data["labels"], w))
    bins = np.array(sums["bins"].whole).reshape(BINNED, -1)
    np.testing.assert_array_equal(bins.sum(axis=0), np.bincount(made.keys, minlength=8192))
    assert Counter(bins.sum(axis=1).tolist())[0] < BINNED - 20


@pytest.mark.parametrize("kind", ["logits", "probabilities"])
def test_two_columns_have_the_bins_and_brier_scores_of_one(kind: Any) -> None:
    rng = np.random.default_rng(1)
    z, labels = rng.normal(0, 3, 500), rng.integers(0, 2, 500)
    one = scored(z, labels, "logits")
    pair = np.stack([np.zeros(500), z], axis=1)
    two = scored(pair if kind == "logits" else xent.softmax(pair), labels, kind)
    assert (two.keys == one.keys).mean() > 0.99  # rounding may move a row across an edge
    assert np.abs(two.keys - one.keys).max() <= 2
    np.testing.assert_allclose(two.brier, one.brier, 1e-12)
