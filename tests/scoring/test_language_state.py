"""Sums over texts and questions: exact, and the same bits however the rows are cut and merged."""

from __future__ import annotations

import functools
import itertools
import json
import math
from fractions import Fraction
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from language_files import cut, form_of, harness_metrics, sample, scored

from xent.scoring.language import add_batch, new_state, score_of
from xent.scoring.state import SCALE

logs = st.one_of(
    st.sampled_from([0.0, -0.5, -2.0, -1e-300, -5e-324, -math.inf]), st.floats(-1e300, 0.0)
)
token_lists = st.lists(
    st.lists(logs, max_size=4).map(lambda values: [None, *values]), min_size=1, max_size=12
)
questions = st.lists(
    st.lists(st.one_of(st.sampled_from([0.0, -1.0, -2.5]), st.floats(-50, 0)), min_size=1,
             max_size=5),
    min_size=2,
    max_size=12,
)  # fmt: skip
cuts = st.lists(st.integers(0, 12), max_size=5)


def split(rows: list[Any], places: list[int]) -> list[tuple[int, list[Any]]]:
    edges = [0, *sorted(min(place, len(rows)) for place in places), len(rows)]
    return [(a, rows[a:b]) for a, b in itertools.pairwise(edges)]


def merged(form: Any, parts: list[tuple[int, Any]], order: Any, keep: int) -> Any:
    states = []
    for first, batch in parts:
        state = new_state(form, keep, "file")
        if len(batch):
            add_batch(state, form, first, batch, "file")
        states.append(state)
    order.shuffle(states)
    return functools.reduce(lambda a, b: a.merge(b), states)


def check_same(rows: list[Any], places: list[int], order: Any, keep: int) -> Any:
    form = form_of(rows)
    whole = new_state(form, keep, "file")
    add_batch(whole, form, 0, rows, "file")
    assert merged(form, split(rows, places), order, keep) == whole
    assert type(whole).from_json(json.loads(json.dumps(whole.to_json()))) == whole
    return whole


@given(token_lists, cuts, st.randoms(use_true_random=False), st.integers(0, 4))
def test_texts_in_any_batches(lists: Any, places: Any, order: Any, keep: int):
    rows = [{"token_logprobs": values, "doc_id": f"d{i}"} for i, values in enumerate(lists)]
    rows[0]["token_logprobs"] = [-1.0]  # else a sample of nothing but null
    state = check_same(rows, places, order, keep)
    tokens = [value for row in rows for value in row["token_logprobs"] if value is not None]
    finite = [-Fraction(value) for value in tokens if value > -math.inf]
    assert Fraction(state.losses, 1 << SCALE) == sum(finite)
    assert state.totals["tokens"] == len(tokens)
    assert state.infinite == len(tokens) - len(finite)
    assert len(state.worst) == min(keep, len(rows))


@given(questions, cuts, st.randoms(use_true_random=False), st.integers(0, 4))
def test_questions_in_any_batches(lists: Any, places: Any, order: Any, keep: int):
    rows = [
        sample(i, [f"c{'x' * j}" for j in range(len(values))], values, i % len(values),
               **harness_metrics([f"c{'x' * j}" for j in range(len(values))], values,
                                 i % len(values)))
        for i, values in enumerate([[-1.0, -2.0], *lists])
    ]  # fmt: skip
    check_same(rows, places, order, keep)
    result = scored(rows)
    assert not [note for note in result.notes if "differs" in note]
    right = sum(int(np.argmax(values)) == i % len(values) for i, values in
                enumerate([[-1.0, -2.0], *lists]))  # fmt: skip
    assert result.accuracy == right / len(rows)


@pytest.mark.parametrize("batch", [1, 7, 100, 1000])
def test_columns_in_any_batches(batch: int):
    rng = np.random.default_rng(5)
    columns = {
        "loglikelihood": pa.array(-rng.exponential(10, 1000)),
        "num_tokens": pa.array(rng.integers(1, 9, 1000)),
        "num_bytes": pa.array(rng.integers(1, 40, 1000)),
    }
    result = scored(columns, batch=batch)
    total = sum(map(Fraction, columns["loglikelihood"].to_pylist()))
    assert result.log_likelihood == float(total)
    assert result.loss == float(-total / sum(columns["num_tokens"].to_pylist()))
    rates = columns["loglikelihood"].to_numpy() / columns["num_tokens"].to_numpy()
    assert [each.row for each in result.worst] == np.argsort(rates, kind="stable")[:5].tolist()


def test_equal_losses_keep_the_first_rows():
    columns = {"logprob": pa.array([-1.0] * 100)}
    for batch in (1, 3, 100):
        assert [each.row for each in scored(columns, batch=batch, worst=3).worst] == [0, 1, 2]


def test_a_state_without_rows():
    form = form_of({"logprob": pa.array([-1.0])})
    state = new_state(form, 5, "file")
    add_batch(state, form, 0, {"logprob": pa.array([-1.0])}, "file")
    assert state.merge(new_state(form, 5, "file")) == state
    assert score_of(state, form, "file").loss == 1.0


def test_columns_are_read_without_python_numbers():
    """Ten million tokens take about a second; a loop over them would take far more."""
    columns = {"logprob": pa.array(np.full(1_000_000, -1.5))}
    form = form_of({"logprob": columns["logprob"][:10]})
    state = new_state(form, 5, "file")
    for first, batch in cut(columns, 1 << 16):
        add_batch(state, form, first, batch, "file")
    assert score_of(state, form, "file").loss == 1.5


# ---- standard errors


def test_the_standard_error_of_a_ratio():
    rng = np.random.default_rng(8)
    tokens, sizes = rng.integers(1, 30, 40), rng.integers(30, 90, 40)
    losses = rng.exponential(2, 40) * tokens
    columns = {"ll": -losses, "num_tokens": tokens, "num_bytes": sizes}
    for batch in (1, 40):
        result = scored(columns, batch=batch)
        for numbers, error in (
            (tokens, result.loss_error),
            (sizes, result.bits_per_byte_error * math.log(2)),
        ):
            squares = (losses - losses.sum() / numbers.sum() * numbers) ** 2
            # The jackknife's, up to the first power of each text's share; at least Cochran's.
            left_out = 39 / 40 * (squares.sum() + 2 * squares @ numbers / numbers.sum())
            expected = math.sqrt(max(40 / 39 * squares.sum(), left_out)) / numbers.sum()
            assert error == pytest.approx(expected, rel=1e-12)


def test_the_standard_error_of_means():
    rng = np.random.default_rng(9)
    losses = rng.exponential(2, 40)
    result = scored({"ll": -losses})
    assert result.loss_error == pytest.approx(losses.std(ddof=1) / math.sqrt(40), rel=1e-12)
    logs = (-rng.exponential(3, (40, 3))).tolist()
    rows = [
        {"target": int(target), "resps": [[value, False] for value in values]}
        for target, values in zip(rng.integers(0, 3, 40), logs, strict=True)
    ]
    result = scored(rows)
    each = [scored([row]).loss for row in rows]
    assert result.loss_error == pytest.approx(np.std(each, ddof=1) / math.sqrt(40), rel=1e-12)
    hits = [scored([row]).accuracy for row in rows]
    assert result.accuracy_error == pytest.approx(np.std(hits, ddof=1) / math.sqrt(40), rel=1e-12)


def test_no_standard_error_where_it_would_mislead():
    assert math.isnan(scored({"logprob": -np.ones(100)}).loss_error)  # tokens of one text
    assert math.isnan(scored({"ll": -np.arange(4.0)}).loss_error)
    assert math.isnan(scored({"ll": -np.array([1, 2, 3, 4, math.inf])}).loss_error)
    assert scored({"ll": -np.array([1.0, 2, 3, 4, 5])}).loss_error > 0
