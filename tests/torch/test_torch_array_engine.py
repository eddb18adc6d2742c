"""The array engine on its own: accuracy, edges, pieces, what compilers see, and the switch."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from helpers import import_torch

import xent
from xent import oracle

torch = import_torch()

import torch.nn.functional as F  # noqa: E402, N812 - everyone's name for it

import xent.torch as twins  # noqa: E402
from xent.torch import _compat  # noqa: E402
from xent.torch._array import binary, choice, classes  # noqa: E402
from xent.torch._array.choice import array_engine  # noqa: E402

INF = float("inf")
RNG = torch.Generator().manual_seed(4)


@pytest.fixture(autouse=True)
def forced() -> Iterator[None]:
    with array_engine():
        yield
    torch.compiler.reset()


def normal(*shape: int, dtype: Any = torch.float64) -> Any:
    return torch.randn(shape, generator=RNG, dtype=torch.float64).to(dtype)


def gradient(loss: Any, of: Any) -> Any:
    return torch.autograd.grad(loss.sum(), of)[0]


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """As a compiler sees it, without generating code."""
    made: Callable[..., Any] = torch.compile(function, fullgraph=True, backend="aot_eager")
    return made


WAYS = {"eager": lambda function: function, "compiled": compiled}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("dtype", "margins", "loss_limit", "grad_limit"),
    [
        (torch.float64, [0, 5, 16, 36, 100, 250], 4, 6),
        (torch.float32, [0, 5, 16, 17, 30, 38], 4, 6),
        (torch.bfloat16, [0, 5, 16, 30, 80], 4, 130),
    ],
    ids=["float64", "float32", "bfloat16"],
)
def test_confident_rows_keep_their_digits(
    way: str, dtype: Any, margins: list[float], loss_limit: float, grad_limit: float
) -> None:
    """In units in the last place; a gradient is rounded to its own dtype, 2^16 ULP of float32."""
    call = WAYS[way](lambda z, y: twins.cross_entropy(z, y, reduction="none"))
    scale = np.float64 if dtype == torch.float64 else np.float32
    for margin in margins:
        z = normal(4, 7, dtype=dtype)
        z[:, 2] += margin
        z.requires_grad_()
        y = torch.tensor([2, 2, 0, 6])
        losses = call(z, y)
        made = gradient(losses, z)
        for i, row in enumerate(z.tolist()):
            exact = oracle.label_row(row, int(y[i]))
            assert oracle.ulps(losses[i].item(), exact.loss, scale) <= loss_limit
            for found, due in zip(made[i].tolist(), exact.grad, strict=True):
                if dtype == torch.bfloat16:
                    assert found == pytest.approx(float(due), rel=2**-8)
                else:
                    assert oracle.ulps(found, due, scale) <= grad_limit


@pytest.mark.parametrize("way", WAYS)
def test_beyond_the_unshifted_range_digits_are_lost_slowly(way: str) -> None:
    """z - m is rounded there: a relative error of half a unit of |z - m|."""
    call = WAYS[way](lambda z, y: twins.cross_entropy(z, y, reduction="none"))
    for offset in (-5000.0, -30.0, 60.0, 3000.0):
        z = (normal(6, 9) + offset).float()
        z[:, 3] += 12
        losses = call(z, torch.full((6,), 3))
        for loss, row in zip(losses.tolist(), z.tolist(), strict=True):
            assert loss == pytest.approx(float(oracle.label_row(row, 3).loss), rel=16 * 2**-23)


EDGES = [
    [0.0, -INF, 1.0],
    [-INF, 2.0, -INF],
    [-INF, -INF, -INF],
    [INF, 0.0, 1.0],
    [INF, INF, 0.0],
    [INF, -INF, 0.0],
    [float("nan"), 0.0, 1.0],
    [1e38, 0.0, -1e38],
    [300.0, 0.0, -300.0],
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_edges_are_those_of_the_cpus_kernels(way: str, dtype: Any) -> None:
    z = torch.tensor(EDGES, dtype=dtype).requires_grad_()
    soft = torch.tensor([0.25, 0.0, 0.75], dtype=dtype).expand(len(EDGES), 3)
    calls: list[tuple[Any, dict[str, Any]]] = [
        *((torch.full((len(EDGES),), label), {}) for label in range(3)),
        (torch.zeros(len(EDGES), dtype=torch.long), {"label_smoothing": 0.1}),
        (torch.zeros(len(EDGES), dtype=torch.long), {"softcap": 30.0}),
        (torch.arange(len(EDGES)) % 3, {"class_weight": torch.tensor([0.0, 2.0, 1.0])}),
        (torch.arange(len(EDGES)) % 3, {"sample_weight": torch.arange(len(EDGES)) % 2}),
        (soft, {}),
    ]
    for y, options in calls:

        def loss_of(z: Any, y: Any = y, options: Any = options) -> Any:
            return xent.cross_entropy(z, y, reduction="none", **options)

        losses = WAYS[way](loss_of)(z)
        found = losses.detach(), gradient(losses, z)
        with array_engine(on_cpu=False):
            losses = loss_of(z)
            due = losses.detach(), gradient(losses, z)
        for mine, other in zip(found, due, strict=True):
            torch.testing.assert_close(mine, other, equal_nan=True)


@pytest.mark.parametrize("way", WAYS)
def test_edges_of_binary_losses(way: str) -> None:
    z = torch.tensor([INF, -INF, INF, -INF, 800.0, -800.0, float("nan")]).requires_grad_()
    y = torch.tensor([1.0, 0.0, 0.0, 1.0, 0.3, 0.7, 1.0])
    losses = WAYS[way](lambda z: xent.binary_cross_entropy(z, y, reduction="none"))(z)
    found = losses.detach(), gradient(losses, z)
    with array_engine(on_cpu=False):
        losses = xent.binary_cross_entropy(z, y, reduction="none")
        due = losses.detach(), gradient(losses, z)
    for mine, other in zip(found, due, strict=True):
        torch.testing.assert_close(mine, other, equal_nan=True)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp", "sigmoid", "log_sigmoid"])
def test_edges_of_functions(name: str) -> None:
    function = getattr(xent, name)
    for z in (torch.tensor(EDGES), torch.tensor(EDGES).double(), torch.empty(3, 0)):
        found = function(z)
        with array_engine(on_cpu=False):
            torch.testing.assert_close(found, function(z), equal_nan=True)


OPTIONS: list[dict[str, Any]] = [
    {},
    {"label_smoothing": 0.1, "z_loss": 0.1},
    {"softcap": 2.0, "class_weight": torch.tensor([1.0, 2.0, 0.5, 3.0, 1.0])},
]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("axis", [1, -1])
def test_pieces_give_what_the_whole_gives(
    options: dict[str, Any], reduction: str, axis: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    z = normal(7, 5, 3).movedim(1, axis).requires_grad_()
    y = torch.randint(0, 5, (7, 3), generator=RNG)
    y[2, 1] = 9

    def results(z: Any) -> list[Any]:
        loss = xent.cross_entropy(
            z,
            y,
            axis=axis,
            ignore_index=9,
            reduction=reduction,
            **options,  # type: ignore[arg-type]
        )
        binary_loss = xent.binary_cross_entropy(z, z.detach().sigmoid(), reduction=reduction)  # type: ignore[arg-type]
        return [loss, gradient(loss, z), binary_loss, gradient(binary_loss, z)]

    whole = results(z)
    for module in (classes, binary):
        monkeypatch.setattr(module, "CHUNK", 20)
    torch.testing.assert_close(results(z), whole)
    assert all(torch.isfinite(each).all() for each in whole)


def test_a_wrong_label_stops_the_device() -> None:
    z, y = normal(4, 3), torch.tensor([0, 3, -100, -1])
    with pytest.raises(RuntimeError, match=r"^a label is not a class: expected 0 to the number of"):
        twins.cross_entropy(z, y)
    assert torch.isfinite(twins.cross_entropy(z, y.clamp(max=2).where(y >= 0, -100)))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ignore_index", [0, 2, -100])
def test_a_wrong_label_costs_nan_where_no_device_can_be_stopped(
    way: str, ignore_index: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_compat, "_assert_async", None)
    z, y = normal(4, 3).requires_grad_(), torch.tensor([1, 3, 2, -7])
    call = WAYS[way](lambda z, r: twins.cross_entropy(z, y, ignore_index=ignore_index, reduction=r))
    losses = call(z, "none")
    assert losses.isnan().tolist() == [False, True, False, True]
    assert gradient(losses, z).isnan().all(1).tolist() == [False, True, False, True]
    mean = call(z, "mean")
    assert mean.isnan()
    assert gradient(mean, z).isnan().any()
    x, w = normal(4, 2).requires_grad_(), normal(3, 2)
    losses = twins.linear_cross_entropy(x, w, y, ignore_index=ignore_index, reduction="none")
    assert losses.isnan().tolist() == [False, True, False, True]


def test_weights_that_cancel_give_nan() -> None:
    """Which the CPU's kernels refuse; a device is not asked."""
    z, y = normal(4, 2).requires_grad_(), torch.tensor([0, 1, 0, 1])
    loss = twins.cross_entropy(z, y, torch.tensor([1.0, -1.0]))
    assert loss.isnan()
    assert gradient(loss, z).isnan().all()
    loss = twins.cross_entropy(z, y, torch.tensor([0.0, 0.0]))
    assert loss == 0
    assert not gradient(loss, z).any()


def test_a_compiler_sees_the_operations_and_makes_one_loop_of_them() -> None:
    graphs: list[Any] = []

    def backend(module: Any, inputs: Any) -> Any:
        from functorch.compile import make_boxed_func
        from torch._dynamo.backends.common import aot_autograd

        def compiler(traced: Any, _: Any) -> Any:
            graphs.append(traced)
            return make_boxed_func(traced.forward)

        return aot_autograd(fw_compiler=compiler)(module, inputs)

    def operators() -> set[str]:
        nodes = itertools.chain.from_iterable(g.graph.nodes for g in graphs)
        return {str(n.target).partition(".")[0] for n in nodes if n.op == "call_function"}

    z, y = normal(6, 5).requires_grad_(), torch.randint(0, 5, (6,), generator=RNG)
    for loss_of in (
        lambda z: twins.cross_entropy(z, y),
        lambda z: xent.binary_cross_entropy(z, (y == 1)[:, None].expand(6, 5).double()),
        xent.logsumexp,
    ):
        graphs.clear()
        gradient(torch.compile(loss_of, fullgraph=True, backend=backend)(z), z)
        assert "aten" in operators()
        assert "xent" not in operators()
    graphs.clear()
    w = normal(4, 5)  # the loop over chunks stays one operation
    of_layer = torch.compile(
        lambda z: twins.linear_cross_entropy(z, w, y.clamp(max=3)), fullgraph=True, backend=backend
    )
    gradient(of_layer(z), z)
    assert "xent" in operators()


def test_a_compiled_loss_follows_the_switch() -> None:
    """Its engine is an argument of the operation, by which compiled code is looked up."""
    z, y = normal(3, 4), torch.tensor([0, 1, 7])
    call = compiled(lambda z: twins.cross_entropy(z, y, reduction="none"))
    assert call(z).isnan().tolist() == [False, False, True]
    with array_engine(on_cpu=False), pytest.raises(ValueError, match="has 4 classes"):
        call(z)
    assert choice.NAME.startswith("array ")


def test_batches_of_any_size_compile_once() -> None:
    seen: list[int] = []
    rows = 0

    def backend(module: Any, inputs: Any) -> Any:
        from torch._dynamo.backends.registry import lookup_backend

        seen.append(rows)
        return lookup_backend("aot_eager")(module, inputs)

    call = torch.compile(
        lambda z, y: twins.cross_entropy(z, y), fullgraph=True, dynamic=True, backend=backend
    )
    for rows in (3, 5, 8):
        z, y = normal(rows, 6).requires_grad_(), torch.randint(0, 6, (rows,), generator=RNG)
        loss = call(z, y)
        torch.testing.assert_close(loss, F.cross_entropy(z, y))
        torch.testing.assert_close(gradient(loss, z), gradient(F.cross_entropy(z, y), z))
    assert set(seen) == {3}


@pytest.mark.parametrize("value", ["array", None])
def test_the_variable_of_a_process(value: str | None) -> None:
    code = "from xent.torch._array import choice; print(choice.forced)"
    env = {k: v for k, v in os.environ.items() if k != choice.VARIABLE}
    env |= {"PYTHONPATH": os.pathsep.join(sys.path)} | ({choice.VARIABLE: value} if value else {})
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True
    )
    assert done.stdout.strip() == str(value == "array")


def test_the_switch_is_what_the_other_files_rely_on() -> None:
    """With it, the array engine computes, and the kernels do not."""
    z, y = normal(4, 3), torch.tensor([0, 1, 2, 0])
    with pytest.MonkeyPatch.context() as patch:
        for name in ("label_forward", "forward"):
            patch.setattr(f"xent.torch._classes.{name}", None)
        torch.testing.assert_close(twins.cross_entropy(z, y), F.cross_entropy(z, y))
        with array_engine(on_cpu=False), pytest.raises(TypeError):
            twins.cross_entropy(z, y)
