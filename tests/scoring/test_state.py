"""The state of a score: exact sums, and the same result however the rows are cut and merged."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any, NamedTuple

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from xent.scoring import state as module
from xent.scoring.state import SCALE, State, exact_sums, ratio

CLASSES = 3
TINY = 2.0**-1074

finite = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, TINY, -TINY, 2.0**-1022, 1.7e308, -1.7e308, 1.0, 1e-16]),
)


class Row(NamedTuple):
    loss: float
    label: int
    predicted: int
    weight: float


rows_of_a_file = st.lists(
    st.builds(
        Row,
        st.one_of(st.sampled_from([0.0, 0.5, 2.0, math.inf]), st.floats(0, 1e300)),
        st.integers(0, CLASSES - 1),
        st.integers(0, CLASSES - 1),
        st.sampled_from([0.0, 1.0, 0.1, 3.5, 1e-3]),
    ),
    max_size=30,
)


def state_of(rows: list[Row], first: int = 0, into: State | None = None, keep: int = 3) -> State:
    result = State(CLASSES, keep) if into is None else into
    losses, labels, predicted, weights = (
        np.array([row[i] for row in rows], dtype=dtype)
        for i, dtype in enumerate((float, int, int, float))
    )
    places = first + np.arange(len(losses))
    result.add(losses, labels, predicted, np.exp(-losses), weights, places)
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
    monkeypatch.setattr(module, "MAX_BINS", bins)
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
    state = State(CLASSES, 3)
    for first, part in pieces(rows, cuts):
        state = state_of(part, first, state)
    assert state == whole


@given(rows_of_a_file, st.lists(st.integers(0, 100), max_size=6), st.randoms())
def test_any_order_of_merging_gives_the_same_state(
    rows: list[Row], cuts: list[int], random: Any
) -> None:
    states = [state_of(part, first) for first, part in pieces(rows, cuts)] or [State(CLASSES, 3)]
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
    rows = [Row(loss, 0, 0, 1.0) for loss in (1, 2, 2, 3, 2, 2)]
    assert [worst.row for worst in state_of(rows).worst] == [3, 1, 2]


def test_rows_of_weight_0_are_absent_even_with_infinite_loss() -> None:
    state = state_of([Row(math.inf, 0, 1, 0.0), Row(1.0, 1, 1, 2.0)])
    assert state == state_of([Row(1.0, 1, 1, 2.0)], first=1)


def test_a_product_past_all_floats_counts_as_infinite() -> None:
    state = state_of([Row(1e300, 2, 0, 1e50), Row(1.0, 2, 2, 1.0)])
    assert state.infinite == [0, 0, 1]
    assert state.losses == [0, 0, scaled(1)]


def test_no_worst_rows_may_be_asked_for() -> None:
    assert state_of([Row(1.0, 0, 0, 1.0)] * 4, keep=0).worst == []


def test_states_do_not_share_their_sums() -> None:
    before = state_of([Row(1.0, 0, 0, 1.0)])
    merged = before.merge(State(CLASSES, 3))
    state_of([Row(5.0, 0, 0, 1.0)], 1, merged)
    assert before == state_of([Row(1.0, 0, 0, 1.0)])


def test_ratios_round_once_and_have_no_value_for_nothing() -> None:
    assert ratio(1 << 1200, 3 << 1200) == 1 / 3
    assert ratio(1 << 1200, 1) == math.inf
    assert math.isnan(ratio(0, 0))
