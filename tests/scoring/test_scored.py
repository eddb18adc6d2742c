"""Losses, predictions and bins of rows: the same bits by NumPy and by compiled code, anywhere."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings

import xent
from xent import oracle
from xent._engine.cpu.portable import KEYS
from xent._validation import Array
from xent.scoring import compiled
from xent.scoring.losses import class_sums, probabilities_of, scored
from xent.scoring.state.histogram import edges

KINDS = ("logits", "probabilities", "log-probabilities")
SHAPES = (1, 2, 3, 5, 8, 100)


def scores_of(kind: Any, classes: int, rows: int, seed: int = 0) -> tuple[Array, Array]:
    """Scores of any size, some of them at the ends of their range; binary for one class."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(rows, max(2, classes))) * 10.0 ** rng.integers(-2, 3, rows)[:, None]
    z[rng.random(z.shape) < 0.02] = -np.inf
    z[rng.random(rows) < 0.02, 0] = np.inf
    labels = rng.integers(0, max(2, classes), rows)
    if kind != "logits":
        finite = np.clip(z, -1e4, 1e4)
        z = xent.softmax(finite) if kind == "probabilities" else xent.log_softmax(finite)
    return (z[:, 1].copy() if classes == 1 else z), labels


def by(first: float, scores: Array, labels: Array, kind: Any) -> Array:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "FIRST", first)
        return np.stack(scored(scores, labels, kind))


@pytest.mark.parametrize("classes", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_compiled_code_and_numpy_give_the_same_bits(kind: Any, classes: int) -> None:
    scores, labels = scores_of(kind, classes, 700)
    expected = by(math.inf, scores, labels, kind)
    np.testing.assert_array_equal(by(0, scores, labels, kind), expected)
    np.testing.assert_array_equal(by(0, np.asfortranarray(scores), labels, kind), expected)


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(KINDS), st.sampled_from(SHAPES), st.integers(0, 300), st.integers(0, 300),
    st.booleans(), st.integers(0, 9),
)  # fmt: skip
def test_a_row_has_the_same_bits_in_any_batch(
    kind: Any, classes: int, a: int, b: int, code: bool, seed: int
) -> None:
    scores, labels = scores_of(kind, classes, 300, seed)
    part = slice(min(a, b), max(a, b) + 1)
    whole = by(math.inf, scores, labels, kind)
    again = by(0 if code else math.inf, scores[part], labels[part], kind)
    np.testing.assert_array_equal(again, whole[:, part])


@pytest.mark.parametrize("classes", [2, 3, 10, 100])
def test_losses_of_logits_err_by_two_units_at_most(classes: int) -> None:
    rng = np.random.default_rng(classes)
    logits = rng.normal(size=(60, classes)) * rng.choice([1, 30, 150], (60, 1))
    labels = np.where(rng.random(60) < 0.5, logits.argmax(axis=1), rng.integers(0, classes, 60))
    losses = scored(logits, labels, "logits").losses
    for loss, row, label in zip(losses.tolist(), logits.tolist(), labels.tolist(), strict=True):
        assert oracle.ulps(loss, oracle.label_row(row, label).loss, np.float64) <= 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("classes", [1, 4])
def test_losses_are_those_of_the_functions(kind: Any, classes: int) -> None:
    scores, labels = scores_of(kind, classes, 300)
    losses = scored(scores, labels, kind).losses
    if kind == "logits":
        of = xent.binary_cross_entropy if classes == 1 else xent.cross_entropy
        expected = of(scores, labels, reduction="none")
    else:
        p = scores if kind == "probabilities" else np.exp(scores)
        expected = xent.log_loss(labels, np.minimum(p, 1), reduction="none")
    near = np.isfinite(losses) & np.isfinite(expected)
    # exp of a log-probability near 0 has lost digits of 1 - p.
    close = 1e-6 if kind == "log-probabilities" else 1e-12
    np.testing.assert_allclose(losses[near], expected[near], close, 1e-15)
    if kind != "log-probabilities":
        np.testing.assert_array_equal(near, np.isfinite(expected))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("classes", [1, 4])
def test_probabilities_of_labels(kind: Any, classes: int) -> None:
    scores, labels = scores_of(kind, classes, 300)
    found = probabilities_of(scores, labels, kind)
    losses = scored(scores, labels, kind).losses
    np.testing.assert_allclose(found, np.exp(-losses), 1e-10, 1e-300)


def test_every_class_masked_is_an_infinite_loss() -> None:
    made = scored(np.full((1, 3), -np.inf), np.array([0]), "logits")
    assert made.losses.tolist() == [math.inf]


def test_bins_lie_between_their_edges() -> None:
    z = np.random.default_rng(0).normal(0, 10, 3000)
    keys = scored(z, np.zeros(len(z), int), "logits").keys // 2
    found = np.searchsorted(edges(), z)
    assert len(edges()) == KEYS - 1
    assert np.abs(keys - found).max() <= 1  # rounding may move one across an edge
    assert (keys == found).mean() > 0.999


def test_sums_of_classes_have_low_parts() -> None:
    e = np.array([[1.0, 2.0**-60, 2.0**-61, 1e-300, 0.5]])
    s, low = class_sums(e)
    assert (s.tolist(), low.tolist()) == ([1.5], [1.5 * 2.0**-60])


def test_clipping_limits_losses() -> None:
    p = np.array([0.0, 1.0, 0.5])
    losses = scored(p, np.array([1, 1, 1]), "probabilities", 0.1).losses
    np.testing.assert_allclose(losses, -np.log([0.1, 0.9, 0.5]))


def test_scoring_imports_neither_pandas_nor_numba(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    columns = {"label": [0, 1] * 30, "probs": [[0.5, 0.5]] * 60, "w": [1, 2] * 30}
    file = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pa.table(columns), file)
    code = (
        f"import sys, xent; xent.score({str(file)!r}, weight_column='w');"
        "print({'pandas', 'numba'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
