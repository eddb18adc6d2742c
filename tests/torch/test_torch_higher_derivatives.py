"""Derivatives of every order and mode, of every loss and option, equal those of torch's operations.

Each loss stands beside the same written in torch's own operations, all in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers import import_torch

import xent

torch = import_torch()

import torch.nn.functional as F  # noqa: E402, N812 - everyone's name for it
from torch.autograd import forward_ad  # noqa: E402
from torch.func import grad, hessian, jacfwd, jacrev, jvp, linearize, vjp, vmap  # noqa: E402

import xent.torch as twins  # noqa: E402

# torch's own, from linearize
pytestmark = pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node:UserWarning")

RNG = torch.Generator().manual_seed(14)
ROWS, CLASSES, WIDTH = 3, 5, 2
Function = Callable[[Any], Any]


def normal(*shape: int) -> Any:
    return torch.randn(shape, generator=RNG, dtype=torch.float64)


def uniform(*shape: int) -> Any:
    return torch.rand(shape, generator=RNG, dtype=torch.float64)


Z, X, W, B = normal(ROWS, CLASSES), normal(ROWS, WIDTH), normal(CLASSES, WIDTH), normal(CLASSES)
Y = torch.tensor([4, -100, 2])
LABELS = torch.tensor([4, 0, 2])
S, T = normal(ROWS, CLASSES).softmax(1), uniform(ROWS, CLASSES)
OF_ROWS, OF_CLASSES = uniform(ROWS), uniform(CLASSES)


def capped(z: Any, cap: float) -> Any:
    return cap * torch.tanh(z / cap)


def z_term(z: Any) -> Any:
    return torch.logsumexp(z, 1).square().mean()


def squares(f: Function) -> Function:
    return lambda z: f(z).square().sum()


def soft_weighted(z: Any, t: Any) -> Any:
    """Here the mean's divisor depends on the targets."""
    total = -(OF_CLASSES * t * z.log_softmax(1)).sum()
    return total / (OF_CLASSES * t).sum() + 0.1 * z_term(z)


def binary_terms(z: Any, t: Any, of_one: Any = 1.0, of_zero: Any = 1.0) -> Any:
    # torch's own has no derivative in forward mode twice.
    return of_one * t * F.softplus(-z) + of_zero * (1 - t) * F.softplus(z)


def binary_weighted(z: Any, t: Any) -> Any:
    of_zero, of_one = OF_CLASSES[:2]
    total = binary_terms(z, t, of_one, of_zero).sum()
    return total / (of_one * t + of_zero * (1 - t)).sum() + 0.1 * F.softplus(z).square().mean()


CLASS_LOSSES: dict[str, tuple[Function, Function, Any]] = {
    "labels": (lambda z: twins.cross_entropy(z, Y), lambda z: F.cross_entropy(z, Y), Z),
    "sample weights": (
        lambda z: xent.cross_entropy(z, LABELS, sample_weight=OF_ROWS),
        lambda z: F.cross_entropy(z, LABELS, reduction="none") @ OF_ROWS / OF_ROWS.sum(),
        Z,
    ),
    "row losses": (
        lambda z: (OF_ROWS * twins.cross_entropy(z, LABELS, reduction="none")).sum(),
        lambda z: (OF_ROWS * F.cross_entropy(z, LABELS, reduction="none")).sum(),
        Z,
    ),
    "softcap": (
        lambda z: twins.cross_entropy(z, Y, softcap=2.0),
        lambda z: F.cross_entropy(capped(z, 2.0), Y),
        Z,
    ),
    "weights and z-loss": (
        lambda z: twins.cross_entropy(z, LABELS, OF_CLASSES, z_loss=0.1, softcap=3.0),
        lambda z: (
            F.cross_entropy(capped(z, 3.0), LABELS, OF_CLASSES) + 0.1 * z_term(capped(z, 3.0))
        ),
        Z,
    ),
    "soft": (
        lambda z: xent.cross_entropy(z, S, label_smoothing=0.1),
        lambda z: F.cross_entropy(z, S, label_smoothing=0.1),
        Z,
    ),
    "another class axis": (
        lambda z: xent.cross_entropy(z.T, S.T, axis=0, softcap=2.0),
        lambda z: F.cross_entropy(capped(z, 2.0), S),
        Z,
    ),
    "targets": (
        lambda t: twins.cross_entropy(Z, t, OF_CLASSES, label_smoothing=0.1),
        lambda t: F.cross_entropy(Z, t, OF_CLASSES, label_smoothing=0.1),
        S,
    ),
    "logits and targets": (
        lambda a: xent.cross_entropy(
            a[0], a[1].softmax(1), class_weight=OF_CLASSES, z_loss=0.1, softcap=3.0
        ),
        lambda a: soft_weighted(capped(a[0], 3.0), a[1].softmax(1)),
        torch.stack([Z, normal(ROWS, CLASSES)]),
    ),
    "log-sum-exp": (
        squares(lambda z: sum(twins.cross_entropy(z, Y, return_lse=True))),
        squares(lambda z: F.cross_entropy(z, Y) + torch.logsumexp(z, 1)),
        Z,
    ),
    "module": (
        lambda z: twins.CrossEntropyLoss(label_smoothing=0.1)(z, Y),
        lambda z: F.cross_entropy(z, Y, label_smoothing=0.1),
        Z,
    ),
}
BINARY_LOSSES: dict[str, tuple[Function, Function, Any]] = {
    "binary": (
        lambda z: twins.binary_cross_entropy_with_logits(z, T),
        lambda z: binary_terms(z, T).mean(),
        Z,
    ),
    "binary, rows": (
        squares(lambda z: twins.binary_cross_entropy_with_logits(z, T, T, reduction="none")),
        squares(lambda z: T * binary_terms(z, T)),
        Z,
    ),
    "binary, targets": (
        lambda t: twins.binary_cross_entropy_with_logits(Z, t, pos_weight=OF_CLASSES, softcap=2.0),
        lambda t: binary_terms(capped(Z, 2.0), t, OF_CLASSES).mean(),
        T,
    ),
    "binary, logits and targets": (
        lambda a: xent.binary_cross_entropy(
            a[0], a[1].sigmoid(), class_weight=OF_CLASSES[:2], z_loss=0.1, softcap=2.0
        ),
        lambda a: binary_weighted(capped(a[0], 2.0), a[1].sigmoid()),
        torch.stack([Z, normal(ROWS, CLASSES)]),
    ),
    "binary module": (
        lambda z: twins.BCEWithLogitsLoss(pos_weight=OF_CLASSES)(z, T),
        lambda z: binary_terms(z, T, OF_CLASSES).mean(),
        Z,
    ),
}


def split(a: Any) -> tuple[Any, Any]:
    """Inputs and weight of a layer."""
    return a[:ROWS], a[ROWS:]


LAYER = torch.cat([X, W])
LINEAR_LOSSES: dict[str, tuple[Function, Function, Any]] = {
    "layer": (
        lambda a: xent.linear_cross_entropy(*split(a), LABELS, B),
        lambda a: F.cross_entropy(F.linear(*split(a), B), LABELS),
        LAYER,
    ),
    "layer, options": (
        lambda a: twins.linear_cross_entropy(
            *split(a), Y, linear_bias=B, weight=OF_CLASSES, softcap=2.0, label_smoothing=0.1
        ),
        lambda a: F.cross_entropy(
            capped(F.linear(*split(a), B), 2.0), Y, OF_CLASSES, label_smoothing=0.1
        ),
        LAYER,
    ),
    "layer, sample weights": (
        lambda a: xent.linear_cross_entropy(
            *split(a), LABELS, sample_weight=OF_ROWS, class_weight=OF_CLASSES, z_loss=0.1
        ),
        lambda a: (
            F.cross_entropy(F.linear(*split(a)), LABELS, OF_CLASSES, reduction="none")
            @ OF_ROWS
            / (OF_CLASSES[LABELS] @ OF_ROWS)
            + 0.1 * torch.logsumexp(F.linear(*split(a)), 1).square() @ OF_ROWS / OF_ROWS.sum()
        ),
        LAYER,
    ),
    "layer, bias": (
        lambda b: twins.linear_cross_entropy(X, W, LABELS, linear_bias=b, reduction="sum"),
        lambda b: F.cross_entropy(F.linear(X, W, b), LABELS, reduction="sum"),
        B,
    ),
    "layer, rows": (
        lambda a: OF_ROWS @ twins.linear_cross_entropy(*split(a), LABELS, reduction="none") ** 2,
        lambda a: OF_ROWS @ F.cross_entropy(F.linear(*split(a)), LABELS, reduction="none") ** 2,
        LAYER,
    ),
    "layer, targets": (
        lambda a: twins.linear_cross_entropy(a[:, :WIDTH], W, a.softmax(1), weight=OF_CLASSES),
        lambda a: F.cross_entropy(F.linear(a[:, :WIDTH], W), a.softmax(1), OF_CLASSES),
        normal(ROWS, CLASSES),
    ),
    "layer, targets of rows": (
        lambda a: (
            OF_ROWS
            @ xent.linear_cross_entropy(
                a[:, :WIDTH], W, a.softmax(1), softcap=2.0, reduction="none"
            )
        ),
        lambda a: (
            OF_ROWS
            @ F.cross_entropy(
                capped(F.linear(a[:, :WIDTH], W), 2.0), a.softmax(1), reduction="none"
            )
        ),
        normal(ROWS, CLASSES),
    ),
    "layer, log-sum-exp": (
        squares(
            lambda a: sum(
                twins.linear_cross_entropy(
                    *split(a), Y, linear_bias=B, return_lse=True, softcap=2.0
                )
            )
        ),
        squares(
            lambda a: (
                F.cross_entropy(capped(F.linear(*split(a), B), 2.0), Y)
                + torch.logsumexp(capped(F.linear(*split(a), B), 2.0), 1)
            )
        ),
        LAYER,
    ),
    "layer, log-sum-exp of rows": (
        squares(
            lambda b: sum(
                twins.linear_cross_entropy(
                    X, W, LABELS, linear_bias=b, return_lse=True, reduction="none"
                )
            )
        ),
        squares(
            lambda b: (
                F.cross_entropy(F.linear(X, W, b), LABELS, reduction="none")
                + torch.logsumexp(F.linear(X, W, b), 1)
            )
        ),
        B,
    ),
}
FUNCTIONS: dict[str, tuple[Function, Function, Any]] = {
    "softmax": (squares(xent.softmax), squares(lambda z: z.softmax(-1)), Z),
    "log_softmax": (squares(xent.log_softmax), squares(lambda z: z.log_softmax(-1)), Z),
    "logsumexp": (squares(xent.logsumexp), squares(lambda z: z.logsumexp(-1)), Z),
    "sigmoid": (squares(xent.sigmoid), squares(torch.sigmoid), Z),
    "log_sigmoid": (squares(xent.log_sigmoid), squares(F.logsigmoid), Z),
}
ALL = CLASS_LOSSES | BINARY_LOSSES | LINEAR_LOSSES | FUNCTIONS


def along_ones(f: Function) -> Function:
    return lambda a: jvp(f, (a,), (torch.ones_like(a),))[1]


def of_a_dual_number(f: Function) -> Function:
    def tangent(a: Any) -> Any:
        with forward_ad.dual_level():
            return forward_ad.unpack_dual(f(forward_ad.make_dual(a, torch.ones_like(a)))).tangent

    return tangent


def gradient_of_a_dual_number(f: Function) -> Function:
    def tangent(a: Any) -> Any:
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(a.clone().requires_grad_(), torch.ones_like(a))
            (gradient,) = torch.autograd.grad(f(dual), dual, create_graph=True)
            change = forward_ad.unpack_dual(gradient).tangent
            return torch.zeros_like(a) if change is None else change  # none of what is linear

    return tangent


def twice(f: Function) -> Function:
    return lambda a: vmap(f)(torch.stack([a, a / 2]))


TRANSFORMS: dict[str, Callable[[Function], Function]] = {
    "jvp": along_ones,
    "jacfwd": jacfwd,
    "linearize": lambda f: lambda a: linearize(f, a)[1](torch.ones_like(a)),
    "dual number": of_a_dual_number,
    "without a graph": lambda f: along_ones(torch.no_grad()(f)),
    "vmap of jvp": lambda f: twice(along_ones(f)),
    "jvp of vmap": lambda f: along_ones(twice(f)),
    "backward twice": lambda f: lambda a: torch.autograd.functional.hessian(f, a),
    "product with a vector": lambda f: (
        lambda a: torch.autograd.functional.hvp(f, a, torch.ones_like(a))[1]
    ),
    "forward over reverse": hessian,
    "reverse over reverse": lambda f: jacrev(jacrev(f)),
    "reverse over forward": lambda f: jacrev(jacfwd(f)),
    "forward over forward": lambda f: jacfwd(jacfwd(f)),
    "jvp of grad": lambda f: along_ones(grad(f)),
    "vjp of grad": lambda f: lambda a: vjp(grad(f), a)[1](torch.ones_like(a))[0],
    "linearize of grad": lambda f: lambda a: linearize(grad(f), a)[1](torch.ones_like(a)),
    "gradient of a dual number": gradient_of_a_dual_number,
    "vmap of hessian": lambda f: twice(hessian(f)),
    "hessian of vmap": lambda f: hessian(lambda a: twice(f)(a).sum()),
    "third, forward": lambda f: along_ones(hessian(f)),
    "third, reverse": lambda f: grad(lambda a: hessian(f)(a).square().sum()),
}


def assert_equal(found: Any, expected: Any) -> None:
    scale = max(1.0, expected.abs().max().item())
    assert (found - expected).abs().max().item() <= 1e-13 * scale


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", ALL)
def test_derivatives_are_those_of_torchs_operations(name: str, transform: str) -> None:
    ours, theirs, at = ALL[name]
    derivative = TRANSFORMS[transform]
    assert_equal(derivative(ours)(at), derivative(theirs)(at))


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def of_network(loss: Function, at: Any) -> tuple[Function, Any]:
    """A small network before the loss, as a function of its weights: a matrix and factors."""
    flat = at.reshape(-1)
    hidden = torch.linspace(-1, 1, 3, dtype=at.dtype)
    is_target = bool((at >= 0).all())

    def f(weights: Any) -> Any:
        factors, matrix = weights[: flat.numel()], weights[flat.numel() :].reshape(-1, 3)
        moved = flat + 0.1 * factors * (torch.tanh(matrix @ hidden)).sum()
        moved = moved.reshape(at.shape)
        return loss(moved.abs() if is_target else moved)

    return f, torch.linspace(-0.5, 0.5, flat.numel() + 6, dtype=at.dtype)


PRODUCTS: dict[str, Callable[[Function], Function]] = {
    "hessian": hessian,
    "product, forward over reverse": lambda f: along_ones(grad(f)),
    "product, reverse over reverse": lambda f: lambda a: vjp(grad(f), a)[1](torch.ones_like(a))[0],
}
TYPICAL = ("labels", "softcap", "binary", "layer", "layer, rows", "layer, log-sum-exp")


@pytest.mark.parametrize("transform", PRODUCTS)
@pytest.mark.parametrize("name", ALL)
def test_a_small_network(name: str, transform: str) -> None:
    ours, theirs, at = ALL[name]
    (f, weights), (g, _) = of_network(ours, at), of_network(theirs, at)
    derivative = PRODUCTS[transform]
    assert_equal(derivative(f)(weights), derivative(g)(weights))


def check_compiled_network(name: str, transform: str) -> None:
    ours, theirs, at = ALL[name]
    (f, weights), (g, _) = of_network(ours, at), of_network(theirs, at)
    derivative = PRODUCTS[transform]
    compiled = torch.compile(derivative(f), fullgraph=True, backend="aot_eager")
    assert_equal(compiled(weights), derivative(g)(weights))


@pytest.mark.usefixtures("fresh_compiler")
@pytest.mark.parametrize("transform", PRODUCTS)
@pytest.mark.parametrize("name", TYPICAL)
def test_a_small_network_compiled(name: str, transform: str) -> None:
    check_compiled_network(name, transform)


OTHERS = [
    (name, transform)
    for name in ALL
    for transform in PRODUCTS
    if name not in TYPICAL
    # The compiler fails on torch's own losses too where they are linear, as in targets.
    and not (name in ("targets", "binary, targets") and transform.endswith("reverse over reverse"))
]


@pytest.mark.usefixtures("fresh_compiler")
@pytest.mark.parametrize(("name", "transform"), OTHERS)
def test_other_networks_compiled(name: str, transform: str) -> None:
    check_compiled_network(name, transform)


# Not a vmap of Hessians: there, the compiler fails on torch's own losses too.
@pytest.mark.usefixtures("fresh_compiler")
@pytest.mark.parametrize("transform", ["jvp", "reverse over forward", "vjp of grad"])
@pytest.mark.parametrize("name", ["labels", "log-sum-exp", "binary", "layer", "layer, rows"])
def test_other_transforms_compiled(name: str, transform: str) -> None:
    ours, theirs, at = ALL[name]
    derivative = TRANSFORMS[transform]
    compiled = torch.compile(derivative(ours), fullgraph=True, backend="aot_eager")
    assert_equal(compiled(at), derivative(theirs)(at))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_half_precision_is_rounded_at_the_end(dtype: Any) -> None:
    z = Z.to(dtype)
    change = jvp(lambda z: twins.cross_entropy(z, LABELS), (z,), (torch.ones_like(z) / 3,))[1]
    exact = jvp(
        lambda z: F.cross_entropy(z, LABELS), (z.double(),), (torch.ones_like(z).double() / 3,)
    )[1]
    assert change.dtype == torch.float32
    # The gradient is stored in the logits' dtype; its entries are below 1, and a third is rounded.
    torch.testing.assert_close(change.double(), exact, rtol=0.0, atol=torch.finfo(dtype).eps / 2)
    (along,) = torch.autograd.functional.hvp(lambda z: twins.cross_entropy(z, LABELS), z, z)[1:]
    exact = torch.autograd.functional.hvp(
        lambda z: F.cross_entropy(z, LABELS), z.double(), z.double()
    )[1]
    assert along.dtype == dtype
    torch.testing.assert_close(along.double(), exact, rtol=4 * torch.finfo(dtype).eps, atol=1e-3)


def test_a_layer_of_several_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logits of the second pass are made chunk by chunk too."""
    monkeypatch.setattr("xent.torch._linear_recomputed.CHUNK", 2 * CLASSES)
    for name, (ours, theirs, at) in LINEAR_LOSSES.items():
        found = torch.autograd.functional.hessian(ours, at)
        expected = torch.autograd.functional.hessian(theirs, at)
        assert (found - expected).abs().max() < 1e-13, name


def test_a_layer_without_features() -> None:
    """The bias alone makes the logits."""
    x, w = torch.zeros(ROWS, 0).double(), torch.zeros(CLASSES, 0).double()
    for transform in (grad, jacfwd, hessian):
        found = transform(lambda b: twins.linear_cross_entropy(x, w, LABELS, linear_bias=b))(B)
        expected = transform(lambda b: F.cross_entropy(b.expand(ROWS, -1), LABELS))(B)
        assert_equal(found, expected)


def test_a_layer_without_rows() -> None:
    x = torch.zeros(0, WIDTH, dtype=torch.float64)
    empty = LABELS[:0]
    found = hessian(lambda w: twins.linear_cross_entropy(x, w, empty, return_lse=True)[0])(W)
    assert found.shape == (CLASSES, WIDTH, CLASSES, WIDTH)
    assert not found.any()


def test_rows_of_weight_0_do_not_count_whatever_they_hold() -> None:
    z = torch.stack([Z[0], torch.full_like(Z[0], torch.nan), Z[2]])
    weight = torch.tensor([1.0, 0.0, 2.0])
    found = hessian(lambda z: xent.cross_entropy(z, LABELS, sample_weight=weight, softcap=2.0))(z)
    kept = hessian(lambda z: xent.cross_entropy(z, LABELS, sample_weight=weight, softcap=2.0))(Z)
    assert_equal(found[[0, 2]][:, :, [0, 2]], kept[[0, 2]][:, :, [0, 2]])
    assert not found[1].any()
    assert not found[:, :, 1].any()


@pytest.mark.parametrize(
    "options", [{}, {"softcap": 3.0}, {"z_loss": 0.1}, {"sample_weight": [1.0, 0.0, 2.0]}]
)
def test_nor_do_those_of_a_layer(options: dict[str, Any]) -> None:
    bad = X.clone()
    bad[1] = torch.nan
    y = LABELS if "sample_weight" in options else Y  # which ignores that row

    def loss(x: Any, w: Any) -> Any:
        return xent.linear_cross_entropy(x, w, y, ignore_index=-100, **options)

    for transform in TRANSFORMS["jvp of grad"], TRANSFORMS["reverse over reverse"]:
        found, expected = (
            transform(lambda a: loss(a[:ROWS], a[ROWS:]))(torch.cat([x, W])) for x in (bad, X)
        )
        assert_equal(found, expected)


@pytest.mark.parametrize("derivative", ["forward over reverse", "reverse over reverse"])
def test_confident_rows_keep_their_digits(derivative: str) -> None:
    """p (1 - p) would cancel; exact values of the softmax's second derivative at (50, 0, 0)."""
    z, y = torch.tensor([[50.0, 0, 0]], dtype=torch.float64), torch.tensor([0])
    p = math.exp(-50) / (1 + 2 * math.exp(-50))
    exact = [[2 * p, -p, -p], [-p, p, 0.0], [-p, 0.0, p]]
    weight, one = torch.eye(3, dtype=torch.float64), torch.tensor([[1.0]], dtype=torch.float64)
    losses = {
        "labels": lambda z: twins.cross_entropy(z, y),
        "soft": lambda z: twins.cross_entropy(z, torch.tensor([[1.0, 0, 0]]).double()),
        "softcap": lambda z: twins.cross_entropy(z, y, softcap=1e9),
        "layer": lambda z: twins.linear_cross_entropy(z, weight, y),
        "layer of one feature": lambda z: twins.linear_cross_entropy(one, z.T, y),
    }
    expected = torch.tensor(exact, dtype=torch.float64)
    for loss in losses.values():
        found = TRANSFORMS[derivative](loss)(z).reshape(3, 3)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-30)


def test_what_remains_impossible_says_so() -> None:
    def loss(a: Any) -> Any:
        x, t = a[:, :WIDTH], a.softmax(1)
        return xent.linear_cross_entropy(x, W, t, class_weight=OF_CLASSES)

    text = (
        r"^linear_cross_entropy has no second derivative if targets require a gradient and a mean "
        r"has class weights: its divisor depends on the targets\. Use reduction='sum' and "
        r"divide\.$"
    )
    for derivative in (hessian, lambda f: jacrev(jacrev(f))):
        with pytest.raises(NotImplementedError, match=text):
            derivative(loss)(Z)


WEIGHTED: dict[str, tuple[Function, Any]] = {
    "sample_weight": (lambda w: xent.cross_entropy(Z, LABELS, sample_weight=w), OF_ROWS),
    "class_weight": (lambda w: xent.linear_cross_entropy(X, W, LABELS, class_weight=w), OF_CLASSES),
    "pos_weight": (lambda w: xent.binary_cross_entropy(Z, T, pos_weight=w), OF_CLASSES),
}


@pytest.mark.usefixtures("fresh_compiler")
@pytest.mark.parametrize("compiled", [False, True], ids=["as it is", "compiled"])
@pytest.mark.parametrize("order", [grad, lambda f: jacrev(jacrev(f))], ids=["first", "second"])
def test_weights_get_no_gradient_and_say_so(order: Any, compiled: bool) -> None:
    """Nested transforms hide from a compiler what requires a gradient."""
    for name, (f, at) in WEIGHTED.items():
        derivative = order(f)
        if compiled:
            derivative = torch.compile(derivative, backend="aot_eager")
        with pytest.raises(Exception, match=f"{name} requires a gradient, but weights get none"):
            derivative(at)


@pytest.mark.usefixtures("fresh_compiler")
@pytest.mark.parametrize("compiled", [False, True], ids=["as it is", "compiled"])
@pytest.mark.parametrize("name", WEIGHTED)
def test_weights_have_no_tangent_and_say_so(name: str, compiled: bool) -> None:
    f, at = WEIGHTED[name]
    derivative = along_ones(f)
    if compiled:
        derivative = torch.compile(derivative, backend="aot_eager")
    text = rf"{name} has a tangent, but weights have no derivative\. Pass {name}\.detach\(\)\."
    with pytest.raises(Exception, match=text):
        derivative(at)


@pytest.mark.parametrize("rows", [4, 3000], ids=["small", "large"])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_an_upstream_gradient_with_a_tangent(reduction: str, rows: int) -> None:
    """The gradient is linear in it."""
    z = normal(rows, 500).float().requires_grad_()
    y = torch.randint(500, (rows,), generator=RNG)
    found = []
    for function in (twins.cross_entropy, F.cross_entropy):
        loss = function(z, y, reduction=reduction)
        with forward_ad.dual_level():
            upstream = forward_ad.make_dual(torch.ones_like(loss), torch.full_like(loss, 0.5))
            (gradient,) = torch.autograd.grad(loss, z, grad_outputs=upstream)
            found.append(forward_ad.unpack_dual(gradient))
    torch.testing.assert_close(*found)
