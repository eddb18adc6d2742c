"""Tensors of a device that is not there: any value that were read would raise."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from helpers import import_torch

torch = import_torch()

from torch.utils import backend_registration  # noqa: E402

BEGINNING = """
import itertools
import os
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

_setup_privateuseone_for_python_backend("other")
import xent, xent.torch
from xent._options import LossOptions
from xent.torch import _linear

computed = set()


class Dtypes(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        results = function(*arguments, **(options or {}))
        for each in results if isinstance(results, (tuple, list)) else (results,):
            if isinstance(each, torch.Tensor):
                computed.add((str(each.device), each.dtype))
        return results


def empty(*shape, dtype=torch.float32):
    return torch.empty(shape, dtype=dtype, device="other")


def derivatives(loss, *leaves):
    loss = loss[0] + loss[1].sum() if isinstance(loss, tuple) else loss
    grads = torch.autograd.grad(loss.sum(), leaves, create_graph=True)
    for leaf, grad in zip(leaves, grads):
        assert grad.shape == leaf.shape and grad.dtype == leaf.dtype and grad.device == leaf.device
    torch.autograd.grad(sum(grad.float().sum() for grad in grads), leaves)


FakeTensorMode().__enter__()
try:
    empty(3).sum().item()
except DataDependentOutputException:
    print("reading raises")
Dtypes().__enter__()
labels = empty(6, dtype=torch.int64)
row = {"sample_weight": empty(6)}
CASES = [{}, {"ignore_index": 2}, {"label_smoothing": 0.1}, {"softcap": 3.0}, {"z_loss": 0.1},
         {"class_weight": empty(5)}, {"class_weight": empty(5), "z_loss": 0.1}]
"""

CASES = {
    "classes": """
for options, reduction, dtype in itertools.product(
    [*CASES, row], ["mean", "sum", "none"], [torch.float32, torch.bfloat16, torch.float16]
):
    z = empty(6, 5, dtype=dtype).requires_grad_()
    derivatives(xent.cross_entropy(z, labels, reduction=reduction, **options), z)
    loss, grad = xent.cross_entropy(z, labels, reduction="sum", return_grad=True, **options)
    assert grad.shape == z.shape
soft = empty(6, 5).requires_grad_()
z = empty(6, 5).requires_grad_()
derivatives(xent.cross_entropy(z, soft, class_weight=empty(5)), z, soft)
derivatives(xent.torch.cross_entropy(z, labels, return_lse=True), z)
results = xent.torch.cross_entropy(z, labels, return_entropy=True, return_accuracy=True)
assert [each.shape for each in results] == [(), (6,), ()]
z = empty(2, 5, 3, 4).requires_grad_()
maps = empty(2, 3, 4, dtype=torch.int64)
derivatives(xent.torch.cross_entropy(z, maps, empty(5)), z)
derivatives(xent.torch.CrossEntropyLoss(weight=empty(5))(z, maps), z)
for function in (xent.softmax, xent.log_softmax, xent.logsumexp, xent.sigmoid, xent.log_sigmoid):
    derivatives(function(z), z)
""",
    "binary": """
for options, reduction in itertools.product(
    [{}, {"label_smoothing": 0.1}, {"softcap": 3.0}, {"z_loss": 0.1}, {"pos_weight": empty()},
     {"pos_weight": empty(5)}, {"class_weight": empty(2)}, {"sample_weight": empty(6, 5)}],
    ["mean", "sum", "none"],
):
    z, y = empty(6, 5).requires_grad_(), empty(6, 5)
    derivatives(xent.binary_cross_entropy(z, y, reduction=reduction, **options), z)
    derivatives(xent.binary_cross_entropy(z, y > 0, reduction=reduction, **options), z)
derivatives(xent.torch.binary_cross_entropy_with_logits(z, y, empty(5), pos_weight=empty(6, 1)), z)
derivatives(xent.torch.BCEWithLogitsLoss()(z, y), z)
""",
    "layers": """
# As an operation, only the shapes are computed; so the engine is called below it too.
for options, reduction, dtype, position in itertools.product(
    [*CASES, row], ["mean", "sum", "none"], [torch.float32, torch.bfloat16], [(), (2,)]
):
    if position and options is row:
        continue
    x, w, b = empty(6, 3, dtype=dtype), empty(*position, 5, 3), empty(*position, 5)
    y = labels if not position else empty(2, 6, dtype=torch.int64)
    o = LossOptions(axis=y.ndim, reduction=reduction, **options)
    o = o.replace(needs_grad=0 if reduction == "none" else 11, engine="array")
    for forward in (_linear.forward, _linear.forward_with_stats):
        results = forward(x, w, y, b, o, engine=_linear.ARRAYS)
        assert results[0].shape == (y.shape if reduction == "none" else ())
        assert results[0].dtype == torch.float32
        if o.needs_grad:
            assert [g.shape for g in results[1:5]] == [x.shape, w.shape, (0,), b.shape]
    grads = _linear.backward_of_rows(
        empty(*y.shape), x, w, y, b, o.replace(needs_grad=11), engine=_linear.ARRAYS
    )
    assert [g.shape for g in grads] == [x.shape, w.shape, (0,), b.shape]
soft = empty(6, 5)
o = LossOptions(axis=1, class_weight=empty(5), z_loss=0.1, needs_grad=15, engine="array")
results = _linear.forward(empty(6, 3), empty(5, 3), soft, None, o, engine=_linear.ARRAYS)
assert results[3].shape == soft.shape
x, w = empty(6, 3).requires_grad_(), empty(5, 3).requires_grad_()
derivatives(xent.torch.linear_cross_entropy(x, w, labels), x, w)
derivatives(xent.torch.linear_cross_entropy(x, w, labels, reduction="none"), x, w)
derivatives(xent.torch.linear_cross_entropy(x, w, labels, return_lse=True), x, w)
derivatives(xent.linear_cross_entropy(x, w, labels, softcap=3.0), x, w)
""",
    "metrics": """
try:
    xent.log_loss(labels, empty(6, 5))
except ValueError as error:
    assert str(error) == (
        "y_prob is on other:0; log_loss is computed on the CPU: pass y_prob.cpu()."
    ), error
""",
}
END = """
devices = {device for device, _ in computed}
assert devices <= {"other:0"}, devices
assert torch.float64 not in {dtype for _, dtype in computed}
print("done", flush=True)
os._exit(0)  # a device made in Python cannot always be taken down
"""


@pytest.mark.skipif(
    not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"),
    reason="this version of PyTorch has no devices made in Python",
)
@pytest.mark.parametrize("case", CASES)
def test_nothing_is_read_from_a_device(case: str) -> None:
    """Nor moved from it, nor computed in float64, which some devices lack."""
    done = subprocess.run(
        [sys.executable, "-c", BEGINNING + CASES[case] + END],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n") == ["reading raises", "done", ""]
