"""What users of other implementations have complained of for years; docs/complaints.md lists it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import import_torch

import xent
from xent import oracle

torch = import_torch()

import torch.nn.functional as F  # noqa: E402, N812 - everyone's name for it

import xent.torch as twins  # noqa: E402

RNG = torch.Generator().manual_seed(3)


def normal(*shape: int, dtype: Any = torch.float64) -> Any:
    return torch.randn(shape, generator=RNG, dtype=torch.float64).to(dtype)


def test_01_row_losses_have_the_right_weight_gradient() -> None:
    x, w = normal(9, 4).requires_grad_(), normal(7, 4).requires_grad_()
    y = torch.randint(0, 7, (9,), generator=RNG)
    factors = normal(9)
    rows = twins.linear_cross_entropy(x, w, y, reduction="none")
    assert rows.shape == (9,)
    due = F.cross_entropy(F.linear(x, w), y, reduction="none")
    torch.testing.assert_close(rows, due)
    mine, other = (torch.autograd.grad((v * factors).sum(), (x, w)) for v in (rows, due))
    torch.testing.assert_close(mine, other)


def test_02_a_batch_in_which_all_is_ignored_is_harmless() -> None:
    x, w = normal(3, 4).requires_grad_(), normal(5, 4).requires_grad_()
    none = torch.full((3,), -100)
    for loss in (
        twins.cross_entropy(F.linear(x, w), none),
        twins.linear_cross_entropy(x, w, none),
        twins.CrossEntropyLoss(label_smoothing=0.1)(F.linear(x, w), none),
    ):
        grads = torch.autograd.grad(loss, (x, w))
        assert loss.item() == 0
        assert all(g is not None and not g.any() for g in grads)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_03_weight_gradients_are_summed_in_float32(dtype: Any) -> None:
    """Thousands of rows that all push one class: a sum in bfloat16 stops growing at 256."""
    x, w = torch.ones(4096, 8, dtype=dtype), torch.zeros(4, 8, dtype=dtype).requires_grad_()
    y = torch.zeros(4096, dtype=torch.long)
    loss = twins.linear_cross_entropy(x, w, y, reduction="sum")
    (grad,) = torch.autograd.grad(loss, w)
    assert grad.dtype == dtype
    due = torch.tensor([-3072.0, 1024.0, 1024.0, 1024.0])
    torch.testing.assert_close(grad.float(), due[:, None].expand(4, 8), rtol=2**-8, atol=0)


def test_04_the_gradient_at_the_label_is_not_rounded_before_the_one() -> None:
    """p = 0.999 rounds to 1 in bfloat16, and p - 1 would be 0 or off by as much as itself."""
    z = torch.tensor([[7.0, 0.0]], dtype=torch.bfloat16).requires_grad_()
    twins.cross_entropy(z, torch.tensor([0])).backward()
    exact = float(oracle.label_row([7.0, 0.0], 0).grad[0])
    assert abs(z.grad[0, 0].item() - exact) <= 2**-8 * abs(exact)
    x, w = torch.ones(1, 1).bfloat16(), torch.tensor([[7.0], [0.0]]).bfloat16().requires_grad_()
    twins.linear_cross_entropy(x, w, torch.tensor([0])).backward()
    assert abs(w.grad[0, 0].item() - exact) <= 2**-8 * abs(exact)


def test_05_logits_are_left_alone() -> None:
    z = normal(6, 5).requires_grad_()
    logits = z * 1
    before = logits.detach().clone()
    twins.cross_entropy(logits, torch.zeros(6, dtype=torch.long)).backward()
    assert torch.equal(logits.detach(), before)
    assert logits._version == 0


def test_07_torch_compile_makes_one_graph() -> None:
    x, w = normal(6, 4).requires_grad_(), normal(5, 4).requires_grad_()
    y = torch.randint(0, 5, (6,), generator=RNG)

    def both(x: Any, w: Any) -> Any:
        loss = twins.cross_entropy(F.linear(x, w), y, label_smoothing=0.1)
        return loss + twins.linear_cross_entropy(x.tanh(), w, y)

    compiled = torch.compile(both, fullgraph=True, backend="aot_eager")
    mine, due = (torch.autograd.grad(f(x, w), (x, w)) for f in (compiled, both))
    torch.testing.assert_close(mine, due)
    torch.compiler.reset()


def test_09_dtypes_may_differ_as_under_autocast_and_adapters() -> None:
    x = normal(6, 4, dtype=torch.bfloat16).requires_grad_()
    w = normal(5, 4, dtype=torch.float32).requires_grad_()
    b = normal(5, dtype=torch.float16).requires_grad_()
    y = torch.randint(0, 5, (6,), generator=RNG)
    loss = twins.linear_cross_entropy(x, w, y, linear_bias=b)
    grads = torch.autograd.grad(loss, (x, w, b))
    assert [g.dtype for g in grads] == [torch.bfloat16, torch.float32, torch.float16]
    due = F.cross_entropy(F.linear(x.float(), w, b.float()), y)
    torch.testing.assert_close(loss, due)


def test_10_tokens_have_log_probabilities_entropy_and_distillation() -> None:
    z = normal(6, 5).requires_grad_()
    y = torch.randint(0, 5, (6,), generator=RNG)
    logs = -twins.cross_entropy(z, y, reduction="none")
    torch.testing.assert_close(logs, z.log_softmax(1).gather(1, y[:, None])[:, 0])
    _, entropy = twins.cross_entropy(z, y, return_entropy=True)
    p = z.detach().softmax(1)
    torch.testing.assert_close(entropy, -(p * p.log()).sum(1))
    teacher = normal(6, 5).requires_grad_()
    targets = teacher.softmax(1)
    grads = [
        torch.autograd.grad(f(z, targets), (z, teacher), retain_graph=True)
        for f in (twins.cross_entropy, F.cross_entropy)
    ]
    torch.testing.assert_close(*grads)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_12_weights_smoothing_and_ignored_rows_go_together(
    smoothing: float, weighted: bool
) -> None:
    """From the definition, row by row, not from another implementation."""
    z, y = normal(8, 4), torch.tensor([0, 1, 2, 3, -100, 1, -100, 0])
    weight = torch.tensor([1.0, 2.0, 0.5, 3.0], dtype=torch.float64) if weighted else None
    total, mass = 0.0, 0.0
    for row, label in zip(z.tolist(), y.tolist(), strict=True):
        if label == -100:
            continue
        w = np.ones(4) if weight is None else weight.numpy()
        target = w * ((1 - smoothing) * np.eye(4)[label] + smoothing / 4)
        total += float(oracle.class_row(row, target).loss)
        mass += w[label]
    loss = twins.cross_entropy(z, y, weight, label_smoothing=smoothing)
    assert loss.item() == pytest.approx(total / mass, rel=1e-13)


def test_12_smoothing_of_binary_targets() -> None:
    z, y = normal(5), torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0], dtype=torch.float64)
    loss = xent.binary_cross_entropy(z, y, label_smoothing=0.2)
    torch.testing.assert_close(loss, F.binary_cross_entropy_with_logits(z, 0.8 * y + 0.1))


def test_an_ignored_label_that_is_a_class_leaves_the_denominator() -> None:
    z, y = normal(6, 4), torch.tensor([0, 1, 2, 0, 3, 1])
    kept = y != 0
    loss = twins.cross_entropy(z, y, ignore_index=0)
    torch.testing.assert_close(loss, F.cross_entropy(z[kept], y[kept]))


def test_masked_classes_and_infinite_logits_give_no_nan() -> None:
    z = torch.tensor([[0.0, -torch.inf, 1.0], [torch.inf, 0.0, 0.0]]).requires_grad_()
    loss = twins.cross_entropy(z, torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]), reduction="sum")
    (grad,) = torch.autograd.grad(loss, z)
    assert torch.isfinite(loss)
    assert torch.isfinite(grad).all()
    b = torch.tensor([torch.inf, -torch.inf]).requires_grad_()
    loss = twins.binary_cross_entropy_with_logits(b, torch.tensor([1.0, 0.0]))
    assert loss.item() == 0
    assert torch.equal(torch.autograd.grad(loss, b)[0], torch.zeros(2))


def test_means_of_half_precision_do_not_overflow() -> None:
    z = torch.zeros(70_000, 2, dtype=torch.float16)
    loss = twins.cross_entropy(z, torch.zeros(70_000, dtype=torch.long))
    assert loss.item() == pytest.approx(np.log(2), rel=1e-6)


SIZES = [(6, 5), (600, 40)]  # NumPy, and the compiled kernels


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_13_weights_may_be_negative(shape: tuple[int, int], dtype: Any, reduction: str) -> None:
    rows, classes = shape
    z = normal(*shape, dtype=dtype).requires_grad_()
    exact = z.detach().double().requires_grad_()
    y = torch.randint(0, classes, (rows,), generator=RNG)
    soft = normal(*shape).softmax(1)
    rng = torch.Generator().manual_seed(5)
    # -1 and -2 among them, which a kernel could have for marks of its own.
    class_weight = -torch.randint(1, 4, (classes,), generator=rng).double()
    class_weight[::3] *= -0.25
    element = torch.randint(-2, 3, shape, generator=rng).double()
    for name, target, options in (
        ("cross_entropy", y, {"weight": class_weight}),
        ("cross_entropy", y, {"weight": class_weight, "label_smoothing": 0.2, "ignore_index": 1}),
        ("cross_entropy", soft, {"weight": class_weight, "label_smoothing": 0.2}),
        ("binary_cross_entropy_with_logits", soft, {"weight": element}),
        ("binary_cross_entropy_with_logits", soft, {"pos_weight": class_weight, "weight": element}),
        ("binary_cross_entropy_with_logits", soft, {"pos_weight": torch.tensor(-1.5)}),
    ):
        loss = getattr(twins, name)(z, target.to(dtype) if target is soft else target,
                                    reduction=reduction, **options)  # fmt: skip
        rounded = target.to(dtype).double() if target is soft else target
        due = getattr(F, name)(exact, rounded, reduction=reduction, **options)
        rtol = 1e-11 if dtype == torch.float64 else 3e-5
        torch.testing.assert_close(loss.double(), due, rtol=rtol, atol=rtol)
        found, expected = (torch.autograd.grad(v.sum(), t)[0] for v, t in ((loss, z), (due, exact)))
        rtol = rtol if dtype != torch.bfloat16 else 2**-8
        scale = expected.abs().max().item()
        torch.testing.assert_close(found.double(), expected, rtol=rtol, atol=1e-6 * scale)


@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_13_a_weight_that_is_negative_beside_z_loss(shape: tuple[int, int]) -> None:
    """From the definition: the mean of z-loss is over the rows, whatever the classes weigh."""
    rows, classes = shape
    z = normal(*shape).requires_grad_()
    y = torch.randint(0, classes, (rows,), generator=RNG)
    weight = -1.0 - torch.arange(classes).double()
    loss = twins.cross_entropy(z, y, weight, z_loss=0.1)
    due = F.cross_entropy(z, y, weight) + 0.1 * (torch.logsumexp(z, 1) ** 2).mean()
    torch.testing.assert_close(loss, due)
    grads = [torch.autograd.grad(v, z)[0] for v in (loss, due)]
    torch.testing.assert_close(*grads)


def test_13_of_a_linear_layer_and_under_a_compiler() -> None:
    x, w, z = normal(6, 4).requires_grad_(), normal(5, 4), normal(6, 5).requires_grad_()
    y = torch.randint(0, 5, (6,), generator=RNG)
    weight = torch.tensor([-1.0, -2.0, 0.5, -1.0, -3.0], dtype=torch.float64)
    compiled = torch.compile(twins.cross_entropy, fullgraph=True, backend="aot_eager")
    for loss, due, leaf in (
        (
            twins.linear_cross_entropy(x, w, y, weight=weight),
            F.cross_entropy(F.linear(x, w), y, weight),
            x,
        ),
        (compiled(z, y, weight), F.cross_entropy(z, y, weight), z),
    ):
        torch.testing.assert_close(loss, due)
        torch.testing.assert_close(*(torch.autograd.grad(v, leaf)[0] for v in (loss, due)))
    torch.compiler.reset()


@pytest.mark.parametrize("rows", [6, 6000])
def test_13_weights_that_cancel_have_no_mean(rows: int) -> None:
    z, y = normal(rows, 3), torch.arange(rows) % 2
    weight = torch.tensor([1.0, -1.0, 5.0], dtype=torch.float64)
    assert F.cross_entropy(z, y, weight).isinf()
    with pytest.raises(
        ValueError, match=r"^weight sums to 0 over the labels that count, and a mean"
    ):
        twins.cross_entropy(z, y, weight)
    for reduction in ("sum", "none"):
        loss = twins.cross_entropy(z, y, weight, reduction=reduction)
        torch.testing.assert_close(loss, F.cross_entropy(z, y, weight, reduction=reduction))
    soft = z.softmax(1)
    torch.testing.assert_close(
        twins.cross_entropy(z, soft, weight), F.cross_entropy(z, soft, weight)
    )
    assert twins.cross_entropy(z, torch.full_like(y, 2), weight * torch.tensor([1, 1, 0])) == 0


def test_13_xents_own_functions_refuse_negative_weights() -> None:
    z, y = normal(4, 2), torch.tensor([0, 1, 0, 1])
    for call in (
        lambda: xent.cross_entropy(z, y, class_weight=[1.0, -1.0]),
        lambda: xent.cross_entropy(z.numpy(), y.numpy(), sample_weight=-np.ones(4)),
        lambda: xent.binary_cross_entropy(z[:, 0], y, pos_weight=-2.0),
        lambda: xent.linear_cross_entropy(z, z, y, class_weight=[1.0, 1.0, -1.0, 1.0]),
    ):
        with pytest.raises(ValueError, match="weights must be finite and not negative"):
            call()


def test_14_an_ignore_index_beside_probabilities_is_no_silence() -> None:
    z, x, w = normal(4, 3), normal(4, 2), normal(3, 2)
    soft = z.softmax(1)
    for twin, other, index in (
        (twins.cross_entropy, F.cross_entropy, 0),
        (twins.cross_entropy, F.cross_entropy, 7),
        (twins.linear_cross_entropy, F.linear_cross_entropy, 0),
        (twins.linear_cross_entropy, F.linear_cross_entropy, -100),
    ):
        arguments = (z, soft) if twin is twins.cross_entropy else (x, w, soft)
        with pytest.raises(RuntimeError, match="ignore_index"):
            other(*arguments, ignore_index=index)
        with pytest.raises(
            ValueError, match=r"^ignore_index marks class indices, but target holds"
        ):
            twin(*arguments, ignore_index=index)
        torch.testing.assert_close(twin(*arguments), other(*arguments))
    torch.testing.assert_close(
        twins.cross_entropy(z, soft, ignore_index=-1), F.cross_entropy(z, soft, ignore_index=-1)
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_15_one_row_without_a_batch_takes_its_label_in_either_shape(reduction: str) -> None:
    z, x, w = normal(5).requires_grad_(), normal(3).requires_grad_(), normal(5, 3)
    for label in (torch.tensor([2]), torch.tensor(2)):
        loss = twins.cross_entropy(z, label, reduction=reduction)
        torch.testing.assert_close(loss, F.cross_entropy(z, torch.tensor(2), reduction=reduction))
        assert loss.shape == ()
        (grad,) = torch.autograd.grad(loss, z)
        torch.testing.assert_close(grad, z.softmax(0) - F.one_hot(torch.tensor(2), 5))
        loss = twins.linear_cross_entropy(x, w, label, reduction=reduction)
        due = F.linear_cross_entropy(x, w, torch.tensor(2), reduction=reduction)
        torch.testing.assert_close(loss, due)
        assert torch.autograd.grad(loss, x)[0].shape == (3,)
    for label in (torch.tensor([2, 3]), torch.tensor([[2]])):
        with pytest.raises(ValueError, match=r"expected \(\)"):
            twins.cross_entropy(z, label)
    with pytest.raises(ValueError, match="holds integers in input's own shape"):
        twins.cross_entropy(z[:1], torch.tensor([0]))


@pytest.mark.parametrize("kind", [list, tuple, np.array, torch.tensor])
def test_16_weights_of_modules_may_be_lists(kind: Any) -> None:
    given = kind([1.0, 2.0, 3.0])
    z, y = normal(4, 3, dtype=torch.float32), torch.tensor([0, 1, 2, 0])
    for module, other, name, target in (
        (twins.CrossEntropyLoss, torch.nn.CrossEntropyLoss, "weight", y),
        (twins.BCEWithLogitsLoss, torch.nn.BCEWithLogitsLoss, "weight", z.sigmoid()),
        (twins.BCEWithLogitsLoss, torch.nn.BCEWithLogitsLoss, "pos_weight", z.sigmoid()),
    ):
        mine = module(**{name: given})
        due = other(**{name: torch.tensor([1.0, 2.0, 3.0])})
        torch.testing.assert_close(mine(z, target), due(z, target))
        assert mine.state_dict().keys() == due.state_dict().keys()
        assert mine.to(torch.float64).get_buffer(name).dtype == torch.float64
        assert mine.to("meta").get_buffer(name).is_meta
    assert torch.equal(twins.CrossEntropyLoss(given).weight, torch.tensor([1.0, 2.0, 3.0]))
    layer = twins.LinearCrossEntropyLoss(2, 3, weight=given)
    assert layer.state_dict().keys() == {"weight", "linear.weight"}
    x, tensor = normal(4, 2, dtype=torch.float32), torch.tensor([1.0, 2.0, 3.0])
    due = F.linear_cross_entropy(x, layer.linear.weight, y, weight=tensor)
    torch.testing.assert_close(layer(x, y), due)


def test_16_a_module_keeps_its_own_weights() -> None:
    """Not those of an array that changes later."""
    given = np.array([1.0, 2.0, 3.0])
    module = twins.CrossEntropyLoss(given)
    given[:] = 0
    assert module.weight.tolist() == [1, 2, 3]
    with pytest.raises(TypeError, match="weight is 'heavy'; expected a tensor of numbers"):
        twins.CrossEntropyLoss("heavy")
