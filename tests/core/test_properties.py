"""What must hold for every input: invariances, equivalences, slopes; other libraries' numbers."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from helpers import (
    arrays,
    batches,
    block_size,
    central_differences,
    close,
    numbers,
    options,
    rows_of_probabilities,
)
from hypothesis import assume, given

import xent
from xent._engine import numpy as backend

pytestmark = pytest.mark.usefixtures("engine")

REDUCTIONS = st.sampled_from(["mean", "sum", "none"])


def draw_case(data, **kwargs):
    """A batch, its targets (labels or probabilities), and a mix of options."""
    batch = data.draw(batches(**kwargs))
    n, k = batch.logits.shape
    soft = data.draw(st.booleans())
    targets = data.draw(rows_of_probabilities(n, k)) if soft else batch.labels
    return batch.logits, targets, data.draw(options(n, k))


def binary_case(data, leave=()):
    n = data.draw(st.integers(1, 6))
    logits = data.draw(arrays(n, -20, 20))
    targets = data.draw(st.one_of(arrays(n, 0, 1), arrays(n, 0, 1).map(np.round)))
    opts = data.draw(options(n, 2, leave=leave))
    if data.draw(st.booleans()):
        opts["pos_weight"] = data.draw(st.one_of(numbers(0, 4), arrays(n, 0, 4)))
    return logits, targets, opts


@given(st.data())
def test_a_shift_of_all_logits_changes_nothing(data):
    logits, targets, opts = draw_case(data)
    opts = {k: v for k, v in opts.items() if k not in ("softcap", "z_loss")}
    shift = data.draw(arrays((len(logits), 1), -100, 100))
    loss, grad = xent.cross_entropy(logits, targets, return_grad=True, **opts)
    moved, moved_grad = xent.cross_entropy(logits + shift, targets, return_grad=True, **opts)
    close(moved, loss, rtol=1e-15)
    close(moved_grad, grad, rtol=1e-15, atol=1e-16)


@given(st.data())
def test_gradient_rows_sum_to_zero(data):
    logits, targets, opts = draw_case(data)
    opts = {k: v for k, v in opts.items() if k not in ("softcap", "z_loss")}
    _, grad = xent.cross_entropy(logits, targets, return_grad=True, **opts)
    close(grad.sum(axis=1), 0, atol=1e-14)


@given(st.data())
def test_z_loss_adds_its_slope_to_the_sum_of_a_gradient_row(data):
    logits, labels = data.draw(batches())
    _, grad = xent.cross_entropy(logits, labels, z_loss=0.5, reduction="sum", return_grad=True)
    close(grad.sum(axis=1), xent.logsumexp(logits), atol=1e-13)


@given(st.data())
def test_classes_may_be_permuted(data):
    logits, targets, opts = draw_case(data)
    order = np.array(data.draw(st.permutations(range(logits.shape[1]))))
    permuted = dict(opts)
    if "class_weight" in opts:
        permuted["class_weight"] = opts["class_weight"][order]
    permuted_targets = targets[:, order] if targets.ndim == 2 else np.argsort(order)[targets]
    loss, grad = xent.cross_entropy(logits, targets, return_grad=True, **opts)
    other, other_grad = xent.cross_entropy(
        logits[:, order], permuted_targets, return_grad=True, **permuted
    )
    close(other, loss)
    close(other_grad, grad[:, order])


@given(st.data())
def test_rows_may_be_permuted(data):
    logits, targets, opts = draw_case(data)
    order = np.array(data.draw(st.permutations(range(len(logits)))))
    permuted = dict(opts)
    if "sample_weight" in opts:
        permuted["sample_weight"] = opts["sample_weight"][order]
    loss, grad = xent.cross_entropy(logits, targets, return_grad=True, **opts)
    other, other_grad = xent.cross_entropy(
        logits[order], targets[order], return_grad=True, **permuted
    )
    close(other, loss, rtol=1e-15)
    close(other_grad, grad[order], rtol=1e-14)


@given(st.data(), REDUCTIONS)
def test_any_axis_is_the_last_one_moved(data, reduction):
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    logits = data.draw(arrays(tuple(shape), -30, 30))
    last = np.moveaxis(logits, axis, -1)
    labels = data.draw(st.integers(0, 99)) % last.shape[-1] * np.ones(last.shape[:-1], int)
    loss, grad = xent.cross_entropy(
        logits, labels, axis=axis, reduction=reduction, return_grad=True
    )
    other, other_grad = xent.cross_entropy(
        last.copy(), labels, reduction=reduction, return_grad=True
    )
    close(loss, other, rtol=1e-15)
    close(np.moveaxis(grad, axis, -1), other_grad, rtol=1e-15)
    for function in (xent.softmax, xent.log_softmax):
        close(np.moveaxis(function(logits, axis=axis), axis, -1), function(last), rtol=1e-15)
    close(xent.logsumexp(logits, axis=axis), xent.logsumexp(last), rtol=1e-15)


@given(st.data())
def test_reductions_agree(data):
    logits, targets, opts = draw_case(data)
    if "class_weight" in opts:
        opts.pop("z_loss", None)  # its mean does not divide by class weights
    rows, of_rows = xent.cross_entropy(logits, targets, reduction="none", return_grad=True, **opts)
    total, of_sum = xent.cross_entropy(logits, targets, reduction="sum", return_grad=True, **opts)
    mean, of_mean = xent.cross_entropy(logits, targets, return_grad=True, **opts)
    class_weight = opts.get("class_weight", np.ones(logits.shape[1]))
    each = targets @ class_weight if targets.ndim == 2 else class_weight[targets]
    weight = (each * opts.get("sample_weight", 1)).sum()
    np.testing.assert_array_equal(of_rows, of_sum)
    close(total, rows.sum())
    if weight:
        close(mean, total / weight)
        close(of_mean, of_sum / weight)
    else:
        assert mean == 0
        assert not of_mean.any()


@given(st.data(), REDUCTIONS)
def test_binary_is_two_classes_with_logits_zero_and_z(data, reduction):
    logits, targets, opts = binary_case(data, leave=("softcap",))
    opts.pop("pos_weight", None)
    pairs = np.stack([np.zeros_like(logits), logits], axis=1)
    both = np.stack([1 - targets, targets], axis=1)
    loss, grad = xent.binary_cross_entropy(
        logits, targets, reduction=reduction, return_grad=True, **opts
    )
    other, other_grad = xent.cross_entropy(
        pairs, both, reduction=reduction, return_grad=True, **opts
    )
    close(loss, other)
    close(grad, other_grad[:, 1])


@given(st.data())
def test_pos_weight_is_the_weight_of_class_one_outside_the_mean(data):
    logits, targets, _ = binary_case(data)
    weight = data.draw(numbers(0, 4))
    for by_pos, by_class in (
        ("sum", {"class_weight": [1, weight], "reduction": "sum"}),
        ("none", {"class_weight": [1, weight], "reduction": "none"}),
    ):
        got = xent.binary_cross_entropy(logits, targets, pos_weight=weight, reduction=by_pos)
        close(got, xent.binary_cross_entropy(logits, targets, **by_class))
    mean = xent.binary_cross_entropy(logits, targets, pos_weight=weight)
    total = xent.binary_cross_entropy(logits, targets, pos_weight=weight, reduction="sum")
    close(mean, total / len(logits))


@given(st.data())
def test_the_loss_is_convex_along_lines(data):
    logits, targets, opts = draw_case(data)
    opts = {k: v for k, v in opts.items() if k not in ("softcap", "z_loss")}
    step = data.draw(arrays(logits.shape, -10, 10))
    losses = [
        xent.cross_entropy(logits + t * step, targets, reduction="sum", **opts)
        for t in (0.0, 0.25, 1.0)
    ]
    assert losses[1] <= 0.75 * losses[0] + 0.25 * losses[2] + 1e-13 * max(1, *losses)


@given(st.data(), st.sampled_from(["mean", "sum"]))
def test_an_integer_weight_is_a_repeated_row(data, reduction):
    logits, targets, opts = draw_case(data)
    opts.pop("sample_weight", None)
    n = len(logits)
    counts = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    # A row of weight 0 is absent, whatever it holds.
    weighted = np.where(counts[:, None] == 0, np.nan, logits)
    loss, grad = xent.cross_entropy(
        weighted, targets, sample_weight=counts, reduction=reduction, return_grad=True, **opts
    )
    other, other_grad = xent.cross_entropy(
        np.repeat(logits, counts, axis=0),
        np.repeat(targets, counts, axis=0),
        reduction=reduction,
        return_grad=True,
        **opts,
    )
    close(loss, other)
    summed = np.zeros_like(grad)
    np.add.at(summed, np.repeat(np.arange(n), counts), other_grad)
    close(grad, summed)


@given(st.data(), REDUCTIONS)
def test_one_hot_rows_are_labels(data, reduction):
    logits, labels = data.draw(batches())
    opts = data.draw(options(*logits.shape))
    one_hot = np.eye(logits.shape[1])[labels]
    loss, grad = xent.cross_entropy(logits, labels, reduction=reduction, return_grad=True, **opts)
    other, other_grad = xent.cross_entropy(
        logits, one_hot, reduction=reduction, return_grad=True, **opts
    )
    close(loss, other)
    close(grad, other_grad)


@given(st.data(), st.sampled_from(["mean", "sum"]), st.sampled_from([-100, 0, 255]))
def test_ignored_rows_are_dropped_rows(data, reduction, mark):
    logits, labels = data.draw(batches(classes=4))
    opts = data.draw(options(len(logits), 4, leave=("sample_weight",)))
    drop = data.draw(st.lists(st.booleans(), min_size=len(logits), max_size=len(logits)))
    labels = np.where(drop, mark, labels)
    keep = labels != mark
    loss, grad = xent.cross_entropy(
        np.where(keep[:, None], logits, np.nan),
        labels,
        ignore_index=mark,
        reduction=reduction,
        return_grad=True,
        **opts,
    )
    other, other_grad = xent.cross_entropy(
        logits[keep], labels[keep], reduction=reduction, return_grad=True, **opts
    )
    close(loss, other)
    close(grad[keep], other_grad)
    assert not grad[~keep].any()


@given(st.data(), st.sampled_from(["mean", "sum"]))
def test_binary_ignored_places_are_dropped_places(data, reduction):
    logits, targets, opts = binary_case(data, leave=("sample_weight",))
    opts.pop("pos_weight", None)
    drop = np.array(data.draw(st.lists(st.booleans(), min_size=len(logits), max_size=len(logits))))
    loss, grad = xent.binary_cross_entropy(
        np.where(drop, np.nan, logits),
        np.where(drop, -1, targets),
        ignore_index=-1,
        reduction=reduction,
        return_grad=True,
        **opts,
    )
    other, other_grad = xent.binary_cross_entropy(
        logits[~drop], targets[~drop], reduction=reduction, return_grad=True, **opts
    )
    close(loss, other)
    close(grad[~drop], other_grad)
    assert not grad[drop].any()


@given(st.data(), st.sampled_from(["mean", "sum"]))
def test_gradient_is_the_slope(data, reduction):
    logits, targets, opts = draw_case(data, high=8)
    _, grad = xent.cross_entropy(logits, targets, reduction=reduction, return_grad=True, **opts)

    def loss(z):
        return xent.cross_entropy(z, targets, reduction=reduction, **opts)

    close(grad, central_differences(loss, logits), rtol=1e-6, atol=1e-6)


@given(st.data(), st.sampled_from(["mean", "sum"]))
def test_binary_gradient_is_the_slope(data, reduction):
    logits, targets, opts = binary_case(data)
    _, grad = xent.binary_cross_entropy(
        logits, targets, reduction=reduction, return_grad=True, **opts
    )

    def loss(z):
        return xent.binary_cross_entropy(z, targets, reduction=reduction, **opts)

    close(grad, central_differences(loss, logits), rtol=1e-6, atol=1e-6)


# Linear layers and blocks.


@given(st.data(), REDUCTIONS, st.sampled_from([1, 3, 1 << 25]))
def test_linear_is_the_loss_of_the_product(data, reduction, size):
    n, k, d = (data.draw(st.integers(1, 5)) for _ in range(3))
    x, w = data.draw(arrays((n, d), -4, 4)), data.draw(arrays((k, d), -4, 4))
    bias = data.draw(st.one_of(st.none(), arrays(k, -4, 4)))
    soft = data.draw(st.booleans())
    targets = data.draw(rows_of_probabilities(n, k)) if soft else np.arange(n) % k
    opts = data.draw(options(n, k))
    with block_size(size):
        loss, (dx, dw, db) = xent.linear_cross_entropy(
            x, w, targets, bias, reduction=reduction, return_grad=True, **opts
        )
        without = xent.linear_cross_entropy(x, w, targets, bias, reduction=reduction, **opts)
    logits = x @ w.T + (0 if bias is None else bias)
    other, dz = xent.cross_entropy(logits, targets, reduction=reduction, return_grad=True, **opts)
    np.testing.assert_array_equal(loss, without)
    close(loss, other)
    close(dx, dz @ w, rtol=1e-12, atol=1e-12)
    close(dw, dz.T @ x, rtol=1e-12, atol=1e-12)
    if bias is None:
        assert db is None
    else:
        close(db, dz.sum(axis=0), rtol=1e-12, atol=1e-12)


@given(st.data(), st.sampled_from([1, 5, 7]))
def test_blocks_do_not_show(data, size):
    shape = (3, 2, 4)
    axis = data.draw(st.integers(0, 2))
    logits = data.draw(arrays(shape, -30, 30))
    rows = shape[:axis] + shape[axis + 1 :]
    labels = np.arange(np.prod(rows)).reshape(rows) % shape[axis]
    opts = data.draw(options(rows, shape[axis]))
    opts |= {"axis": axis, "reduction": "none", "return_grad": True}

    def results():
        yield from xent.cross_entropy(logits, labels, **opts)
        yield from xent.binary_cross_entropy(
            logits, logits > 0, pos_weight=[1, 2, 3, 4], reduction="none", return_grad=True
        )
        yield xent.softmax(logits, axis=axis)
        yield xent.sigmoid(logits)
        yield xent.log_loss(labels, xent.softmax(logits, axis=axis), axis=axis)

    whole = list(results())
    with block_size(size):
        for cut, uncut in zip(results(), whole, strict=True):
            close(cut, uncut, rtol=1e-15, atol=1e-16)


def test_small_blocks_are_cut():
    assert len(list(backend.blocks((5, 2), 3))) == 1
    with block_size(3):
        assert len(list(backend.blocks((5, 2), 3))) == 10
    assert len(list(backend.blocks((5, 2), 3))) == 1


# Other libraries, where they are accurate.


@given(st.data())
def test_log_loss_agrees_with_scikit_learn(data):
    from sklearn.metrics import log_loss

    logits, labels = data.draw(batches(high=5))
    n, k = logits.shape
    assume(k > 1)
    weight = data.draw(arrays(n, 0.25, 4))
    p = xent.softmax(logits)
    expected = log_loss(labels, p, labels=range(k), sample_weight=weight)
    close(xent.log_loss(labels, p, sample_weight=weight), expected, rtol=1e-12)
    close(xent.cross_entropy(logits, labels, sample_weight=weight), expected, rtol=1e-12)
    binary = log_loss(labels > 0, p[:, 1], labels=[False, True], sample_weight=weight)
    close(xent.log_loss(labels > 0, p[:, 1], sample_weight=weight), binary, rtol=1e-12)


@given(st.data())
def test_functions_agree_with_scipy(data):
    from scipy import special

    logits = data.draw(arrays((3, 4), -30, 30))
    close(xent.softmax(logits), special.softmax(logits, axis=-1))
    close(xent.log_softmax(logits), special.log_softmax(logits, axis=-1), atol=1e-13)
    close(xent.logsumexp(logits), special.logsumexp(logits, axis=-1))
    close(xent.sigmoid(logits), special.expit(logits))
    close(xent.log_sigmoid(logits), special.log_expit(logits))
