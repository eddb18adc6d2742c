"""A linear layer with K dimensions of classes: exact and in chunks, as one with none."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from helpers import import_torch

torch = import_torch()

import torch.nn.functional as F  # noqa: E402, N812 - everyone's name for it

import xent.torch as twins  # noqa: E402
from xent.torch._positions import LayerOfPositions  # noqa: E402
from xent.torch._products import TensorProducts  # noqa: E402

RNG = torch.Generator().manual_seed(16)
ROWS, CLASSES, WIDTH, PLACES = 6, 7, 4, (2, 3)


def normal(*shape: int) -> Any:
    return torch.randn(shape, generator=RNG, dtype=torch.float64)


X, W, B = normal(ROWS, WIDTH), normal(CLASSES, *PLACES, WIDTH), normal(CLASSES, *PLACES)
Y = torch.randint(0, CLASSES, (ROWS, *PLACES), generator=RNG)
Y[1, 0, 2] = Y[2, 1, 1] = -100
S = normal(ROWS, CLASSES, *PLACES).softmax(1)
OF_CLASSES = torch.rand(CLASSES, generator=RNG, dtype=torch.float64)

OPTIONS: list[dict[str, Any]] = [
    {},
    {"label_smoothing": 0.1, "weight": OF_CLASSES},
    {"softcap": 2.0},
    {"z_loss": 0.1, "weight": OF_CLASSES},
]


def reference(
    x: Any, w: Any, y: Any, bias: Any, softcap: Any = None, z_loss: float = 0.0, **how: Any
) -> Any:
    """The same in torch's operations, with all logits."""
    z = torch.einsum("nd,c...d->nc...", x, w)
    z = z if bias is None else z + bias
    z = z if softcap is None else softcap * torch.tanh(z / softcap)
    loss = F.cross_entropy(z, y, **how)
    if z_loss:
        squares = z_loss * torch.logsumexp(z, 1).square()
        counted = torch.ones_like(squares) if y.is_floating_point() else (y >= 0).to(z.dtype)
        squares = squares * counted
        reduction = how.get("reduction", "mean")
        loss = loss + {
            "none": squares, "sum": squares.sum(), "mean": squares.sum() / counted.sum(),
        }[reduction]  # fmt: skip
    return loss


def leaves(*tensors: Any) -> list[Any]:
    return [tensor.clone().requires_grad_() for tensor in tensors]


@pytest.mark.parametrize("chunk", [None, 2 * CLASSES], ids=["one chunk", "several"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o) or "plain")
@pytest.mark.parametrize("soft", [False, True], ids=["labels", "soft"])
def test_loss_and_gradients(
    soft: bool, options: Any, reduction: str, chunk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if chunk is not None:
        monkeypatch.setattr("xent._engine.linear.CHUNK", chunk)
    up = normal(ROWS, *PLACES)
    found = []
    for loss_of in (
        lambda x, w, y, b: twins.linear_cross_entropy(
            x, w, y, linear_bias=b, reduction=reduction, **options
        ),
        lambda x, w, y, b: reference(x, w, y, b, reduction=reduction, **options),
    ):
        tensors = leaves(X, W, B, *([S] if soft else []))
        x, w, b, *targets = tensors
        loss = loss_of(x, w, targets[0] if soft else Y, b)
        (loss * up).sum().backward() if reduction == "none" else loss.backward()
        found.append([loss.detach(), *(tensor.grad for tensor in tensors)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-13)


def test_what_stands_beside_the_loss() -> None:
    asked = {"return_lse": True, "return_entropy": True, "return_accuracy": True}
    for y in (Y, S):
        found = twins.linear_cross_entropy(X, W, y, linear_bias=B, reduction="none", **asked)
        z = torch.einsum("nd,c...d->nc...", X, W) + B
        expected = twins.cross_entropy(z, y, reduction="none", **asked)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-13)


def test_a_gradient_of_bfloat16_is_rounded_once() -> None:
    """That of the inputs is a sum over positions, that of the weight one over rows."""
    x, w, b = (normal(*shape).bfloat16() for shape in ((200, 16), (50, 4, 16), (50, 4)))
    y = torch.randint(0, 50, (200, 4), generator=RNG)
    tensors = leaves(x, w, b)
    twins.linear_cross_entropy(tensors[0], tensors[1], y, linear_bias=tensors[2]).backward()
    exact = leaves(x.double(), w.double(), b.double())
    reference(exact[0], exact[1], y, exact[2]).backward()
    for one, other in zip(tensors, exact, strict=True):
        assert one.grad.dtype == torch.bfloat16
        # In ULP of bfloat16, of which one is 2⁻⁷ of a power of two; products are float32.
        ulp = torch.exp2(torch.floor(torch.log2(other.grad.abs())) - 7)
        assert ((one.grad.double() - other.grad).abs() / ulp).max() < 0.55


def test_logits_of_one_position_at_a_time() -> None:
    weight = W.flatten(1, 2).transpose(0, 1)
    layer = LayerOfPositions(TensorProducts(torch.device("cpu")), X, weight, None)
    chunks = list(layer.chunks())
    assert [index for index, _, _ in chunks] == [
        slice(ROWS * place, ROWS * place + ROWS) for place in range(6)
    ]
    assert {tuple(logits.shape) for _, _, logits in chunks} == {(ROWS, CLASSES)}


@pytest.mark.parametrize("places", [(1,), (2, 3), (2, 1, 2), (0,)])
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_other_shapes(rows: int, places: tuple[int, ...]) -> None:
    x, w = normal(rows, WIDTH), normal(CLASSES, *places, WIDTH)
    y = torch.zeros(rows, *places, dtype=torch.long)
    for reduction in ("sum", "none", "mean"):
        a, b = leaves(x, w)
        loss = twins.linear_cross_entropy(a, b, y, reduction=reduction)
        expected = reference(x, w, y, None, reduction=reduction)
        # Where nothing counts, a mean is 0.
        torch.testing.assert_close(loss.detach(), expected.nan_to_num(), rtol=1e-12, atol=0.0)
        loss.sum().backward()
        assert a.grad.shape == x.shape
        assert b.grad.shape == w.shape
        twice = torch.func.hessian(
            lambda w, y=y, how=reduction: twins.linear_cross_entropy(x, w, y, reduction=how).sum()
        )(w)
        assert twice.shape == (*w.shape, *w.shape)
        assert bool(twice.any()) == (rows > 0 and 0 not in places)


def test_transforms() -> None:
    def mine(x: Any, w: Any) -> Any:
        return twins.linear_cross_entropy(x, w, Y, linear_bias=B, softcap=3.0, return_lse=True)[0]

    def theirs(x: Any, w: Any) -> Any:
        return reference(x, w, Y, B, softcap=3.0)

    for argument, transform in itertools.product(
        (0, 1), (torch.func.grad, torch.func.jacfwd, torch.func.hessian)
    ):
        found, expected = (transform(f, argnums=argument)(X, W) for f in (mine, theirs))
        torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-13)
    both = torch.stack([X, X / 2])
    found, expected = (torch.func.vmap(f, in_dims=(0, None))(both, W) for f in (mine, theirs))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)


def test_second_derivatives_of_log_sum_exps() -> None:
    def mine(w: Any) -> Any:
        return twins.linear_cross_entropy(X, w, Y, return_lse=True)[1].square().sum()

    def theirs(w: Any) -> Any:
        return torch.einsum("nd,c...d->nc...", X, w).logsumexp(1).square().sum()

    for transform in (torch.func.jacfwd, torch.func.hessian):
        found, expected = (transform(f)(W) for f in (mine, theirs))
        torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-12)


def test_compiled() -> None:
    torch.compiler.reset()
    x, w = leaves(X, W)
    compiled = torch.compile(twins.linear_cross_entropy, fullgraph=True, backend="aot_eager")
    found = torch.autograd.grad(compiled(x, w, Y, linear_bias=B), (x, w))
    expected = torch.autograd.grad(reference(x, w, Y, B), (x, w))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)
    torch.compiler.reset()
