"""Entropy and likeliest class of tensors' rows, by NumPy and by cpu."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import pytest
from helpers import import_torch

from xent import oracle

torch = import_torch()

from torch.utils.checkpoint import checkpoint  # noqa: E402

import xent.torch as twins  # noqa: E402
from xent._engine import cpu  # noqa: E402

LABELS = torch.zeros(4, dtype=torch.long)


@pytest.fixture(params=["NumPy", "kernels"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "SMALLEST", 1 if request.param == "kernels" else 1 << 40)


def entropy(z: Any, **options: Any) -> Any:
    labels = torch.zeros(len(z), dtype=torch.long)
    return twins.cross_entropy(z, labels, return_entropy=True, **options)[1]


def exact(row: list[float]) -> Any:
    with mpmath.workdps(60):
        terms = [mpmath.exp(mpmath.mpf(z) - max(row)) for z in row]
        shares = [term / mpmath.fsum(terms) for term in terms]
        return -mpmath.fsum(p * mpmath.log(p) for p in shares if p)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("scale", [0.01, 1, 30])
def test_to_the_last_digits(dtype: str, scale: float) -> None:
    generator = torch.Generator().manual_seed(3)
    z = (torch.randn(40, 37, generator=generator, dtype=torch.float64) * scale).to(
        getattr(torch, dtype)
    )
    found = entropy(z)
    kind = "float64" if dtype == "float64" else "float32"
    assert found.dtype == getattr(torch, kind)
    bar = 1 if kind == "float32" else 8  # the terms of a sum are as they are first rounded
    for row, value in zip(z.double().tolist(), found.tolist(), strict=True):
        assert oracle.ulps(value, exact(row), kind) <= bar


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("classes", [7, 200])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"softcap": 3.0}])
def test_the_loss_is_the_same_with_and_without(classes: int, dtype: Any, options: Any) -> None:
    z = torch.randn(50, classes, generator=torch.Generator().manual_seed(6), dtype=dtype) * 4
    z[3, 1] = -math.inf
    z[4] *= 1e4
    labels = torch.arange(50) % classes
    labels[7:9] = -100
    plain, full = z.clone().requires_grad_(), z.clone().requires_grad_()
    loss = twins.cross_entropy(plain, labels, **options)
    value, lse, entropy, accuracy = twins.cross_entropy(
        full, labels, **options, return_lse=True, return_entropy=True, return_accuracy=True
    )
    loss.backward()
    value.backward()
    assert loss == value
    assert torch.equal(plain.grad, full.grad)
    seen = z.double()
    if "softcap" in options:
        seen = (3 * torch.tanh(seen / 3)).masked_fill(seen == -math.inf, -math.inf)
    logs = seen.log_softmax(1)
    near = (
        {"rtol": 3e-7, "atol": 1e-7} if dtype == torch.float32 else {"rtol": 1e-13, "atol": 1e-14}
    )
    torch.testing.assert_close(lse.double(), seen.logsumexp(1), **near)
    torch.testing.assert_close(entropy.double(), torch.special.entr(logs.exp()).sum(1), **near)
    right = (seen.argmax(1) == labels)[labels != -100]
    assert accuracy.item() == pytest.approx(right.float().mean().item())
    assert not entropy.requires_grad
    assert not accuracy.requires_grad


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("softcap", [None, 3.0])
def test_the_gradient_of_log_sum_exp(softcap: float | None) -> None:
    z = torch.randn(5, 9, 3, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    z[0, 2, 1] = -math.inf
    labels = torch.zeros(5, 3, dtype=torch.long)

    def ours(z: Any) -> Any:
        loss, lse = twins.cross_entropy(z, labels, softcap=softcap, return_lse=True)
        return 2 * loss + (lse * torch.arange(3)).sum() ** 2

    def theirs(z: Any) -> Any:
        mask = z == -math.inf
        z = (
            z
            if softcap is None
            else (softcap * torch.tanh(z / softcap)).masked_fill(mask, -math.inf)
        )
        loss = torch.nn.functional.cross_entropy(z, labels)
        return 2 * loss + (z.logsumexp(1) * torch.arange(3)).sum() ** 2

    grads = []
    for function in (ours, theirs):
        leaf = z.clone().requires_grad_()
        function(leaf).backward()
        grads.append(leaf.grad)
    torch.testing.assert_close(*grads)
    if softcap is None:
        direction = torch.ones_like(z)
        seconds = []
        for function in (ours, theirs):
            leaf = z.clone().requires_grad_()
            (first,) = torch.autograd.grad(function(leaf), leaf, create_graph=True)
            seconds.append(torch.autograd.grad((first * direction).sum(), leaf)[0])
        torch.testing.assert_close(*seconds)


@pytest.mark.usefixtures("way")
def test_a_row_of_masks_has_no_gradient_of_log_sum_exp() -> None:
    z = torch.full((1, 4), -math.inf, requires_grad=True)
    _, lse = twins.cross_entropy(z, torch.tensor([-100]), return_lse=True)
    lse.sum().backward()
    assert (z.grad == 0).all()


@pytest.mark.parametrize(
    ("row", "due"),
    [
        ([math.inf, 0.0, 1.0], [1.0, 0.0, 0.0]),
        ([math.inf, math.inf, 0.0], [0.5, 0.5, 0.0]),
        ([math.inf, math.nan, 0.0], [math.nan] * 3),
    ],
)
def test_an_infinite_logit_is_all_of_log_sum_exp(row: list[float], due: list[float]) -> None:
    z = torch.tensor([row], requires_grad=True)
    twins.cross_entropy(z, torch.tensor([1]), return_lse=True)[1].sum().backward()
    torch.testing.assert_close(z.grad, torch.tensor([due]), equal_nan=True)


@pytest.mark.parametrize("reentrant", [False, True])
def test_log_sum_exp_of_a_checkpoint(reentrant: bool) -> None:
    z = torch.randn(4, 5, requires_grad=True)

    def both(z: Any) -> Any:
        loss, lse = twins.cross_entropy(z, LABELS, return_lse=True)
        return loss + 2 * lse.sum()

    due = torch.autograd.grad(both(z), z)[0]
    checkpoint(both, z, use_reentrant=reentrant).backward()
    torch.testing.assert_close(z.grad, due)


@pytest.mark.parametrize("targets", [torch.zeros(0, 5), torch.zeros(0, dtype=torch.long)])
def test_accuracy_of_no_rows(targets: Any) -> None:
    assert twins.cross_entropy(torch.zeros(0, 5), targets, return_accuracy=True)[1].item() == 0


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_of_a_linear_layer(soft: bool, reduction: str) -> None:
    g = torch.Generator().manual_seed(8)
    x, w, b = (torch.randn(*shape, generator=g) for shape in ((2, 6, 4), (9, 4), (9,)))
    y = torch.randint(0, 9, (2, 6), generator=g)
    y[1, 2] = -100
    targets = torch.softmax(torch.randn(2, 6, 9, generator=g), -1) if soft else y
    leaf = x.clone().requires_grad_()
    asked = {"return_lse": True, "return_entropy": True, "return_accuracy": True}
    loss, *found = twins.linear_cross_entropy(
        leaf.flatten(0, 1), w, targets.flatten(0, 1), linear_bias=b, reduction=reduction, **asked
    )
    alone = twins.linear_cross_entropy(
        x.flatten(0, 1), w, targets.flatten(0, 1), linear_bias=b, reduction=reduction
    )
    assert torch.equal(loss.detach(), alone)
    z = torch.nn.functional.linear(x.flatten(0, 1), w, b)
    _, *due = twins.cross_entropy(z, targets.flatten(0, 1), **asked)
    for one, other in zip(found, due, strict=True):
        torch.testing.assert_close(one.detach(), other)
    assert [one.requires_grad for one in found] == [True, False, False]
    loss.sum().backward()
    assert leaf.grad is not None


def test_of_a_linear_layer_with_more_dimensions() -> None:
    g = torch.Generator().manual_seed(9)
    x, w = torch.randn(3, 4, generator=g), torch.randn(5, 2, 4, generator=g)
    y = torch.randint(0, 5, (3, 2), generator=g)
    _, lse = twins.linear_cross_entropy(x, w, y, return_lse=True)
    torch.testing.assert_close(lse, torch.einsum("nd,ckd->nck", x, w).logsumexp(1))


@pytest.mark.usefixtures("way")
def test_edges() -> None:
    nan, inf = math.nan, math.inf
    z = torch.tensor(
        [
            [0.0, -inf, 0.0],  # a mask
            [0.0, inf, 1.0],  # certainty
            [-inf, -inf, -inf],  # nothing
            [0.0, nan, 1.0],
            [3e38, -3e38, 0.0],
        ]
    )
    labels = torch.zeros(5, dtype=torch.long)
    _, lse, found = twins.cross_entropy(z, labels, return_lse=True, return_entropy=True)
    due = torch.tensor([math.log(2), 0, 0, nan, 0])
    torch.testing.assert_close(found, due, equal_nan=True, rtol=1e-7, atol=0)
    torch.testing.assert_close(lse, z.logsumexp(1), equal_nan=True, rtol=1e-7, atol=0)


@pytest.mark.usefixtures("way")
def test_a_class_axis_in_the_middle_and_strides() -> None:
    z = torch.randn(3, 5, 4, 2, generator=torch.Generator().manual_seed(4)).transpose(2, 3)
    labels = torch.zeros(3, 2, 4, dtype=torch.long)
    _, found, share = twins.cross_entropy(z, labels, return_entropy=True, return_accuracy=True)
    logs = z.double().log_softmax(1)
    torch.testing.assert_close(found, -(logs.exp() * logs).sum(1).float())
    assert share.item() == pytest.approx((z.argmax(1) == 0).float().mean().item())


def test_of_capped_logits() -> None:
    z = torch.tensor([[5.0, -3.0, 40.0]])
    logs = (3 * torch.tanh(z / 3)).double().log_softmax(1)
    torch.testing.assert_close(entropy(z, softcap=3.0), -(logs.exp() * logs).sum(1).float())


def test_accuracy_leaves_ignored_rows_out() -> None:
    z = torch.eye(4)[:, :3]
    labels = torch.tensor([0, 2, 2, -100])
    assert twins.cross_entropy(z, labels, return_accuracy=True)[1].item() == pytest.approx(2 / 3)
    nothing = torch.full((4,), -100)
    assert twins.cross_entropy(z, nothing, return_accuracy=True)[1].item() == 0


def test_under_a_compiler_and_under_vmap() -> None:
    z = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(5))

    def both(z: Any) -> Any:
        return twins.cross_entropy(z, LABELS, return_entropy=True, return_accuracy=True)

    due = [torch.stack(part) for part in zip(*map(both, z), strict=True)]
    torch.testing.assert_close(torch.func.vmap(both)(z), tuple(due))
    compiled = torch.compile(both, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(z[0]), both(z[0]))
    torch.compiler.reset()
