"""The definition, on the arrays of every library, against the backend."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from helpers import LIBRARIES, arrays, batches, close, numbers, options, rows_of_probabilities
from hypothesis import given, settings

import xent
from xent import formula

# One shape, so that JAX compiles each operation once.
N, K = 4, 5
SPECIAL = np.array(
    [
        [-np.inf, 1.0, 2.0],  # masked class
        [1.0, -np.inf, 2.0],  # label on a masked class
        [np.inf, 0.0, 1.0],  # certainty of another class
        [0.0, np.inf, 1.0],  # certainty of the label
        [-np.inf, -np.inf, -np.inf],
        [np.nan, 1.0, 2.0],
        [1000.0, 0.0, -1000.0],
    ]
)


def split(opts):
    """Options of the target rows, of the formula, and the rows' weight."""
    target = {k: v for k, v in opts.items() if k in ("class_weight", "label_smoothing")}
    own = {k: v for k, v in opts.items() if k in ("softcap", "z_loss")}
    return target, own, opts.get("sample_weight", 1.0)


def test_every_library_is_here(library):
    there = library.put(np.arange(3.0))
    assert "float64" in str(there.dtype)
    np.testing.assert_array_equal(library.get(there), np.arange(3.0))
    assert set(LIBRARIES) == {"numpy", "numpy read-only", "torch", "jax"}


@settings(max_examples=50)
@given(batch=batches(rows=N, classes=K), opts=options(N, K))
def test_labels(library, batch, opts):
    target_opts, own, weight = split(opts)
    if "class_weight" in target_opts:
        target_opts["class_weight"] = library.put(target_opts["class_weight"])
    z = library.put(batch.logits)
    y = formula.target_rows(library.put(batch.labels), z, **target_opts)
    loss, grad = (library.get(a) for a in formula.cross_entropy(z, y, **own))
    expected, expected_grad = xent.cross_entropy(*batch, reduction="none", return_grad=True, **opts)
    close(loss * weight, expected)
    close(grad * np.reshape(weight, (-1, 1)), expected_grad, atol=1e-13)


@settings(max_examples=30)
@given(data=st.data())
def test_probabilities(library, data):
    logits, y = data.draw(arrays((N, K), -30, 30)), data.draw(rows_of_probabilities(N, K))
    opts = data.draw(options(N, K, leave=("class_weight", "label_smoothing", "sample_weight")))
    loss, grad = formula.cross_entropy(library.put(logits), library.put(y), **opts)
    expected, expected_grad = xent.cross_entropy(
        logits, y, reduction="none", return_grad=True, **opts
    )
    close(library.get(loss), expected)
    close(library.get(grad), expected_grad, atol=1e-13)


@settings(max_examples=50)
@given(data=st.data())
def test_binary(library, data):
    z, t = data.draw(arrays(K, -30, 30)), data.draw(arrays(K, 0, 1))
    opts = data.draw(options(K, 2))
    pos_weight = data.draw(st.one_of(numbers(0, 4), arrays(K, 0, 4)))
    target_opts, own, weight = split(opts)
    smoothing = target_opts.get("label_smoothing", 0.0)
    negative, positive = target_opts.get("class_weight", (1.0, 1.0))
    loss, grad = formula.binary_cross_entropy(
        library.put(z),
        library.put((1 - smoothing) * t + smoothing / 2),
        positive=library.put(positive * np.broadcast_to(pos_weight, K)),
        negative=float(negative),
        **own,
    )
    expected, expected_grad = xent.binary_cross_entropy(
        z, t, pos_weight=pos_weight, reduction="none", return_grad=True, **opts
    )
    close(library.get(loss) * weight, expected)
    close(library.get(grad) * weight, expected_grad, atol=1e-13)


@pytest.mark.parametrize("opts", [{}, {"softcap": 30.0}])
def test_special_rows(library, opts):
    labels = np.ones(len(SPECIAL), int)
    z = library.put(SPECIAL)
    with np.errstate(all="ignore"):
        y = formula.target_rows(library.put(labels), z)
        loss, grad = formula.cross_entropy(z, y, **opts)
    expected, expected_grad = xent.cross_entropy(
        SPECIAL, labels, reduction="none", return_grad=True, **opts
    )
    close(library.get(loss), expected)
    close(library.get(grad), expected_grad)


def test_parts(library):
    z = np.array([[2.0, 1.0, 0.1], [50.0, 0.0, -np.inf], [-np.inf, -np.inf, -np.inf]])
    close(library.get(formula.logsumexp(library.put(z))), xent.logsumexp(z))
    close(library.get(formula.softmax(library.put(z))), xent.softmax(z))
    close(library.get(formula.capped(library.put(z), 5.0))[1, 2], -np.inf)


def test_definition_itself():
    z, y = np.array([[2.0, 1.0, 0.1]]), np.array([[0.2, 0.3, 0.5]])
    loss, grad = formula.cross_entropy(z, y)
    log_z = np.log(np.exp(z).sum())
    close(loss, log_z - (y * z).sum())
    close(grad, np.exp(z) / np.exp(z).sum() - y)
    loss, grad = formula.binary_cross_entropy(z, y)
    close(loss, -y * np.log(1 / (1 + np.exp(-z))) - (1 - y) * np.log(1 / (1 + np.exp(z))))
    close(grad, 1 / (1 + np.exp(-z)) - y)
