"""Entropy and likeliest class of tensors' rows, by NumPy and by kernels."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import pytest
from helpers import import_torch

from xent import oracle

torch = import_torch()

import xent.torch as twins  # noqa: E402
from xent.backends import kernels  # noqa: E402

LABELS = torch.zeros(4, dtype=torch.long)


@pytest.fixture(params=["NumPy", "kernels"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "SMALLEST", 1 if request.param == "kernels" else 1 << 40)


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
    found = entropy(z)
    due = torch.tensor([math.log(2), 0, 0, nan, 0])
    torch.testing.assert_close(found, due, equal_nan=True, rtol=1e-7, atol=0)


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
