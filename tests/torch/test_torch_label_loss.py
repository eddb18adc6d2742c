"""The short way through autograd of small batches with class labels, and where it ends."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import import_torch

torch = import_torch()

import torch.nn.functional as F  # noqa: E402, N812 - everyone's name for it
from torch._dynamo import compiled_autograd  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402

from xent._engine import buffer_pool  # noqa: E402
from xent.torch import _classes, cross_entropy  # noqa: E402

LABELS = torch.tensor([2, 0, 1, 2])


def scores(seed: int = 1) -> Any:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(4, 3, generator=generator, dtype=torch.float64).requires_grad_()


def is_small(loss: Any) -> bool:
    return isinstance(loss.grad_fn, _classes.LabelLoss._backward_cls)


def test_large_batches_do_not_keep_their_logits() -> None:
    rows = buffer_pool.MIN_BYTES // 4 // 64
    for count, small in ((rows - 1, True), (rows, False)):
        z = torch.zeros(count, 64, requires_grad=True)
        assert is_small(cross_entropy(z, torch.zeros(count, dtype=torch.long))) == small


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_derivatives(reduction: str) -> None:
    def loss(z: Any) -> Any:
        value = cross_entropy(z, LABELS, reduction=reduction)
        assert is_small(value)
        return value

    assert torch.autograd.gradcheck(loss, scores())
    assert torch.autograd.gradgradcheck(loss, scores())
    z = scores()
    found, due = (
        torch.autograd.functional.hessian(lambda z, f=f: f(z, LABELS, reduction="sum"), z)
        for f in (cross_entropy, F.cross_entropy)
    )
    torch.testing.assert_close(found, due)


def test_a_graph_is_used_once_unless_it_is_kept() -> None:
    z = scores()
    loss = cross_entropy(z, LABELS)
    for n in (1, 2, 3):
        loss.backward(retain_graph=n < 3)
        torch.testing.assert_close(
            z.grad / n, torch.autograd.grad(F.cross_entropy(z, LABELS), z)[0]
        )
    with pytest.raises(RuntimeError, match=r"a second time.* retain_graph=True"):
        loss.backward()


def test_changes_in_place_matter_only_to_second_derivatives() -> None:
    for change in ("logits", "labels"):
        leaf, labels = scores(), LABELS.clone()
        z = leaf * 1
        loss = cross_entropy(z, labels)
        with torch.no_grad():
            (z if change == "logits" else labels).zero_()
        (due,) = torch.autograd.grad(F.cross_entropy(leaf, LABELS), leaf)
        (found,) = torch.autograd.grad(loss, leaf, retain_graph=True)
        torch.testing.assert_close(found, due)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            torch.autograd.grad(loss, leaf, create_graph=True)


def test_changes_that_autograd_does_not_see() -> None:
    """The derivatives are those at the logits that the loss was computed of."""

    def penalized(loss: Any, change: str) -> Any:
        x = scores()
        z = x * 2
        value = loss(z, LABELS)
        if change == "detach":
            z.detach_()
        elif change == "data":
            z.data.mul_(3)
        (first,) = torch.autograd.grad(value, x, create_graph=True)
        return first.detach(), torch.autograd.grad(first.square().sum(), x)[0]

    for change in ("none", "data"):
        found, due = penalized(cross_entropy, change), penalized(F.cross_entropy, change)
        torch.testing.assert_close(found, due)
    with pytest.raises(RuntimeError, match=r"detached in place \(detach_\) after the loss"):
        penalized(cross_entropy, "detach")


def test_third_derivatives() -> None:
    def third(loss: Any) -> Any:
        z = scores()
        (first,) = torch.autograd.grad(loss(z, LABELS), z, create_graph=True)
        (second,) = torch.autograd.grad(first.pow(3).sum(), z, create_graph=True)
        return torch.autograd.grad(second.pow(2).sum(), z)[0]

    torch.testing.assert_close(third(cross_entropy), third(F.cross_entropy))


def test_batches_of_upstream_gradients() -> None:
    z = scores()
    upstream = torch.eye(4, dtype=torch.float64)
    found, due = (
        torch.autograd.grad(f(z, LABELS, reduction="none"), z, upstream, is_grads_batched=True)[0]
        for f in (cross_entropy, F.cross_entropy)
    )
    torch.testing.assert_close(found, due)


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_checkpoints(use_reentrant: bool) -> None:
    z = scores()
    checkpoint(lambda z: cross_entropy(z.sin(), LABELS), z, use_reentrant=use_reentrant).backward()
    (due,) = torch.autograd.grad(F.cross_entropy(z.sin(), LABELS), z)
    torch.testing.assert_close(z.grad, due)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")  # torch's own
def test_a_compiled_backward_pass_is_used_for_other_batches() -> None:
    torch.compiler.reset()
    for seed in range(4):
        z = scores(seed)
        with compiled_autograd._enable(torch.compile(backend="aot_eager")):
            (3 * cross_entropy(z.sin(), LABELS)).backward()
        (due,) = torch.autograd.grad(3 * F.cross_entropy(z.sin(), LABELS), z)
        torch.testing.assert_close(z.grad, due)
    torch.compiler.reset()
