"""Forward-mode derivatives: each is refused with what to use instead, and none is 0 in silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers import import_torch

import xent

torch = import_torch()

import torch.nn.functional as F  # noqa: E402, N812 - everyone's name for it
from torch.autograd import forward_ad  # noqa: E402
from torch.func import grad, hessian, jacfwd, jacrev, jvp, linearize, vmap  # noqa: E402

import xent.torch as twins  # noqa: E402

# torch's own, from what it imports for forward mode
pytestmark = pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning")

RNG = torch.Generator().manual_seed(14)
ROWS, CLASSES, WIDTH = 3, 5, 2


def normal(*shape: int) -> Any:
    return torch.randn(shape, generator=RNG)


Z, X, W, B = normal(ROWS, CLASSES), normal(ROWS, WIDTH), normal(CLASSES, WIDTH), normal(CLASSES)
Y = torch.tensor([4, 0, 2])
S, T = normal(ROWS, CLASSES).softmax(1), torch.rand(ROWS, CLASSES, generator=RNG)
OF_ROWS, OF_CLASSES = torch.rand(ROWS, generator=RNG), torch.rand(CLASSES, generator=RNG)
LAYER = normal(CLASSES, CLASSES)
Function = Callable[[Any], Any]

CLASS_LOSSES: dict[str, tuple[Function, Any]] = {
    "labels": (lambda z: xent.cross_entropy(z, Y), Z),
    "sample-weighted": (lambda z: xent.cross_entropy(z, Y, sample_weight=OF_ROWS), Z),
    "row losses": (lambda z: xent.cross_entropy(z, Y, reduction="none").sum(), Z),
    "soft": (lambda z: xent.cross_entropy(z, S, label_smoothing=0.1), Z),
    "softcap": (lambda z: xent.cross_entropy(z, Y, softcap=3.0), Z),
    "targets": (lambda p: xent.cross_entropy(Z, p), S),
    "weights": (lambda w: xent.cross_entropy(Z, Y, sample_weight=w), OF_ROWS),
    "twin": (lambda z: twins.cross_entropy(z, Y, OF_CLASSES), Z),
    "twin, z-loss": (lambda z: twins.cross_entropy(z, Y, z_loss=0.1, reduction="sum"), Z),
    "twin, extras": (
        lambda z: sum(twins.cross_entropy(z, Y, return_lse=True, return_accuracy=True)).sum(),
        Z,
    ),
    "twin, log-sum-exp": (lambda z: twins.cross_entropy(z, Y, return_lse=True)[1].sum(), Z),
    "module": (lambda z: twins.CrossEntropyLoss(label_smoothing=0.1)(z, S), Z),
    "model": (lambda m: twins.cross_entropy(torch.tanh(Z @ m), Y), LAYER),
}
BINARY_LOSSES: dict[str, tuple[Function, Any]] = {
    "binary": (lambda z: xent.binary_cross_entropy(z, T), Z),
    "binary, weighted": (
        lambda z: xent.binary_cross_entropy(z, T, pos_weight=OF_CLASSES, reduction="sum"),
        Z,
    ),
    "binary, softcap": (lambda z: xent.binary_cross_entropy(z, T, softcap=2.0), Z),
    "binary, targets": (lambda t: xent.binary_cross_entropy(Z, t), T),
}
BINARY_TWINS: dict[str, tuple[Function, Any]] = {
    "twin": (lambda z: twins.binary_cross_entropy_with_logits(z, T, T), Z),
    "twin, row losses": (
        lambda z: twins.binary_cross_entropy_with_logits(z, T, reduction="none").sum(),
        Z,
    ),
    "twin module": (lambda z: twins.BCEWithLogitsLoss()(z, T), Z),
}
LINEAR_LOSSES: dict[str, tuple[Function, Any]] = {
    "inputs": (lambda x: xent.linear_cross_entropy(x, W, Y, B), X),
    "weight": (lambda w: xent.linear_cross_entropy(X, w, Y, B), W),
    "bias": (lambda b: xent.linear_cross_entropy(X, W, Y, b, z_loss=0.1), B),
    "sample-weighted": (lambda x: xent.linear_cross_entropy(x, W, Y, sample_weight=OF_ROWS), X),
    "soft": (lambda x: xent.linear_cross_entropy(x, W, S), X),
    "row losses": (lambda x: xent.linear_cross_entropy(x, W, Y, reduction="none").sum(), X),
    "twin": (lambda x: twins.linear_cross_entropy(x, W, Y, softcap=3.0), X),
    "twin, extras": (
        lambda x: twins.linear_cross_entropy(x, W, Y, return_lse=True, return_entropy=True)[0],
        X,
    ),
    "model": (lambda m: twins.linear_cross_entropy(torch.tanh(X @ m), W, Y), normal(2, 2)),
}


def sum_of_squares(f: Function) -> Function:
    return lambda z: f(z).square().sum()


FUNCTIONS = {
    f.__name__: {"of rows": (sum_of_squares(f), Z)}
    for f in (xent.softmax, xent.log_softmax, xent.logsumexp, xent.sigmoid, xent.log_sigmoid)
}
LOSSES = {
    (function, name): loss
    for function, losses in {
        "cross_entropy": CLASS_LOSSES,
        "binary_cross_entropy": BINARY_LOSSES,
        "binary_cross_entropy_with_logits": BINARY_TWINS,
        "linear_cross_entropy": LINEAR_LOSSES,
        **FUNCTIONS,
    }.items()
    for name, loss in losses.items()
}
each = pytest.mark.parametrize(("function", "name"), LOSSES)


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
            return forward_ad.unpack_dual(gradient).tangent

    return tangent


FORWARD: dict[str, Callable[[Function], Function]] = {
    "jvp": along_ones,
    "jacfwd": jacfwd,
    "linearize": lambda f: lambda a: linearize(f, a)[1](torch.ones_like(a)),
    "dual number": of_a_dual_number,
    "without a graph": lambda f: along_ones(torch.no_grad()(f)),
    "vmap of jvp": lambda f: lambda a: vmap(along_ones(f))(torch.stack([a, a])),
    "jvp of vmap": lambda f: along_ones(lambda a: vmap(f)(torch.stack([a, a]))),
}
OVER_REVERSE: dict[str, Callable[[Function], Function]] = {
    "hessian": hessian,
    "jvp of grad": lambda f: along_ones(grad(f)),
    "jacfwd of grad": lambda f: jacfwd(grad(f)),
    "linearize of grad": lambda f: lambda a: linearize(grad(f), a)[1](torch.ones_like(a)),
    "gradient of a dual number": gradient_of_a_dual_number,
    "grad of jvp": lambda f: grad(lambda a: along_ones(f)(a)),
    "jacrev of jacfwd": lambda f: jacrev(jacfwd(f)),
    "jacfwd of jacfwd": lambda f: jacfwd(jacfwd(f)),
    "vmap of hessian": lambda f: lambda a: vmap(hessian(f))(torch.stack([a, a])),
    "hessian of vmap": lambda f: hessian(lambda a: vmap(f)(torch.stack([a, a])).sum()),
}


def refusal(function: str) -> str:
    return (
        rf"^{function} has no forward-mode derivative \(jvp, jacfwd, linearize, hessian\)\. Use "
        r"reverse mode: torch\.func\.jacrev\(f\), and for a Hessian "
        r"torch\.func\.jacrev\(torch\.func\.jacrev\(f\)\)\.$"
    )


@pytest.mark.parametrize("transform", FORWARD)
@each
def test_forward_mode_is_refused(function: str, name: str, transform: str) -> None:
    f, at = LOSSES[function, name]
    with pytest.raises(NotImplementedError, match=refusal(function)):
        FORWARD[transform](f)(at)


@pytest.mark.parametrize("transform", OVER_REVERSE)
@each
def test_forward_mode_is_refused_over_reverse_mode(
    function: str, name: str, transform: str
) -> None:
    f, at = LOSSES[function, name]
    error, text = NotImplementedError, refusal(function)
    if name == "weights" and transform not in ("grad of jvp", "jacrev of jacfwd", *FORWARD):
        # Reverse mode refuses it first, where it is the inner one.
        error, text = (NotImplementedError, ValueError), "requires a gradient|forward-mode"
    with pytest.raises(error, match=text):
        OVER_REVERSE[transform](f)(at)


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


COMPILED = [
    ("cross_entropy", "labels"),
    ("cross_entropy", "twin, extras"),
    ("cross_entropy", "model"),
    ("binary_cross_entropy", "binary"),
    ("linear_cross_entropy", "inputs"),
    ("linear_cross_entropy", "row losses"),
]


@pytest.mark.usefixtures("fresh_compiler")
@pytest.mark.parametrize(
    "transform", ["jvp", "hessian", "jvp of grad", "linearize of grad", "vmap of hessian"]
)
@pytest.mark.parametrize(("function", "name"), COMPILED)
def test_a_compiler_refuses_it_too(function: str, name: str, transform: str) -> None:
    f, at = LOSSES[function, name]
    compiled = torch.compile((FORWARD | OVER_REVERSE)[transform](f), backend="aot_eager")
    with pytest.raises(Exception, match="has no forward-mode derivative"):
        compiled(at)


SAME: dict[str, tuple[Function, Function, Any]] = {
    "labels": (CLASS_LOSSES["labels"][0], lambda z: F.cross_entropy(z, Y), Z),
    "sample-weighted": (
        CLASS_LOSSES["sample-weighted"][0],
        lambda z: (F.cross_entropy(z, Y, reduction="none") * OF_ROWS).sum() / OF_ROWS.sum(),
        Z,
    ),
    "row losses": (
        CLASS_LOSSES["row losses"][0],
        lambda z: F.cross_entropy(z, Y, reduction="sum"),
        Z,
    ),
    "soft": (
        CLASS_LOSSES["soft"][0],
        lambda z: F.cross_entropy(z, S, label_smoothing=0.1),
        Z,
    ),
    "twin": (CLASS_LOSSES["twin"][0], lambda z: F.cross_entropy(z, Y, OF_CLASSES), Z),
    "extras": (
        CLASS_LOSSES["twin, extras"][0],
        lambda z: (F.cross_entropy(z, Y) + torch.logsumexp(z, 1)).sum(),
        Z,
    ),
    "log-sum-exp": (
        CLASS_LOSSES["twin, log-sum-exp"][0],
        lambda z: torch.logsumexp(z, 1).sum(),
        Z,
    ),
    "model": (
        CLASS_LOSSES["model"][0],
        lambda m: F.cross_entropy(torch.tanh(Z @ m), Y),
        LAYER,
    ),
    "binary": (
        BINARY_LOSSES["binary"][0],
        lambda z: F.binary_cross_entropy_with_logits(z, T),
        Z,
    ),
    "weighted binary": (
        BINARY_TWINS["twin"][0],
        lambda z: F.binary_cross_entropy_with_logits(z, T, T),
        Z,
    ),
    "softmax": (
        FUNCTIONS["softmax"]["of rows"][0],
        lambda z: torch.softmax(z, 1).square().sum(),
        Z,
    ),
    "binary targets": (
        BINARY_LOSSES["binary, targets"][0],
        lambda t: F.binary_cross_entropy_with_logits(Z, t),
        T,
    ),
}


@pytest.mark.usefixtures("fresh_compiler")
@pytest.mark.parametrize("compiled", [False, True], ids=["as it is", "compiled"])
@pytest.mark.parametrize("name", SAME)
def test_what_is_advised_gives_the_hessian(name: str, compiled: bool) -> None:
    ours, theirs, at = SAME[name]
    found = jacrev(jacrev(ours))
    if compiled:
        found = torch.compile(found, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(found(at), jacrev(jacrev(theirs))(at))


@pytest.mark.parametrize(
    ("function", "name", "text"),
    [
        ("cross_entropy", "softcap", r"no second derivative with softcap\. Apply it before"),
        ("linear_cross_entropy", "inputs", r"has no second derivative\. Use cross_entropy"),
        ("linear_cross_entropy", "row losses", r"has no second derivative\. Use cross_entropy"),
        ("linear_cross_entropy", "weight", r"has no second derivative\. Use cross_entropy"),
    ],
)
def test_or_says_that_there_is_none(function: str, name: str, text: str) -> None:
    f, at = LOSSES[function, name]
    with pytest.raises(NotImplementedError, match=text):
        jacrev(jacrev(f))(at)


@pytest.mark.usefixtures("fresh_compiler")
@pytest.mark.parametrize("compiled", [False, True], ids=["as it is", "compiled"])
@pytest.mark.parametrize("order", [grad, lambda f: jacrev(jacrev(f))], ids=["first", "second"])
def test_weights_get_no_gradient_and_say_so(order: Any, compiled: bool) -> None:
    """Nested transforms hide from a compiler what requires a gradient."""
    losses: dict[str, tuple[Function, Any]] = {
        "sample_weight": (lambda w: xent.cross_entropy(Z, Y, sample_weight=w), OF_ROWS),
        "class_weight": (lambda w: xent.linear_cross_entropy(X, W, Y, class_weight=w), OF_CLASSES),
        "pos_weight": (lambda w: xent.binary_cross_entropy(Z, T, pos_weight=w), OF_CLASSES),
    }
    for name, (f, at) in losses.items():
        derivative = order(f)
        if compiled:
            derivative = torch.compile(derivative, backend="aot_eager")
        with pytest.raises(Exception, match=f"{name} requires a gradient, but weights get none"):
            derivative(at)


@pytest.mark.parametrize("rows", [4, 3000], ids=["small", "large"])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_an_upstream_gradient_with_a_tangent(reduction: str, rows: int) -> None:
    """The gradient is linear in it, so this derivative is there."""
    z = normal(rows, 500).requires_grad_()
    y = torch.randint(500, (rows,), generator=RNG)
    found = []
    for function in (twins.cross_entropy, F.cross_entropy):
        loss = function(z, y, reduction=reduction)
        with forward_ad.dual_level():
            upstream = forward_ad.make_dual(torch.ones_like(loss), torch.full_like(loss, 0.5))
            (gradient,) = torch.autograd.grad(loss, z, grad_outputs=upstream)
            found.append(forward_ad.unpack_dual(gradient))
    torch.testing.assert_close(*found)
