"""torch.func over the losses, and inside torch.compile, beside PyTorch's own losses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers import import_torch

import xent

torch = import_torch()

import torch.nn.functional as F  # noqa: E402, N812 - everyone's name for it
from torch.func import grad, jacrev, vmap  # noqa: E402

import xent.torch as twins  # noqa: E402

RNG = torch.Generator().manual_seed(11)
BATCH, ROWS, CLASSES = 4, 3, 5


def normal(*shape: int) -> Any:
    return torch.randn(shape, generator=RNG)


Z = normal(BATCH, ROWS, CLASSES)
Y = torch.randint(CLASSES, (BATCH, ROWS), generator=RNG)
S = normal(BATCH, ROWS, CLASSES).softmax(2)
X, W, B = normal(BATCH, ROWS, 2), normal(CLASSES, 2), normal(CLASSES)
UP = normal(ROWS)
WEIGHT = normal(BATCH, CLASSES).exp()
Loss = Callable[..., Any]


def linear(x: Any, y: Any, w: Any = W, **options: Any) -> Any:
    return twins.linear_cross_entropy(x, w, y, linear_bias=B, **options)


def linear_due(x: Any, y: Any, w: Any = W, **options: Any) -> Any:
    return F.cross_entropy(F.linear(x, w, B), y, **options)


LOSSES: dict[str, tuple[Loss, Loss, Any, Any]] = {
    "labels": (twins.cross_entropy, F.cross_entropy, Z, Y),
    "soft": (twins.cross_entropy, F.cross_entropy, Z, S),
    "binary": (
        twins.binary_cross_entropy_with_logits,
        F.binary_cross_entropy_with_logits,
        Z,
        S,
    ),
    "linear": (linear, linear_due, X, Y),
    "rows": (
        lambda z, y: (twins.cross_entropy(z, y, reduction="none") * UP).sum(),
        lambda z, y: (F.cross_entropy(z, y, reduction="none") * UP).sum(),
        Z,
        Y,
    ),
    "linear rows": (
        lambda x, y: (linear(x, y, reduction="none") * UP).sum(),
        lambda x, y: (linear_due(x, y, reduction="none") * UP).sum(),
        X,
        Y,
    ),
}
TRANSFORMS: dict[str, Callable[[Loss], Loss]] = {
    "grad": lambda loss: lambda z, y: grad(loss)(z[0], y[0]),
    "vmap": vmap,
    "vmap of grad": lambda loss: vmap(grad(loss)),
    "grad of vmap": lambda loss: lambda z, y: grad(lambda a: vmap(loss)(a, y).sum())(z),
    "second": lambda loss: lambda z, y: jacrev(grad(loss))(z[0], y[0]),
}

THERE = [
    (name, transform)
    for name in LOSSES
    for transform in TRANSFORMS
    if not (name.startswith("linear") and transform == "second")
]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    torch.compiler.reset()


@pytest.mark.parametrize("compiled", [False, True], ids=["as it is", "compiled"])
@pytest.mark.parametrize(("name", "transform"), THERE)
def test_transforms(name: str, transform: str, compiled: bool) -> None:
    ours, theirs, z, y = LOSSES[name]
    mine = TRANSFORMS[transform](ours)
    if compiled:
        mine = torch.compile(mine, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(mine(z, y), TRANSFORMS[transform](theirs)(z, y))


@pytest.mark.parametrize("compiled", [False, True])
def test_what_return_grad_gives_has_derivatives(compiled: bool) -> None:
    def loss(z: Any) -> Any:
        return xent.cross_entropy(z, Y[0], return_grad=True)[0]

    def slope(z: Any) -> Any:
        return (xent.cross_entropy(z, Y[0], return_grad=True)[1] * z).sum()

    def due(z: Any) -> Any:
        return F.cross_entropy(z, Y[0])

    def layer(x: Any) -> Any:
        return xent.linear_cross_entropy(x, W, Y[0], return_grad=True)[0]

    for mine, theirs, at in (
        (loss, due, Z[0]),
        (slope, lambda z: (grad(due)(z) * z).sum(), Z[0]),
        (layer, lambda x: due(x @ W.T), X[0]),
        (loss, due, Z[0].half()),
    ):
        found = grad(mine)
        found = torch.compile(found, backend="aot_eager") if compiled else found
        torch.testing.assert_close(found(at), grad(theirs)(at))
    torch.testing.assert_close(torch.func.jacfwd(loss)(Z[0]), grad(due)(Z[0]))


def test_what_return_grad_gives_compiles_as_it_is() -> None:
    calls = {
        "linear": lambda x: xent.linear_cross_entropy(x, W, Y[0], return_grad=True),
        "softcap": lambda x: xent.cross_entropy(x @ W.T, Y[0], softcap=2.0, return_grad=True),
    }
    for call in calls.values():
        x = X[0].clone().requires_grad_()
        found = torch.compile(call, backend="aot_eager", fullgraph=True)(x)
        torch.testing.assert_close(found, call(x))
        assert not found[0].requires_grad


@pytest.mark.parametrize("name", LOSSES)
def test_a_compiled_vmap_has_a_gradient(name: str) -> None:
    ours, theirs, z, y = LOSSES[name]
    found = []
    for loss in (torch.compile(vmap(ours), fullgraph=True, backend="aot_eager"), vmap(theirs)):
        leaf = z.clone().requires_grad_()
        values = loss(leaf, y)
        (values * torch.arange(1.0, BATCH + 1)).sum().backward()
        found.append((values.detach(), leaf.grad))
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(
    ("in_dims", "arguments"),
    [
        ((None, 0, None), (Z[0], Y, None)),
        ((0, None, None), (Z, Y[0], None)),
        ((2, 1, None), (Z.movedim(0, 2), Y.T, None)),
        ((None, 0, None), (Z[0], S, None)),
        ((-1, 1, None), (Z.movedim(0, -1), S.movedim(0, 1), None)),
        ((0, 0, 0), (Z, Y, WEIGHT)),
        ((None, None, 1), (Z[0], Y[0], WEIGHT.T)),
    ],
    ids=[
        "labels",
        "logits",
        "other axes",
        "soft",
        "of other axes",
        "weights",
        "only these",
    ],
)
def test_what_is_mapped_over(
    in_dims: Any, arguments: Any, smoothing: float, reduction: str
) -> None:
    """One after another by PyTorch, whose own vmap knows not all of these."""

    def loss(f: Loss) -> Loss:
        return lambda z, y, w: f(z, y, w, reduction=reduction, label_smoothing=smoothing)

    def slope(f: Loss) -> Loss:
        return grad(lambda z, y, w: loss(f)(z, y, w).sum())

    each = [
        [a if dim is None else a.select(dim, i) for a, dim in zip(arguments, in_dims, strict=True)]
        for i in range(BATCH)
    ]
    for way in (loss, slope):
        due = torch.stack([way(F.cross_entropy)(*one) for one in each])
        for out in (0, -1):
            found = vmap(way(twins.cross_entropy), in_dims, out)(*arguments)
            torch.testing.assert_close(found, due.movedim(0, out))


@pytest.mark.parametrize("name", ["labels", "soft", "binary"])
@pytest.mark.parametrize("in_dims", [(0, 0), (None, 0), (0, None), (1, 0)])
def test_nested(name: str, in_dims: Any) -> None:
    ours, theirs, z, y = LOSSES[name]
    if name == "labels":
        z, y = z[..., None].movedim(-1, 2), y[..., None]  # batch, batch, rows of one, classes
    else:
        z, y = z[:, :, None], y[:, :, None]
    arguments = tuple(
        a[0] if d is None else a.movedim(0, d) for a, d in zip((z, y), in_dims, strict=True)
    )
    for way in (lambda f: f, grad):
        found, due = (vmap(vmap(way(f)), in_dims)(*arguments) for f in (ours, theirs))
        torch.testing.assert_close(found, due)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_gradients_of_samples_with_a_layer_in_common(reduction: str) -> None:
    def each(loss: Loss) -> Loss:
        return vmap(
            grad(lambda w, x, y: loss(x, y, w, reduction=reduction).sum(), argnums=(0, 1)),
            (None, 0, 0),
        )

    torch.testing.assert_close(each(linear)(W, X, Y), each(linear_due)(W, X, Y))


def test_many_layers() -> None:
    many = torch.stack([W, 2 * W, -W, W * W])
    torch.testing.assert_close(vmap(linear)(X, Y, many), vmap(linear_due)(X, Y, many))
    torch.testing.assert_close(
        vmap(xent.linear_cross_entropy, (1, None, 1))(X.movedim(0, 1), W, Y.T),
        vmap(lambda x, y: F.cross_entropy(F.linear(x, W), y))(X, Y),
    )


def test_batched_gradients_of_linear_rows() -> None:
    x = torch.randn(4, 5, generator=RNG, requires_grad=True)
    w, y = torch.randn(6, 5, generator=RNG), torch.tensor([0, 1, 2, -100])
    found = []
    for function in (twins.linear_cross_entropy, F.linear_cross_entropy):
        rows = function(x, w, y, reduction="none")
        found += torch.autograd.grad(rows, x, grad_outputs=torch.eye(4), is_grads_batched=True)
    torch.testing.assert_close(*found)
