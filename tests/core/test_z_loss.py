"""Z-loss beside weights: its mean is over the rows that count, whatever the classes weigh."""

from __future__ import annotations

import array_api_strict as strict
import numpy as np
import pytest
from helpers import block_size, central_differences, close, import_torch

import xent

torch = import_torch()

import xent.torch as twins  # noqa: E402

pytestmark = pytest.mark.usefixtures("engine")

RNG = np.random.default_rng(5)
Z = RNG.normal(size=(7, 4)) * 2
Y = np.array([0, 3, 1, 1, 2, 0, 3])
T = RNG.random(7)
C = np.array([0.5, 2.0, 1.0, 3.0])
W = np.array([1.0, 0.0, 2.0, 0.5, 1.0, 3.0, 0.25])
LAMBDA = 0.25
KINDS = ["numpy", "array", "torch", "linear", "torch linear"]


def computed(kind, z, y, **options):
    """Loss and gradient for the logits, by one kind of arrays."""
    options = {"z_loss": LAMBDA, **options}
    if "torch" in kind:
        weights = {k: torch.tensor(v) for k, v in options.items() if isinstance(v, np.ndarray)}
        logits = torch.tensor(z, requires_grad=True)
        targets = torch.tensor(y)
        if "linear" in kind:
            eye = torch.eye(z.shape[1], dtype=torch.float64)
            loss = xent.linear_cross_entropy(logits, eye, targets, **{**options, **weights})
        else:
            loss = xent.cross_entropy(logits, targets, **{**options, **weights})
        loss.backward()
        return loss.item(), logits.grad.numpy()
    if kind == "linear":
        loss, grads = xent.linear_cross_entropy(
            z, np.eye(z.shape[1]), y, return_grad=True, **options
        )
        return loss, grads[0]
    if kind == "array":
        put = {k: strict.asarray(v) for k, v in options.items() if isinstance(v, np.ndarray)}
        arrays = strict.asarray(z), strict.asarray(y)
        loss, grad = xent.cross_entropy(*arrays, return_grad=True, **{**options, **put})
        return float(loss), np.asarray(grad)
    return xent.cross_entropy(z, y, return_grad=True, **options)


def expected(z, class_weight, sample_weight):
    """The definition: a mean of the weighted losses, and a mean of the squares."""
    losses = xent.cross_entropy(z, Y, reduction="none")
    squares = xent.logsumexp(z) ** 2
    of_class = sample_weight * class_weight[Y]
    first = of_class @ losses / of_class.sum() if of_class.any() else 0.0
    return first + LAMBDA * (sample_weight @ squares) / sample_weight.sum()


@pytest.mark.parametrize("kind", KINDS)
def test_the_means_of_loss_and_z_loss(kind):
    loss, grad = computed(kind, Z, Y, class_weight=C, sample_weight=W)
    close(loss, expected(Z, C, W))
    close(grad, central_differences(lambda z: expected(z, C, W), Z), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("factor", [1.0, 0.5, 10.0])
def test_uniform_class_weights_change_nothing(kind, factor):
    loss, grad = computed(kind, Z, Y, class_weight=np.full(4, factor))
    plain = computed(kind, Z, Y)
    close(loss, plain[0])
    close(grad, plain[1])


@pytest.mark.parametrize("kind", KINDS)
def test_where_class_weights_leave_no_weight_z_loss_is_left(kind):
    nothing = np.zeros(4)
    loss, grad = computed(kind, Z, Y, class_weight=nothing)
    close(loss, expected(Z, nothing, np.ones(7)))
    close(
        grad,
        central_differences(lambda z: expected(z, nothing, np.ones(7)), Z),
        rtol=1e-6,
        atol=1e-9,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_smoothed_targets_without_weight_leave_z_loss_alone(kind):
    weights = np.array([0.0, 0.0, 0.0, 2.0])
    y = np.zeros(7, int)
    for z_loss in (LAMBDA, 0.0):
        loss, grad = computed(
            kind, Z, y, class_weight=weights, label_smoothing=0.125, z_loss=z_loss
        )
        close(loss, z_loss * (xent.logsumexp(Z) ** 2).mean())
        assert z_loss or not grad.any()


@pytest.mark.parametrize("weights", [[0.0, 1.0, 2.0, 3.0], C])
@pytest.mark.parametrize("smoothing", [0.0, 0.125])
def test_second_derivatives(weights, smoothing):
    class_weight = torch.tensor(weights, dtype=torch.float64)
    options = {"z_loss": LAMBDA, "label_smoothing": smoothing}

    def of_classes(z):
        y = torch.zeros(7, dtype=torch.int64)  # of weight 0, or not
        return xent.cross_entropy(z, y, class_weight=class_weight, **options)

    def binary(z):
        return xent.binary_cross_entropy(
            z, torch.zeros_like(z), class_weight=class_weight[:2], **options
        )

    for loss in (of_classes, binary):
        slopes = torch.func.grad(loss)
        z, direction = torch.tensor(Z), torch.tensor(RNG.normal(size=Z.shape))
        found = torch.func.grad(lambda z, s=slopes, d=direction: (s(z) * d).sum())(z)
        step = 1e-5 * direction
        close(found, (slopes(z + step) - slopes(z - step)) / 2e-5, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("put", [np.asarray, strict.asarray, torch.tensor])
@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_a_row_is_its_weight_times_both_terms(put, reduction):
    loss = xent.cross_entropy(
        put(Z),
        put(Y),
        class_weight=put(C),
        sample_weight=put(W),
        z_loss=LAMBDA,
        reduction=reduction,
    )
    rows = W * (C[Y] * xent.cross_entropy(Z, Y, reduction="none") + LAMBDA * xent.logsumexp(Z) ** 2)
    close(np.asarray(loss), rows.sum() if reduction == "sum" else rows)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_binary_class_weights_change_nothing_either(kind):
    z, options = Z[:, 0], {"z_loss": LAMBDA, "sample_weight": W}
    weights = np.array([2.0, 5.0])
    plain = xent.binary_cross_entropy(z, T, **options)
    share = W @ (xent.logsumexp(np.stack([z, 0 * z], 1)) ** 2) / W.sum()
    weighted = xent.binary_cross_entropy(z, T, sample_weight=W, class_weight=weights)
    if kind == "torch":
        options["sample_weight"] = torch.tensor(W)
        z, t, w = torch.tensor(z), torch.tensor(T), torch.tensor(weights)
        close(xent.binary_cross_entropy(z, t, class_weight=w, **options), weighted + LAMBDA * share)
        return
    close(
        xent.binary_cross_entropy(z, T, class_weight=weights, **options), weighted + LAMBDA * share
    )
    close(xent.binary_cross_entropy(z, T, class_weight=[7.0, 7.0], **options), plain)


def test_the_twins_do_not_rescale_it():
    z, y = torch.tensor(Z), torch.tensor(Y)
    plain = twins.cross_entropy(z, y, z_loss=0.1)
    for factor in (1.0, 0.5, 10.0):
        weight = torch.full((4,), factor, dtype=torch.float64)
        torch.testing.assert_close(twins.cross_entropy(z, y, weight=weight, z_loss=0.1), plain)


def test_soft_targets_have_the_gradient_of_the_definition():
    soft = RNG.random((7, 4))
    soft /= soft.sum(axis=1, keepdims=True)
    w, c = torch.tensor(W), torch.tensor(C)

    def definition(z, t):
        losses = (t * c * -torch.log_softmax(z, 1)).sum(1) * w
        squares = torch.logsumexp(z, 1) ** 2 * w
        return losses.sum() / (w * (t @ c)).sum() + LAMBDA * squares.sum() / w.sum()

    options = {"z_loss": LAMBDA, "class_weight": c, "sample_weight": w}
    eye = torch.eye(4, dtype=torch.float64)
    for loss in (
        definition,
        lambda z, t: xent.cross_entropy(z, t, **options),
        lambda z, t: xent.linear_cross_entropy(z, eye, t, **options),
    ):
        z, t = torch.tensor(Z, requires_grad=True), torch.tensor(soft, requires_grad=True)
        made = torch.autograd.grad(loss(z, t), (z, t))
        if loss is definition:
            right = made
        for got, due in zip(made, right, strict=True):
            torch.testing.assert_close(got, due)


def test_second_derivatives_have_the_same_factor():
    y, c = torch.tensor(Y), torch.tensor(C)

    def definition(z):
        losses = torch.nn.functional.cross_entropy(z, y, c)
        return losses + LAMBDA * (torch.logsumexp(z, 1) ** 2).mean()

    z = torch.tensor(Z)
    got = torch.autograd.functional.hessian(
        lambda z: xent.cross_entropy(z, y, class_weight=c, z_loss=LAMBDA), z
    )
    torch.testing.assert_close(got, torch.autograd.functional.hessian(definition, z))


def test_a_divisor_replaces_both():
    from xent._libraries import library_of
    from xent._options import LossOptions

    options = LossOptions(z_loss=LAMBDA, class_weight=C, divisor=3.0).checked()
    rows = C[Y] * xent.cross_entropy(Z, Y, reduction="none") + LAMBDA * xent.logsumexp(Z) ** 2
    close(library_of(Z).cross_entropy(Z, Y, options), rows.sum() / 3)


def test_chunks_share_the_factor():
    with block_size(8):
        loss, _ = computed("linear", Z, Y, class_weight=C, sample_weight=W)
    close(loss, expected(Z, C, W))
