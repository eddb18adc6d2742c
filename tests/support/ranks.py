"""Losses of divided classes, computed by a rank of a real process group: `ranks.py RANK SIZE DIR`.

A process of its own, so that test_torch_parallel.py can start several. Every rank makes the same
data from the same seed, takes its own classes, and writes down what it got, which collectives it
took, and the errors that it met.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import pickle
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from commands import HANGS

WIDTHS = {2: [7, 4], 4: [5, 0, 1, 5]}
"""Classes of each rank: uneven, and one rank has none."""
IN_BLOCKS = [
    "everything", "float16", "odd", "ties", "linear, mean, everything", "linear, none",
]  # fmt: skip
"""Cases that are computed once more in blocks of few rows, their largest sought in parts."""
CLASSES = 11
ROWS = 9
NAN, INF = np.nan, np.inf


@dataclass
class Case:
    """A loss of all classes; options named `class_weight` are cut like the logits."""

    logits: Any
    targets: Any
    options: dict[str, Any] = field(default_factory=dict)
    dtype: str = "float64"
    widths: dict[int, list[int]] = field(default_factory=lambda: WIDTHS)
    layer: tuple[Any, Any, Any] | None = None
    """Inputs, weight and bias, of the linear loss."""


def soft(rng: np.random.Generator, rows: int = ROWS) -> Any:
    p = rng.exponential(size=(rows, CLASSES))
    p[0] = np.eye(CLASSES)[3]
    return p / p.sum(1, keepdims=True)


def cases() -> dict[str, Case]:
    rng = np.random.default_rng(7)
    z = rng.normal(size=(ROWS, CLASSES)) * 4
    y = rng.integers(0, CLASSES, ROWS)
    y[:3] = 0, CLASSES - 1, 5
    w = rng.uniform(0.1, 3, CLASSES)
    w[4] = 0
    v = rng.uniform(0.1, 3, ROWS)
    v[2] = 0
    p = soft(rng)
    ignoring = np.where(np.arange(ROWS) % 3 == 1, -100, y)
    sure = np.where(np.arange(CLASSES) == y[:, None], 50.0 + rng.normal(size=(ROWS, 1)), z / 8)
    ties = rng.integers(0, 2, (ROWS, CLASSES)) * 3.0
    ties[0], ties[1] = 0, np.where(np.arange(CLASSES) % 5 == 0, 60.0, 0)
    first = z.copy()
    first[:, :7] = -INF  # all classes of the first rank, or of the first two and more
    y_first = np.where(y < 7, 7 + y % 4, y)
    last = z.copy()
    last[:, 6:] = -INF
    odd = z.copy()
    odd[0, 3], odd[1, 9] = NAN, NAN
    odd[2, 4] = INF
    odd[3, [2, 10]] = INF
    odd[4] = -INF
    odd[5, [1, 8]] = -INF
    odd[6, y[6]] = -INF
    odd[7, y[7]] = INF
    found = {
        "plain": Case(z, y),
        "sum": Case(z, y, {"reduction": "sum"}),
        "none": Case(z, y, {"reduction": "none"}),
        "float32": Case(z, y, dtype="float32"),
        "float16": Case(z, y, dtype="float16"),
        "bfloat16": Case(z, y, dtype="bfloat16"),
        "smoothing": Case(z, y, {"label_smoothing": 0.1}),
        "smoothing float32": Case(z, y, {"label_smoothing": 0.1}, "float32"),
        "smoothing all": Case(z, y, {"label_smoothing": 1.0}),
        "ignored": Case(z, ignoring, {"ignore_index": -100}),
        "ignored, none": Case(z, ignoring, {"ignore_index": -100, "reduction": "none"}),
        "all ignored": Case(z, np.full(ROWS, 3), {"ignore_index": 3}),
        "z-loss": Case(z, y, {"z_loss": 0.01}),
        "softcap": Case(z, y, {"softcap": 5.0}),
        "softcap float16": Case(z, y, {"softcap": 5.0, "z_loss": 0.1}, "float16"),
        "class weights": Case(z, y, {"class_weight": w}),
        "class weights, none": Case(z, y, {"class_weight": w, "reduction": "none"}),
        "row weights": Case(z, y, {"sample_weight": v}),
        "probabilities": Case(z, p),
        "probabilities float32": Case(z, p, {"z_loss": 0.01}, "float32"),
        "everything": Case(
            z,
            ignoring,
            {
                "class_weight": w, "sample_weight": v, "label_smoothing": 0.2, "z_loss": 0.05,
                "softcap": 8.0, "ignore_index": -100,
            },
        ),
        "everything, probabilities": Case(
            z,
            p,
            {
                "class_weight": w, "sample_weight": v, "label_smoothing": 0.2, "z_loss": 0.05,
                "softcap": 8.0, "reduction": "sum",
            },
        ),
        "confident": Case(sure, y, {"reduction": "none"}),
        "confident float32": Case(sure, y, {"reduction": "none"}, "float32"),
        "confident bfloat16": Case(sure, y, {"reduction": "none"}, "bfloat16"),
        "confident, smoothing": Case(sure, y, {"reduction": "none", "label_smoothing": 1e-30}),
        "wrong": Case(-sure, y, {"reduction": "none"}),
        "far": Case(z * 100 + 1e4, y, {"reduction": "none"}),
        "far float32": Case(z * 100 + 1e4, y, {"reduction": "none"}, "float32"),
        "ties": Case(ties, y, {"reduction": "none"}),
        "ties, smoothing": Case(ties, y, {"reduction": "none", "label_smoothing": 0.3}),
        "ties, probabilities": Case(ties, p, {"reduction": "none"}),
        "ties, weights": Case(ties, y, {"class_weight": w, "z_loss": 0.1}),
        "first ranks masked": Case(first, y_first),
        "first ranks masked, labels there": Case(first, y, {"reduction": "none"}),
        "last rank masked": Case(last, y % 6, {"reduction": "none"}),
        "masked, smoothing": Case(last, y % 6, {"reduction": "none", "label_smoothing": 0.1}),
        "masked, weights": Case(
            last, y % 6, {"reduction": "none", "class_weight": np.where(np.arange(11) < 6, w, 0),
                          "label_smoothing": 0.1},
        ),
        "odd": Case(odd, y, {"reduction": "none"}),
        "odd, z-loss": Case(odd, y, {"reduction": "none", "z_loss": 0.1}),
        "odd, softcap": Case(odd, y, {"reduction": "none", "softcap": 3.0}),
        "odd, smoothing": Case(odd, y, {"reduction": "none", "label_smoothing": 0.1}),
        "odd, weights": Case(odd, y, {"reduction": "none", "class_weight": w, "sample_weight": v}),
        "odd, probabilities": Case(odd, p, {"reduction": "none"}),
        "odd float16": Case(odd, y, {"reduction": "none"}, "float16"),
        "odd rows ignored": Case(
            odd, np.where(np.isfinite(odd).all(1), y, -1), {"ignore_index": -1, "z_loss": 0.1}
        ),
        "3-d": Case(z.reshape(3, 3, -1), y.reshape(3, 3), {"reduction": "none"}),
        "3-d, sum": Case(z.reshape(3, 3, -1), p.reshape(3, 3, -1), {"reduction": "sum"}),
        "one row": Case(z[0], y[0]),
        "no rows": Case(z[:0], y[:0]),
        "no rows, none": Case(z[:0], y[:0], {"reduction": "none"}),
        "even": Case(z[:, :8], y % 8, widths={2: [4, 4], 4: [2, 2, 2, 2]}),
        "all on the last": Case(z, y, widths={2: [0, 11], 4: [0, 0, 0, 11]}),
    }  # fmt: skip
    # Enough logits for the compiled kernels, on the ranks that have any.
    many, of = rng.normal(size=(96, 1000)) * 4, {2: [600, 400], 4: [300, 0, 250, 450]}
    labels = rng.integers(0, 1000, 96)
    of_all = {"class_weight": rng.uniform(0, 3, 1000), "sample_weight": rng.uniform(0, 3, 96)}
    of_all |= {"ignore_index": int(labels[3]), "z_loss": 0.01}
    found |= {
        "wide": Case(many, labels, {"reduction": "none"}, "float32", of),
        "wide, mean": Case(many, labels, {}, "float32", of),
        "wide, everything": Case(many, labels, of_all, "float32", of),
        "wide, some NaN": Case(
            np.where(np.arange(96)[:, None] == 5, NAN, many), labels, {"reduction": "none"},
            "float32", of,
        ),
        "wide, masked": Case(
            np.where(np.arange(1000) % 7 == labels[:, None] % 7, many, -INF), labels,
            {"reduction": "none"}, "float32", of,
        ),
        "wide bfloat16": Case(many, labels, of_all, "bfloat16", of),
        "wide float16": Case(many, labels, {"reduction": "none"}, "float16", of),
        "wide, smoothing": Case(many, labels, {"label_smoothing": 0.1}, "float32", of),
        "wide linear": Case(
            None, labels, of_all, "float32", of,
            (rng.normal(size=(96, 6)) / 4, rng.normal(size=(1000, 6)), rng.normal(size=1000) / 4),
        ),
    }  # fmt: skip
    x, weight, bias = rng.normal(size=(ROWS, 6)), rng.normal(size=(CLASSES, 6)), rng.normal(size=11)
    layer = (x, weight, bias)
    hole = (np.where(np.arange(ROWS)[:, None] % 3 == 1, NAN, x), weight, bias)
    wide = (x.reshape(3, 3, 6), weight, None)
    for reduction in ("mean", "sum", "none"):
        found |= {
            f"linear, {reduction}": Case(None, y, {"reduction": reduction}, layer=layer),
            f"linear, {reduction}, everything": Case(
                None,
                ignoring,
                {
                    "class_weight": w, "sample_weight": v, "label_smoothing": 0.2, "z_loss": 0.05,
                    "softcap": 2.0, "ignore_index": -100, "reduction": reduction,
                },
                layer=hole,
            ),
            f"linear, {reduction}, 3-d": Case(
                None, p.reshape(3, 3, -1), {"reduction": reduction}, "float32", layer=wide
            ),
        }  # fmt: skip
    found["linear, bfloat16"] = Case(None, y, {}, "bfloat16", layer=layer)
    found["linear, all ignored"] = Case(None, y * 0, {"ignore_index": 0}, layer=layer)
    none = (x[:0], weight, bias)
    found["linear, no rows"] = Case(None, y[:0], {}, layer=none)
    found["linear, no rows, none"] = Case(None, y[:0], {"reduction": "none"}, layer=none)
    return found


class Rank:
    """One process's view of the group."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size

    def part(self, value: Any, widths: list[int], axis: int = -1) -> Any:
        """This rank's classes."""
        start = sum(widths[: self.rank])
        index = [slice(None)] * np.ndim(value)
        index[axis] = slice(start, start + widths[self.rank])
        return value[tuple(index)]

    def tensor(self, value: Any, dtype: str, *, requires_grad: bool = False) -> Any:
        import torch

        made = torch.tensor(np.asarray(value))
        if made.dtype.is_floating_point:
            made = made.to(getattr(torch, dtype))
        return made.requires_grad_(requires_grad)

    def arguments(self, case: Case) -> tuple[list[Any], dict[str, Any]]:
        """Of the loss, on this rank."""
        import torch

        widths = case.widths[self.size]
        y = torch.tensor(np.asarray(case.targets))
        if y.dtype.is_floating_point:
            y = self.part(y, widths)
        options = dict(case.options)
        if "class_weight" in options:
            options["class_weight"] = torch.tensor(self.part(options["class_weight"], widths))
        if "sample_weight" in options:
            options["sample_weight"] = torch.tensor(options["sample_weight"])
        if case.layer is None:
            z = self.tensor(self.part(case.logits, widths), case.dtype, requires_grad=True)
            return [z, y], options
        x, weight, bias = case.layer
        arguments = [
            self.tensor(x, case.dtype, requires_grad=True),
            self.tensor(self.part(weight, widths, 0), case.dtype, requires_grad=True),
            y,
        ]
        if bias is not None:
            arguments.append(self.tensor(self.part(bias, widths), case.dtype, requires_grad=True))
        return arguments, options

    def compute(self, case: Case) -> dict[str, Any]:
        """Loss, gradients, and the collectives of both passes."""
        import torch

        from xent.torch import parallel

        function = parallel.cross_entropy if case.layer is None else parallel.linear_cross_entropy
        arguments, options = self.arguments(case)
        with counted() as forward:
            loss = function(*arguments, **options)
        upstream = torch.ones_like(loss)
        if case.options.get("reduction") == "none":  # each row by another factor
            upstream = torch.arange(1.0, 1 + loss.numel(), dtype=loss.dtype).reshape(loss.shape)
        with counted() as backward:
            loss.backward(upstream)
        grads = [argument.grad for argument in arguments if argument.requires_grad]
        return {
            "loss": loss.detach().double().numpy(),
            "dtype": str(loss.dtype),
            "grads": [grad.double().numpy() for grad in grads],
            "kinds": [str(grad.dtype) for grad in grads],
            "forward": forward,
            "backward": backward,
        }


@contextlib.contextmanager
def counted() -> Iterator[list[tuple[str, str, int]]]:
    """Which collectives are called, with which operation and how many bytes."""
    import torch.distributed as dist

    calls: list[tuple[str, str, int]] = []
    names = [
        "all_reduce", "all_gather", "all_gather_into_tensor", "all_gather_object", "gather",
        "broadcast", "reduce", "reduce_scatter", "reduce_scatter_tensor", "all_to_all",
        "all_to_all_single", "send", "recv", "scatter", "barrier",
    ]  # fmt: skip
    true = {name: getattr(dist, name) for name in names}

    def counting(name: str) -> Callable[..., Any]:
        def call(tensor: Any, *args: Any, **kwargs: Any) -> Any:
            operation = str(args[0]).rpartition(".")[2] if args else ""
            calls.append((name, operation, tensor.numel() * tensor.element_size()))
            return true[name](tensor, *args, **kwargs)

        return call

    for name in names:
        setattr(dist, name, counting(name))
    try:
        yield calls
    finally:
        for name in names:
            setattr(dist, name, true[name])


def error_of(call: Callable[[], Any]) -> str:
    """The error that a call meets."""
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def errors(me: Rank) -> dict[str, str]:
    """What each rank hears of wrong arguments; the last rank is the odd one."""
    import torch
    import torch.distributed as dist

    from xent.torch import parallel

    f, linear = parallel.cross_entropy, parallel.linear_cross_entropy
    odd = me.rank == me.size - 1
    z = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(me.rank))
    y = torch.arange(4)
    k = 3 * me.size
    w = torch.ones(3, 2, dtype=torch.float64)
    x = torch.ones(4, 2, dtype=torch.float64)
    turned = torch.arange(1.0, 9.0, dtype=torch.float64).reshape(4, 2)
    p = torch.full((4, 3), 1 / k, dtype=torch.float64)
    outside = dist.new_group([0])
    leaf = z.clone().requires_grad_()
    (of_logits,) = torch.autograd.grad(f(leaf, y), leaf, create_graph=True)
    xs = x.clone().requires_grad_()
    (of_x,) = torch.autograd.grad(linear(xs, w, y), xs, create_graph=True)
    (of_rows,) = torch.autograd.grad(
        linear(xs, w, y, reduction="none").sum(), xs, create_graph=True
    )
    calls: dict[str, Callable[[], Any]] = {
        "label too large": lambda: f(z, y + k - 1),
        "label negative": lambda: f(z, y - 1),
        "rows": lambda: f(z[: 3 if odd else 4], y[: 3 if odd else 4]),
        "dtype": lambda: f(z.float() if odd else z, y),
        "options": lambda: f(z, y, label_smoothing=0.1 if odd else 0.0),
        "other targets": lambda: f(z, y.flip(0) if odd else y),
        "other weights": lambda: f(z, y, sample_weight=torch.tensor([1, 1, 1, 2.0 + odd])),
        "weights on some ranks": lambda: f(z, y, class_weight=torch.ones(3) if odd else None),
        "one rank's error": lambda: f(z.long() if odd else z, y),
        "no tensor": lambda: f(z.numpy() if odd else z, y),
        "shape of targets": lambda: f(z, y[:, None]),
        "kind of targets": lambda: f(z, y > 1),
        "swapped": lambda: f(y, z),
        "class weight": lambda: f(z, y, class_weight=torch.ones(k)),
        "bad weight": lambda: f(z, y, sample_weight=torch.tensor([1, -1, 1, 1])),
        "sums": lambda: f(z, p * 2),
        "negative": lambda: f(z, p - 1),
        "ignored": lambda: f(z, p, ignore_index=0),
        "targets learn": lambda: f(z, p.requires_grad_()),
        "no classes": lambda: f(z[:, :0], y),
        "reduction": lambda: f(z, y, reduction="avg"),
        "offset alone": lambda: f(z, y, offset=0),
        "offset": lambda: f(z, y, offset=2, num_classes=4),
        "axis": lambda: f(z, y, axis=2),
        "group": lambda: f(z, y, group=3),
        "second": lambda: of_logits.sum().backward(),
        "second, linear": lambda: of_x.sum().backward(),
        "second, rows": lambda: of_rows.sum().backward(),
        "layer": lambda: linear(x, w.T, y),
        "bias": lambda: linear(x, w, y, torch.ones(k)),
        "wanted": lambda: linear(x.clone().requires_grad_(odd), w, y),
        "other inputs": lambda: linear(x + odd, w, y),
        "inputs in another order": lambda: linear(turned.flip(0) if odd else turned, w, y),
        "inputs off by a bit": lambda: linear(
            turned[:, :1].float() * (1 + 2.0**-23 * odd), w[:, :1].float(), y
        ),
    }
    if me.rank:
        calls["not a member"] = lambda: f(z, y, group=outside)
    return {name: error_of(call) for name, call in calls.items()}


def extras(me: Rank) -> dict[str, Any]:
    """Calls of other forms, each with the loss that it gives, and often the gradient."""
    import torch
    import torch.distributed as dist
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor

    from xent.torch import parallel

    f, linear = parallel.cross_entropy, parallel.linear_cross_entropy
    data = cases()
    case = data["plain"]
    (z, y), _ = me.arguments(case)
    widths = WIDTHS[me.size]
    start = sum(widths[: me.rank])
    got: dict[str, Any] = {}
    with counted() as calls:
        given = f(z, y, offset=start, num_classes=CLASSES)
    got["given"], got["given calls"] = given.item(), calls
    first = f(z.detach().T.requires_grad_(), y, axis=0)
    got["axis"] = first.item()
    probabilities = torch.tensor(data["probabilities"].targets)
    mine = me.part(probabilities, widths)
    got["axis, probabilities"] = f(z.detach().T, mine.T, axis=0).item()
    wide = data["wide, mean"]
    (many, labels), _ = me.arguments(wide)
    turned = many.detach().T.contiguous().requires_grad_()
    loss = f(turned, labels, axis=0)
    loss.backward()
    got["axis, wide"] = loss.item(), turned.grad.numpy()
    with torch.no_grad(), counted() as calls:
        got["no grad"], got["no grad calls"] = f(z, y).item(), calls
    # The second half of the ranks, in a group of its own.
    halves = [dist.new_group(list(range(i, me.size, 2))) for i in range(2)]
    own = me.rank // 2 if me.size > 2 else 0
    whole = torch.tensor(case.logits)
    parts = whole.tensor_split(me.size // 2, 1)
    got["subgroup"] = f(parts[own], y, group=halves[me.rank % 2]).item()
    # Scaled losses, and the backward pass twice.
    z.grad = None
    loss = f(z, y)
    (loss * 3).backward(retain_graph=True)
    loss.backward()
    got["thrice and once"] = z.grad.numpy()
    arguments, _ = me.arguments(data["linear, mean"])
    loss = linear(*arguments)
    (loss * 3).backward(retain_graph=True)
    loss.backward()
    got["linear, thrice and once"] = [arguments[i].grad.numpy() for i in (0, 1, 3)]

    mesh = init_device_mesh("cpu", (me.size,))
    sharded = distribute_tensor(whole, mesh, [Shard(1)]).requires_grad_()
    loss = f(sharded, y)
    loss.backward()
    got["DTensor"] = loss.item(), type(loss).__name__, sharded.grad.full_tensor().numpy()
    same = distribute_tensor(y, mesh, [Replicate()])
    ps = distribute_tensor(probabilities, mesh, [Shard(1)])
    cw = torch.tensor(data["class weights"].options["class_weight"])
    got["DTensor, others"] = f(
        sharded, same, class_weight=distribute_tensor(cw, mesh, [Shard(0)])
    ).item()
    got["DTensor, probabilities"] = f(sharded, ps).item()
    got["DTensor, axis"] = f(distribute_tensor(whole.T, mesh, [Shard(0)]), same, axis=0).item()
    x, weight, bias = (torch.tensor(value) for value in data["linear, mean"].layer)
    ws = distribute_tensor(weight, mesh, [Shard(0)]).requires_grad_()
    bs = distribute_tensor(bias, mesh, [Shard(0)]).requires_grad_()
    xs = distribute_tensor(x, mesh, [Replicate()]).requires_grad_()
    loss = linear(xs, ws, y, bs)
    loss.backward()
    got["DTensor, linear"] = loss.item(), [t.grad.full_tensor().numpy() for t in (xs, ws, bs)]
    square = init_device_mesh("cpu", (1, me.size), mesh_dim_names=("data", "classes"))
    rows = distribute_tensor(whole, mesh, [Shard(0)])
    again = distribute_tensor(whole, square, [Replicate(), Shard(1)])
    got["errors"] = {
        "rows": error_of(lambda: f(rows, y)),
        "replicated": error_of(lambda: f(distribute_tensor(whole, mesh, [Replicate()]), y)),
        "mesh": error_of(lambda: f(again, y)),
        "group too": error_of(lambda: f(sharded, y, group=dist.group.WORLD)),
        "group is a mesh": error_of(lambda: f(z, y, group=mesh)),
        "targets": error_of(lambda: f(sharded, distribute_tensor(y, mesh, [Shard(0)]))),
        "targets only": error_of(lambda: f(z, same)),
        "other mesh": error_of(lambda: f(sharded, distribute_tensor(y, square, [Replicate()] * 2))),
        "linear": error_of(lambda: linear(x, distribute_tensor(weight, mesh, [Replicate()]), y)),
    }
    got["by hand"] = f(again.to_local(), y, group=square.get_group("classes")).item()
    back = DTensor.from_local(f(sharded, y), mesh, [Replicate()])
    got["made a DTensor"] = (2 * back).full_tensor().item()

    import xent._engine.linear as layers
    import xent.torch._sharded.classes as classes
    import xent.torch._sharded.rows as blocks

    classes.BLOCK["cpu"], layers.CHUNK, blocks.MANY_CLASSES = 14, 14, 1
    try:
        for name in IN_BLOCKS:
            got[f"blocks of {name}"] = me.compute(data[name])
    finally:
        classes.BLOCK["cpu"], layers.CHUNK, blocks.MANY_CLASSES = 1 << 19, 1 << 24, 2048
    return got


def main(rank: int, size: int, folder: Path) -> None:
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    store = dist.FileStore(str(folder / "store"), size)
    limit = dt.timedelta(seconds=HANGS / 2)  # a rank that waits for ever is an error, not a hang
    dist.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=limit)
    me = Rank(rank, size)
    got: dict[str, Any] = {name: me.compute(case) for name, case in cases().items()}
    got |= {"extras": extras(me), "errors": errors(me)}
    (folder / f"{rank}.pickle").write_bytes(pickle.dumps(got))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
