"""Whose memory it is, and where: gradients that others hold, the device `meta`, other defaults."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers import import_torch

import xent

torch = import_torch()

import torch.nn.functional as F  # noqa: E402, N812 - everyone's name for it

import xent.torch as twins  # noqa: E402

RNG = torch.Generator().manual_seed(13)
W = torch.randn(300, 8, generator=RNG)
CLASS_WEIGHT = torch.rand(300, generator=RNG)


def labels(z: Any) -> Any:
    return torch.arange(len(z), device=z.device) % 300


def ones(z: Any) -> Any:
    return torch.ones_like(z)


LOSSES: dict[str, tuple[Callable[..., Any], Callable[..., Any], int]] = {
    "classes": (
        lambda z: twins.cross_entropy(z, labels(z)),
        lambda z: F.cross_entropy(z, labels(z)),
        300,
    ),
    "binary": (
        lambda z: twins.binary_cross_entropy_with_logits(z, ones(z)),
        lambda z: F.binary_cross_entropy_with_logits(z, ones(z)),
        300,
    ),
    "linear": (
        lambda x: twins.linear_cross_entropy(x, W.to(x.device), labels(x)),
        lambda x: F.cross_entropy(F.linear(x, W.to(x.device)), labels(x)),
        8,
    ),
}
each = pytest.mark.parametrize("name", LOSSES)


@pytest.mark.parametrize("holder", ["nobody", "saved_tensors", "hooks"])
@pytest.mark.parametrize("factor", [1, 3])
@pytest.mark.parametrize("rows", [2, 1000])
@each
def test_a_kept_gradient_that_others_hold(name: str, rows: int, factor: int, holder: str) -> None:
    """Where nobody does, the gradient is scaled in its place, and becomes the leaf's."""
    ours, theirs, width = LOSSES[name]
    z = torch.randn(rows, width, generator=RNG).requires_grad_()
    held: list[Any] = []

    def pack(tensor: Any) -> Any:
        held.append(tensor)
        return tensor

    if holder == "hooks":
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            loss = ours(z)
    else:
        loss = ours(z)
    if holder == "saved_tensors":
        held.extend(loss.grad_fn.saved_tensors)
    before = [tensor.clone() for tensor in held if tensor is not None]
    shown = not hasattr(loss.grad_fn, "gradient")  # which a small batch's alone holds
    kept = loss.grad_fn.saved_tensors if shown else [loss.grad_fn.gradient]
    places = [t.data_ptr() for t in kept if t is not None and t.numel()]
    del kept
    (factor * loss).backward()
    torch.testing.assert_close(z.grad, torch.autograd.grad(factor * theirs(z), z)[0])
    assert (z.grad.data_ptr() in places) == (holder == "nobody" or not shown)
    z.grad.mul_(7)
    after = [tensor for tensor in held if tensor is not None]
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))


def hollow(*shape: int, dtype: Any = torch.float32) -> Any:
    return torch.empty(shape, dtype=dtype, device="meta")


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_meta_tensors_have_shapes_and_gradients(reduction: str) -> None:
    z, w, x = hollow(4, 5), hollow(5, 3), hollow(4, 3)
    y = hollow(4, dtype=torch.long)
    for leaves, loss, shape in (
        ((z,), twins.cross_entropy(z.requires_grad_(), y, reduction=reduction), (4,)),
        ((z,), twins.cross_entropy(z, hollow(4, 5), reduction=reduction), (4,)),
        (
            (z,),
            twins.binary_cross_entropy_with_logits(z, hollow(4, 5), reduction=reduction),
            (4, 5),
        ),
        (
            (x, w),
            xent.linear_cross_entropy(
                x.requires_grad_(), w.requires_grad_(), y, reduction=reduction
            ),
            (4,),
        ),
    ):
        assert loss.is_meta
        assert loss.shape == (shape if reduction == "none" else ())
        grads = torch.autograd.grad(loss.sum(), leaves)
        assert [g.shape for g in grads] == [leaf.shape for leaf in leaves]


M, L = hollow(4, 5), hollow(4, dtype=torch.long)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: twins.cross_entropy(M, L[:3]),
         "target has shape (3,), expected (4,): one class index per row"),
        (lambda: twins.cross_entropy(M, hollow(4)),
         "target holds floats of shape (4,), one per row. If they are class labels, pass"),
        (lambda: twins.cross_entropy(M, L, M[0, :3]),
         "weight has shape (3,), expected (5,): one weight per class."),
        (lambda: xent.cross_entropy(M, L, sample_weight=hollow(5)),
         "sample_weight has shape (5,), expected (4,): one weight per row."),
        (lambda: xent.binary_cross_entropy(M, hollow(4)),
         "targets has shape (4,), expected (4, 5): one target per logit, the logits' own shape."),
        (lambda: xent.binary_cross_entropy(M, M, pos_weight=hollow(4)),
         "pos_weight has shape (4,), expected (5,): one number, or one per entry of the last"),
        (lambda: twins.linear_cross_entropy(M, hollow(7, 5), L[:3]),
         "target has shape (3,), expected (4,): one class index per row"),
        (lambda: twins.cross_entropy(M, torch.zeros(4).long()),
         "target is on cpu, but the other tensors are on meta. Pass target.to('meta')."),
    ],
)  # fmt: skip
def test_shapes_of_meta_tensors_are_checked(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=r"expected|holds|is on") as caught:
        call()
    assert str(caught.value).startswith(message)


def test_rows_of_a_linear_layer_are_not_shuffled() -> None:
    x, y = torch.randn(2, 3, 8, generator=RNG), torch.zeros(3, 2, dtype=torch.long)
    with pytest.raises(ValueError, match=r"targets has shape \(3, 2\), expected \(2, 3\)"):
        xent.linear_cross_entropy(x, W, y)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_tensors_that_are_only_said_to_be_negative(dtype: Any) -> None:
    z, t = torch.randn(4, 5, generator=RNG).to(dtype), torch.rand(4, 5, generator=RNG).to(dtype)
    y = torch.arange(4)
    torch.testing.assert_close(
        twins.cross_entropy(torch._neg_view(-z), y), twins.cross_entropy(z, y)
    )
    twin = twins.binary_cross_entropy_with_logits
    torch.testing.assert_close(twin(torch._neg_view(-z), torch._neg_view(-t)), twin(z, t))
    layer = torch._neg_view(-z), torch._neg_view(-t), y
    torch.testing.assert_close(
        twins.linear_cross_entropy(*layer), twins.linear_cross_entropy(z, t, y)
    )


def test_zeros_without_memory() -> None:
    nothing = torch._efficientzerotensor((4, 5))
    assert twins.cross_entropy(nothing, torch.arange(4)).item() == pytest.approx(math.log(5))
    twin = twins.binary_cross_entropy_with_logits
    assert twin(nothing, torch.ones(4, 5)).item() == pytest.approx(math.log(2))
    assert twin(torch.zeros(4, 5), nothing).item() == pytest.approx(math.log(2))


@pytest.fixture
def default_meta() -> Iterator[None]:
    torch.set_default_device("meta")
    yield
    torch.set_default_device(None)


@pytest.mark.usefixtures("default_meta")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("rows", [2, 200])
@each
def test_another_default_device(name: str, rows: int, reduction: str, dtype: Any) -> None:
    width = LOSSES[name][2]
    z = torch.randn(rows, width, generator=RNG, device="cpu").to(dtype)
    y, soft = torch.arange(rows, device="cpu") % 300, z.float().softmax(1)

    def run() -> list[Any]:
        leaf, w = z.clone().requires_grad_(), W.to(dtype).requires_grad_()
        if name == "classes":
            loss = twins.cross_entropy(leaf, y, CLASS_WEIGHT, reduction=reduction)
            loss = loss + twins.cross_entropy(leaf, soft, reduction=reduction)
        elif name == "binary":
            loss = twins.binary_cross_entropy_with_logits(leaf, soft, reduction=reduction)
        else:
            bias = CLASS_WEIGHT.clone().requires_grad_()
            loss = twins.linear_cross_entropy(leaf, w, y, linear_bias=bias, reduction=reduction)
            return [loss.detach(), *torch.autograd.grad(loss.sum(), (leaf, w, bias))]
        return [loss.detach(), *torch.autograd.grad(loss.sum(), leaf)]

    found = run()
    torch.set_default_device(None)
    assert all(torch.equal(*pair) for pair in zip(found, run(), strict=True))


@pytest.mark.usefixtures("default_meta")
def test_lists_go_where_the_logits_are() -> None:
    z = torch.zeros(2, 4, device="cpu")
    loss = xent.cross_entropy(z, [0, 3], class_weight=[1.0, 2.0, 3.0, 4.0])
    assert loss.item() == pytest.approx(1.3862944)
    assert xent.log_loss([1], torch.tensor([0.5], device="cpu")).is_cpu
