"""Softmax and its kin on tensors: the numbers of NumPy arrays, and every derivative."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from helpers import import_torch

import xent

torch = import_torch()

from xent.torch._array import choice  # noqa: E402

NAMES = ["softmax", "log_softmax", "logsumexp", "sigmoid", "log_sigmoid"]
OF_ROWS = NAMES[:3]
RNG = np.random.default_rng(17)
Z = RNG.normal(size=(4, 5)) * 4
TORCH = {
    "softmax": lambda z: torch.softmax(z, -1),
    "log_softmax": lambda z: torch.log_softmax(z, -1),
    "logsumexp": lambda z: torch.logsumexp(z, -1),
    "sigmoid": torch.sigmoid,
    "log_sigmoid": torch.nn.functional.logsigmoid,
}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_the_numbers_are_those_of_numpy(name: str, dtype: str) -> None:
    z = Z.astype(dtype)
    z[1, 2], z[2] = -np.inf, -np.inf
    got = getattr(xent, name)(torch.tensor(z))
    expected = getattr(xent, name)(z)
    assert got.dtype == getattr(torch, dtype)
    np.testing.assert_array_equal(got.numpy(), expected)
    if name in OF_ROWS:
        got = getattr(xent, name)(torch.tensor(z), axis=0)
        np.testing.assert_array_equal(got.numpy(), getattr(xent, name)(z, axis=0))


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16(name: str) -> None:
    z = torch.tensor(Z).bfloat16()
    got = getattr(xent, name)(z)
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got, getattr(xent, name)(z.double()).bfloat16())


@pytest.mark.parametrize("name", NAMES)
def test_first_and_second_derivatives(name: str) -> None:
    z = torch.tensor(Z, requires_grad=True)
    function = getattr(xent, name)
    assert torch.autograd.gradcheck(function, (z,), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(function, (z,), check_fwd_over_rev=True)
    if name in OF_ROWS:
        assert torch.autograd.gradcheck(lambda z: function(z, axis=0), (z,))
        assert torch.autograd.gradgradcheck(lambda z: function(z, axis=0), (z,))


@pytest.mark.parametrize("name", NAMES)
def test_the_third_derivative_is_that_of_torch(name: str) -> None:
    def third(function: Any) -> Any:
        z = torch.tensor(Z[0], requires_grad=True)
        (first,) = torch.autograd.grad(function(z).sum().exp(), z, create_graph=True)
        (second,) = torch.autograd.grad(first.pow(2).sum(), z, create_graph=True)
        return torch.autograd.grad(second.pow(2).sum(), z)[0]

    torch.testing.assert_close(third(getattr(xent, name)), third(TORCH[name]))


@pytest.mark.parametrize("name", NAMES)
def test_transforms_and_compilers(name: str) -> None:
    function, z = getattr(xent, name), torch.tensor(Z)
    torch.testing.assert_close(torch.func.vmap(function)(z), function(z))
    got = torch.func.jacrev(torch.func.jacrev(function))(z[0])
    torch.testing.assert_close(got, torch.func.jacrev(torch.func.jacrev(TORCH[name]))(z[0]))
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    leaf = z.clone().requires_grad_()
    (grad,) = torch.autograd.grad(compiled(leaf).square().sum(), leaf)
    (expected,) = torch.autograd.grad(function(leaf).square().sum(), leaf)
    torch.testing.assert_close(grad, expected)
    assert function(torch.zeros(3, 4, device="meta")).shape == function(torch.zeros(3, 4)).shape
    torch.compiler.reset()


def test_digits_that_torch_loses() -> None:
    z = torch.tensor([40.0, 0.0], dtype=torch.float64)
    assert xent.log_softmax(z)[0].item() == -math.log1p(math.exp(-40))
    assert xent.log_sigmoid(z)[0].item() == pytest.approx(-math.exp(-40), rel=1e-15)


def test_what_is_refused() -> None:
    with pytest.raises(TypeError, match=r"logits has dtype torch.int64; expected one of torch"):
        xent.softmax(torch.tensor([1, 2]))
    with pytest.raises(ValueError, match=r"axis is 2, but logits has shape \(4, 5\)"):
        xent.softmax(torch.tensor(Z), axis=2)
    with pytest.raises(ValueError, match="logits is a single number; expected an array with a"):
        xent.logsumexp(torch.tensor(1.0))


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # of torch 2.14's opcheck
def test_the_operator_keeps_torchs_rules() -> None:
    z = torch.tensor(Z, requires_grad=True)
    for name in NAMES:
        for axis in (-1, 0):
            for engine in ("", choice.NAME):
                arguments = (z, name, axis, engine)
                torch.library.opcheck(torch.ops.xent.evaluate.default, arguments)
