"""What users of other implementations have complained of for years; docs/complaints.md lists it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import import_torch

import xent
from xent import oracle

torch = import_torch()

import torch.nn.functional as F  # noqa: E402, N812 - everyone's name for it

import xent.torch as twins  # noqa: E402

RNG = torch.Generator().manual_seed(3)


def normal(*shape: int, dtype: Any = torch.float64) -> Any:
    return torch.randn(shape, generator=RNG, dtype=torch.float64).to(dtype)


def test_01_row_losses_have_the_right_weight_gradient() -> None:
    x, w = normal(9, 4).requires_grad_(), normal(7, 4).requires_grad_()
    y = torch.randint(0, 7, (9,), generator=RNG)
    factors = normal(9)
    rows = twins.linear_cross_entropy(x, w, y, reduction="none")
    assert rows.shape == (9,)
    due = F.cross_entropy(F.linear(x, w), y, reduction="none")
    torch.testing.assert_close(rows, due)
    mine, other = (torch.autograd.grad((v * factors).sum(), (x, w)) for v in (rows, due))
    torch.testing.assert_close(mine, other)


def test_02_a_batch_in_which_all_is_ignored_is_harmless() -> None:
    x, w = normal(3, 4).requires_grad_(), normal(5, 4).requires_grad_()
    none = torch.full((3,), -100)
    for loss in (
        twins.cross_entropy(F.linear(x, w), none),
        twins.linear_cross_entropy(x, w, none),
        twins.CrossEntropyLoss(label_smoothing=0.1)(F.linear(x, w), none),
    ):
        grads = torch.autograd.grad(loss, (x, w))
        assert loss.item() == 0
        assert all(g is not None and not g.any() for g in grads)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_03_weight_gradients_are_summed_in_float32(dtype: Any) -> None:
    """Thousands of rows that all push one class: a sum in bfloat16 stops growing at 256."""
    x, w = torch.ones(4096, 8, dtype=dtype), torch.zeros(4, 8, dtype=dtype).requires_grad_()
    y = torch.zeros(4096, dtype=torch.long)
    loss = twins.linear_cross_entropy(x, w, y, reduction="sum")
    (grad,) = torch.autograd.grad(loss, w)
    assert grad.dtype == dtype
    due = torch.tensor([-3072.0, 1024.0, 1024.0, 1024.0])
    torch.testing.assert_close(grad.float(), due[:, None].expand(4, 8), rtol=2**-8, atol=0)


def test_04_the_gradient_at_the_label_is_not_rounded_before_the_one() -> None:
    """p = 0.999 rounds to 1 in bfloat16, and p - 1 would be 0 or off by as much as itself."""
    z = torch.tensor([[7.0, 0.0]], dtype=torch.bfloat16).requires_grad_()
    twins.cross_entropy(z, torch.tensor([0])).backward()
    exact = float(oracle.label_row([7.0, 0.0], 0).grad[0])
    assert abs(z.grad[0, 0].item() - exact) <= 2**-8 * abs(exact)
    x, w = torch.ones(1, 1).bfloat16(), torch.tensor([[7.0], [0.0]]).bfloat16().requires_grad_()
    twins.linear_cross_entropy(x, w, torch.tensor([0])).backward()
    assert abs(w.grad[0, 0].item() - exact) <= 2**-8 * abs(exact)


def test_05_logits_are_left_alone() -> None:
    z = normal(6, 5).requires_grad_()
    logits = z * 1
    before = logits.detach().clone()
    twins.cross_entropy(logits, torch.zeros(6, dtype=torch.long)).backward()
    assert torch.equal(logits.detach(), before)
    assert logits._version == 0


def test_07_torch_compile_makes_one_graph() -> None:
    x, w = normal(6, 4).requires_grad_(), normal(5, 4).requires_grad_()
    y = torch.randint(0, 5, (6,), generator=RNG)

    def both(x: Any, w: Any) -> Any:
        loss = twins.cross_entropy(F.linear(x, w), y, label_smoothing=0.1)
        return loss + twins.linear_cross_entropy(x.tanh(), w, y)

    compiled = torch.compile(both, fullgraph=True, backend="aot_eager")
    mine, due = (torch.autograd.grad(f(x, w), (x, w)) for f in (compiled, both))
    torch.testing.assert_close(mine, due)
    torch.compiler.reset()


def test_09_dtypes_may_differ_as_under_autocast_and_adapters() -> None:
    x = normal(6, 4, dtype=torch.bfloat16).requires_grad_()
    w = normal(5, 4, dtype=torch.float32).requires_grad_()
    b = normal(5, dtype=torch.float16).requires_grad_()
    y = torch.randint(0, 5, (6,), generator=RNG)
    loss = twins.linear_cross_entropy(x, w, y, linear_bias=b)
    grads = torch.autograd.grad(loss, (x, w, b))
    assert [g.dtype for g in grads] == [torch.bfloat16, torch.float32, torch.float16]
    due = F.cross_entropy(F.linear(x.float(), w, b.float()), y)
    torch.testing.assert_close(loss, due)


def test_10_tokens_have_log_probabilities_entropy_and_distillation() -> None:
    z = normal(6, 5).requires_grad_()
    y = torch.randint(0, 5, (6,), generator=RNG)
    logs = -twins.cross_entropy(z, y, reduction="none")
    torch.testing.assert_close(logs, z.log_softmax(1).gather(1, y[:, None])[:, 0])
    _, entropy = twins.cross_entropy(z, y, return_entropy=True)
    p = z.detach().softmax(1)
    torch.testing.assert_close(entropy, -(p * p.log()).sum(1))
    teacher = normal(6, 5).requires_grad_()
    targets = teacher.softmax(1)
    grads = [
        torch.autograd.grad(f(z, targets), (z, teacher), retain_graph=True)
        for f in (twins.cross_entropy, F.cross_entropy)
    ]
    torch.testing.assert_close(*grads)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_12_weights_smoothing_and_ignored_rows_go_together(
    smoothing: float, weighted: bool
) -> None:
    """From the definition, row by row, not from another implementation."""
    z, y = normal(8, 4), torch.tensor([0, 1, 2, 3, -100, 1, -100, 0])
    weight = torch.tensor([1.0, 2.0, 0.5, 3.0], dtype=torch.float64) if weighted else None
    total, mass = 0.0, 0.0
    for row, label in zip(z.tolist(), y.tolist(), strict=True):
        if label == -100:
            continue
        w = np.ones(4) if weight is None else weight.numpy()
        target = w * ((1 - smoothing) * np.eye(4)[label] + smoothing / 4)
        total += float(oracle.class_row(row, target).loss)
        mass += w[label]
    loss = twins.cross_entropy(z, y, weight, label_smoothing=smoothing)
    assert loss.item() == pytest.approx(total / mass, rel=1e-13)


def test_12_smoothing_of_binary_targets() -> None:
    z, y = normal(5), torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0], dtype=torch.float64)
    loss = xent.binary_cross_entropy(z, y, label_smoothing=0.2)
    torch.testing.assert_close(loss, F.binary_cross_entropy_with_logits(z, 0.8 * y + 0.1))


def test_an_ignored_label_that_is_a_class_leaves_the_denominator() -> None:
    z, y = normal(6, 4), torch.tensor([0, 1, 2, 0, 3, 1])
    kept = y != 0
    loss = twins.cross_entropy(z, y, ignore_index=0)
    torch.testing.assert_close(loss, F.cross_entropy(z[kept], y[kept]))


def test_masked_classes_and_infinite_logits_give_no_nan() -> None:
    z = torch.tensor([[0.0, -torch.inf, 1.0], [torch.inf, 0.0, 0.0]]).requires_grad_()
    loss = twins.cross_entropy(z, torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]), reduction="sum")
    (grad,) = torch.autograd.grad(loss, z)
    assert torch.isfinite(loss)
    assert torch.isfinite(grad).all()
    b = torch.tensor([torch.inf, -torch.inf]).requires_grad_()
    loss = twins.binary_cross_entropy_with_logits(b, torch.tensor([1.0, 0.0]))
    assert loss.item() == 0
    assert torch.equal(torch.autograd.grad(loss, b)[0], torch.zeros(2))


def test_means_of_half_precision_do_not_overflow() -> None:
    z = torch.zeros(70_000, 2, dtype=torch.float16)
    loss = twins.cross_entropy(z, torch.zeros(70_000, dtype=torch.long))
    assert loss.item() == pytest.approx(np.log(2), rel=1e-6)
