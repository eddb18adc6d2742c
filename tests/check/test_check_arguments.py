"""`check.gradient`: what it takes, what it refuses, and in which words."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import planted
import pytest
from helpers import short

import xent
from xent.check import GradientError
from xent.check._gradient import progress as progress_module

Z, Y = planted.Z, planted.Y
check = xent.check.gradient


def both(z: Any, y: Any) -> Any:
    return planted.rows(z, y), planted.right(z, y)


CALLS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: check(3, None, Z, Y), TypeError,  # type: ignore[arg-type]
     "loss is 3; expected a function of (logits, targets)."),
    (lambda: check(planted.rows, 3, Z, Y), TypeError,  # type: ignore[arg-type]
     "grad is 3; expected a function of (logits, targets)."),
    (lambda: check(planted.rows, None, Z, Y), TypeError,
     "grad is None, and NumPy has no autograd. Pass the gradient's function."),
    (lambda: check(planted.rows, planted.right, Y, Z), TypeError,
     "logits has dtype int64; expected floats. Are logits and targets swapped?"),
    (lambda: check(planted.rows, planted.right, "text", Y), TypeError,
     "logits is 'text'; expected an array of numbers."),
    (lambda: check(planted.rows, planted.right, Z[:0], Y[:0]), ValueError,
     "logits has shape (0, 5): there is nothing to check."),
    (lambda: check(planted.rows, planted.right, Z, Y, dtype="float8"), ValueError,
     "dtype is 'float8'; expected 'float64', 'float32', 'float16' or 'bfloat16'."),
    (lambda: check(planted.rows, planted.right, Z, Y, task="multi"), ValueError,  # type: ignore[arg-type]
     "task is 'multi'; expected 'classes' or 'binary'."),
    (lambda: check(planted.rows, planted.right, Z, Y, method="exact"), ValueError,  # type: ignore[arg-type]
     "method is 'exact'; expected 'central', 'forward', 'richardson' or 'complex'."),
    (lambda: check(planted.rows, planted.right, Z, Y, definition="hinge"), ValueError,  # type: ignore[arg-type]
     "definition is 'hinge'; expected 'cross-entropy' or None."),
    (lambda: check(planted.rows, planted.right, Z, Y, h=0), ValueError,
     "h is 0; expected a number above 0 and at most 1."),
    (lambda: check(planted.rows, planted.right, Z, Y, axis=2), ValueError,
     "axis is 2, but logits has shape (12, 5): expected -2 to 1."),
    (lambda: check(lambda z, y: Y, planted.right, Z, Y), TypeError,
     "loss returned int64 of shape (12,); expected floats."),
    (lambda: check(lambda z, y: z[:3, 0], planted.right, Z, Y), ValueError,
     "loss returned shape (3,); expected one loss per row, (12,), or a single number."),
    (lambda: check(lambda z, y: z * z, planted.right, Z, Y), ValueError,
     "loss returned shape (12, 5); expected one loss per row, (12,), or a single number. Sum over "
     "the classes, or pass task='binary' if each logit is a row of its own."),
    (lambda: check(planted.rows, lambda z, y: planted.right(z, y).T, Z, Y), ValueError,
     "grad returned shape (5, 12); expected the logits' shape, (12, 5). It is transposed."),
    (lambda: check(planted.rows, lambda z, y: z[0], Z, Y), ValueError,
     "grad returned shape (5,); expected the logits' shape, (12, 5)."),
    (lambda: check(planted.rows, planted.right, Z, Y, class_weight=[1.0, 2.0]), ValueError,
     "class_weight has shape (2,), expected (5,): one weight per class. Nothing is broadcast."),
    (lambda: check(planted.rows, planted.right, Z, Y, reduction="none"), ValueError,  # type: ignore[arg-type]
     "reduction is 'none'; expected 'mean' or 'sum'."),
    (lambda: check(planted.rows, planted.right, Z, Y, definition=None, class_weight=planted.W),
     ValueError,
     "class_weight is given, but with definition=None the loss is not compared with anything."),
    (lambda: check(planted.rows, planted.right, Z, Y, definition=None, label_smoothing=0.1),
     ValueError,
     "label_smoothing is given, but with definition=None the loss is not compared with anything."),
    (lambda: check(lambda z: z * z, lambda z: 2 * z, planted.B, task="binary", softcap=3.0),
     ValueError, "softcap is given, but with no targets the loss is not compared with anything."),
    (lambda: check(lambda z, y: None, planted.right, Z, Y), TypeError,
     "loss returned None; expected losses, or one loss."),
    (lambda: check(both, planted.right, Z, Y), TypeError,
     "loss returned a tuple; expected losses, or one loss."),
    (lambda: check(planted.rows, lambda z, y: None, Z, Y), TypeError,
     "grad returned None; expected the gradient alone."),
    (lambda: check(planted.rows, both, Z, Y), TypeError,
     "grad returned a tuple; expected the gradient alone."),
    (lambda: check(planted.rows, lambda z, y: planted.right(z, y) * 1j, Z, Y), TypeError,
     "grad returned complex128 of shape (12, 5); expected floats."),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), CALLS, ids=short)
def test_what_is_refused(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message


# Methods.


@pytest.mark.parametrize("method", ["central", "forward", "richardson"])
def test_methods_agree(method: Any) -> None:
    report = check(planted.rows, planted.right, Z, Y, method=method)
    assert report
    off = np.abs(report.numeric.value - report.analytic)
    assert (off <= 2 * report.numeric.error + 1e-15).all()
    assert off.max() < {"central": 1e-9, "forward": 1e-6, "richardson": 1e-10}[method]


def plain(z: Any, y: Any) -> Any:
    """Analytic: no maximum is taken out."""
    return np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), y]


def test_a_complex_step_is_exact_where_the_loss_is_analytic() -> None:
    report = check(plain, planted.right, Z, Y, method="complex")
    assert report
    assert np.abs(report.numeric.value - report.analytic).max() < 1e-15
    assert "A complex step" in str(report)


NOT_ANALYTIC = (
    "method='complex' is refused: the loss is not analytic. At {} a complex step gives {}, real "
    "differences {}. abs, maximum, comparisons and casts cause this. Use method='central' or "
    "'richardson'."
)


def test_a_complex_step_is_refused_where_the_loss_is_not_analytic() -> None:
    def half(z: Any) -> Any:
        return np.where(np.arange(3) == 1, (z + np.abs(z)) / 2 + z / 2, z)

    words = re.escape(NOT_ANALYTIC.format("logits[1]", "1", "0.5"))
    with pytest.raises(ValueError, match=f"^{words}$"):
        check(half, lambda z: z, np.array([1.0, -2.0, 3.0]), task="binary", method="complex")

    def stable(z: Any, t: Any) -> Any:
        return np.maximum(z, 0) - t * z + np.log1p(np.exp(-np.abs(z)))

    with pytest.raises(ValueError, match=r"^method='complex' is refused: the loss is not analytic"):
        check(stable, planted.slope, planted.B, planted.T, method="complex")


def test_a_complex_step_says_what_the_loss_said() -> None:
    import torch
    import torch.nn.functional as F  # noqa: N812

    def casting(z: Any, y: Any) -> Any:
        return planted.rows(z.astype(float), y)

    words = (
        r"^method='complex' needs a loss that computes with complex logits, and this one does "
        r"not: \w+: .*[^.]\. Use method='central' or 'richardson'\.$"
    )
    with pytest.raises(ValueError, match=words):
        check(casting, planted.right, Z, Y, method="complex")
    with pytest.raises(ValueError, match=words):
        check(F.cross_entropy, None, torch.tensor(Z), torch.tensor(Y), method="complex")


# Shapes.


def test_the_class_axis_may_be_any() -> None:
    import torch
    import torch.nn.functional as F  # noqa: N812

    rng = np.random.default_rng(0)
    z, y = torch.tensor(rng.normal(size=(2, 4, 3))), torch.tensor(rng.integers(4, size=(2, 3)))
    report = check(F.cross_entropy, None, z, y, axis=1)
    assert report
    assert len(report.verdicts) == 24
    y[0, 1] = -100
    assert check(F.cross_entropy, None, z, y, axis=1)
    assert check(F.cross_entropy, None, z, y.clamp(min=0), axis=1, reduction="mean")


def test_one_row_one_logit_and_many_labels() -> None:
    assert check(lambda z, y: plain(z[None], np.array([y])).sum(),
                 lambda z, y: planted.softmax(z) - np.eye(5)[y], Z[0], 2)  # fmt: skip
    assert check(planted.binary, planted.slope, 1.5, 1)
    labels = (Z > 0).astype(float)
    report = check(planted.binary, planted.slope, Z, labels)
    assert report
    assert report.problem.task == "binary"


def test_the_task_is_inferred_or_given() -> None:
    soft = planted.softmax(-Z)
    inferred = check(lambda z, t: -(t * np.log(planted.softmax(z))).sum(axis=1),
                     lambda z, t: planted.softmax(z) - t, Z, soft)  # fmt: skip
    assert inferred
    assert inferred.problem.task == "classes"
    # Rows of probabilities may as well be probabilities of many labels: then one has to say so.
    given = check(planted.binary, planted.slope, Z, soft, task="binary")
    assert given
    assert given.problem.task == "binary"
    assert given.problem.classes == 1
    assert len(given.verdicts) == Z.size


def test_of_many_classes_the_label_and_some_others_are_looked_at() -> None:
    rng = np.random.default_rng(1)
    z, y = rng.normal(size=(6, 1000)), rng.integers(1000, size=6)
    report = check(planted.rows, lambda z, y: planted.softmax(z) - np.eye(1000)[y], z, y)
    assert report
    at_label = report.numeric.column == y[report.numeric.row]
    assert set(report.numeric.row[at_label]) == set(range(6))
    assert report.directions is not None
    number = len(report.directions.verdict)
    assert f"{len(report.verdicts)} of 6000 entries were checked, and {number} random" in str(
        report
    )


# What it costs.


def test_every_entry_at_the_price_of_some_evaluations() -> None:
    rng = np.random.default_rng(2)
    z, y = rng.normal(size=(2000, 10)), rng.integers(10, size=2000)
    calls = 0

    def loss(z: Any, y: Any) -> Any:
        nonlocal calls
        calls += 1
        return planted.rows(z, y)

    report = check(loss, lambda z, y: planted.softmax(z) - np.eye(10)[y], z, y)
    assert report
    assert len(report.verdicts) == 20_000
    assert calls <= 60


# What it tells.


def test_a_loss_of_another_kind() -> None:
    def focal(z: Any, y: Any) -> Any:
        p = planted.softmax(z)[np.arange(len(y)), y]
        return -((1 - p) ** 2) * np.log(p)

    def grad(z: Any, y: Any) -> Any:
        p = planted.softmax(z)[np.arange(len(y)), y][:, None]
        return planted.right(z, y) * ((1 - p) ** 2 - 2 * (1 - p) * p * np.log(p))

    assert check(focal, grad, Z, Y, definition=None)
    assert check(focal, grad, Z, Y).mistakes == ["not at chance"]
    assert not check(focal, planted.right, Z, Y, definition=None)


def test_a_corner_is_inconclusive() -> None:
    def hinge(z: Any) -> Any:
        return np.maximum(0, 1 - z)

    for slope in (0.0, -1.0, -0.5):
        report = check(hinge, lambda z, slope=slope: np.full(z.shape, slope),
                       np.array([1.0]), task="binary")  # fmt: skip
        assert report.verdict == "inconclusive"
        assert not report
        with pytest.raises(GradientError):
            report.raise_if_failed()  # it has not been shown to be right
        assert "The loss has a corner at 1 entry." in " ".join(str(report).split())


def test_a_failure_raises_its_report() -> None:
    report = check(planted.rows, lambda z, y: -planted.right(z, y), Z, Y)
    with pytest.raises(GradientError, match="MISTAKE: wrong sign") as caught:
        report.raise_if_failed()
    assert isinstance(caught.value, AssertionError)
    assert str(report) in str(caught.value)
    check(planted.rows, planted.right, Z, Y).raise_if_failed()


def test_the_worst_come_first() -> None:
    def grad(z: Any, y: Any) -> Any:
        found = planted.right(z, y)
        found[3, 2] += 1e-3
        found[7, 4] += 1e-2
        return found

    report = check(planted.rows, grad, Z, Y)
    assert report.failed == 2
    assert report.passed == 58
    first, second, third = report.worst(3)
    assert (first["row"], first["class"], first["verdict"]) == ([7], 4, "fail")
    assert (second["row"], second["class"]) == ([3], 2)
    assert third["verdict"] == "pass"
    assert first["difference"] == pytest.approx(1e-2, rel=1e-5)
    assert json.loads(json.dumps(report.to_dict()))["worst"][0] == first
    assert "2 of 60 entries disagree, all of them in row 3 and row 7." in str(report)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_bar_where_it_takes_long(
    wanted: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress_module, "PATIENCE", 0.0)
    check(planted.rows, planted.right, Z, Y, progress=wanted)
    assert ("checking" in capsys.readouterr().err) == wanted


def test_no_bar_without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "PATIENCE", 0.0)
    monkeypatch.setitem(__import__("sys").modules, "rich.console", None)
    assert check(planted.rows, planted.right, Z, Y, progress=True)


# What has not been shown does not pass.


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize("factor", [-1.0, 0.0, 2.0])
def test_zeros_and_a_few_small_entries_are_no_evidence(dtype: str, factor: float) -> None:
    import torch
    import torch.nn.functional as F  # noqa: N812

    torch.manual_seed(0)
    z, y = torch.randn(16, 5) * 30, torch.randint(5, (16,))

    def wrong(z: Any, y: Any) -> Any:
        return factor * torch.func.grad(F.cross_entropy)(z, y)

    assert not check(F.cross_entropy, wrong, z, y, dtype=dtype)


def test_where_only_zeros_can_be_told() -> None:
    z, y = np.array([[0.0, -40.0, 40.0]]), np.array([2])
    assert check(planted.rows, lambda z, y: -(planted.softmax(z) - np.eye(3)[y]), z, y).verdict == (
        "inconclusive"
    )


def test_a_column_against_a_row_is_named() -> None:
    import torch
    import torch.nn.functional as F  # noqa: N812

    rng = np.random.default_rng(0)
    z, y = torch.tensor(rng.normal(size=32)), torch.tensor(rng.integers(2, size=32) * 1.0)

    def loss(z: Any, y: Any) -> Any:
        return (F.softplus(z) - z * y).mean()

    assert check(loss, None, z, y)
    assert check(loss, None, z[:, None], y).mistakes == ["broadcast"]
    assert check(loss, None, z, y[:, None]).mistakes == ["broadcast"]


def test_what_is_not_compared_is_said() -> None:
    report = check(lambda z, _: np.log(np.exp(z).sum(axis=1)), lambda z, _: planted.softmax(z),
                   Z, Y + 10)  # fmt: skip
    assert report
    [finding] = report.findings
    assert (finding.name, finding.level) == ("not compared", "note")
    assert "targets[0] is 10, but the logits have 5 classes (0 to 4)." in finding.seen


def test_weights_of_labels_may_differ() -> None:
    weights = np.array([1.0, 2.0, 0.5, 3.0, 1.5])
    labels = (Z > 0.3).astype(float)

    def loss(z: Any, t: Any) -> Any:
        return xent.binary_cross_entropy(z, t, pos_weight=weights)

    def grad(z: Any, t: Any) -> Any:
        return xent.binary_cross_entropy(z, t, pos_weight=weights, return_grad=True)[1]

    assert check(loss, grad, Z, labels, pos_weight=weights)


def test_what_is_probed_does_not_depend_on_how_slow_a_loss_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A clock that jumps by an hour at each look changes nothing."""
    hours = itertools.count(0.0, 3600.0)
    rng = np.random.default_rng(1)
    z, y = rng.normal(size=(400, 10)), rng.integers(10, size=400)

    def grad(z: Any, y: Any) -> Any:
        return (xent.softmax(z) - np.eye(10)[y]) / len(z)

    usual = check(planted.mean, grad, z, y)
    for name in ("perf_counter", "monotonic", "time", "process_time"):
        monkeypatch.setattr(time, name, lambda: next(hours))
    slow = check(planted.mean, grad, z, y)
    assert slow.to_text() == usual.to_text()
    assert len(usual.verdicts) < z.size
