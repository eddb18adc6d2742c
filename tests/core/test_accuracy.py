"""Losses, gradients and functions against mpmath, in units of the last place."""

from __future__ import annotations

import ml_dtypes
import mpmath
import numpy as np
import pytest
from helpers import (
    exact_log_sigmoid,
    exact_log_softmax,
    exact_logsumexp,
    exact_sigmoid,
    exact_softmax,
    rounds_to_zero,
    worst_normal_ulps,
    worst_ulps,
)

import xent
from xent import oracle

pytestmark = pytest.mark.usefixtures("engine")

LOSS_ULPS, GRAD_ULPS = 2, 3
MARGINS = [(-700, -36), (-36, 0), (0, 5), (5, 16), (16, 36), (36, 700)]
DTYPES = [np.float64, np.float32]
ROWS = {2: 120, 3: 120, 10: 80, 100: 24, 1000: 6}


def rng_of(*key: object) -> np.random.Generator:
    return np.random.default_rng(abs(int.from_bytes(repr(key).encode(), "big")))


def margins(low: float, high: float, dtype: type, count: int = 150) -> np.ndarray:
    return rng_of(low, high, dtype).uniform(low, high, count).astype(dtype)


def batch(classes: int, scale: float, dtype: type, count: int | None = None) -> tuple:
    """Random rows and labels; every other row is right, so that confident right rows occur."""
    rng = rng_of(classes, scale, dtype)
    n = ROWS[classes] if count is None else count
    logits = (rng.normal(size=(n, classes)) * scale).astype(dtype)
    labels = rng.integers(classes, size=n)
    labels[::2] = logits[::2].argmax(axis=1)
    return logits, labels


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize(("low", "high"), MARGINS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_binary(dtype, low, high, label):
    logits = margins(low, high, dtype) * (1 if label else -1)
    targets = np.full(len(logits), label)
    losses, grad = xent.binary_cross_entropy(logits, targets, reduction="none", return_grad=True)
    exact = [oracle.binary(z, label) for z in logits]
    assert losses.dtype == grad.dtype == dtype
    assert worst_ulps(losses, [e.loss for e in exact], dtype) <= LOSS_ULPS
    assert worst_normal_ulps(grad, [e.grad[0] for e in exact], dtype) <= GRAD_ULPS


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize(("low", "high"), MARGINS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_two_classes_by_margin(dtype, low, high, label):
    margin = margins(low, high, dtype, 80)
    # Both logits are off zero, so that their difference has to be rounded.
    other = rng_of(label, low).normal(size=len(margin)).astype(dtype)
    logits = np.stack([other, other], axis=1)
    logits[:, label] += margin
    check_rows(logits, np.full(len(margin), label))


@pytest.mark.parametrize("scale", [1, 30, 150])
@pytest.mark.parametrize("classes", ROWS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows(dtype, classes, scale):
    check_rows(*batch(classes, scale, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_right_class_far_above_a_thousand_others(dtype):
    logits, labels = batch(1000, 1, dtype)
    logits[np.arange(len(labels)), labels] = [5, 16, 36, 50, 60, 80]
    check_rows(logits, labels)


def check_rows(logits, labels):
    dtype = logits.dtype
    losses, grad = xent.cross_entropy(logits, labels, reduction="none", return_grad=True)
    assert losses.dtype == grad.dtype == dtype
    for row, label, loss, row_grad in zip(logits, labels, losses, grad, strict=True):
        exact = oracle.label_row(row, label)
        assert worst_ulps(loss, [exact.loss], dtype) <= LOSS_ULPS
        assert worst_normal_ulps(row_grad, exact.grad, dtype) <= GRAD_ULPS


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("dtype", DTYPES)
def test_gradient_of_the_mean(dtype, classes):
    logits, labels = batch(classes, 30, dtype, count=49)  # 1/49 is not a float
    _, grad = xent.cross_entropy(logits, labels, return_grad=True)
    for row, label, row_grad in zip(logits, labels, grad, strict=True):
        with mpmath.workprec(oracle.BITS):
            exact = [g / 49 for g in oracle.label_row(row, label).grad]
        assert worst_normal_ulps(row_grad, exact, dtype) <= GRAD_ULPS


@pytest.mark.parametrize("dtype", DTYPES)
def test_mean_and_sum_are_float64_sums_of_exact_rows(dtype, engine):
    logits, labels = batch(10, 30, dtype)
    with mpmath.workprec(oracle.BITS):
        exact = mpmath.fsum(
            oracle.label_row(row, y).loss for row, y in zip(logits, labels, strict=True)
        )
        mean = exact / len(labels)
    if engine == "kernels" and dtype is np.float32:  # whose rows are float32, if not their sum
        assert oracle.ulps(xent.cross_entropy(logits, labels), mean, dtype) <= 1
        return
    assert oracle.ulps(xent.cross_entropy(logits, labels, reduction="sum"), exact, float) <= 4
    assert oracle.ulps(xent.cross_entropy(logits, labels), mean, float) <= 4


@pytest.mark.parametrize("scale", [1, 30, 150])
@pytest.mark.parametrize("classes", [2, 10, 100])
@pytest.mark.parametrize("dtype", DTYPES)
def test_soft_targets(dtype, classes, scale):
    logits, _ = batch(classes, scale, dtype, count=20)
    targets = rng_of(classes).dirichlet(np.ones(classes), size=20)
    losses, grad = xent.cross_entropy(logits, targets, reduction="none", return_grad=True)
    eps = float(np.finfo(dtype).eps)
    for row, target, loss, row_grad in zip(logits, targets, losses, grad, strict=True):
        exact = oracle.class_row(row, target)
        assert abs(loss - exact.loss) <= 4 * eps * exact.loss
        assert max(abs(g - e) for g, e in zip(row_grad, exact.grad, strict=True)) <= 2 * eps


@pytest.mark.parametrize("dtype", DTYPES)
def test_soft_binary_targets(dtype):
    logits = margins(-40, 40, dtype)
    targets = rng_of("soft").uniform(size=len(logits))
    losses, grad = xent.binary_cross_entropy(logits, targets, reduction="none", return_grad=True)
    eps = float(np.finfo(dtype).eps)
    for z, t, loss, g in zip(logits, targets, losses, grad, strict=True):
        # 1 - t is rounded by the loss and by the oracle alike.
        exact = oracle.class_row([z, 0.0], [t, 1 - t])
        assert abs(loss - exact.loss) <= 4 * eps * exact.loss
        assert abs(g - exact.grad[0]) <= 2 * eps


@pytest.mark.parametrize(("dtype", "last"), [(np.float64, 744.4), (np.float32, 103.2)])
def test_loss_is_never_zero_where_the_exact_loss_is_not(dtype, last):
    logits = np.linspace(0, last, 400).astype(dtype)
    ones = np.ones(len(logits), int)
    assert not rounds_to_zero(oracle.binary(logits[-1], 1).loss, dtype)  # so the range is right
    assert rounds_to_zero(oracle.binary(logits[-1] + 1, 1).loss, dtype)
    assert (xent.binary_cross_entropy(logits, ones, reduction="none") > 0).all()
    pairs = np.stack([np.zeros_like(logits), logits], axis=1)
    assert (xent.cross_entropy(pairs, ones, reduction="none") > 0).all()
    assert (xent.log_sigmoid(logits) < 0).all()
    assert (xent.log_softmax(pairs)[:, 1] < 0).all()


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_losses_are_good_float32(dtype):
    logits, labels = batch(10, 5, dtype)
    losses, grad = xent.cross_entropy(logits, labels, reduction="none", return_grad=True)
    assert losses.dtype == np.float32
    assert grad.dtype == dtype
    half_ulp, tiny = float(ml_dtypes.finfo(dtype).eps) / 2, float(ml_dtypes.finfo(dtype).tiny)
    for row, label, loss, row_grad in zip(logits, labels, losses, grad, strict=True):
        exact = oracle.label_row(row, label)
        assert oracle.ulps(loss, exact.loss, np.float32) <= LOSS_ULPS
        for g, e in zip(row_grad, exact.grad, strict=True):
            assert abs(float(g) - e) <= 1.01 * half_ulp * max(abs(e), tiny)

    binary = xent.binary_cross_entropy(logits[0], labels[:10] % 2, reduction="none")
    exact = [oracle.binary(z, y % 2).loss for z, y in zip(logits[0], labels[:10], strict=True)]
    assert binary.dtype == np.float32
    assert worst_ulps(binary, exact, np.float32) <= LOSS_ULPS


@pytest.mark.parametrize(("low", "high"), MARGINS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_sigmoid_and_its_logarithm(dtype, low, high):
    z = margins(low, high, dtype)
    assert worst_normal_ulps(xent.sigmoid(z), [exact_sigmoid(v) for v in z], dtype) <= 2
    assert worst_ulps(xent.log_sigmoid(z), [exact_log_sigmoid(v) for v in z], dtype) <= 2


@pytest.mark.parametrize("scale", [1, 30, 150])
@pytest.mark.parametrize("classes", [2, 3, 10, 30])
@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_and_its_logarithm(dtype, classes, scale):
    logits, _ = batch(classes, scale, dtype, count=120 // classes)
    for row, p, log_p in zip(logits, xent.softmax(logits), xent.log_softmax(logits), strict=True):
        assert worst_normal_ulps(p, exact_softmax(row), dtype) <= GRAD_ULPS
        assert worst_ulps(log_p, exact_log_softmax(row), dtype) <= LOSS_ULPS


@pytest.mark.parametrize("scale", [1, 30, 150])
@pytest.mark.parametrize("classes", [2, 3, 10, 100])
@pytest.mark.parametrize("dtype", DTYPES)
def test_logsumexp(dtype, classes, scale):
    logits, _ = batch(classes, scale, dtype, count=20)
    for row, got in zip(logits, xent.logsumexp(logits), strict=True):
        # Beside the root of A the sum of its two terms cancels: measured by the larger term.
        size = max(abs(float(row.max())), float(got))
        assert abs(float(got) - exact_logsumexp(row)) <= 2 * np.spacing(dtype(size))


# The oracle and the measure themselves.


@pytest.mark.parametrize("scale", [1, 30, 150])
def test_oracle_agrees_with_the_naive_formula_at_2000_bits(scale):
    logits, labels = batch(10, scale, np.float64, count=20)
    for row, label in zip(logits, labels, strict=True):
        exact = oracle.label_row(row, label)
        with mpmath.workprec(2000):
            e = [mpmath.exp(mpmath.mpf(float(v))) for v in row]
            total = mpmath.fsum(e)
            naive = [mpmath.log(total) - mpmath.mpf(float(row[label]))]
            naive += [v / total - (j == label) for j, v in enumerate(e)]
            for got, true in zip([exact.loss, *exact.grad], naive, strict=True):
                assert abs(got - true) <= abs(true) * mpmath.mpf(2) ** (8 - oracle.BITS)


def test_oracle_binary_agrees_with_the_naive_formula_at_2000_bits():
    for z in np.linspace(-600, 600, 41):
        for t in (0.0, 0.25, 1.0):
            exact = oracle.binary(z, t)
            with mpmath.workprec(2000):
                p = 1 / (1 + mpmath.exp(-mpmath.mpf(float(z))))
                loss = -t * mpmath.log(p) - (1 - t) * mpmath.log(1 - p)
                for got, true in ((exact.loss, loss), (exact.grad[0], p - t)):
                    assert abs(got - true) <= abs(true) * mpmath.mpf(2) ** (8 - oracle.BITS)


def test_ulps_of_known_errors():
    one, eps = mpmath.mpf(1), np.finfo(np.float64).eps
    assert oracle.ulps(1.0, one, np.float64) == 0
    assert oracle.ulps(1.0 + 3 * eps, one, np.float64) == 3
    assert oracle.ulps(1.0 + eps, one, np.float32) == 2**-29
    assert oracle.ulps(np.float32(1 + 2**-23), one, np.float32) == 1
    assert oracle.ulps(np.nan, one, np.float64) == np.inf
    assert oracle.is_subnormal(mpmath.mpf("1e-40"), np.float32)
    assert not oracle.is_subnormal(mpmath.mpf("1e-40"), np.float64)


def test_the_usual_formula_fails_these_checks():
    logits = np.array([[20.0, 0.0, 1.0]])
    naive = np.log(np.exp(logits - 20).sum()) + 20 - logits[0, 0]
    exact = oracle.label_row(logits[0], 0)
    assert oracle.ulps(naive, exact.loss, np.float64) > 1e5
    p = np.exp(logits - 20) / np.exp(logits - 20).sum()
    assert oracle.ulps(p[0, 0] - 1, exact.grad[0], np.float64) > 1e5
