"""`check.gradient` names losses that are composed of known parts, by the parts."""

from __future__ import annotations

from typing import Any

import composed
import make_told_apart
import numpy as np
import planted
import pytest
from composed import Composed
from helpers import import_torch

import xent

check = xent.check.gradient
SOFT = composed.SOFT
Z, Y = composed.Z, composed.Y


def said(report: Any) -> str:
    return " ".join(str(report).split())


def cases(number: int, library: str) -> list[Any]:
    tried = composed.cases(number, library)
    return [pytest.param(c, id=c.describe()) for c in tried if not c.meaningless]


def assert_named(case: Composed, library: str) -> None:
    assert case.names in composed.named(case, library), case.check(library)


@pytest.mark.parametrize("case", cases(1, "numpy"))
def test_a_part_is_named(case: Composed) -> None:
    assert_named(case, "numpy")


@pytest.mark.parametrize("case", cases(1, "torch"))
def test_a_part_is_named_of_tensors(case: Composed) -> None:
    assert_named(case, "torch")


@pytest.mark.parametrize("case", cases(2, "numpy"))
def test_two_parts_are_named(case: Composed) -> None:
    assert_named(case, "numpy")


@pytest.mark.parametrize("case", cases(2, "torch"))
def test_two_parts_are_named_of_tensors(case: Composed) -> None:
    assert_named(case, "torch")


def test_the_page_says_which_are_told_apart() -> None:
    assert make_told_apart.PAGE.read_text(encoding="utf-8") == make_told_apart.page()


def test_two_parts_are_told_together() -> None:
    report = check(
        lambda z, y: -planted.rows(-z, y), lambda z, y: planted.right(-z, y), planted.Z, planted.Y
    )
    assert report.mistakes == ["logits negated", "wrong sign"]
    assert (
        "In every entry checked, the loss is that of -z. This is so together with: wrong sign."
        in (said(report))
    )


# Divergences and distillation.


def cross(z: Any, t: Any) -> Any:
    return -(t * np.log(composed.softmax(z))).sum(axis=1)


def cross_grad(z: Any, t: Any) -> Any:
    return composed.softmax(z) - t


def entropy(t: Any) -> Any:
    return -(t * np.log(t)).sum(axis=1)


@pytest.mark.parametrize("reduce", [lambda rows: rows, np.mean, np.sum])
def test_the_entropy_of_the_targets_is_noted(reduce: Any) -> None:
    def loss(z: Any, t: Any) -> Any:
        return reduce(cross(z, t) - entropy(t))

    def grad(z: Any, t: Any) -> Any:
        return cross_grad(z, t) / (len(z) if reduce is np.mean else 1)

    report = check(loss, grad, Z, SOFT)
    assert report
    [note] = report.findings
    assert (note.name, note.level) == ("entropy of the targets taken off", "note")
    assert note.seen == "In every row the loss is cross-entropy less the entropy of the targets."


def test_no_keepdims_in_a_square_batch() -> None:
    z, y = planted.Z[:5], np.array([2, 0, 3, 3, 1])  # of all classes the mean would be right

    def shifted(z: Any) -> Any:
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1)

    for reduce in (lambda rows: rows, np.mean):

        def loss(z: Any, y: Any, reduce: Any = reduce) -> Any:
            return reduce(-np.log(shifted(z)[np.arange(5), y]))

        report = check(loss, lambda z, y: 0 * z, z, y)
        assert report.mistakes == ["row sums along the wrong axis", "gradient is zero"]
    report = check(planted.rows, lambda z, y: shifted(z) - np.eye(5)[y], z, y)
    assert report.mistakes == ["row sums along the wrong axis"]
    assert "the gradient is that of exp(z[i, j]) divided by the sum of row j, each less" in (
        said(report)
    )


def test_a_divergence_of_smoothed_labels() -> None:
    t = 0.9 * np.eye(4)[Y] + 0.025
    report = check(lambda z, y: cross(z, t) - entropy(t), lambda z, y: cross_grad(z, t), Z, Y,
                   label_smoothing=0.1)  # fmt: skip
    assert report
    assert [f.name for f in report.findings] == ["entropy of the targets taken off"]
    t = np.where(np.eye(4)[Y] == 1, 0.9, 0.1 / 3)
    report = check(lambda z, y: cross(z, t) - entropy(t), lambda z, y: cross_grad(z, t), Z, Y,
                   label_smoothing=0.1)  # fmt: skip
    assert report.mistakes == ["smoothing over the other classes"]
    assert [f.name for f in report.findings][1:] == ["entropy of the targets taken off"]


def test_smoothing_that_was_not_requested_is_told_in_both_ways() -> None:
    t = np.where(np.eye(4)[Y] == 1, 0.9, 0.1 / 3)
    report = check(lambda z, y: cross(z, t), lambda z, y: cross_grad(z, t), Z, Y)
    assert report
    [note] = report.findings
    words = "The loss is cross-entropy with label_smoothing=0.1333. The other classes have 0.1 "
    assert note.seen == f"{words}together."


def test_divergences_of_torch() -> None:
    torch = import_torch()
    import torch.nn.functional as F  # noqa: N812

    z, t = torch.tensor(Z), torch.tensor(SOFT)

    def mistakes(loss: Any) -> list[str]:
        return check(loss, None, z, t).mistakes

    batch = {"reduction": "batchmean"}
    assert mistakes(lambda z, t: F.kl_div(F.log_softmax(z, 1), t, **batch)) == []
    assert mistakes(lambda z, t: F.kl_div(F.log_softmax(z, 1), t, reduction="mean")) == [
        "mean over classes as well"
    ]
    assert mistakes(lambda z, t: F.kl_div(F.softmax(z, 1), t, **batch)) == [
        "probabilities given for log-probabilities"
    ]
    assert mistakes(lambda z, t: F.kl_div(t.log(), F.softmax(z, 1), **batch)) == [
        "prediction and target exchanged"
    ]
    assert mistakes(lambda z, t: F.kl_div(F.log_softmax(z / 2, 1), t, **batch)) == ["temperature"]
    # The square of the temperature is as it should be for distillation.
    report = check(lambda z, t: 9 * F.cross_entropy(z / 3, t), None, z, t)
    assert report
    assert "divided by a temperature, T = 3, and multiplied by T²." in said(report)


# Values that are no evidence.


def test_a_loss_that_feels_no_logit() -> None:
    report = check(lambda z, y: planted.binary(0 * z, y), lambda z, y: 0 * z, planted.B, planted.T)
    assert report.mistakes == ["loss is constant"]
    assert "The loss is 0.693147, whatever the logits." in said(report)


def test_the_logarithm_of_one_hot_targets_is_known_by_its_infinities() -> None:
    def loss(z: Any, y: Any) -> Any:
        return -(planted.softmax(z) * np.log(np.eye(5)[y])).sum(axis=1)

    report = check(loss, planted.right, planted.Z, planted.Y)
    assert report.mistakes == ["not a number", "prediction and target exchanged"]


def test_exchanged_targets_are_told_with_their_floor() -> None:
    def loss(z: Any, y: Any) -> Any:
        return -(planted.softmax(z) * np.log(np.eye(5)[y] + 1e-12)).sum(axis=1).mean()

    report = check(loss, planted.right, planted.Z, planted.Y)
    assert report.mistakes == ["prediction and target exchanged"]
    assert "-Σ p log y, where -Σ y log p is expected, with 1e-12 in place of a target of 0." in (
        said(report)
    )


@pytest.mark.parametrize("epsilon", [1e-15, 1e-12, 1e-10, 1e-8, 1e-7])
def test_an_epsilon_inside_the_logarithm_hides_no_mistake(epsilon: float) -> None:
    def loss(z: Any, y: Any) -> Any:
        return np.log2(planted.softmax(z)[np.arange(len(z)), (y + 1) % 5] + epsilon)

    report = check(loss, planted.right, planted.Z, planted.Y)
    assert report.mistakes == ["labels off by one", "wrong sign", "bits for nats"]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_many_rows_and_classes(dtype: str) -> None:
    rng = np.random.default_rng(1)
    for rows, classes in ((1, 3), (3, 50), (300, 7), (40, 1000)):
        z, y = rng.normal(size=(rows, classes)), rng.integers(classes, size=rows)

        def loss(z: Any, y: Any) -> Any:
            return np.log(planted.softmax(z)[np.arange(len(z)), y - 1])

        report = check(loss, lambda z, y: 0 * z, z, y, dtype=dtype)
        assert report.mistakes[:2] == ["labels off by one", "wrong sign"], report


# Several labels of a row, and JAX.


@pytest.mark.parametrize("reduce", [np.mean, np.sum, lambda rows: rows.sum(1).mean()])
def test_several_labels_may_be_added_or_averaged(reduce: Any) -> None:
    labels = planted.MANY

    def grad(z: Any, t: Any) -> Any:
        per_row = reduce(np.ones_like(z))  # 1 for a mean, the number of labels for their sum
        return planted.slope(z, t) * per_row / z.size

    report = check(lambda z, t: reduce(planted.binary(z, t)), grad, planted.Z, labels)
    assert report
    assert not report.findings
    report = check(lambda z, t: -reduce(planted.binary(z, t)), grad, planted.Z, labels)
    assert report.mistakes == ["wrong sign"]
    with pytest.raises(ValueError, match=r"Return the losses of the labels before they are added"):
        check(lambda z, t: planted.binary(z, t).sum(1), planted.slope, planted.Z, labels)


def test_parts_are_named_of_jax() -> None:
    import jax
    import jax.numpy as jnp

    z, y = jnp.asarray(Z), jnp.asarray(Y)

    def hot(z: Any, y: Any) -> Any:
        return jax.nn.one_hot(y, z.shape[1], dtype=z.dtype)

    def binary_terms(z: Any, y: Any) -> Any:
        p, t = jax.nn.softmax(z), hot(z, y)
        return -(t * jnp.log(p) + (1 - t) * jnp.log(1 - p)).sum(1)

    for loss, mistakes in (
        (binary_terms, ["binary terms over the classes"]),
        (lambda z, y: -(hot(z, y) * jax.nn.softmax(z)).sum(1).mean(), ["log forgotten"]),
        (lambda z, y: (hot(z, y) * jax.nn.log_softmax(-z)).sum(1).mean(),
         ["logits negated", "wrong sign"]),
    ):  # fmt: skip
        assert check(loss, None, z, y).mistakes == mistakes
