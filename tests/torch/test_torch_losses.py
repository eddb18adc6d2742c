"""Tensors in the loss functions: derivatives of every order, transforms, compilers, memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers import import_torch

import xent

torch = import_torch()

import torch.nn.functional as F  # noqa: E402, N812 - everyone's name for it
from torch.autograd import forward_ad  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402

import xent.torch as twins  # noqa: E402
from xent._engine import linear as chunked  # noqa: E402
from xent.torch import _direct  # noqa: E402

ROWS, CLASSES, FEATURES = 6, 5, 4
RNG = torch.Generator().manual_seed(1)


def normal(*shape: int) -> Any:
    return torch.randn(shape, generator=RNG, dtype=torch.float64)


Z, X, W, B = (
    normal(ROWS, CLASSES),
    normal(ROWS, FEATURES),
    normal(CLASSES, FEATURES),
    normal(CLASSES),
)
Y = torch.tensor([0, 1, 2, 3, 4, -100])
T = normal(ROWS, CLASSES).softmax(1)
ZB, TB = normal(7), torch.rand(7, generator=RNG, dtype=torch.float64)
UP = normal(ROWS)
CLASS_WEIGHT = torch.tensor([1.0, 2.0, 0.5, 3.0, 1.5], dtype=torch.float64)
SAMPLE_WEIGHT = torch.tensor([1.0, 0.0, 2.0, 0.5, 1.0, 1.0], dtype=torch.float64)

OPTIONS: list[dict[str, Any]] = [
    {},
    {"label_smoothing": 0.1},
    {"z_loss": 0.1},
    {"softcap": 3.0},
    {"class_weight": CLASS_WEIGHT},
    {"sample_weight": SAMPLE_WEIGHT},
]
REDUCTIONS = ["mean", "sum", "none"]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let linear_cross_entropy work in chunks of 4 rows and 2 classes."""
    monkeypatch.setattr(chunked, "CHUNK", 4 * CLASSES)
    yield
    torch.compiler.reset()


def reduced(value: Any) -> Any:
    """One number of a loss; each row with a factor of its own."""
    return (value * UP[: len(value)]).sum() if value.ndim else value


def names(options: dict[str, Any]) -> str:
    return "-".join(options) or "plain"


def check_derivatives(loss: Callable[..., Any], *tensors: Any, second: bool = True) -> None:
    """First derivatives in both modes, and second ones in reverse over and under forward mode."""
    leaves = tuple(tensor.clone().requires_grad_() for tensor in tensors)
    assert torch.autograd.gradcheck(loss, leaves, check_forward_ad=True)
    if second:
        assert torch.autograd.gradgradcheck(loss, leaves, check_fwd_over_rev=True)


@pytest.mark.parametrize("options", OPTIONS, ids=names)
@pytest.mark.parametrize("reduction", REDUCTIONS)
class TestDerivatives:
    def test_of_labels(self, options: dict[str, Any], reduction: str) -> None:
        def loss(z: Any) -> Any:
            return reduced(
                xent.cross_entropy(z, Y, ignore_index=-100, reduction=reduction, **options)
            )

        check_derivatives(loss, Z)

    def test_of_probabilities(self, options: dict[str, Any], reduction: str) -> None:
        def loss(z: Any, t: Any) -> Any:
            t = t / t.sum(1, keepdim=True)  # so that a step keeps the sums
            return reduced(xent.cross_entropy(z, t, reduction=reduction, **options))

        check_derivatives(loss, Z, T)

    def test_of_a_linear_layer(self, options: dict[str, Any], reduction: str) -> None:
        def loss(x: Any, w: Any, b: Any) -> Any:
            how = {"reduction": reduction, "ignore_index": -100, **options}
            return reduced(xent.linear_cross_entropy(x, w, Y, b, **how))

        check_derivatives(loss, X, W, B)

    def test_of_a_linear_layer_and_probabilities(
        self, options: dict[str, Any], reduction: str
    ) -> None:
        def loss(x: Any, w: Any, t: Any) -> Any:
            t = t / t.sum(1, keepdim=True)
            return reduced(xent.linear_cross_entropy(x, w, t, reduction=reduction, **options))

        # With class weights, the mean's divisor depends on the targets.
        check_derivatives(
            loss, X, W, T, second="class_weight" not in options or reduction != "mean"
        )

    def test_binary(self, options: dict[str, Any], reduction: str) -> None:
        how = dict(options)
        if "class_weight" in how:
            how["pos_weight"] = how.pop("class_weight")[1]
        if "sample_weight" in how:
            how["sample_weight"] = torch.tensor([1.0, 0, 2, 1, 1, 3, 1], dtype=torch.float64)

        def loss(z: Any, t: Any) -> Any:
            value = xent.binary_cross_entropy(z, t, reduction=reduction, **how)
            return (value * torch.arange(1.0, 8.0)).sum() if value.ndim else value

        check_derivatives(loss, ZB, TB)


def test_numbers_and_lists_keep_their_digits() -> None:
    """PyTorch would round them to float32, also beside float64."""
    for options in ({"class_weight": [0.1, 0.7, 0.3]}, {"sample_weight": [0.1, 0.7]}):
        z, y = normal(2, 3), torch.tensor([0, 2])
        assert xent.cross_entropy(z, y, **options).item() == pytest.approx(
            float(xent.cross_entropy(z.numpy(), y.numpy(), **options)), rel=1e-15
        )
    z, t = normal(2), [0.1, 0.7]
    assert xent.binary_cross_entropy(z, t, pos_weight=1.7).item() == pytest.approx(
        float(xent.binary_cross_entropy(z.numpy(), t, pos_weight=1.7)), rel=1e-15
    )


def test_a_third_derivative() -> None:
    z = normal(2, 3).requires_grad_()
    labels = torch.tensor([0, 2])
    orders = []
    for loss in (xent.cross_entropy, F.cross_entropy):
        value = loss(z, labels)
        for _ in range(3):
            (value,) = torch.autograd.grad(value.square().sum(), z, create_graph=True)
        orders.append(value.detach())
    torch.testing.assert_close(*orders)


LOSSES: dict[str, tuple[Callable[..., Any], Callable[..., Any], Any]] = {
    "classes": (
        lambda z: xent.cross_entropy(z, Y, ignore_index=-100),
        lambda z: F.cross_entropy(z, Y),
        Z,
    ),
    "binary": (
        lambda z: xent.binary_cross_entropy(z, TB),
        lambda z: F.binary_cross_entropy_with_logits(z, TB),
        ZB,
    ),
    "linear": (
        lambda x: xent.linear_cross_entropy(x, W, Y, B, ignore_index=-100),
        lambda x: F.cross_entropy(F.linear(x, W, B), Y),
        X,
    ),
}
both = pytest.mark.parametrize("name", LOSSES)


@both
def test_torch_func_grad(name: str) -> None:
    ours, theirs, z = LOSSES[name]
    torch.testing.assert_close(torch.func.grad(ours)(z), torch.func.grad(theirs)(z))


@pytest.mark.parametrize("name", ["classes", "binary"])
def test_torch_func_jacobian_of_the_gradient(name: str) -> None:
    ours, theirs, z = LOSSES[name]
    mine, other = (torch.func.jacrev(torch.func.grad(f))(z) for f in (ours, theirs))
    torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("in_dims", [(0, 0), (1, 0), (0, None)])
def test_torch_func_vmap(reduction: str, in_dims: tuple[Any, ...]) -> None:
    z, y = normal(3, ROWS, CLASSES), torch.stack([Y, Y.roll(1), Y.roll(2)])
    z = z.movedim(0, in_dims[0])
    y = y if in_dims[1] == 0 else y[0]
    results = []
    for loss in (
        lambda z, y: xent.cross_entropy(z, y, ignore_index=-100, reduction=reduction),
        lambda z, y: F.cross_entropy(z, y, reduction=reduction),
    ):
        value = torch.func.vmap(loss, in_dims)(z, y)
        each = torch.func.vmap(torch.func.grad(lambda z, y, f=loss: f(z, y).sum()), in_dims)(z, y)
        results.append((value, each))
    torch.testing.assert_close(*results)


def test_torch_func_vmap_of_binary() -> None:
    z, t = normal(3, 7), torch.stack([TB, 1 - TB, TB])
    mine = torch.func.vmap(torch.func.grad(lambda z, t: xent.binary_cross_entropy(z, t)))(z, t)
    other = torch.func.vmap(torch.func.grad(F.binary_cross_entropy_with_logits))(z, t)
    torch.testing.assert_close(mine, other)


# The backend that needs no C++ compiler.
COMPILED = {"fullgraph": True, "backend": "aot_eager"}


@both
@pytest.mark.parametrize("dynamic", [False, True])
def test_torch_compile_in_one_graph(name: str, dynamic: bool) -> None:
    ours, theirs, z = LOSSES[name]
    z = z.clone().requires_grad_()
    compiled = torch.compile(lambda z: 2 * ours(z.sin()), dynamic=dynamic, **COMPILED)
    loss, due = compiled(z), 2 * theirs(z.sin())
    torch.testing.assert_close(loss, due)
    grads = [torch.autograd.grad(value, z)[0] for value in (loss, due)]
    torch.testing.assert_close(*grads)


@both
def test_torch_compile_without_gradients(name: str) -> None:
    ours, _, z = LOSSES[name]
    torch.testing.assert_close(torch.compile(ours, **COMPILED)(z), ours(z))
    leaf = z.clone().requires_grad_()
    with torch.no_grad():
        torch.testing.assert_close(torch.compile(ours, **COMPILED)(leaf), ours(z))


def test_torch_compile_of_linear_rows() -> None:
    def ours(x: Any, w: Any) -> Any:
        rows = xent.linear_cross_entropy(x, w, Y, ignore_index=-100, reduction="none")
        return (rows * UP).sum()

    tensors = [a.clone().requires_grad_() for a in (X, W)]
    compiled = torch.compile(ours, **COMPILED)
    due = (F.cross_entropy(F.linear(*tensors), Y, reduction="none") * UP).sum()
    torch.testing.assert_close(
        torch.autograd.grad(compiled(*tensors), tensors), torch.autograd.grad(due, tensors)
    )


@both
def test_activation_checkpointing(name: str) -> None:
    ours, theirs, z = LOSSES[name]
    z = z.clone().requires_grad_()
    (mine,) = torch.autograd.grad(checkpoint(ours, z, use_reentrant=False), z)
    torch.testing.assert_close(mine, torch.autograd.grad(theirs(z), z)[0])


def test_autocast_mixes_dtypes() -> None:
    x, w = X.float().requires_grad_(), W.float().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        z = F.linear(x, w)
        assert z.dtype == torch.bfloat16
        loss = xent.cross_entropy(z, Y, ignore_index=-100)
        fused = xent.linear_cross_entropy(x.bfloat16(), w, Y, ignore_index=-100)
    assert loss.dtype == fused.dtype == torch.float32
    torch.testing.assert_close(loss, fused, rtol=0.02, atol=0)
    (loss + fused).backward()
    assert x.grad.dtype == w.grad.dtype == torch.float32


@both
def test_inputs_are_never_overwritten(name: str) -> None:
    ours, _, z = LOSSES[name]
    z = z.clone().requires_grad_()
    before = z.detach().clone()
    version = z._version
    loss = ours(z)
    loss.backward(retain_graph=True)
    first = z.grad.clone()
    loss.backward()
    torch.testing.assert_close(z.grad, 2 * first)
    assert z._version == version
    assert torch.equal(z.detach(), before)


@both
@pytest.mark.parametrize("factor", [1, 3])
def test_the_kept_gradient_is_not_the_users(name: str, factor: int) -> None:
    """What backward gave away may be written over, and the graph run again and again."""
    ours, _, z = LOSSES[name]
    z = z.clone().requires_grad_()
    (due,) = torch.autograd.grad(ours(z), z)
    loss = factor * ours(z)
    for kept in (True, True, True, False):
        z.grad = None
        loss.backward(retain_graph=kept)
        torch.testing.assert_close(z.grad, factor * due)
        z.grad.mul_(7)


@pytest.mark.parametrize("name", ["classes", "binary"])
def test_a_gradient_penalty_beside_the_loss(name: str) -> None:
    ours, theirs, z = LOSSES[name]
    found = []
    for loss in (ours, theirs):
        leaf = z.clone().requires_grad_()
        value = loss(leaf)
        (gradient,) = torch.autograd.grad(value, leaf, create_graph=True)
        (5 * value + gradient.square().sum()).backward()
        found.append(leaf.grad)
    torch.testing.assert_close(*found)


def test_layouts() -> None:
    wide = normal(ROWS, 2 * CLASSES)[:, ::2]
    image = normal(2, CLASSES, 3, 4).to(memory_format=torch.channels_last)
    for z, axis in ((wide, -1), (normal(CLASSES, ROWS).T, -1), (image, 1)):
        z = z.requires_grad_()
        labels = torch.zeros(z.movedim(axis, -1).shape[:-1], dtype=torch.int32)
        (mine,) = torch.autograd.grad(xent.cross_entropy(z, labels, axis=axis), z)
        due = F.cross_entropy(z.movedim(axis, 1), labels.long())
        torch.testing.assert_close(mine, torch.autograd.grad(due, z)[0])


def test_gradients_by_return_grad() -> None:
    loss, grad = xent.cross_entropy(Z, Y, ignore_index=-100, return_grad=True)
    z = Z.clone().requires_grad_()
    (due,) = torch.autograd.grad(F.cross_entropy(z, Y), z)
    torch.testing.assert_close(grad, due)
    assert not loss.requires_grad
    loss, (dx, dw, db) = xent.linear_cross_entropy(X, W, Y, B, ignore_index=-100, return_grad=True)
    tensors = [a.clone().requires_grad_() for a in (X, W, B)]
    due = torch.autograd.grad(F.cross_entropy(F.linear(*tensors), Y), tensors)
    torch.testing.assert_close((dx, dw, db), due)
    loss, grad = xent.binary_cross_entropy(ZB, TB, return_grad=True)
    torch.testing.assert_close(grad, (ZB.sigmoid() - TB) / 7)


def test_without_gradients_none_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []
    results = _direct._results

    def watched(*arguments: Any) -> Any:
        loss, grad = results(*arguments)
        shapes.append(grad.shape)
        return loss, grad

    monkeypatch.setattr(_direct, "_results", watched)
    z = Z.clone().requires_grad_()
    with torch.no_grad():
        xent.cross_entropy(z, Y, ignore_index=-100)
    xent.cross_entropy(z.detach(), Y, ignore_index=-100)
    xent.cross_entropy(z, Y, ignore_index=-100)
    assert shapes == [(0,), (0,), Z.shape]


def test_the_logits_are_not_kept() -> None:
    z = Z.clone().requires_grad_()
    logits = z * 2
    held = torch.autograd.graph.saved_tensors_hooks
    saved = []
    with held(lambda t: saved.append(t.data_ptr()) or t, lambda t: t):
        loss = xent.cross_entropy(logits, Y, ignore_index=-100)
    assert logits.data_ptr() not in saved
    loss.backward()
    assert z.grad is not None


def test_meta_tensors_have_shapes() -> None:
    z = torch.empty(4, 3, device="meta", requires_grad=True)
    labels = torch.empty(4, dtype=torch.long, device="meta")
    assert xent.cross_entropy(z, labels).shape == ()
    assert xent.cross_entropy(z, labels, reduction="none").shape == (4,)


def test_every_row_ignored_costs_nothing() -> None:
    none = torch.full((ROWS,), -100)
    tensors = [a.clone().requires_grad_() for a in (X, W, B)]
    loss = xent.linear_cross_entropy(tensors[0], tensors[1], none, tensors[2], ignore_index=-100)
    loss.backward()
    assert loss.item() == 0
    assert all(not t.grad.any() for t in tensors)


def test_log_loss_is_a_metric_of_tensors_too() -> None:
    p = T.float().requires_grad_()
    labels = torch.tensor([0, 1, 2, 3, 4, 0])
    score = xent.log_loss(labels, p.detach(), class_weight=CLASS_WEIGHT)
    assert score.dtype == torch.float64
    due = F.nll_loss(p.detach().double().log(), labels, CLASS_WEIGHT)
    torch.testing.assert_close(score, due)
    rows = xent.log_loss([1, 0], torch.tensor([0.9, 0.2]), reduction="none")
    torch.testing.assert_close(rows, -torch.tensor([0.9, 0.8]).double().log(), rtol=1e-6, atol=0)
    with pytest.raises(
        ValueError, match="To train, pass logits to cross_entropy; to measure, pass"
    ):
        xent.log_loss(labels, p)


def test_return_grad_gives_results_without_a_graph() -> None:
    soft = T.float().requires_grad_()
    for results in (
        xent.cross_entropy(Z.clone().requires_grad_(), soft, return_grad=True),
        xent.binary_cross_entropy(ZB, TB.clone().requires_grad_(), return_grad=True),
    ):
        assert not any(result.requires_grad for result in results)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_labels_of_a_narrow_dtype_are_not_ignored(dtype: Any) -> None:
    z = normal(2, 200).requires_grad_()
    labels = torch.tensor([156, 3]).to(dtype)  # as uint8, -100 would be 156
    (first,) = torch.autograd.grad(F.cross_entropy(z, labels.long()), z, create_graph=True)
    (due,) = torch.autograd.grad((first * z).sum(), z)
    (first,) = torch.autograd.grad(twins.cross_entropy(z, labels), z, create_graph=True)
    torch.testing.assert_close(torch.autograd.grad((first * z).sum(), z)[0], due)


@pytest.mark.parametrize("z_loss", [0.0, 0.1])
def test_binary_second_derivatives_of_certain_and_absent_rows(z_loss: float) -> None:
    inf, nan = float("inf"), float("nan")
    for logits, targets in (([-inf, 1.0], [0, 0]), ([nan, 1.0], [-1, 0])):
        z = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
        loss = xent.binary_cross_entropy(z, torch.tensor(targets), ignore_index=-1, z_loss=z_loss)
        (first,) = torch.autograd.grad(loss, z, create_graph=True)
        second = torch.autograd.grad(first.sum(), z)[0]
        assert second[0] == 0
        assert second[1] > 0


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_a_metric_is_not_traced() -> None:
    labels = torch.tensor([0, 1])
    with pytest.raises(NotImplementedError, match="its value would become a constant"):
        torch.jit.trace(lambda p: xent.log_loss(labels, p), torch.tensor([0.25, 0.5]))


@pytest.mark.parametrize("name", ["y_prob", "y_true", "sample_weight"])
def test_a_metric_refuses_every_derivative(name: str) -> None:
    ones = torch.ones(4)
    given = {"y_prob": ones / 4, "y_true": ones, "sample_weight": ones}

    def score(value: Any) -> Any:
        return xent.log_loss(**given | {name: value})

    with pytest.raises(ValueError, match=f"^{name} requires a gradient, but log_loss is a metric"):
        score(given[name].clone().requires_grad_())
    with forward_ad.dual_level(), pytest.raises(ValueError, match=f"^{name} has a tangent, but lo"):
        score(forward_ad.make_dual(given[name], ones))
    with pytest.raises(NotImplementedError, match="called inside a transform of"):
        torch.func.vmap(score)(torch.stack([given[name]]))
    for transform in (torch.func.grad, torch.func.jacfwd, torch.func.hessian):
        with pytest.raises((ValueError, NotImplementedError), match="log_loss is a metric"):
            transform(score)(given[name])


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: xent.linear_cross_entropy(X, W.to("meta"), Y), ValueError,
         "weight is on meta, but the other tensors are on cpu. Pass weight.to('cpu')."),
        (lambda: xent.linear_cross_entropy(X, W, Y, B.to("meta")), ValueError,
         "bias is on meta, but the other tensors are on cpu. Pass bias.to('cpu')."),
        (lambda: twins.linear_cross_entropy(X, W[:, None].to("meta"), Y[:, None]), ValueError,
         "linear_weight is on meta, but the other tensors are on cpu. Pass"),
        (lambda: xent.softmax(Y), TypeError,
         "logits has dtype torch.int64; expected one of torch.float16, torch.bfloat16, "
         "torch.float32, torch.float64. Pass logits.float()."),
        (lambda: xent.binary_cross_entropy(ZB, TB[:2], pos_weight=torch.ones(2)), ValueError,
         "targets has shape (2,), expected (7,): one target per logit, the logits' own shape. "
         "Nothing is broadcast."),
        (lambda: xent.cross_entropy(Z, Y, ignore_index=-100, out=Z), TypeError,
         "out= receives the gradient of NumPy arrays only. For tensors, call backward() or pass"),
        (lambda: xent.linear_cross_entropy(X, W, Y, reduction="none", return_grad=True),
         ValueError,
         "return_grad=True gives the gradient of the sum of row losses: pass reduction='sum'."),
        (lambda: xent.linear_cross_entropy(X, W, Y, B[:3]), ValueError,
         "bias has shape (3,), expected (5,): one offset per class."),
        (lambda: xent.linear_cross_entropy(X, W.numpy(), Y), TypeError,
         "weight is ndarray; expected a torch tensor, like the others."),
        (lambda: xent.cross_entropy(Z, Y.to("meta")), ValueError,
         "targets is on meta, but the other tensors are on cpu. Pass targets.to('cpu')."),
        (lambda: xent.cross_entropy(Z, Y), ValueError,
         "targets[5] is -100, but the logits have 5 classes (0 to 4). If -100 marks rows to"),
        (lambda: xent.cross_entropy(Z.to(torch.complex64), Y), TypeError,
         "logits has dtype torch.complex64; expected one of"),
    ],
)  # fmt: skip
def test_errors(call: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value).startswith(message)
