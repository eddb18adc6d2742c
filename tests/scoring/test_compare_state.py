"""The state of a comparison: exact, and the same however the rows are cut and merged."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise, permutations
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from xent.scoring import compiled
from xent.scoring.comparing import compare, groups
from xent.scoring.comparing.schema import Batch, Schema
from xent.scoring.comparing.state import CompareState
from xent.scoring.products import products, usable
from xent.scoring.state import Groups, StateError
from xent.scoring.state.exact import ONE, ExactSums

SCHEMA = Schema(
    ("a", "b", "c"), ("x", "y"), weighted=True, keep=3, by=("g",), cluster="u", baseline=None
)
loss = st.one_of(
    st.floats(0, 50), st.sampled_from([0.0, math.inf, 1e-300, 1e160, 1e300, 5e-324, 1.0])
)
row = st.tuples(
    loss, loss, loss, st.integers(0, 1), st.integers(0, 7),
    st.sampled_from([1.0, 0.1, 2.5, 1e-75, 1e75]), st.sampled_from("pqr"), st.integers(0, 5),
)  # fmt: skip
some_rows = st.lists(row, max_size=25)


@pytest.fixture(params=["numpy", "compiled"], autouse=True, scope="module")
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each test is run by NumPy and by compiled code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "FIRST", math.inf if request.param == "numpy" else 0)
        patch.setattr(groups, "BUCKETS", 16)  # fewer numbers to compare
        yield request.param


def state_of(rows: list[Any], first: int = 0, schema: Schema = SCHEMA) -> CompareState:
    state = CompareState(schema)
    if not rows:
        return state
    a, b, c, labels, bits, weight, values, users = zip(*rows, strict=True)
    texts = sorted(set(values))
    losses = np.array([a, b, c])
    state.add(
        Batch(
            schema,
            np.array(labels),
            losses,
            np.array([[bit >> i & 1 for bit in bits] for i in range(3)]),
            list(losses),
            np.array(weight),
            np.arange(first, first + len(rows)),
            slices=[Groups(np.array([texts.index(each) for each in values]), texts)],
            cluster=Groups(np.array(users), [f"u{i}" for i in range(6)]),
        )
    )
    return state


@settings(max_examples=30, deadline=None)
@given(some_rows, st.lists(st.integers(0, 25), max_size=3))
def test_parts_merge_to_the_same_bits(rows: list[Any], cuts: list[int]) -> None:
    ends = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    parts = [state_of(rows[a:b], a) for a, b in pairwise(ends)]
    whole = state_of(rows)
    for order in permutations(parts):
        merged = CompareState(SCHEMA)
        for part in order:
            merged = merged.merge(part)
        assert merged == whole
    step = CompareState(SCHEMA)
    for i, each in enumerate(rows):
        step = step.merge(state_of([each], i))
    assert step == whole


@settings(max_examples=20, deadline=None)
@given(some_rows)
def test_sums_are_those_of_fractions(rows: list[Any]) -> None:
    state = state_of(rows)
    for pair, (i, j) in enumerate(SCHEMA.pairs):
        total = Fraction(0)
        undefined = 0
        for each in rows:
            with np.errstate(all="ignore"):
                d = np.float64(each[i]) - np.float64(each[j])
                product = each[5] * d
            if math.isfinite(product):
                total += Fraction(float(product))
            else:
                undefined += 1
        place = state.totals.places.difference(pair)
        assert Fraction(state.totals.sums[place]["wl"].whole[0], ONE) == total
        assert state.totals.undefined[place] == undefined
        clusters = sum(s for s, _ in state.clusters.of(place))
        assert Fraction(clusters, ONE) == total
        slices = state.slices.columns["g"]
        cells = [slices.at((value,)) for value in state.slices.values("g")]
        assert sum(cell["undefined"][pair] for cell in cells) == undefined
        assert sum(Fraction(cell["wl"][pair], ONE) for cell in cells) == total
        sliced = state.clusters.slices["g"].by_value()
        assert sliced is not None
        assert Fraction(sum(sum(each.sums[pair]) for each in sliced.values()), ONE) == total
    sizes: dict[int, int] = {}
    for each in rows:
        sizes[each[7]] = sizes.get(each[7], 0) + 1
    assert sorted(state.clusters.sizes.rows.values()) == sorted(sizes.values())


@settings(max_examples=60)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=40), st.booleans())
def test_negative_numbers_are_summed_exactly(values: list[float], several: bool) -> None:
    numbers = np.array(values, np.float64)
    of = np.arange(len(values)) % (3 if several else 1)
    sums = ExactSums(3 if several else 1)
    sums.add(numbers, of if several else None)
    for group, found in enumerate(sums.whole):
        wanted = sum((Fraction(v) for v, g in zip(values, of, strict=True) if g == group), 0)
        assert Fraction(found, ONE) == wanted
    again = ExactSums(sums.groups)
    again.read(sums.to_data())
    assert again == sums


def test_powers_that_overflow_are_left_out() -> None:
    rows = usable(products(np.array([1.0, -1e200, np.inf, np.nan, 2.0]), None))
    assert rows is not None
    assert rows[0].tolist() == [True, True, False, False, True]
    assert rows[1].tolist() == [True, False, False, False, True]
    assert usable(products(np.array([1.0, -3.0]), np.array([2.0, 0.5]))) is None


def test_states_of_other_schemas_do_not_merge() -> None:
    with pytest.raises(StateError, match="These states cannot be merged: one is of Schema"):
        CompareState(SCHEMA).merge(CompareState(Schema(("a", "b"), ("x", "y"))))
    assert CompareState(SCHEMA) != CompareState(Schema(("a", "b"), ("x", "y")))


N = 300
RNG = np.random.default_rng(2)
FRAME = pd.DataFrame(
    {
        "id": RNG.permutation(N),
        "label": RNG.integers(0, 2, N),
        "prob_a": RNG.random(N),
        "prob_b": RNG.random(N).astype(np.float32),
        "logit_c": RNG.normal(size=N),
        "g": RNG.integers(0, 4, N).astype(str),
        "u": RNG.integers(0, 40, N),
        "w": RNG.random(N),
    }
)
HOW: dict[str, Any] = {"by": ["g"], "cluster": "u", "weight_column": "w", "show": ["id"]}
FRAME_AS_LIST = [FRAME]
cuts_of_rows = st.lists(st.integers(0, N), max_size=4)


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.integers(0, N), max_size=4), st.lists(st.integers(0, N), max_size=4), st.randoms()
)
def test_batches_files_and_order_do_not_matter(
    cuts: list[int], others: list[int], random: Any
) -> None:
    def cut(frame: pd.DataFrame, at: list[int]) -> list[pd.DataFrame]:
        return [frame.iloc[a:b] for a, b in pairwise([0, *sorted(at), N])]

    whole = compare(FRAME, **HOW)
    assert compare(FRAME_AS_LIST, **HOW).state == compare(cut(FRAME, cuts), **HOW).state
    order = list(range(N))
    random.shuffle(order)
    models = {name: FRAME[["id", "label", column]] for name, column in
              (("b", "prob_b"), ("c", "logit_c"))}  # fmt: skip
    first = FRAME.drop(columns=["prob_b", "logit_c"])
    for shuffled in (False, True):
        rest = [each.iloc[order] if shuffled else each for each in models.values()]
        found = compare(
            cut(first, cuts), *(cut(each, others) for each in rest), key="id",
            models=["a", "b", "c"], **HOW,
        )  # fmt: skip
        for part in ("totals", "slices", "clusters", "looks"):
            mine, its = (getattr(each.state, part).to_data() for each in (found, whole))
            assert mine == its, part
        assert [row.key for row in found.differing] == [row.key for row in whole.differing]
