"""What other checkers misjudge is judged right: each beside torch's own answer at its defaults."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from helpers import import_torch
from torch.autograd import gradcheck

import xent


@pytest.fixture(autouse=True)
def one_thread() -> None:
    import_torch()


def wrong(gradient: Any) -> Any:
    """The mean binary loss with a gradient of one's own."""

    class Loss(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, z: Any, t: Any) -> Any:
            ctx.save_for_backward(z, t)
            return F.binary_cross_entropy_with_logits(z, t)

        @staticmethod
        def backward(ctx: Any, out: Any) -> Any:
            return gradient(*ctx.saved_tensors) * out, None

    return Loss.apply


def test_a_gradient_of_zeros_over_many_rows() -> None:
    rng = np.random.default_rng(0)
    rows = 200_000
    z, t = torch.tensor(rng.normal(size=rows)), torch.tensor(rng.integers(2, size=rows)).double()
    loss = wrong(lambda z, _: torch.zeros_like(z))
    few = torch.zeros(8, dtype=torch.float64, requires_grad=True)
    # torch differences the rows one by one: eight of them, within the loss of all, are as telling.
    inside = gradcheck(lambda part: loss(torch.cat([part, z[8:]]), t), few)
    assert inside, "its absolute tolerance is larger than the gradient"
    report = xent.check.gradient(loss, None, z, t)
    assert report.mistakes == ["gradient is zero"]
    assert report.failed == len(report.verdicts)
    assert report.directions is not None
    assert (report.directions.verdict == -1).all()


def test_a_wrong_sign_of_confident_rows() -> None:
    z = torch.tensor([13.0, -13.0, 13.0, -13.0], dtype=torch.float64)
    t = torch.tensor([1.0, 0.0, 1.0, 0.0], dtype=torch.float64)
    loss = wrong(lambda z, t: -(z.sigmoid() - t) / len(z))
    assert gradcheck(lambda z: loss(z, t), z.clone().requires_grad_())
    report = xent.check.gradient(loss, None, z, t)
    assert report.mistakes == ["wrong sign"]
    assert report.failed == 4
    right = wrong(lambda z, t: (z.sigmoid() - t) / len(z))
    assert xent.check.gradient(right, None, z, t)


def test_a_small_error_of_scale() -> None:
    z = torch.tensor([0.3, -1.2, 2.0, 0.1], dtype=torch.float64)
    t = torch.tensor([1.0, 0.0, 1.0, 0.0], dtype=torch.float64)
    loss = wrong(lambda z, t: 1.0009 * (z.sigmoid() - t) / len(z))
    assert gradcheck(lambda z: loss(z, t), z.clone().requires_grad_())
    assert xent.check.gradient(loss, None, z, t).failed == 4


@pytest.mark.filterwarnings("ignore:Input #0 requires gradient and is not a double")
def test_a_right_gradient_in_float32() -> None:
    z = torch.tensor(np.random.default_rng(0).normal(size=(4, 3)), dtype=torch.float32)
    y = torch.tensor([0, 1, 2, 1])
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        gradcheck(lambda z: F.cross_entropy(z, y), z.clone().requires_grad_())
    assert xent.check.gradient(F.cross_entropy, None, z, y)
    report = xent.check.gradient(F.cross_entropy, None, z, y, dtype="float32")
    assert report
    assert report.precision == "float32"

    def hidden(z: Any, y: Any) -> Any:
        return F.cross_entropy(z.float(), y).double()

    report = xent.check.gradient(hidden, None, z, y)
    assert report
    assert report.precision == "float32"
