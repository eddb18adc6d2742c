"""Infinities, NaN, masks, huge logits; and the meaning of weights, as torch has it."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from helpers import close

import xent
from xent import oracle

pytestmark = pytest.mark.usefixtures("engine")

INF, NAN = np.inf, np.nan


def rows(logits, labels, **opts):
    opts = {"reduction": "none", "return_grad": True} | opts
    return xent.cross_entropy(np.array(logits, float), labels, **opts)


def test_a_masked_class_takes_no_part():
    loss, grad = rows([[2.0, -INF, 1.0]], [0])
    without, grad_without = rows([[2.0, 1.0]], [0])
    np.testing.assert_array_equal(loss, without)
    np.testing.assert_array_equal(grad, [[grad_without[0, 0], 0, grad_without[0, 1]]])


@pytest.mark.parametrize("softcap", [None, 30.0])
def test_a_label_on_a_masked_class_costs_infinity(softcap):
    loss, grad = rows([[2.0, -INF, 2.0]], [1], softcap=softcap)
    assert loss == INF
    assert grad[0, 1] == 0
    assert np.isfinite(grad).all()
    assert rows([[2.0, -INF]], [[0.0, 1.0]])[0] == INF


def test_soft_targets_may_leave_out_a_masked_class():
    loss, grad = rows([[2.0, -INF, 1.0]], [[0.5, 0.0, 0.5]])
    expected, expected_grad = rows([[2.0, 1.0]], [[0.5, 0.5]])
    close(loss, expected)
    close(grad, np.insert(expected_grad, 1, 0, axis=1))


def test_smoothing_puts_mass_on_masked_classes():
    loss, grad = rows([[2.0, -INF, 1.0]], [0], label_smoothing=0.1)
    assert loss == INF
    assert grad[0, 1] == 0
    weights = [1.0, 0.0, 1.0]  # unless the class has no weight
    assert np.isfinite(rows([[2.0, -INF, 1.0]], [0], label_smoothing=0.1, class_weight=weights)[0])


def test_weight_zero_makes_a_masked_label_free():
    for targets in ([1], [[0.0, 1.0]]):
        loss, grad = rows([[2.0, -INF]], targets, class_weight=[1, 0])
        assert loss == 0
        assert not grad.any()
    assert xent.cross_entropy([[2.0, -INF]], [1], class_weight=[1, 0]) == 0


def test_one_infinite_logit_is_certainty():
    loss, grad = rows([[INF, 0.0, -INF]] * 2, [0, 1])
    np.testing.assert_array_equal(loss, [0, INF])
    np.testing.assert_array_equal(grad, [[0, 0, 0], [1, -1, 0]])
    np.testing.assert_array_equal(xent.softmax([INF, 0.0, 1.0]), [1, 0, 0])
    np.testing.assert_array_equal(xent.log_softmax([INF, 0.0, 1.0]), [0, -INF, -INF])
    assert xent.logsumexp([INF, 0.0]) == INF


def test_two_infinite_logits_have_no_limit():
    loss, grad = rows([[INF, INF, 0.0], [1.0, 1.0, 0.0]], [0, 0])
    np.testing.assert_array_equal(np.isnan(loss), [True, False])
    np.testing.assert_array_equal(np.isnan(grad), [[True] * 3, [False] * 3])
    assert np.isnan(xent.softmax([INF, INF, 0.0])).all()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_nan_stays_in_its_own_row(place):
    logits = np.array([[1.0, 2.0, 3.0]] * 3)
    logits[1, place] = NAN
    loss, grad = rows(logits, [0, 1, 2])
    np.testing.assert_array_equal(np.isnan(loss), [False, True, False])
    np.testing.assert_array_equal(np.isnan(grad).all(axis=1), [False, True, False])
    np.testing.assert_array_equal(np.isnan(grad).any(axis=1), [False, True, False])
    for function in (xent.softmax, xent.log_softmax):
        np.testing.assert_array_equal(np.isnan(function(logits)[:, 0]), [False, True, False])
    np.testing.assert_array_equal(np.isnan(xent.logsumexp(logits)), [False, True, False])
    assert np.isnan(xent.cross_entropy(logits, [0, 1, 2]))


def test_nan_in_a_row_of_one_class():
    loss, grad = rows([[NAN], [1.0]], [0, 0])
    np.testing.assert_array_equal(loss, [NAN, 0])
    np.testing.assert_array_equal(grad, [[NAN], [0]])
    assert np.isnan([xent.softmax([NAN]), xent.log_softmax([NAN]), [xent.logsumexp([NAN])]]).all()


def test_nan_beside_a_mask_or_an_infinity_is_nan():
    loss, _ = rows([[NAN, -INF], [NAN, INF], [-INF, NAN]], [0, 1, 0])
    assert np.isnan(loss).all()


def test_a_row_with_every_class_masked():
    loss, grad = rows([[-INF, -INF]], [0])
    assert loss == INF
    assert not grad.any()
    np.testing.assert_array_equal(xent.softmax([-INF, -INF]), [0, 0])
    np.testing.assert_array_equal(xent.log_softmax([-INF, -INF]), [-INF, -INF])
    assert xent.logsumexp([-INF, -INF]) == -INF


def test_one_class_costs_nothing():
    loss, grad = rows([[3.0], [-1e300]], [0, 0])
    np.testing.assert_array_equal(loss, [0, 0])
    np.testing.assert_array_equal(grad, [[0], [0]])


def test_infinite_binary_logits_are_certainty():
    loss, grad = xent.binary_cross_entropy(
        [INF, -INF, INF, -INF, NAN], [1, 0, 0, 1, 1], reduction="none", return_grad=True
    )
    np.testing.assert_array_equal(loss, [0, 0, INF, INF, NAN])
    np.testing.assert_array_equal(grad, [0, 0, 1, -1, NAN])
    np.testing.assert_array_equal(xent.sigmoid([INF, -INF]), [1, 0])
    np.testing.assert_array_equal(xent.log_sigmoid([INF, -INF]), [0, -INF])


def test_huge_logits():
    logits = [[1e308, -1e308], [1e308, 1e308], [-1e308, -1e308], [1e308, 0.0]]
    loss, grad = rows(logits, [0, 1, 0, 1])
    close(loss, [0, np.log(2), np.log(2), 1e308])
    close(grad, [[0, 0], [0.5, -0.5], [-0.5, 0.5], [1, -1]])
    loss, grad = rows(logits, [1, 0, 1, 0])
    close(loss, [INF, np.log(2), np.log(2), 0])
    assert np.isfinite(grad).all()
    close(rows([[1e308, 0.0]], [1], softcap=30)[0], 30 + np.log1p(np.exp(-30)))
    assert rows([[1e308, 0.0]], [1], reduction="sum")[0] == 1e308
    assert xent.cross_entropy([[1e308, 0.0]] * 3, [1] * 3, reduction="sum") == INF


def test_huge_binary_logits():
    loss, grad = xent.binary_cross_entropy(
        [1e308, -1e308, 1e308], [1, 1, 0], reduction="none", return_grad=True
    )
    np.testing.assert_array_equal(loss, [0, 1e308, 1e308])
    np.testing.assert_array_equal(grad, [0, -1, 1])


def test_huge_float32_logits():
    logits = np.array([[2.5e38, -2.5e38], [2.5e38, 0]], np.float32)
    loss, grad = xent.cross_entropy(logits, [1, 1], reduction="none", return_grad=True)
    np.testing.assert_array_equal(loss, np.float32([INF, 2.5e38]))  # 5e38 is beyond float32
    np.testing.assert_array_equal(grad, [[1, -1], [1, -1]])
    close(xent.cross_entropy(logits, [1, 1]), np.float64(logits[0, 0]) * 1.5)
    np.testing.assert_array_equal(xent.softmax(logits), [[1, 0], [1, 0]])
    x, w = logits[:, :1], np.array([[1], [-1]], np.float32)
    close(xent.linear_cross_entropy(x, w, [1, 1]), np.float64(logits[0, 0]) * 2)
    linear = xent.linear_cross_entropy(x, w, [1, 1], reduction="none")
    np.testing.assert_array_equal(linear, np.float32([INF, INF]))


def test_a_half_precision_gradient_too_large_is_infinite():
    x, w = np.full((9, 1), 6e4, np.float16), np.ones((2, 1), np.float16)
    _, (_, dw, _) = xent.linear_cross_entropy(
        x, w, np.ones(9, int), reduction="sum", return_grad=True
    )
    np.testing.assert_array_equal(dw, np.float16([[INF], [-INF]]))


def test_softcap_bounds_the_loss():
    loss, grad = rows([[1e6, -1e6]], [1], softcap=10.0)
    close(loss, 20 + np.log1p(np.exp(-20)))
    assert not grad.any()


def test_tiny_weights():
    for loss_of, logits, labels in (
        (xent.cross_entropy, [[1.0, 2.0]] * 2, [0, 1]),
        (xent.binary_cross_entropy, [1.0, 2.0], [0, 1]),
    ):
        loss, grad = loss_of(logits, labels, sample_weight=[1e-300, 1e-300], return_grad=True)
        expected, expected_grad = loss_of(logits, labels, return_grad=True)
        close(loss, expected)
        close(grad, expected_grad)


# The same meaning as torch.


def torch_grad(loss_of, logits):
    import torch

    z = torch.tensor(logits, requires_grad=True)
    loss = loss_of(z)
    loss.sum().backward()
    return loss.detach().numpy(), z.grad.numpy()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weight", [None, [0.5, 2.0, 0.0, 1.0]])
@pytest.mark.parametrize("ignore", [None, -100, 1])
def test_cross_entropy_means_what_torch_means(reduction, smoothing, weight, ignore):
    import torch

    rng = np.random.default_rng(5)
    logits, labels = rng.normal(size=(8, 4)) * 3, np.array([0, 1, 3, 0, 1, 3, 2, 0])
    labels = np.where(labels == 3, -100, labels) if ignore == -100 else labels
    loss, grad = rows(
        logits,
        labels,
        reduction=reduction,
        label_smoothing=smoothing,
        class_weight=weight,
        ignore_index=ignore,
    )
    expected, expected_grad = torch_grad(
        lambda z: torch.nn.functional.cross_entropy(
            z,
            torch.tensor(labels),
            weight=None if weight is None else torch.tensor(weight).double(),
            ignore_index=-100 if ignore is None else ignore,
            reduction=reduction,
            label_smoothing=smoothing,
        ),
        logits,
    )
    close(loss, expected)
    close(grad, expected_grad)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("pos_weight", [3.0, [0.5, 0.0, 2.0]])
def test_binary_cross_entropy_means_what_torch_means(reduction, pos_weight):
    import torch

    rng = np.random.default_rng(6)
    logits, targets = rng.normal(size=(5, 3)) * 3, rng.uniform(size=(5, 3))
    loss, grad = xent.binary_cross_entropy(
        logits, targets, pos_weight=pos_weight, reduction=reduction, return_grad=True
    )
    expected, expected_grad = torch_grad(
        lambda z: torch.nn.functional.binary_cross_entropy_with_logits(
            z,
            torch.tensor(targets),
            pos_weight=torch.tensor(pos_weight).double(),
            reduction=reduction,
        ),
        logits,
    )
    close(loss, expected)
    close(grad, expected_grad)


# A linear layer.


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_absent_row_leaves_the_weight_gradient_alone(bad):
    x = np.array([[1.0, 2.0], [bad, 3.0]])
    w = np.array([[2.0, 0.0], [1.0, 0.0]])
    loss, grads = xent.linear_cross_entropy(
        x, w, [0, -100], [0.0, 0.0], ignore_index=-100, return_grad=True
    )
    alone, expected = xent.linear_cross_entropy(x[:1], w, [0], [0.0, 0.0], return_grad=True)
    assert loss == alone
    assert np.array_equal(grads[1], expected[1])
    assert np.array_equal(grads[2], expected[2])
    assert not grads[0][1].any()


def test_subnormal_gradient_entries_do_not_reach_the_products():
    """They would slow them tenfold, and are far below what a product of float32 rounds."""
    x = np.ones((1, 1), np.float32)
    w = np.array([[0.0], [-95.0]], np.float32)
    _, grads = xent.linear_cross_entropy(x, w, [0], reduction="sum", return_grad=True)
    assert grads[1].tolist() == [[0.0], [0.0]]


# Weights.


def test_smoothing_beside_a_huge_class_weight():
    """Row sums of the gradient and mpmath agree: no sum of the others as a difference."""
    weights, z = [1e17, 1.0, 1.0], [60.0, 0.0, 1.0]
    _, grad = xent.cross_entropy(
        z, 0, class_weight=weights, label_smoothing=0.1, reduction="sum", return_grad=True
    )
    y = [w * (0.9 * (j == 0) + 0.1 / 3) for j, w in enumerate(weights)]
    exact = oracle.class_row(z, y).grad
    assert float(grad[0]) == pytest.approx(float(exact[0]), rel=1e-12)


def test_absent_rows_are_not_checked():
    z = np.zeros((3, 3))
    weight = [1, 0, 1]
    close(xent.cross_entropy(z, [0, 7, 2], sample_weight=weight), np.log(3))
    soft = np.array([[1, 0, 0], [np.nan, 5, 0], [0, 0, 1]])
    close(xent.cross_entropy(z, soft, sample_weight=weight), np.log(3))
    close(xent.binary_cross_entropy([0.0, 0.0], [1, 9], sample_weight=[1, 0]), np.log(2))
    p = [[np.nan, 0, 1], [0, 1, 0], [0, 0, 1]]
    assert xent.log_loss([-1, 1, 2], p, ignore_index=-1) == 0


def test_weights_whose_product_underflows_are_not_lost_in_silence():
    with pytest.raises(ValueError, match=r"the weights sum to 4\.94066e-324"):
        xent.cross_entropy([[1.0, 2.0]], [0], sample_weight=[1e-200], class_weight=[1e-200, 1.0])


def test_a_clip_below_the_spacing_at_one_still_holds():
    close(xent.log_loss([0], [1.0], clip=1e-20), -np.log(1e-20))
    close(xent.log_loss([1, 0], [0.0, 1.0], clip=1e-3, reduction="none"), -np.log([1e-3] * 2))
    close(xent.log_loss([1], [1.0], clip=1e-3), -np.log1p(-1e-3))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
@pytest.mark.parametrize("options", [{}, {"class_weight": [1.0, 2.0]}, {"label_smoothing": 0.1}])
def test_mixed_binary_labels_may_miss_0_and_1_by_rounding(dtype, options):
    z = np.linspace(-3, 3, 40, dtype=np.float32)[::2]
    labels = (np.arange(20) % 2).astype(dtype)
    step = np.spacing(dtype(1))
    mixed = labels.copy()
    mixed[3], mixed[4] = 1 + 4 * step, -4 * step
    given = mixed.copy()
    how = {"return_grad": True, "reduction": "none", **options}
    found, due = (xent.binary_cross_entropy(z, t, **how) for t in (given, labels))
    np.testing.assert_array_equal(found, due)
    np.testing.assert_array_equal(given, mixed)  # a copy was put right
    for wrong in (1 + 8 * step, -5 * step, np.nan):
        mixed[5] = wrong
        with pytest.raises(ValueError, match=r"^targets\[5\] is .*; expected 0, 1, or a"):
            xent.binary_cross_entropy(z, mixed, **options)
    in_place = z.copy()
    xent.binary_cross_entropy(in_place, given, **how, out=in_place)
    np.testing.assert_array_equal(in_place, due[1])
