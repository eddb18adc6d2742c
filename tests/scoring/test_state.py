"""The state of a score: exact sums, and the same result however the rows are cut and merged."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from xent.scoring import compiled
from xent.scoring.state import SCALE, Schema, State, exact, exact_sums, ratio

CLASSES = 3
TINY = 2.0**-1074

finite = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, TINY, -TINY, 2.0**-1022, 1.7e308, -1.7e308, 1.0, 1e-16]),
)


class Row(NamedTuple):
    scores: tuple[float, ...]
    label: int
    weight: float = 1.0

    @property
    def loss(self) -> float:
        return 0.0 - self.scores[self.label]

    @property
    def predicted(self) -> int:
        return self.scores.index(max(self.scores))


def row(loss: float, label: int, predicted: int, weight: float = 1.0) -> Row:
    """A row of log-probabilities with this loss."""
    scores = [-math.inf] * CLASSES
    scores[predicted], scores[label] = 0.0, -loss
    return Row(tuple(scores), label, weight)


log_probability = st.one_of(st.sampled_from([0.0, -0.5, -2.0, -math.inf]), st.floats(-1e300, 0))
rows_of_a_file = st.lists(
    st.builds(
        Row,
        st.tuples(*[log_probability] * CLASSES),
        st.integers(0, CLASSES - 1),
        st.sampled_from([0.0, 1.0, 0.1, 3.5, 1e-3]),
    ),
    max_size=30,
)
SCHEMA = Schema("log-probabilities", ("a", "b", "c"), binary=False, weighted=True, keep=3)


@pytest.fixture(params=["numpy", "compiled"], autouse=True, scope="module")
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each test is run by NumPy and by compiled code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "FIRST", math.inf if request.param == "numpy" else 0)
        yield request.param


def state_of(
    rows: list[Row], first: int = 0, into: State | None = None, schema: Schema = SCHEMA
) -> State:
    result = State(schema) if into is None else into
    scores = np.array([row.scores for row in rows]).reshape(-1, CLASSES)
    labels = np.array([row.label for row in rows], int)
    weights = np.array([row.weight for row in rows])
    result.add(scores, labels, weights, first + np.arange(len(rows)))
    return result


def pieces(rows: list[Row], cuts: list[int]) -> list[tuple[int, list[Row]]]:
    ends = sorted({0, len(rows), *(cut % (len(rows) + 1) for cut in cuts)})
    return [(a, rows[a:b]) for a, b in itertools.pairwise(ends)]


def scaled(value: Any) -> int:
    whole = Fraction(value) * 2**SCALE
    assert whole.denominator == 1
    return whole.numerator


@given(st.lists(st.tuples(finite, st.integers(0, CLASSES - 1)), min_size=1, max_size=60))
def test_sums_are_exact(pairs: list[tuple[float, int]]) -> None:
    values, groups = (np.array(column) for column in zip(*pairs, strict=True))
    sums = exact_sums(values, groups, CLASSES)
    for group in range(CLASSES):
        mine = [value for value, of in pairs if of == group]
        assert sums.get(group, 0) == scaled(sum(map(Fraction, mine)))


@given(st.lists(st.floats(-1e290, 1e290), min_size=1, max_size=60))
def test_a_sum_read_as_a_float_is_fsum(values: list[float]) -> None:
    sums = exact_sums(np.array(values), np.zeros(len(values), int), 1)
    assert ratio(sums.get(0, 0), 1 << SCALE) == math.fsum(values)


def test_sums_of_many_equal_powers_lose_nothing() -> None:
    value = np.nextafter(2.0, 1)  # all 53 digits are ones
    sums = exact_sums(np.full(1 << 18, value), np.zeros(1 << 18, int), 1)
    assert sums == {0: scaled(value) << 18}


@pytest.mark.parametrize("bins", [0, 1 << 30])
def test_sums_do_not_depend_on_how_they_are_binned(
    bins: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exact, "MAX_BINS", bins)
    rng = np.random.default_rng(0)
    values = np.ldexp(rng.random(500), rng.integers(-1000, 1000, 500))
    groups = rng.integers(0, 50, 500)
    expected: dict[int, int] = {}
    for value, group in zip(values.tolist(), groups.tolist(), strict=True):
        expected[group] = expected.get(group, 0) + scaled(value)
    assert exact_sums(values, groups, 50) == expected


@given(rows_of_a_file, st.lists(st.integers(0, 100), max_size=6))
def test_any_split_into_batches_gives_the_same_state(rows: list[Row], cuts: list[int]) -> None:
    whole = state_of(rows)
    state = State(SCHEMA)
    for first, part in pieces(rows, cuts):
        state = state_of(part, first, state)
    assert state == whole


@given(rows_of_a_file, st.lists(st.integers(0, 100), max_size=6), st.randoms())
def test_any_order_of_merging_gives_the_same_state(
    rows: list[Row], cuts: list[int], random: Any
) -> None:
    states = [state_of(part, first) for first, part in pieces(rows, cuts)] or [State(SCHEMA)]
    while len(states) > 1:
        i, j = random.sample(range(len(states)), 2)
        merged = states[i].merge(states[j])
        states = [s for k, s in enumerate(states) if k not in (i, j)] + [merged]
    assert states[0] == state_of(rows)


@given(rows_of_a_file)
def test_a_state_holds_what_its_rows_say(rows: list[Row]) -> None:
    state = state_of(rows)
    kept = [(i, row) for i, row in enumerate(rows) if row.weight > 0]
    for j in range(CLASSES):
        mine = [row for _, row in kept if row.label == j]
        assert state.counts[j] == len(mine)
        right = (Fraction(row.weight) for row in mine if row.predicted == j)
        assert state.right[j] == scaled(sum(right))
        assert state.infinite[j] == sum(row.loss == math.inf for row in mine)
        assert state.weights[j] == scaled(sum(Fraction(row.weight) for row in mine))
        products = [Fraction(row.weight * row.loss) for row in mine if row.loss < math.inf]
        assert state.losses[j] == scaled(sum(products))
    worst = sorted(kept, key=lambda pair: (-pair[1].loss, pair[0]))[:3]
    assert [(w.row, w.loss, w.label, w.predicted) for w in state.worst] == [
        (i, row.loss, row.label, row.predicted) for i, row in worst
    ]


def test_of_rows_equally_bad_the_earliest_are_kept() -> None:
    rows = [row(loss, 0, 0) for loss in (1, 2, 2, 3, 2, 2)]
    assert [worst.row for worst in state_of(rows).worst] == [3, 1, 2]


def test_of_rows_equally_bad_those_of_the_first_source_are_kept() -> None:
    states = []
    for source in ("b.csv", "a.csv"):
        state = State(SCHEMA)
        state.add(np.zeros((2, CLASSES)), np.zeros(2, int), np.ones(2), np.arange(2), source)
        states.append(state)
    for merged in (states[0].merge(states[1]), states[1].merge(states[0])):
        found = [(worst.source, worst.row) for worst in merged.worst]
        assert found == [("a.csv", 0), ("a.csv", 1), ("b.csv", 0)]


def test_worst_rows_have_the_keys_of_their_columns() -> None:
    state = State(SCHEMA)
    keys = [np.array(["x", "y"]), np.array([7, 8])]
    state.add(np.array([[0.0, -1, -9]] * 2), np.array([2, 1]), np.ones(2), np.arange(2), "f", keys)
    assert [worst.key for worst in state.worst] == [("x", "7"), ("y", "8")]


def test_rows_of_weight_0_are_absent_even_with_infinite_loss() -> None:
    state = state_of([row(math.inf, 0, 1, 0.0), row(1.0, 1, 1, 2.0)])
    assert state == state_of([row(1.0, 1, 1, 2.0)], first=1)


def test_a_product_past_all_floats_counts_as_infinite() -> None:
    state = state_of([row(1e300, 2, 0, 1e50), row(1.0, 2, 2)])
    assert state.infinite == [0, 0, 1]
    assert state.losses == [0, 0, scaled(1)]


def test_no_worst_rows_may_be_asked_for() -> None:
    schema = replace(SCHEMA, keep=0)
    assert state_of([row(1.0, 0, 0)] * 4, schema=schema).worst == []


def test_states_do_not_share_their_sums() -> None:
    before = state_of([row(1.0, 0, 0)])
    merged = before.merge(State(SCHEMA))
    state_of([row(5.0, 0, 0)], 1, merged)
    assert before == state_of([row(1.0, 0, 0)])


def test_ratios_round_once_and_have_no_value_for_nothing() -> None:
    assert ratio(1 << 1200, 3 << 1200) == 1 / 3
    assert ratio(1 << 1200, 1) == math.inf
    assert math.isnan(ratio(0, 0))


def test_lists_of_classes_are_made_once_and_anew_after_more_rows() -> None:
    state = state_of([row(1.0, 0, 0)])
    assert state.counts is state.counts
    assert state.weights is state.weights
    state_of([row(1.0, 1, 0)], 1, state)
    assert state.counts == [1, 1, 0]
    assert state.right == [scaled(1), 0, 0]
