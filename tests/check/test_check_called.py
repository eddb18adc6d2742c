"""Losses that take probabilities, or their arguments in another form; objects; exceptions."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import planted
import pytest
from helpers import import_torch

import xent
from xent.check import audit

check = xent.check.gradient
Z, Y, B, T = planted.Z, planted.Y, planted.B, planted.T * 1.0
P, Q = planted.softmax(Z), planted.sigmoid(B)


def said(report: Any) -> str:
    return " ".join(str(report).split())


def names(report: Any, level: str) -> list[str]:
    return [finding.name for finding in report.findings if finding.level == level]


# Losses of probabilities, by hand.


def of_binary(p: Any, y: Any) -> Any:
    p = np.clip(p, 1e-15, 1 - 1e-15)
    return -y * np.log(p) - (1 - y) * np.log(1 - p)


def for_binary(p: Any, y: Any) -> Any:
    return -y / p + (1 - y) / (1 - p)


def of_label(p: Any, y: Any) -> Any:
    return -np.log(p[np.arange(len(y)), y])


def for_label(p: Any, y: Any) -> Any:
    return -np.eye(p.shape[1])[y] / p


def of_one_hot(y_true: Any, y_pred: Any) -> Any:
    return -(y_true * np.log(y_pred)).sum(axis=1)


def for_one_hot(y_true: Any, y_pred: Any) -> Any:
    return -y_true / y_pred


@pytest.mark.parametrize("given", ["probabilities", "logits"])
def test_probabilities_are_checked_through_the_softmax(given: str) -> None:
    as_probabilities = given == "probabilities"
    for loss, grad, z, y, link in (
        (of_binary, for_binary, Q if as_probabilities else B, T, "sigmoid"),
        (of_label, for_label, P if as_probabilities else Z, Y, "softmax"),
        (lambda p, y: of_label(p, y).mean(), lambda p, y: for_label(p, y) / len(y),
         P if as_probabilities else Z, Y, "softmax"),
        (lambda p, y: of_label(p, y).sum(), for_label, P if as_probabilities else Z, Y, "softmax"),
    ):  # fmt: skip
        report = check(loss, grad, z, y)
        assert report, report
        [note] = report.findings
        assert (note.name, note.level) == ("takes probabilities", "note")
        assert note.seen == f"The loss takes probabilities, so it was checked through the {link}."
        assert note.fix == (
            f"Pass lambda z, y: loss({link}(z), y) to check it as it is trained, from the logits."
        )


def test_targets_may_come_first_and_be_one_hot() -> None:
    report = check(of_one_hot, for_one_hot, P, Y)
    assert report
    assert names(report, "note") == ["takes probabilities"]
    assert "loss(onehot(y), softmax(z))" in said(report)

    def turned(y_true: Any, logits: Any) -> Any:
        return planted.rows(logits, y_true)

    report = check(turned, lambda y, z: planted.right(z, y), Z, Y)
    assert report
    assert names(report, "note") == ["called otherwise"]
    assert "The loss was checked as loss(y, z)." in said(report)


def test_mistakes_are_named_through_the_softmax() -> None:
    for loss, grad, mistakes in (
        (lambda p, y: -np.log2(p[np.arange(len(y)), y]), for_label, ["bits for nats"]),
        (lambda p, y: -of_label(p, y), for_label, ["wrong sign"]),
        (lambda p, y: of_label(p, y).sum() / p.shape[1], for_label, ["mean over the wrong axis"]),
        (of_label, lambda p, y: -for_label(p, y), ["wrong sign"]),
        (lambda p, y: of_binary(p, np.eye(5)[y]).sum(axis=1), for_label,
         ["binary terms over the classes"]),
    ):  # fmt: skip
        report = check(loss, grad, P, Y)
        assert report.mistakes == mistakes, report
        assert names(report, "note") == ["takes probabilities"]
    report = check(lambda p, y: -y * np.log(p) + (1 - y) * np.log(1 - p), for_binary, Q, T)
    assert report.mistakes == ["sign of the (1 - y) term"]


def test_a_gradient_for_the_logits_beside_a_loss_of_probabilities() -> None:
    report = check(of_label, lambda p, y: p - np.eye(5)[y], P, Y)
    assert report
    assert names(report, "note") == ["takes probabilities", "gradient for the logits"]
    assert "The gradient is that for the logits, though the loss takes probabilities." in said(
        report
    )


def test_names_that_contradict_the_numbers() -> None:
    def loss(y_pred: Any, y_true: Any) -> Any:
        return -(y_pred * np.log(np.clip(y_true, 1e-7, 1))).sum(axis=1)

    report = check(loss, lambda y_pred, y_true: -y_pred / y_true, P, Y)
    assert report.mistakes == ["arguments named the wrong way round"]
    assert "but the loss is right only as loss(onehot(y), softmax(z))." in said(report)


# PyTorch.


def test_losses_of_torch_that_take_probabilities() -> None:
    torch = import_torch()
    import torch.nn.functional as F  # noqa: N812

    p, t, q = torch.tensor(P), torch.tensor(Y), torch.tensor(Q)
    y = torch.tensor(T)
    for loss, scores, targets, takes in (
        (torch.nn.BCELoss(), q, y, "probabilities"),
        (torch.nn.BCELoss(reduction="none"), q, y, "probabilities"),
        (torch.nn.BCELoss(reduction="sum"), q, y, "probabilities"),
        (F.binary_cross_entropy, q, y, "probabilities"),
        (torch.nn.NLLLoss(), p.log(), t, "log-probabilities"),
        (F.nll_loss, p.log(), t, "log-probabilities"),
        (F.nll_loss, torch.tensor(Z), t, "log-probabilities"),
    ):
        report = check(loss, None, scores, targets)
        assert report, report
        assert names(report, "note") == [f"takes {takes}"]
        assert check(loss, None, scores, targets, definition=None)
    for loss, scores, targets in (
        (torch.nn.CrossEntropyLoss(), torch.tensor(Z), t),
        (torch.nn.BCEWithLogitsLoss(), torch.tensor(B), y),
        (F.cross_entropy, p.log(), t),
        (F.cross_entropy, torch.tensor(Z).softmax(0), t),
    ):
        report = check(loss, None, scores, targets)
        assert report
        assert not report.findings


def test_losses_of_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    torch = import_torch()
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy()
    report = check(loss, None, torch.tensor(P), torch.tensor(Y))
    assert not report.mistakes, report
    assert names(report, "note") == ["takes probabilities"]
    card = audit(keras.losses.BinaryCrossentropy(), name="Binary")
    assert card.called == "(labels, probabilities) as PyTorch arrays"


# Objects.


class Forward:
    def forward(self, logits: Any, y: Any) -> Any:
        self.p, self.y = planted.softmax(logits), y
        return -np.log(self.p[np.arange(len(y)), y]).mean()

    def backward(self) -> Any:
        return (self.p - np.eye(self.p.shape[1])[self.y]) / len(self.y)


class Upstream(Forward):
    def backward(self, dout: float) -> Any:  # type: ignore[override]
        return dout * super().backward()


class Called(Forward):
    def __call__(self, logits: Any, y: Any) -> Any:
        return self.forward(logits, y)


class Course:
    """As in many a course: binary, of probabilities, targets first."""

    def loss(self, y: Any, p: Any) -> Any:
        return of_binary(p, y)

    def gradient(self, y: Any, p: Any) -> Any:
        return for_binary(p, y)


class Wrong(Course):
    def gradient(self, y: Any, p: Any) -> Any:
        return -for_binary(p, y)


class OfOneHot:
    def loss(self, y_true: Any, y_pred: Any) -> Any:
        return of_one_hot(y_true, y_pred).mean()

    def gradient(self, y_true: Any, y_pred: Any) -> Any:
        return for_one_hot(y_true, y_pred) / len(y_true)


class Needy(Forward):
    def __init__(self, classes: int) -> None:
        self.classes = classes


@pytest.mark.parametrize("kind", [Forward, Upstream, Called])
def test_objects_with_forward_and_backward(kind: Any) -> None:
    for one in (kind, kind()):
        report = check(one, None, Z, Y)
        assert report
        assert not report.findings
        card = audit(one)
        assert card.name.endswith(f"test_check_called:{kind.__name__}")
        assert card.called == "(logits, labels) as NumPy arrays"
        assert not card.findings
        assert all(not isinstance(part.gradient, str) for part in card.accuracy)


def test_objects_with_loss_and_gradient() -> None:
    for one in (Course(), Course):
        report = check(one, None, Q, T)
        assert report
        assert names(report, "note") == ["takes probabilities"]
        card = audit(one)
        assert (card.task, card.called) == ("binary", "(labels, probabilities) as NumPy arrays")
        assert not card.findings
        assert all(not isinstance(part.gradient, str) for part in card.accuracy)
    assert check(OfOneHot(), None, P, Y)
    assert audit(OfOneHot()).called == "(one-hot targets, probabilities) as NumPy arrays"
    assert check(Wrong(), None, Q, T).mistakes == ["wrong sign"]
    with pytest.raises(TypeError) as caught:
        check(Needy, None, Z, Y)
    assert str(caught.value) == (
        "Needy is a class, and Needy() raises TypeError: Needy.__init__() missing 1 required "
        "positional argument: 'classes'. Pass an object made with its arguments."
    )


# Exceptions and warnings of one's own.


def test_an_exception_is_told_as_the_functions_own() -> None:
    def loss(_: Any, __: Any) -> Any:
        message = "I want a\n   dictionary."
        raise KeyError(message)

    with pytest.raises(ValueError, match=r"^loss raised KeyError: ") as caught:
        check(loss, planted.right, Z, Y)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value.__cause__, KeyError)

    def grad(z: Any, _: Any) -> Any:
        return z @ z

    with pytest.raises(ValueError, match=r"^grad raised ValueError: matmul: [^\n]*\.$"):
        check(planted.rows, grad, Z, Y)


def test_a_loss_that_refuses_what_is_no_probability() -> None:
    def strict(p: Any, y: Any) -> Any:
        if (p < 0).any() or (p > 1).any():
            message = "p must be in [0, 1]"
            raise ValueError(message)
        return of_binary(p, y)

    report = check(strict, for_binary, Q, T)
    assert report
    assert names(report, "note") == ["takes probabilities"]


def test_warnings_are_told_as_the_functions_own() -> None:
    def loss(z: Any, y: Any) -> Any:
        warnings.warn("deprecated in\n2030", UserWarning, stacklevel=1)
        return planted.rows(z, y)

    report = check(loss, planted.right, Z, Y)
    assert report
    [note] = report.findings
    assert (note.name, note.seen) == ("warnings", "loss warned: UserWarning: deprecated in 2030.")


# An audit of losses that are wrong in every way of calling.


def mean_of_all(y_true: Any, y_pred: Any) -> Any:
    return -np.mean(y_true * np.log(y_pred))


def kaggle(act: Any, pred: Any) -> Any:
    pred = np.clip(pred, 1e-15, 1 - 1e-15)
    return -np.mean((act * np.log(pred) + (1 - act) * np.log(1 - pred)).sum(axis=1))


def in_log2(y: Any, p: Any) -> Any:
    return -np.sum(y * np.log2(p)) / len(y)


def positive(y_true: Any, y_hat: Any) -> Any:
    return np.sum(y_true * np.log(y_hat)) / len(y_true)


def by_classes(y_true: Any, y_pred: Any) -> Any:
    return -np.sum(y_true * np.log(y_pred)) / y_true.shape[1]


def summed(y_true: Any, y_pred: Any) -> Any:
    return -np.sum(y_true * np.log(y_pred))


def exchanged(y_pred: Any, y_true: Any) -> Any:
    return -np.sum(y_pred * np.log(np.clip(y_true, 1e-7, 1))) / len(y_true)


def of_one(z: Any, label: Any) -> Any:
    e = np.exp(z - np.max(z))
    return -np.log(e[int(label)] / e.sum())


def in_log10(logits: Any, y: Any) -> Any:
    return planted.rows(logits, y).mean() / np.log(10)


def lost_sign(y: Any, p: Any) -> Any:
    return np.mean(-y * np.log(p) + (1 - y) * np.log(1 - p))


HOT = "(one-hot targets, probabilities) as NumPy arrays"
SLIPS: list[tuple[Any, Any, str, list[str]]] = [
    (mean_of_all, None, HOT, ["mean over classes as well"]),
    (kaggle, None, HOT, ["binary terms over the classes"]),
    (in_log2, None, HOT, ["bits for nats"]),
    (positive, None, HOT, ["wrong sign"]),
    (by_classes, None, HOT, ["mean over the wrong axis"]),
    (summed, None, HOT, []),
    (exchanged, None, HOT, ["arguments named the wrong way round"]),
    (of_one, None, "(logits, labels) as NumPy arrays, one row at a time", []),
    (in_log10, None, "(logits, labels) as NumPy arrays", ["log10 for log"]),
    (lost_sign, "binary", "(labels, probabilities) as NumPy arrays", ["sign of the (1 - y) term"]),
]


@pytest.mark.parametrize(("loss", "task", "called", "mistakes"), SLIPS)
def test_a_slip_is_named_by_an_audit(
    loss: Any, task: Any, called: str, mistakes: list[str], recwarn: pytest.WarningsRecorder
) -> None:
    card = audit(loss, task)
    assert card.called == called
    assert names(card, "mistake") == mistakes
    assert not recwarn.list
    if mistakes == ["arguments named the wrong way round"]:
        assert re.search(r"called as loss\(onehot\(y\), softmax\(z\)\)\.", said(card))


def test_a_loss_of_probabilities_is_audited_between_0_and_1() -> None:
    """What rounding has done to the probabilities before is no fault of the loss."""
    card = audit(of_one_hot, "classes")
    asked = {answer.question: answer.answer for answer in card.answers}
    assert asked["probability 1 at the label"] == "loss nan"  # 0 times infinity
    assert "logit +inf at the label" not in asked
    for part in card.accuracy:
        if part.dtype == "float64" and part.margin != "margin below 0":
            assert not isinstance(part.loss, str)
            assert part.loss.largest <= 1
    import_torch()
    card = audit("torch.nn:BCELoss")
    wrong = {answer.question: answer.answer for answer in card.wrong}
    assert wrong == {"probability 1, label 0": "loss 100"}
