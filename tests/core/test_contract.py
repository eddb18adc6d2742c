"""What arrays may come, what comes back, and what holds at the edges."""

from __future__ import annotations

import tracemalloc

import ml_dtypes
import numpy as np
import pytest
from helpers import block_size, close, read_only

import xent
from xent._engine import linear

pytestmark = pytest.mark.usefixtures("engine")

INF, NAN = np.inf, np.nan
FLOATS = [np.float16, ml_dtypes.bfloat16, np.float32, np.float64]
LOGITS = np.linspace(-3, 4, 24).reshape(2, 3, 4) ** 3 / 10
LABELS = np.array([[0, 3, 1], [2, 2, 0]])
ELEMENTWISE = [xent.sigmoid, xent.log_sigmoid]
CLASSWISE = [xent.softmax, xent.log_softmax, xent.logsumexp]


def everything(logits, labels=LABELS, axis=-1):
    """All results of all functions of raw scores."""
    last = np.moveaxis(np.asarray(logits), axis, -1)
    rows = {"reduction": "none", "return_grad": True}
    yield from xent.cross_entropy(logits, labels, axis=axis, **rows)
    yield from xent.binary_cross_entropy(logits, np.asarray(logits) > 0, **rows)
    loss, grads = xent.linear_cross_entropy(last, np.eye(4), labels, **rows)
    yield from (loss, *grads[:2])
    yield from (f(logits) for f in ELEMENTWISE)
    yield from (f(logits, axis=axis) for f in CLASSWISE)


# Dtypes.


@pytest.mark.parametrize("dtype", FLOATS)
def test_dtypes_out(dtype):
    logits = LOGITS.astype(dtype)
    of_rows = np.float64 if dtype is np.float64 else np.float32
    for loss_of, targets in ((xent.cross_entropy, LABELS), (xent.binary_cross_entropy, LOGITS > 0)):
        for reduction in ("mean", "sum"):
            loss, grad = loss_of(logits, targets, reduction=reduction, return_grad=True)
            assert type(loss) is np.float64
            assert grad.dtype == dtype
        losses, grad = loss_of(logits, targets, reduction="none", return_grad=True)
        assert losses.dtype == of_rows
        assert grad.dtype == dtype
    for function in ELEMENTWISE + CLASSWISE:
        assert function(logits).dtype == dtype


@pytest.mark.parametrize("dtype", FLOATS)
def test_linear_dtypes_out(dtype):
    x, w, b = LOGITS.astype(dtype), np.eye(4, dtype=dtype), np.zeros(4, np.float64)
    loss, grads = xent.linear_cross_entropy(x, w, LABELS, b, return_grad=True)
    assert type(loss) is np.float64
    assert [g.dtype for g in grads] == [dtype, dtype, np.float64]
    losses = xent.linear_cross_entropy(x, w, LABELS, reduction="none")
    assert losses.dtype == (np.float64 if dtype is np.float64 else np.float32)


@pytest.mark.parametrize(
    ("inputs", "weight", "of_rows"),
    [("f8", "f4", "f8"), ("f4", "f8", "f8"), ("f2", "f4", "f4"), ("f4", "f2", "f4")],
)
def test_linear_layers_of_mixed_dtypes_take_the_wider(inputs, weight, of_rows):
    x, w = LOGITS.astype(inputs), np.eye(4, dtype=weight)
    losses, grads = xent.linear_cross_entropy(x, w, LABELS, reduction="none", return_grad=True)
    assert losses.dtype == of_rows
    assert [g.dtype for g in grads[:2]] == [inputs, weight]


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_means_are_taken_in_float64(dtype):
    logits = np.full((100_000, 2), 9.0, dtype)
    close(xent.cross_entropy(logits, np.zeros(100_000, int), reduction="sum"), 1e5 * np.log(2))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64])
def test_labels_of_any_integer_dtype(dtype):
    np.testing.assert_array_equal(
        xent.cross_entropy(LOGITS, LABELS.astype(dtype)), xent.cross_entropy(LOGITS, LABELS)
    )


@pytest.mark.parametrize("targets", [[True, False], [1, 0], [1.0, 0.0], np.uint8([1, 0])])
def test_binary_targets_of_any_kind(targets):
    close(xent.binary_cross_entropy([2.0, -1.0], targets), (np.log1p(np.exp([-2.0, -1.0]))).mean())


# Shapes and layouts.


def test_one_row_without_a_batch():
    loss, grad = xent.cross_entropy([2.0, 1.0, 0.1], 0, return_grad=True)
    assert type(loss) is np.float64
    assert grad.shape == (3,)
    assert xent.cross_entropy([2.0, 1.0, 0.1], 0, reduction="none") == loss
    close(xent.logsumexp([2.0, 1.0, 0.1]) - 2, loss)


def test_zero_dimensional_logits():
    loss, grad = xent.binary_cross_entropy(1.5, 1, return_grad=True)
    assert type(loss) is type(grad) is np.float64
    assert np.ndim(xent.binary_cross_entropy(np.float32(1.5), True, reduction="none")) == 0
    assert np.ndim(xent.sigmoid(1.5)) == np.ndim(xent.log_sigmoid(np.array(1.5))) == 0


def test_lists_and_python_integers():
    close(xent.cross_entropy([[2, 1], [0, 1]], [0, 1]), np.log1p(np.exp(-1)))
    close(xent.binary_cross_entropy([1, -1], [1, 0]), np.log1p(np.exp(-1)))
    close(xent.linear_cross_entropy([[1]], [[2], [1]], [0], [0, 0]), np.log1p(np.exp(-1)))
    close(xent.softmax([1, 1]), [0.5, 0.5])


@pytest.mark.parametrize("axis", [-3, -2, -1, 0, 1, 2])
def test_the_class_axis_may_be_any(axis):
    expected = xent.cross_entropy(LOGITS, LABELS, reduction="none", return_grad=True)
    moved = np.moveaxis(LOGITS, -1, axis)
    loss, grad = xent.cross_entropy(moved, LABELS, axis=axis, reduction="none", return_grad=True)
    close(loss, expected[0])
    close(np.moveaxis(grad, axis, -1), expected[1])
    one_hot = np.moveaxis(np.eye(4)[LABELS], -1, axis)
    close(xent.cross_entropy(moved, one_hot, axis=axis, reduction="none"), expected[0])


LAYOUTS = {
    "every other": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "negative strides": lambda a: a[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1],
    "Fortran order": np.asfortranarray,
    "transposed": lambda a: a.transpose(2, 0, 1).copy().transpose(1, 2, 0),
    "read-only": read_only,
    "big-endian": lambda a: a.astype(">f8"),
    "broadcast": lambda a: np.broadcast_to(a[:1], a.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [5, 1 << 14])
def test_layouts(layout, size):
    logits = LAYOUTS[layout](LOGITS)
    with block_size(size):
        got = list(everything(logits))
    for ours, plain in zip(got, everything(np.array(logits, float, order="C")), strict=True):
        close(ours, plain)


@pytest.mark.parametrize("shape", [(0, 3), (2, 0, 3), (0, 0, 1)])
def test_an_empty_batch_costs_nothing(shape):
    logits, labels = np.zeros(shape), np.zeros(shape[:-1], int)
    weights = {"class_weight": np.ones(shape[-1]), "sample_weight": np.ones(shape[:-1])}
    for targets in (labels, np.zeros(shape)):
        loss, grad = xent.cross_entropy(logits, targets, return_grad=True, **weights)
        assert loss == 0
        assert type(loss) is np.float64
        assert grad.shape == shape
    assert xent.cross_entropy(logits, labels, reduction="sum") == 0
    assert xent.cross_entropy(logits, labels, reduction="none").shape == shape[:-1]
    loss, grad = xent.binary_cross_entropy(logits, np.zeros(shape), return_grad=True)
    assert loss == 0
    assert grad.shape == shape


def test_an_empty_list_is_an_empty_batch():
    assert xent.cross_entropy(np.zeros((0, 3)), []) == 0
    assert xent.binary_cross_entropy([], []) == 0


def test_linear_layers_of_size_zero():
    loss, (dx, dw, _) = xent.linear_cross_entropy(
        np.zeros((0, 2)), np.ones((3, 2)), [], return_grad=True
    )
    assert loss == 0
    assert dx.shape == (0, 2)
    assert not dw.any()
    # Without features the scores are the bias.
    loss, (dx, dw, db) = xent.linear_cross_entropy(
        np.zeros((4, 0)), np.zeros((2, 0)), [0, 0, 1, 1], [1.0, 0.0], return_grad=True
    )
    close(loss, xent.cross_entropy([[1.0, 0.0]] * 2, [0, 1]))
    assert dx.shape == (4, 0)
    assert dw.shape == (2, 0)
    assert db.shape == (2,)


def test_linear_layer_of_one_row():
    loss, (dx, dw, _) = xent.linear_cross_entropy([1.0, 2.0], np.eye(2), 1, return_grad=True)
    expected, dz = xent.cross_entropy([1.0, 2.0], 1, return_grad=True)
    close(loss, expected)
    close(dx, dz)
    close(dw, np.outer(dz, [1, 2]))


@pytest.mark.parametrize("function", CLASSWISE[:2])
def test_functions_of_no_classes(function):
    assert function(np.zeros((2, 0))).shape == (2, 0)
    assert function(np.zeros((0, 2))).shape == (0, 2)
    assert xent.logsumexp(np.zeros((0, 2))).shape == (0,)
    np.testing.assert_array_equal(xent.logsumexp(np.zeros((2, 0))), [-INF, -INF])


# What is written to.


def test_inputs_are_never_overwritten():
    logits, labels, weight = LOGITS.copy(), LABELS.copy(), np.array([0.0, 1, 2, 3])
    soft = xent.softmax(LOGITS)
    sample = np.array([[1.0, 0, 2], [1, 1, 1]])
    logits[0, 0] = INF, -INF, NAN, 1e308
    labels[0, 1] = -100
    given = (logits, labels, weight, soft, sample)
    before = [a.copy() for a in given]
    opts = {"class_weight": weight, "sample_weight": sample, "label_smoothing": 0.1}
    opts |= {"softcap": 30.0, "z_loss": 0.1, "return_grad": True}
    xent.cross_entropy(logits, labels, ignore_index=-100, **opts)
    xent.cross_entropy(logits, soft, **opts)
    xent.linear_cross_entropy(logits, np.eye(4), labels, weight, ignore_index=-100, **opts)
    xent.binary_cross_entropy(
        logits, soft, pos_weight=weight, softcap=30.0, z_loss=0.1, return_grad=True
    )
    xent.log_loss(labels, soft, ignore_index=-100, clip=0.1, sample_weight=sample)
    list(everything(logits))
    for array, copy in zip(given, before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("size", [1, 1 << 14])
def test_out_may_be_the_logits(axis, size):
    labels = np.zeros(np.delete(LOGITS.shape, axis), int)
    expected = xent.cross_entropy(LOGITS, labels, axis=axis, return_grad=True)
    logits = LOGITS.copy()
    with block_size(size):
        loss, grad = xent.cross_entropy(logits, labels, axis=axis, return_grad=True, out=logits)
    assert grad is logits
    close(loss, expected[0])
    close(grad, expected[1])


def test_binary_out_may_be_the_logits():
    expected = xent.binary_cross_entropy(LOGITS, LOGITS > 0, return_grad=True)
    logits = LOGITS.copy()
    loss, _ = xent.binary_cross_entropy(logits, LOGITS > 0, return_grad=True, out=logits)
    close(loss, expected[0])
    close(logits, expected[1])


@pytest.mark.parametrize(
    "out",
    [np.empty((2, 3, 8))[..., ::2], np.empty((4, 3, 2)).T, np.empty((2, 3, 4))[::-1, :, ::-1]],
)
def test_out_may_be_strided(out):
    _, grad = xent.cross_entropy(LOGITS, LABELS, return_grad=True, out=out)
    assert grad is out
    close(out, xent.cross_entropy(LOGITS, LABELS, return_grad=True)[1])


# Weights that leave nothing.


@pytest.mark.parametrize(
    "opts",
    [
        {"ignore_index": 0},
        {"sample_weight": [0, 0]},
        {"class_weight": [0, 1, 1]},
        {"ignore_index": 0, "label_smoothing": 0.1, "z_loss": 0.1, "softcap": 5.0},
    ],
)
def test_no_weight_left_is_loss_zero_and_gradient_zero(opts):
    logits = np.array([[NAN, 1.0, 2.0], [INF, INF, 0.0]])
    logits = np.zeros((2, 3)) if "class_weight" in opts else logits
    loss, grad = xent.cross_entropy(logits, [0, 0], return_grad=True, **opts)
    assert loss == 0
    assert not grad.any()
    linear, grads = xent.linear_cross_entropy(
        logits, np.eye(3), [0, 0], [0.0] * 3, return_grad=True, **opts
    )
    assert linear == 0
    assert not any(g.any() for g in grads[1:])


def test_binary_without_weight_is_loss_zero_and_gradient_zero():
    for opts in ({"ignore_index": 0}, {"sample_weight": [0, 0]}):
        loss, grad = xent.binary_cross_entropy([NAN, INF], [0, 0], return_grad=True, **opts)
        assert loss == 0
        assert not grad.any()


# Memory.


def peak_of(function):
    function()  # kernels are compiled, or loaded, by their first call
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_measure_sees_arrays():
    assert peak_of(lambda: np.empty(1 << 20)) >= 8 << 20


def test_linear_layers_never_hold_all_logits(monkeypatch):
    monkeypatch.setattr(linear, "CHUNK", 1 << 17)
    n, k = 1 << 10, 1 << 10
    assert n * k == 8 * linear.CHUNK
    x, w = np.ones((n, 4), np.float32), np.ones((k, 4), np.float32)
    labels = np.zeros(n, int)
    xent.linear_cross_entropy(x[:1], w, labels[:1], return_grad=True)
    peak = peak_of(lambda: xent.linear_cross_entropy(x, w, labels, return_grad=True))
    assert peak < 4 * n * k / 2


@pytest.mark.parametrize("shape", [(1 << 14, 128), (64, 1 << 15)])
def test_the_loss_alone_needs_a_fraction_of_the_logits(shape):
    logits, labels = np.zeros(shape), np.zeros(shape[0], int)
    assert peak_of(lambda: xent.cross_entropy(logits, labels)) < logits.nbytes / 4
    out = {"return_grad": True, "out": logits}
    assert peak_of(lambda: xent.cross_entropy(logits, labels, **out)) < logits.nbytes / 4


@pytest.mark.parametrize("order", [">f2", ">f4", ">f8"])
def test_bytes_of_another_order_in_soft_targets(order):
    z, soft = np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([[0.5, 0.5], [1.0, 0.0]])
    swapped = soft.astype(order)
    assert xent.cross_entropy(z, swapped) == xent.cross_entropy(z, soft)
    x = np.eye(2)
    assert xent.linear_cross_entropy(x, z, swapped) == xent.linear_cross_entropy(x, z, soft)
    assert xent.log_loss(swapped, soft) == xent.log_loss(soft, soft)


def test_weights_in_long_double():
    z, weight = np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([1.0, 3.0])
    for name in ("class_weight", "sample_weight"):
        wide = xent.cross_entropy(z, [0, 1], **{name: weight.astype(np.longdouble)})
        assert wide == xent.cross_entropy(z, [0, 1], **{name: weight})


def test_only_the_divisor_that_is_used_has_to_be_in_range():
    z = np.array([[1.0, 2.0], [0.5, -1.0]])
    weights = {"class_weight": [1e-10] * 2, "sample_weight": [1e301] * 2}
    np.testing.assert_allclose(
        xent.cross_entropy(z, [0, 1], **weights), xent.cross_entropy(z, [0, 1]), rtol=1e-13
    )
    with pytest.raises(ValueError, match=r"the weights sum to 2e\+301"):
        xent.cross_entropy(z, [0, 1], z_loss=0.1, **weights)
