"""Losses recorded and called again: other batches, export, traces, compiled autograd."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers import import_torch

torch = import_torch()

import torch.nn.functional as F  # noqa: E402, N812 - everyone's name for it
from torch._dynamo import compiled_autograd  # noqa: E402
from torch._dynamo.testing import CompileCounterWithBackend  # noqa: E402
from torch.fx.experimental.proxy_tensor import make_fx  # noqa: E402

import xent.torch as twins  # noqa: E402
from xent._options import LossOptions  # noqa: E402

RNG = torch.Generator().manual_seed(12)
CLASSES = 5
WEIGHT = torch.rand(CLASSES, generator=RNG)
MATRIX = torch.randn(CLASSES, CLASSES, generator=RNG)
AOT = {"fullgraph": True, "backend": "aot_eager"}


def scores(rows: int) -> Any:
    return torch.randn(rows, CLASSES, generator=RNG)


def labels(rows: int) -> Any:
    return torch.randint(CLASSES, (rows,), generator=RNG)


def shares(rows: int) -> Any:
    return scores(rows).softmax(1)


LOSSES: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[[int], Any]]] = {
    "labels": (
        lambda z, y: twins.cross_entropy(z, y, WEIGHT),
        lambda z, y: F.cross_entropy(z, y, WEIGHT),
        labels,
    ),
    "soft": (twins.cross_entropy, F.cross_entropy, shares),
    "rows": (
        lambda z, y: twins.cross_entropy(z, y, reduction="none").square().sum(),
        lambda z, y: F.cross_entropy(z, y, reduction="none").square().sum(),
        labels,
    ),
    "binary": (
        lambda z, t: twins.binary_cross_entropy_with_logits(z, t, WEIGHT, pos_weight=WEIGHT),
        lambda z, t: F.binary_cross_entropy_with_logits(z, t, WEIGHT, pos_weight=WEIGHT),
        shares,
    ),
    "linear": (
        lambda x, y: twins.linear_cross_entropy(x, MATRIX, y),
        lambda x, y: F.cross_entropy(F.linear(x, MATRIX), y),
        labels,
    ),
    "linear soft": (
        lambda x, y: twins.linear_cross_entropy(x, MATRIX, y),
        lambda x, y: F.cross_entropy(F.linear(x, MATRIX), y),
        shares,
    ),
    "linear rows": (
        lambda x, y: twins.linear_cross_entropy(x, MATRIX, y, reduction="none").square().sum(),
        lambda x, y: F.cross_entropy(F.linear(x, MATRIX), y, reduction="none").square().sum(),
        labels,
    ),
}
each = pytest.mark.parametrize("name", LOSSES)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def result(loss: Callable[..., Any], z: Any, y: Any) -> tuple[Any, Any]:
    """Loss and gradient."""
    leaf = z.clone().requires_grad_()
    value = loss(leaf, y)
    value.backward()
    return value.detach(), leaf.grad


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")  # torch's own
@pytest.mark.parametrize("compiled", [False, True], ids=["as it is", "compiled"])
@each
def test_compiled_autograd(name: str, compiled: bool) -> None:
    ours, theirs, targets = LOSSES[name]
    z, y = scores(6), targets(6)
    found = []
    for loss in (ours, theirs):
        made = torch.compile(loss, **AOT) if compiled else loss
        with compiled_autograd._enable(torch.compile(**AOT)):
            found.append(result(lambda z, y, f=made: 2 * f(z.sin(), y), z, y))
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("dynamic", [True, None], ids=["dynamic", "automatic"])
@each
def test_other_batches_are_not_compiled_again(name: str, dynamic: bool | None) -> None:
    ours, theirs, targets = LOSSES[name]
    counts = []
    batches = [(scores(rows), targets(rows)) for rows in (3, 5, 7, 9)]
    for loss in (ours, theirs):
        counter = CompileCounterWithBackend("aot_eager")
        compiled = torch.compile(loss, fullgraph=True, dynamic=dynamic, backend=counter)
        for batch in batches:
            torch.testing.assert_close(result(compiled, *batch), result(theirs, *batch))
        counts.append(counter.frame_count)
    assert counts[0] <= counts[1] + 1


def test_an_ignored_label_may_be_a_symbol() -> None:
    compiled = torch.compile(
        lambda z, y, label: twins.cross_entropy(z, y, ignore_index=label), dynamic=True, **AOT
    )
    z, y = scores(6), labels(6)
    for label in (-100, 1, 2):
        torch.testing.assert_close(compiled(z, y, label), F.cross_entropy(z, y, ignore_index=label))


class Model(torch.nn.Module):  # type: ignore[misc]
    """A layer and a loss."""

    def __init__(self, loss: Any) -> None:
        super().__init__()
        self.loss, self.layer = loss, torch.nn.Linear(CLASSES, CLASSES)

    def forward(self, z: Any, y: Any) -> Any:
        """The loss of the layer."""
        return self.loss(self.layer(z), y)


MODULES = [
    (twins.CrossEntropyLoss(WEIGHT, label_smoothing=0.1), labels),
    (twins.CrossEntropyLoss(), shares),
    (twins.BCEWithLogitsLoss(WEIGHT, pos_weight=WEIGHT), shares),
    (twins.LinearCrossEntropyLoss(CLASSES, 7), labels),
]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("loss", "targets"), MODULES, ids=lambda v: type(v).__name__)
def test_export_with_any_batch(loss: Any, targets: Any, strict: bool) -> None:
    model = Model(loss)
    rows = torch.export.Dim("rows")
    exported = torch.export.export(
        model,
        (scores(4), targets(4)),
        dynamic_shapes=({0: rows}, {0: rows}),
        strict=strict,
    ).module()
    for count in (4, 7, 2):
        z, y = scores(count), targets(count)
        torch.testing.assert_close(result(exported, z, y), result(model, z, y))


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # of shapes looked at
@pytest.mark.parametrize("requires_grad", [False, True])
@each
def test_a_trace_takes_other_numbers(name: str, requires_grad: bool) -> None:
    ours, _, targets = LOSSES[name]
    traced = torch.jit.trace(ours, (scores(4).requires_grad_(requires_grad), targets(4)))
    z, y = scores(4), targets(4)
    torch.testing.assert_close(result(traced, z, y), result(ours, z, y))


@pytest.mark.parametrize("mode", ["real", "symbolic"])
@each
def test_make_fx(name: str, mode: str) -> None:
    ours, theirs, targets = LOSSES[name]

    def gradient(loss: Callable[..., Any]) -> Callable[..., Any]:
        return lambda z, y: torch.autograd.grad(loss(z, y), z)[0]

    graph = make_fx(gradient(ours), tracing_mode=mode, _allow_non_fake_inputs=True)(
        scores(4).requires_grad_(), targets(4)
    )
    z, y = scores(4).requires_grad_(), targets(4)
    torch.testing.assert_close(graph(z, y), gradient(theirs)(z, y))


@pytest.mark.parametrize("targets", [labels(4), shares(4)], ids=["labels", "soft"])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_the_operator_is_as_torch_wants_operators(targets: Any, reduction: str) -> None:
    options = LossOptions(reduction=reduction, axis=1, check_sums=False)
    arguments = scores(4).requires_grad_(), targets, *options
    operators = torch.ops.xent.cross_entropy, torch.ops.xent.cross_entropy_with_stats
    for operator in operators:
        torch.library.opcheck(operator.default, arguments)
