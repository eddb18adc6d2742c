"""The twins of torch's losses: the same values and gradients, over all that torch takes."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import import_torch

import xent
from xent import oracle

torch = import_torch()

import torch.nn.functional as F  # noqa: E402, N812 - everyone's name for it
from torch import nn  # noqa: E402

import xent.torch as twins  # noqa: E402

SHAPES = [(5,), (4, 3), (1, 1), (6, 2), (2, 5, 3), (3, 4, 2, 2), (2, 3, 1, 2, 2), (0, 4), (3, 4, 0)]
REDUCTIONS = ["mean", "sum", "none"]


def generator(seed: int = 0) -> Any:
    return torch.Generator().manual_seed(seed)


def rows_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[1:] if len(shape) == 1 else (shape[0], *shape[2:])


def classes_of(shape: tuple[int, ...]) -> int:
    return shape[0] if len(shape) == 1 else shape[1]


def made(shape: tuple[int, ...], kind: str, seed: int, dtype: Any) -> tuple[Any, Any]:
    """Logits and targets of a kind: labels, some ignored, or probabilities."""
    rng = generator(seed)
    z = 3 * torch.randn(shape, generator=rng, dtype=torch.float64)
    if kind == "soft":
        axis = 0 if len(shape) == 1 else 1
        target = torch.randn(shape, generator=rng, dtype=torch.float64).softmax(axis)
        return z.to(dtype).requires_grad_(), target.to(dtype)
    labels = torch.randint(0, classes_of(shape), rows_of(shape), generator=rng)
    if kind == "ignored":
        labels = torch.where(torch.rand(labels.shape, generator=rng) < 0.4, -100, labels)
    return z.to(dtype).requires_grad_(), labels


def both(
    ours: Callable[..., Any], theirs: Callable[..., Any], tensors: list[Any], **how: Any
) -> None:
    """Compare values and the gradients of every tensor that wants one."""
    results, gradients = [], []
    for function in (ours, theirs):
        own = [t.detach().clone().requires_grad_(t.requires_grad) for t in tensors]
        value = function(*own)
        factors = torch.linspace(0.5, 2, value.numel(), dtype=value.dtype).reshape(value.shape)
        (value * factors).sum().backward()
        results.append(value.detach())
        gradients.append([t.grad for t in own if t.requires_grad])
    assert results[0].shape == results[1].shape
    torch.testing.assert_close(results[0].to(results[1].dtype), results[1], **how)
    for mine, other in zip(*gradients, strict=True):
        assert mine.dtype == other.dtype
        torch.testing.assert_close(mine, other, **how)


CLOSE = {"rtol": 1e-12, "atol": 1e-14}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", ["labels", "ignored", "soft"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cross_entropy(shape: tuple[int, ...], kind: str, reduction: str) -> None:
    for seed, (weighted, smoothing) in enumerate(itertools.product([False, True], [0.0, 0.1])):
        z, y = made(shape, kind, seed, torch.float64)
        weight = None
        if weighted:
            weight = (
                torch.rand(classes_of(shape), generator=generator(9), dtype=torch.float64) + 0.5
            )
        options = {"weight": weight, "reduction": reduction, "label_smoothing": smoothing}
        counts = y.numel() if kind == "soft" else int((y != -100).sum())
        if reduction == "mean" and not counts:
            assert twins.cross_entropy(z, y, **options).item() == 0  # where torch gives NaN
            continue
        both(
            lambda z, y=y, o=options: twins.cross_entropy(z, y, **o),
            lambda z, y=y, o=options: F.cross_entropy(z, y, **o),
            [z],
            **CLOSE,
        )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_against_the_truth_in_narrow_dtypes(dtype: str) -> None:
    """No worse than twice the rounding of the dtype, whatever torch does."""
    kind = getattr(torch, dtype)
    for seed in range(20):
        z, y = made((7, 11), "labels", seed, kind)
        loss = twins.cross_entropy(z, y, reduction="none")
        loss.sum().backward()
        assert loss.dtype == torch.float32
        for i, row in enumerate(z.detach().double().tolist()):
            exact = oracle.label_row(row, int(y[i]))
            assert oracle.ulps(loss[i].item(), exact.loss, np.float32) < 1
            if dtype == "float32":
                worst = max(
                    oracle.ulps(g, e, np.float32)
                    for g, e in zip(z.grad[i].tolist(), exact.grad, strict=True)
                )
                assert worst < 1
            else:
                exact_grad = torch.tensor([float(g) for g in exact.grad]).to(kind)
                torch.testing.assert_close(z.grad[i], exact_grad, rtol=2**-7, atol=2**-24)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (2, 3, 2), (0,)], ids=str)
def test_binary(shape: tuple[int, ...], reduction: str) -> None:
    last = shape[-1:]
    weights = [None, torch.tensor(0.5).double(), torch.rand(last, generator=generator(1)).double()]
    positive = [
        None,
        torch.tensor(3.0).double(),
        1 + torch.rand(last, generator=generator(2)).double(),
    ]
    positive.append(
        1 + torch.rand((*shape[:-1], 1) if shape else (), generator=generator(3)).double()
    )
    for weight, pos_weight in itertools.product(weights, positive):
        rng = generator(4)
        z = (3 * torch.randn(shape, generator=rng, dtype=torch.float64)).requires_grad_()
        y = torch.rand(shape, generator=rng, dtype=torch.float64)
        o = {"weight": weight, "pos_weight": pos_weight, "reduction": reduction}
        if reduction == "mean" and not z.numel():
            assert twins.binary_cross_entropy_with_logits(z, y, **o).item() == 0
            continue
        both(
            lambda z, y=y, o=o: twins.binary_cross_entropy_with_logits(z, y, **o),
            lambda z, y=y, o=o: F.binary_cross_entropy_with_logits(z, y, **o),
            [z],
            **CLOSE,
        )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("kind", ["labels", "ignored", "soft"])
@pytest.mark.parametrize("bias", [False, True])
def test_linear(kind: str, reduction: str, bias: bool) -> None:
    rng = generator(5)
    for shape, out in (((6, 4), ()), ((4,), ()), ((3, 4), (2,)), ((3, 4), (2, 3))):
        x = torch.randn(shape, generator=rng, dtype=torch.float64).requires_grad_()
        w = torch.randn((5, *out, 4), generator=rng, dtype=torch.float64).requires_grad_()
        b = torch.randn((5, *out), generator=rng, dtype=torch.float64).requires_grad_()
        _, y = made((*shape[:-1], 5, *out), kind, 1, torch.float64)
        if kind == "ignored" and y.ndim == 0:
            y = torch.tensor(2)
        o = {"reduction": reduction, "weight": torch.rand(5, generator=rng).double() + 0.5,
             "label_smoothing": 0.1}  # fmt: skip
        tensors = [x, w, b] if bias else [x, w]
        both(
            lambda x, w, b=None, y=y, o=o: twins.linear_cross_entropy(x, w, y, linear_bias=b, **o),
            lambda x, w, b=None, y=y, o=o: F.linear_cross_entropy(x, w, y, linear_bias=b, **o),
            tensors,
            **CLOSE,
        )


MODULES = [
    (twins.CrossEntropyLoss, nn.CrossEntropyLoss, (), {}),
    (twins.CrossEntropyLoss, nn.CrossEntropyLoss, (), {"reduction": "sum", "label_smoothing": 0.2}),
    (twins.CrossEntropyLoss, nn.CrossEntropyLoss, (torch.tensor([1.0, 2.0, 0.5]),), {}),
    (twins.CrossEntropyLoss, nn.CrossEntropyLoss, (), {"ignore_index": 1}),
    (twins.CrossEntropyLoss, nn.CrossEntropyLoss, (), {"size_average": False}),
    (twins.CrossEntropyLoss, nn.CrossEntropyLoss, (), {"reduce": False}),
]  # fmt: skip


@pytest.mark.parametrize(("mine", "other", "args", "kwargs"), MODULES)
def test_modules(mine: Any, other: Any, args: Any, kwargs: Any) -> None:
    z, y = made((4, 3), "labels", 3, torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of size_average and reduce
        ours, theirs = mine(*args, **kwargs), other(*args, **kwargs)
    both(lambda z: ours(z, y), lambda z: theirs(z, y), [z], rtol=1e-5, atol=1e-6)
    assert isinstance(ours, other)
    assert repr(ours) == repr(theirs)
    assert ours.state_dict().keys() == theirs.state_dict().keys()


def test_binary_and_linear_modules() -> None:
    rng = generator(7)
    z, y = torch.randn(4, 3, generator=rng), torch.rand(4, 3, generator=rng)
    pos = torch.tensor([1.0, 2.0, 3.0])
    ours, theirs = twins.BCEWithLogitsLoss(pos_weight=pos), nn.BCEWithLogitsLoss(pos_weight=pos)
    torch.testing.assert_close(ours(z, y), theirs(z, y))
    for out in ((), (2,)):
        one = twins.LinearCrossEntropyLoss(3, 5, out_features=out, bias=True)
        two = nn.LinearCrossEntropyLoss(3, 5, out_features=out, bias=True)
        two.load_state_dict(one.state_dict())
        labels = torch.randint(0, 5, (4, *out), generator=rng)
        torch.testing.assert_close(one(z, labels), two(z, labels))


def test_documented_examples_of_torch() -> None:
    """The examples of torch's own pages of the two losses."""
    rng = generator(11)
    input = torch.randn(3, 5, generator=rng, requires_grad=True)  # noqa: A001 - as there
    target = torch.empty(3, dtype=torch.long).random_(5, generator=rng)
    loss = twins.CrossEntropyLoss()(input, target)
    loss.backward()
    torch.testing.assert_close(loss, F.cross_entropy(input, target))
    target = torch.randn(3, 5, generator=rng).softmax(dim=1)
    torch.testing.assert_close(
        twins.CrossEntropyLoss()(input, target), F.cross_entropy(input, target)
    )
    target = torch.ones([10, 64], dtype=torch.float32)
    output = torch.full([10, 64], 1.5)
    assert (
        round(twins.BCEWithLogitsLoss(pos_weight=torch.ones([64]))(output, target).item(), 4)
        == 0.2014
    )


def test_probabilities_need_not_sum_to_one_as_in_torch() -> None:
    z, y = made((4, 3), "soft", 1, torch.float64)
    both(lambda z: twins.cross_entropy(z, 3 * y), lambda z: F.cross_entropy(z, 3 * y), [z], **CLOSE)
    with pytest.raises(ValueError, match="floats are probabilities, from 0 to 1"):
        xent.cross_entropy(z, 3 * y)


def test_extras() -> None:
    z, y = made((6, 4), "ignored", 2, torch.float64)
    p = z.detach().softmax(1)
    loss, lse, entropy, accuracy = twins.cross_entropy(
        z, y, return_lse=True, return_entropy=True, return_accuracy=True
    )
    torch.testing.assert_close(loss, F.cross_entropy(z, y))
    torch.testing.assert_close(lse, torch.logsumexp(z, 1))
    torch.testing.assert_close(entropy, -(p * p.log()).sum(1))
    counts = y != -100
    torch.testing.assert_close(accuracy, (p.argmax(1) == y)[counts].float().mean())
    (grad,) = torch.autograd.grad(lse.sum(), z, retain_graph=True)
    torch.testing.assert_close(grad, p)
    (grad,) = torch.autograd.grad(loss, z)
    torch.testing.assert_close(grad, torch.autograd.grad(F.cross_entropy(z, y), z)[0])


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"z_loss": 0.1},
        {"label_smoothing": 0.1},
        {"softcap": 2.0},
        {"weight": torch.tensor([1.0, 2, 3, 4])},
    ],
    ids=str,
)
def test_log_sum_exp_comes_with_any_option(reduction: str, options: dict[str, Any]) -> None:
    for kind in ("ignored", "soft"):
        z, y = made((6, 4), kind, 2, torch.float64)
        plain = twins.cross_entropy(z, y, reduction=reduction, **options)
        loss, lse = twins.cross_entropy(z, y, reduction=reduction, return_lse=True, **options)
        torch.testing.assert_close(loss, plain)
        cap = options.get("softcap")
        shown = z if cap is None else cap * torch.tanh(z / cap)
        torch.testing.assert_close(lse, torch.logsumexp(shown, 1))
        gradients = [torch.autograd.grad(v.sum(), z, retain_graph=True)[0] for v in (loss, plain)]
        torch.testing.assert_close(*gradients)


def test_a_layer_of_k_dimensions_wants_a_batch_as_torchs() -> None:
    x, w, y = torch.ones(3), torch.ones(4, 2, 3), torch.tensor([0, 1])
    with pytest.raises(RuntimeError, match="requires batched input"):
        F.linear_cross_entropy(x, w, y)
    for target in (y, torch.ones(4, 2) / 4):
        with pytest.raises(ValueError, match=r"expected \(N, D\) and \(C, d1, \.\.\., dK, D\)"):
            twins.linear_cross_entropy(x, w, target)
    torch.testing.assert_close(
        twins.linear_cross_entropy(x[None], w, y[None]),
        F.linear_cross_entropy(x[None], w, y[None]),
    )


@pytest.mark.parametrize("size", [10, 1 << 15])
def test_mixed_binary_labels_may_miss_1_by_rounding(size: int) -> None:
    z = torch.linspace(-3, 3, size, requires_grad=True)
    labels = torch.arange(size) % 2.0
    mixed = labels.clone()
    mixed[1] += 2.0**-23
    assert mixed[1] > 1
    for reduction in REDUCTIONS:
        found = []
        for target in (mixed, labels):
            loss = twins.binary_cross_entropy_with_logits(z, target, reduction=reduction)
            found.append((loss.detach(), *torch.autograd.grad(loss.sum(), z)))
        # Small batches have a kernel of their own, which leaves such targets to the general way.
        torch.testing.assert_close(*found, rtol=3e-7, atol=0)
    mixed[1] = 1.00001
    with pytest.raises(ValueError, match=r"^target\[1\] is 1\.0000\d+; expected 0, 1, or a prob"):
        twins.binary_cross_entropy_with_logits(z, mixed)
