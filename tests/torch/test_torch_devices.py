"""Another package's implementation for another device, registered for xent's operators."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from helpers import import_torch

torch = import_torch()

from torch.utils import backend_registration  # noqa: E402

import xent.torch.functional  # noqa: E402, F401 - registers the operators
from xent.torch._operation import is_implemented_on  # noqa: E402

OPERATORS = [
    "cross_entropy",
    "cross_entropy_with_stats",
    "binary_cross_entropy",
    "linear_cross_entropy",
    "linear_cross_entropy_with_stats",
    "linear_cross_entropy_rows_backward",
]


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_is_implemented_for_the_cpu_and_for_shapes_alone(name: str) -> None:
    def has(key: str) -> bool:
        found: bool = torch._C._dispatch_has_kernel_for_dispatch_key(f"xent::{name}", key)
        return found

    assert all(map(has, ["CPU", "Meta", "Autograd", "FuncTorchBatched"]))
    # Where a kernel stands for all devices, none can be registered for one of them.
    assert not any(map(has, ["CUDA", "PrivateUse1", "CompositeExplicitAutograd"]))


def test_tensors_of_a_device_without_an_implementation_are_refused() -> None:
    assert is_implemented_on(torch.device("cpu"))
    assert not is_implemented_on(torch.device("cuda"))


OTHER_DEVICE = """
import torch
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

_setup_privateuseone_for_python_backend("other")


memory = {}  # of the device: for each storage the numbers, as a tensor of the CPU


def to_other(numbers):
    tensor = torch._C._acc.create_empty_tensor(numbers.shape, numbers.dtype)
    memory[tensor.untyped_storage()._cdata] = tensor, numbers
    return tensor


def to_cpu(value):
    if isinstance(value, torch.Tensor) and value.device.type == "other":
        return memory[value.untyped_storage()._cdata][1]
    return value


def through_the_cpu(operator):
    def kernel(*arguments):
        calls.append(operator._opname)
        results = operator(*map(to_cpu, arguments))
        return tuple(map(to_other, results)) if isinstance(results, tuple) else to_other(results)

    return kernel


calls = []
aten = torch.library.Library("aten", "IMPL")
aten.impl("mul.Tensor", through_the_cpu(torch.ops.aten.mul.Tensor), "PrivateUse1")

import xent.torch

z, y = torch.randn(4, 5), torch.arange(4)
labels, scores = to_other(y), to_other(z)
try:
    xent.cross_entropy(scores, labels)
except ValueError as error:
    print(error)

package = torch.library.Library("xent", "IMPL")
package.impl("cross_entropy", through_the_cpu(torch.ops.xent.cross_entropy.default), "PrivateUse1")

leaf, same = scores.requires_grad_(), z.clone().requires_grad_()
loss = xent.cross_entropy(leaf, labels, label_smoothing=0.1)
expected = xent.cross_entropy(same, y, label_smoothing=0.1)
(gradient,) = torch.autograd.grad(loss, leaf, to_other(torch.tensor(3.0)))
(3 * expected).backward()
assert loss.device.type == gradient.device.type == "other"
torch.testing.assert_close(to_cpu(loss), expected.detach())
torch.testing.assert_close(to_cpu(gradient), same.grad)
print(calls)
"""


@pytest.mark.skipif(
    not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"),
    reason="this version of PyTorch has no devices made in Python",
)
def test_another_package_registers_for_another_device() -> None:
    """In a process of its own: a device stays until the end."""
    done = subprocess.run(
        [sys.executable, "-c", OTHER_DEVICE],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    refused, calls = done.stdout.splitlines()
    assert refused.startswith("logits is on other:0; xent supports only the CPU so far")
    assert calls == "['cross_entropy', 'mul']"
