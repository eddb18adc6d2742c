"""Saved states, moments and histograms."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from xent.scoring import compiled
from xent.scoring.columns import Rows
from xent.scoring.losses import losses_of
from xent.scoring.state import SCALE, Schema, State, StateError, state_of

BINARY = Schema("probabilities", ("no", "yes"), binary=True)
WEIGHTED = replace(BINARY, weighted=True)
CLASSES = Schema("logits", ("a", "b", "c"), binary=False)


def rows_of(schema: Schema, count: int, seed: int = 0) -> Rows:
    rng = np.random.default_rng(seed)
    scores = rng.random(count) if schema.binary else rng.normal(0, 9, (count, 3))
    scores[rng.random(count) < 0.05] = 0
    weight = rng.choice([0.0, 0.1, 1.0, 7.5], count) if schema.weighted else None
    labels = rng.integers(0, len(schema.classes), count)
    return Rows(np.arange(count), labels, scores, weight)


def part(rows: Rows, span: slice) -> Rows:
    weight = None if rows.weight is None else rows.weight[span]
    return Rows(rows.places[span], rows.labels[span], rows.scores[span], weight)


def loaded(state: State, change: Callable[[dict[str, Any]], object] = lambda data: None) -> State:
    data = json.loads(state.to_json())
    change(data)
    return State.from_json(json.dumps(data), "a.state")


@pytest.mark.parametrize("schema", [BINARY, WEIGHTED, CLASSES, replace(BINARY, clip=1e-9)])
def test_a_saved_state_is_the_same(schema: Schema) -> None:
    state = state_of(rows_of(schema, 200), schema, "file.csv")
    again = State.from_json(state.to_json())
    assert again == state
    assert again.to_json() == state.to_json()
    assert again.worst == state.worst
    assert state.infinite != [0] * len(schema.classes) or schema.clip or not schema.binary


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([BINARY, WEIGHTED, CLASSES]),
    st.lists(st.integers(0, 120), max_size=5),
    st.integers(0, 5),
    st.randoms(),
    st.data(),
)
def test_splits_over_sources_batches_and_engines_merge_to_the_same_bits(
    schema: Schema, cuts: list[int], seed: int, random: Any, data: Any
) -> None:
    sources = {"a": rows_of(schema, 120, seed), "b": rows_of(schema, 40, seed + 9)}
    states = []
    for name, rows in sources.items():
        ends = sorted({0, len(rows.labels), *(min(cut, len(rows.labels)) for cut in cuts)})
        for a, b in pairwise(ends):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(compiled, "FIRST", data.draw(st.sampled_from([0, 10**9])))
                state = state_of(part(rows, slice(a, b)), schema, name)
            states.append(loaded(state) if random.random() < 0.3 else state)
    random.shuffle(states)
    merged = State(schema)
    for state in states:
        merged = state.merge(merged)
    whole = state_of(sources["a"], schema, "a").merge(state_of(sources["b"], schema, "b"))
    assert merged == whole
    assert merged.to_json() == whole.to_json()


@pytest.mark.parametrize("first", [0, 10**9])
@pytest.mark.parametrize("schema", [BINARY, WEIGHTED])
def test_moments_are_exact(schema: Schema, first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "FIRST", first)
    rows = rows_of(schema, 300)
    moments = state_of(rows, schema).moments
    p = np.where(rows.labels == 1, rows.scores, 1 - rows.scores)
    weight = np.ones(300) if rows.weight is None else rows.weight
    kept = (weight > 0) & (p > 0)
    loss, w = losses_of(rows.scores, rows.labels, "probabilities")[kept], weight[kept]
    wl = w * loss
    products = {"wl": wl, "wll": wl * loss, "wlll": (wl * loss) * loss}
    if rows.weight is not None:
        products |= {"wwl": w * wl, "wwll": wl * wl}
    assert moments.beyond == 0
    assert {*moments.names} == {*products}
    for name, values in products.items():
        assert Fraction(moments[name], 2**SCALE) == sum(map(Fraction, values.tolist()))
        for label, amount in enumerate(moments.by_class(name)):
            mine = values[rows.labels[kept] == label]
            assert Fraction(amount, 2**SCALE) == sum(map(Fraction, mine.tolist()))


@pytest.mark.parametrize("first", [0, 10**9])
def test_products_too_large_are_counted(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "FIRST", first)
    schema = replace(CLASSES, kind="log-probabilities")
    scores = np.array([[-1e200, 0, 0], [-2.0, 0, 0], [-np.inf, 0, 0]])
    state = State(schema)
    state.add(scores, np.zeros(3, int), None, np.arange(3))
    assert (state.moments.beyond, sum(state.infinite)) == (1, 1)
    assert Fraction(state.moments["wl"], 2**SCALE) == Fraction(1e200) + 2
    assert Fraction(state.moments["wlll"], 2**SCALE) == 8


def test_a_histogram_counts_each_row_by_its_label() -> None:
    rows = rows_of(WEIGHTED, 500)
    assert rows.weight is not None
    state = state_of(rows, WEIGHTED)
    counts = np.array(state.histogram.rows)
    kept = rows.weight > 0
    assert counts.sum(axis=1).tolist() == np.bincount(rows.labels[kept]).tolist()
    above = kept & (rows.scores > 0.5)
    assert counts[:, 2048:].sum() == above.sum()
    for label, weights in enumerate(state.histogram.weights):
        expected = sum(map(Fraction, rows.weight[rows.labels == label].tolist()))
        assert Fraction(sum(weights), 2**SCALE) == expected


def test_a_truncated_state_is_refused() -> None:
    text = State(BINARY).to_json()
    for end in (0, 1, 100, len(text) - 1):
        with pytest.raises(StateError, match=r"a\.state is not a complete saved state"):
            State.from_json(text[:end], "a.state")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda data: data.update(version=1), "version 1; this xent reads version 3"),
        (lambda data: data.update(format="other"), "not a state that xent score saved"),
        (lambda data: data["parts"].pop("moments"), "expects .*moments"),
        (lambda data: data.pop("parts"), "is damaged: KeyError"),
        (lambda data: data["schema"].update(more=1), "is damaged: TypeError"),
        (lambda data: data["parts"]["moments"]["products"].pop(), "damaged: .*5 sums, not 6"),
        (lambda data: data["parts"]["classes"].update(rows=[1, 2, 3, -4]), "not a whole number"),
        (lambda data: data["parts"]["moments"].update(products=["1", "x"]), "is damaged"),
        (lambda data: data["parts"]["worst"].append([1]), "is damaged"),
    ],
)
def test_a_state_that_is_not_whole_is_refused(
    change: Callable[[dict[str, Any]], object], told: str
) -> None:
    with pytest.raises(StateError, match=told):
        loaded(State(BINARY), change)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (replace(BINARY, classes=("no", "maybe")), "The classes differ: no, yes and no, maybe"),
        (replace(BINARY, kind="logits"), "of probabilities, the other of logits"),
        (replace(BINARY, binary=False), "a single score for each row"),
        (WEIGHTED, "One state has weights"),
        (replace(BINARY, clip=0.1), "clipped at nothing and at 0.1"),
        (replace(BINARY, keep=1), "One state keeps 5 of the worst rows, the other 1"),
    ],
)
def test_states_of_other_schemas_do_not_merge(other: Schema, told: str) -> None:
    with pytest.raises(StateError, match=told):
        State(BINARY).merge(State(other))
