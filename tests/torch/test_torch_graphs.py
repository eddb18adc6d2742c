"""What training code does to a loss and its gradient, beside backward()."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from helpers import import_torch

torch = import_torch()

import torch.nn.functional as F  # noqa: E402, N812 - everyone's name for it
from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: E402

import xent.torch as twins  # noqa: E402

RNG = torch.Generator().manual_seed(6)
Z = torch.randn(3, 4, 5, generator=RNG)
Y = torch.randint(5, (3, 4), generator=RNG)
T = torch.rand(3, 4, 5, generator=RNG)
X, W = torch.randn(4, 3, generator=RNG), torch.randn(5, 3, generator=RNG)
PAIRS = [
    pytest.param(twins.cross_entropy, F.cross_entropy, Y, id="classes"),
    pytest.param(
        twins.binary_cross_entropy_with_logits,
        F.binary_cross_entropy_with_logits,
        T,
        id="binary",
    ),
]


@pytest.mark.parametrize(("ours", "theirs", "targets"), PAIRS)
def test_a_gradient_through_vmap(ours: Any, theirs: Any, targets: Any) -> None:
    found = []
    for loss in (ours, theirs):
        z = Z.clone().requires_grad_()
        torch.func.vmap(loss)(z, targets).sum().backward()
        found.append(z.grad)
        found.append(torch.func.grad(lambda a, f=loss: torch.func.vmap(f)(a, targets).sum())(Z))
    for gradient in found[:3]:
        torch.testing.assert_close(gradient, found[3])


@pytest.mark.parametrize(("ours", "theirs", "targets"), PAIRS)
def test_a_jacobian_of_row_losses_at_once(ours: Any, theirs: Any, targets: Any) -> None:
    def jacobian(loss: Any) -> Any:
        return torch.autograd.functional.jacobian(
            lambda z: loss(z, targets[0], reduction="none"), Z[0], vectorize=True
        )

    torch.testing.assert_close(jacobian(ours), jacobian(theirs))


@pytest.mark.parametrize("factor", [1, 3])
@pytest.mark.parametrize(("ours", "theirs", "targets"), PAIRS)
def test_a_gradient_requires_none(ours: Any, theirs: Any, targets: Any, factor: int) -> None:
    del theirs
    for reduction in ("mean", "none"):
        z = Z[0].clone().requires_grad_()
        hooked = []
        z.register_hook(lambda g, to=hooked: to.append(g.requires_grad))
        loss = factor * ours(z, targets[0], reduction=reduction).sum()
        (gradient,) = torch.autograd.grad(loss, z)
        assert not gradient.requires_grad
        copy.deepcopy(gradient).numpy()
        assert hooked == [False]


def test_of_a_linear_layer_too() -> None:
    x, w = X.clone().requires_grad_(), W.clone().requires_grad_()
    for reduction in ("mean", "none"):
        loss = twins.linear_cross_entropy(x, w, Y[0], reduction=reduction).sum()
        assert not any(g.requires_grad for g in torch.autograd.grad(loss, (x, w)))


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_the_second_derivative_of_a_linear_layer(reduction: str) -> None:
    x, w = X.clone().requires_grad_(), W.clone().requires_grad_()
    loss = twins.linear_cross_entropy(x, w, Y[0], reduction=reduction).sum()
    (gradient,) = torch.autograd.grad(loss, x, create_graph=True)
    (due,) = torch.autograd.grad(
        F.cross_entropy(X @ W.T, Y[0], reduction="sum") * 0 + loss, x, retain_graph=True
    )
    torch.testing.assert_close(gradient.detach(), due)
    gradient.square().sum().backward()
    leaves = X.clone().requires_grad_(), W.clone().requires_grad_()
    loss = F.cross_entropy(leaves[0] @ leaves[1].T, Y[0], reduction="sum")
    loss = loss if reduction == "none" else loss / len(Y[0])
    (gradient,) = torch.autograd.grad(loss, leaves[0], create_graph=True)
    gradient.square().sum().backward()
    for found, expected in zip((x, w), leaves, strict=True):
        torch.testing.assert_close(found.grad, expected.grad)


def test_fake_tensors_have_gradients() -> None:
    with FakeTensorMode():
        z = torch.randn(4, 5, requires_grad=True)
        twins.cross_entropy(z, torch.zeros(4, dtype=torch.long)).backward()
        assert z.grad.shape == (4, 5)


@pytest.mark.parametrize(("ours", "theirs"), [p.values[:2] for p in PAIRS], ids=["K", "2"])
def test_a_scaled_loss_keeps_small_gradients_of_float16(ours: Any, theirs: Any) -> None:
    """A mean's gradient is below what float16 holds, until the loss is scaled."""
    z = torch.randn(64, 4000, generator=RNG).half()
    targets = torch.zeros(64, dtype=torch.long)
    if ours is twins.binary_cross_entropy_with_logits:
        targets = torch.zeros_like(z)
    found = []
    for loss, kind in ((ours, torch.float16), (theirs, torch.float32)):
        leaf = z.to(kind, copy=True).requires_grad_()
        (loss(leaf, targets) * 4096).backward()
        found.append(leaf.grad.float())
    torch.testing.assert_close(*found, rtol=2**-10, atol=2**-24)


def test_of_a_linear_layer_in_float16_too() -> None:
    x = torch.randn(64, 8, generator=RNG).mul_(1e-3)
    w = torch.randn(4000, 8, generator=RNG).mul_(1e-3)
    y = torch.randint(4000, (64,), generator=RNG)
    x, w = x.half().requires_grad_(), w.half().requires_grad_()
    (twins.linear_cross_entropy(x, w, y) * 2**16).backward()
    wide = [a.detach().float().requires_grad_() for a in (x, w)]
    (F.cross_entropy(F.linear(*wide), y) * 2**16).backward()
    for leaf, due in zip((x, w), wide, strict=True):
        torch.testing.assert_close(leaf.grad.float(), due.grad, rtol=2**-10, atol=2**-24)


INF, LEAST = float("inf"), torch.finfo(torch.float32).min


@pytest.mark.parametrize(
    ("row", "label"),
    [([-INF, 1.0, 2.0], -100), ([3.0, -1e8, 0.0], 1), ([LEAST, 1.0, 2.0], -100), ([-INF, 1, 2], 0)],
)
def test_log_sum_exp_does_not_look_at_the_label(row: list[float], label: int) -> None:
    z = torch.tensor([row, [0.0, 1.0, 2.0]], requires_grad=True)
    labels = torch.tensor([label, 2])
    loss, lse = twins.cross_entropy(z, labels, z_loss=0.1, return_lse=True)
    torch.testing.assert_close(lse, torch.logsumexp(z, 1))
    torch.testing.assert_close(loss, twins.cross_entropy(z, labels, z_loss=0.1))
    (gradient,) = torch.autograd.grad(lse.sum(), z, retain_graph=True)
    torch.testing.assert_close(gradient, z.detach().softmax(1))
    if label == -100:
        loss.backward()
        assert z.grad[0].tolist() == [0, 0, 0]


def test_small_integers_as_labels() -> None:
    z = torch.randn(2, 200, generator=RNG)
    labels = torch.tensor([156, 3], dtype=torch.uint8)  # as bits, 156 is -100
    due = F.cross_entropy(z, labels.long())
    loss, _, share = twins.cross_entropy(z, labels, return_lse=True, return_accuracy=True)
    torch.testing.assert_close(loss, due)
    z[0, 156] = 9
    assert twins.cross_entropy(z, labels, return_accuracy=True)[1].item() == 0.5
    assert share.item() == 0
