"""The metric: labels of every kind in the columns' order, clipping, and what nothing means."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from helpers import close

import xent

P = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])


def losses(*args, **opts):
    return xent.log_loss(*args, reduction="none", **opts)


def test_class_labels():
    close(losses([0, 2], P), -np.log([0.7, 0.6]))
    close(xent.log_loss([0, 2], P), -np.log([0.7, 0.6]).mean())
    close(xent.log_loss([0, 2], P, reduction="sum"), -np.log([0.7, 0.6]).sum())


@pytest.mark.parametrize("labels", [[1, 0], [True, False], [1.0, 0.0], np.uint8([1, 0])])
def test_binary_labels(labels):
    close(losses(labels, [0.9, 0.2]), -np.log([0.9, 0.8]))


def test_probabilities_as_truth():
    close(losses([0.25, 1.0], [0.5, 0.5]), [np.log(2)] * 2)
    close(losses(P, P), -(P * np.log(P)).sum(axis=1))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_results_are_float64(dtype):
    p = np.array([[0.25, 0.75], [0.5, 0.5]], dtype)
    assert type(xent.log_loss([0, 1], p)) is np.float64
    assert losses([0, 1], p).dtype == np.float64
    close(losses([0, 1], p), -np.log([0.25, 0.5]))


def test_single_row():
    close(xent.log_loss(1, 0.25), -np.log(0.25))
    close(xent.log_loss(0, [0.25, 0.75]), -np.log(0.25))
    assert type(losses(1, 0.25)) is type(losses(0, [0.25, 0.75])) is np.float64


def test_any_axis():
    close(losses([0, 2], P.T, axis=0), -np.log([0.7, 0.6]))
    cube = np.stack([P, P[::-1]], axis=1)
    close(losses([[0, 2], [2, 0]], cube), -np.log([[0.7, 0.6], [0.6, 0.7]]))


# Labels of other kinds.


def test_labels_name_the_columns_in_their_own_order():
    close(losses(["dog", "cat"], P, labels=["dog", "cat", "ant"]), -np.log([0.7, 0.3]))
    close(losses([7, 3], P, labels=[9, 3, 7]), -np.log([0.1, 0.3]))


def test_labels_need_not_all_occur():
    close(losses(["b", "b"], P, labels=["c", "b", "a"]), -np.log([0.2, 0.3]))
    close(losses([1, 1], P), -np.log([0.2, 0.3]))


def test_labels_of_the_binary_case_are_negative_then_positive():
    close(losses([-1, 1], [0.2, 0.9], labels=[-1, 1]), -np.log([0.8, 0.9]))
    close(losses([-1, 1], [0.2, 0.9], labels=[1, -1]), -np.log([0.2, 0.1]))
    close(losses(["no", "yes"], [0.2, 0.9], labels=["no", "yes"]), -np.log([0.8, 0.9]))
    close(losses(["yes"], [0.2], labels=["no", "yes"]), -np.log([0.2]))


def test_strings_without_labels_are_sorted():
    close(losses(["b", "a"], [0.9, 0.2]), -np.log([0.9, 0.8]))
    close(losses(["c", "a", "b"], np.vstack([P, P[:1]])), -np.log([0.1, 0.1, 0.2]))


@pytest.mark.parametrize("kind", [object, "S3", "U5", np.dtypes.StringDType()])
@pytest.mark.parametrize("label_kind", [object, "S3", "U3", np.dtypes.StringDType()])
def test_strings_of_any_dtype(kind, label_kind):
    true, labels = np.array(["dog", "cat"], kind), np.array(["dog", "cat", "ant"], label_kind)
    close(losses(true, P, labels=labels), -np.log([0.7, 0.3]))
    close(losses(true, [0.9, 0.2]), -np.log([0.9, 0.8]))


def test_one_label_only():
    assert xent.log_loss([0, 0], [[1.0], [1.0]]) == 0
    assert xent.log_loss(["a", "a"], [[1.0], [1.0]]) == 0
    close(xent.log_loss([1, 1], [0.5, 0.5]), np.log(2))
    close(xent.log_loss(["a", "a"], [0.25, 0.25], labels=["a", "b"]), -np.log(0.75))


# Ignored rows and weights.


def test_ignored_rows_are_absent():
    close(xent.log_loss([1, -1, 0], [0.9, 0.5, 0.2], ignore_index=-1), -np.log([0.9, 0.8]).mean())
    close(losses([0, -1], P, ignore_index=-1), [-np.log(0.7), 0])


@pytest.mark.parametrize("kind", [int, float])
def test_the_ignored_label_is_no_class_index(kind):
    # 0 marks padding here, and is also the index of the first label.
    true = np.array([5, 0, 7], kind)
    close(
        losses(true, [0.2, 0.5, 0.9], labels=[5, 7], ignore_index=0),
        [-np.log(0.8), 0, -np.log(0.9)],
    )
    close(losses(["a", "b"], [0.2, 0.9], ignore_index=0), -np.log([0.8, 0.9]))


def test_weights():
    close(
        xent.log_loss([0, 2], P, sample_weight=[3, 1]),
        -np.average(np.log([0.7, 0.6]), weights=[3, 1]),
    )
    expected = -np.average(np.log([0.7, 0.6]), weights=[2, 5])
    close(xent.log_loss([0, 2], P, class_weight=[2, 0, 5]), expected)
    close(xent.log_loss([0, 1], [0.3, 0.6], class_weight=[2, 5]), expected)


# Edges.


def test_probability_zero_costs_infinity():
    np.testing.assert_array_equal(
        losses([1, 0, 1, 0], [0.0, 1.0, 1.0, 0.0]), [np.inf, np.inf, 0, 0]
    )
    np.testing.assert_array_equal(losses([0, 1], [[0.0, 1.0]] * 2), [np.inf, 0])
    assert xent.log_loss([0, 1], [[0.0, 1.0]] * 2) == np.inf
    np.testing.assert_array_equal(losses([[0.0, 1.0]], [[0.0, 1.0]]), [0])
    assert xent.log_loss([0, 1], [[0.0, 1.0]] * 2, sample_weight=[0, 1]) == 0


def test_clip_acts_when_asked():
    close(losses([1, 0], [0.0, 1.0], clip=0.01), -np.log([0.01, 0.01]))
    close(losses([0, 1], [0.0, 1.0], clip=0.01), -np.log([0.99, 0.99]))
    close(losses([0, 1], [[0.0, 1.0]] * 2, clip=0.01), [-np.log(0.01), 0])
    close(losses([1, 0], [0.3, 0.3], clip=0.01), -np.log([0.3, 0.7]))


def test_no_loss_is_negative():
    for p in ([1 + 1e-7, 0.0], [1.0, 0.0]):
        loss = losses([0], [p])
        assert loss == 0
        assert not np.signbit(loss)
    for loss in losses([1, 0], [1.0, 0.0]):
        assert loss == 0
        assert not np.signbit(loss)


def test_a_small_probability_of_label_one_keeps_its_digits():
    close(losses([0], [1e-20]), [1e-20], atol=0)


def test_rows_are_not_renormalised():
    close(losses([0], [[0.5, 0.5004]]), [np.log(2)], atol=0)


def test_tolerance_is_for_the_row_sums():
    close(losses([0], [[0.5, 0.4]], tolerance=0.2), [np.log(2)])
    with pytest.raises(ValueError, match=r"sums to 0\.999; .* \(within 1e-06\)"):
        losses([0], [[0.5, 0.499]], tolerance=1e-6)


def test_it_is_the_loss_of_the_logits():
    logits, labels = np.random.default_rng(0).normal(size=(50, 4)), np.arange(50) % 4
    opts = {"class_weight": [1, 2, 0, 3], "ignore_index": 1}
    close(
        xent.log_loss(labels, xent.softmax(logits), **opts),
        xent.cross_entropy(logits, labels, **opts),
    )
