"""What is registered for xent's operators, and another package's kernels for another device."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from helpers import import_torch

torch = import_torch()

from torch.utils import backend_registration  # noqa: E402

import xent.torch.functional  # noqa: E402, F401 - registers the operators
from xent.torch._classes import cross_entropy  # noqa: E402

OPERATORS = [
    "cross_entropy",
    "cross_entropy_with_stats",
    "binary_cross_entropy",
    "linear_cross_entropy",
    "linear_cross_entropy_with_stats",
    "linear_cross_entropy_rows_backward",
]


@pytest.mark.parametrize("name", OPERATORS)
def test_where_an_operator_is_implemented(
    name: str,
) -> None:
    def has(key: str) -> bool:
        found: bool = torch._C._dispatch_has_kernel_for_dispatch_key(f"xent::{name}", key)
        return found

    # The array engine is for all devices; a kernel for one of them goes before it.
    assert all(map(has, ["CPU", "Meta", "Autograd", "FuncTorchBatched"]))
    assert has("CompositeExplicitAutograd")
    assert not any(map(has, ["CUDA", "MPS", "XPU", "PrivateUse1"]))


def test_kernels_of_another_package_are_found() -> None:
    assert cross_entropy.has_kernel_for(torch.device("cpu"))
    assert not cross_entropy.has_kernel_for(torch.device("cuda"))


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
except NotImplementedError as error:  # this device has no operations but those above
    print(str(error)[:40])

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
    assert refused == "Could not run 'aten::empty.memory_format"
    assert calls == "['cross_entropy', 'mul']"
