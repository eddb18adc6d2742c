"""What people really wrote: masks of 0 and 255, a softmax over one column, distillation."""

from __future__ import annotations

from typing import Any

import numpy as np
import planted
import pytest
from helpers import import_torch

import xent

check = xent.check.gradient
RNG = np.random.default_rng(1)
Z, Y = RNG.normal(size=(8, 4)) * 2, np.arange(8) % 4
B, T = RNG.normal(size=8) * 2, np.array([0, 1, 0, 1, 1, 0, 0, 1])


def bce(z: Any, y: Any) -> Any:
    p = planted.sigmoid(z)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def slope(z: Any, y: Any) -> Any:
    return planted.sigmoid(z) - y


OUTSIDE = [
    (255 * T, "4 of 8 targets are 255, and the others 0.", "Pass targets > 0, or targets / 255."),
    (255.0 * T, "4 of 8 targets are 255, and the others 0.", "Pass targets > 0, or targets / 255."),
    (2 * T, "4 of 8 targets are 2, and the others 0.", "Pass targets > 0, or targets / 2."),
    (np.array([3, 240, 0, 255, 201, 9, 1, 250]), "The targets run from 0 to 255.",
     "Pass targets / 255."),
    (np.array([0.5, 7.0, 0, 3, 1, 1, 2, 2]), "The targets run from 0 to 7.",
     "Pass targets divided by the number that stands for 1."),
]  # fmt: skip


@pytest.mark.parametrize(("targets", "seen", "fix"), OUTSIDE)
def test_binary_targets_beyond_1_are_a_mistake(targets: Any, seen: str, fix: str) -> None:
    """The gradient is that of the loss, which falls without limit."""
    report = check(bce, slope, B, targets)
    assert report.mistakes == ["labels outside 0 to 1"]
    assert (report.findings[0].seen, report.findings[0].fix) == (seen, fix)
    assert report.failed == 0
    assert check(bce, slope, B, targets, definition=None)


def test_labels_of_minus_1_and_1_are_no_mistake() -> None:
    """Another way to write the logistic loss."""
    report = check(
        lambda z, y: np.log1p(np.exp(-y * z)), lambda z, y: -y * planted.sigmoid(-y * z), B,
        2.0 * T - 1,
    )  # fmt: skip
    assert report
    assert [finding.name for finding in report.findings] == ["not compared"]


def over_one_column(z: Any, y: Any) -> Any:
    return -np.log(planted.softmax(z)[np.arange(len(z)), 0 * y])


def bce_over_one_column(z: Any, y: Any) -> Any:
    p = np.clip(planted.softmax(z), 1e-7, 1 - 1e-7)[:, 0]
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


@pytest.mark.parametrize("labels", [T, 0 * T])
@pytest.mark.parametrize("loss", [over_one_column, bce_over_one_column])
@pytest.mark.parametrize("reduced", [False, True])
def test_a_softmax_over_one_column_is_constant(loss: Any, labels: Any, reduced: bool) -> None:
    report = check(
        lambda z, y: loss(z, y).mean() if reduced else loss(z, y), lambda z, y: 0 * z, B[:, None],
        labels,
    )  # fmt: skip
    assert report.mistakes == ["loss is constant"]


def test_a_loss_over_no_rows_is_not_called_constant() -> None:
    def mean(z: Any, y: Any) -> Any:
        return xent.cross_entropy(z, y, ignore_index=-100)

    def grad(z: Any, _y: Any) -> Any:
        return 0 * z

    assert not check(mean, grad, Z, np.full(8, -100)).findings
    assert not check(mean, grad, Z, np.full(8, -100), definition=None).findings


def test_distillation_with_the_square_of_the_temperature_is_a_note() -> None:
    targets = planted.softmax(RNG.normal(size=(8, 4)))

    def loss(z: Any, t: Any) -> Any:
        return 4 * xent.cross_entropy(z / 2, t)

    def grad(z: Any, t: Any) -> Any:
        return 2 * (planted.softmax(z / 2) - t) / len(z)

    report = check(loss, grad, Z, targets)
    assert report
    [finding] = report.findings
    assert (finding.name, finding.level) == ("temperature", "note")
    assert finding.fix.startswith("Nothing, if a teacher is distilled")


def log_targets(z: Any, t: Any, **options: Any) -> Any:
    import torch.nn.functional as F  # noqa: N812

    return F.kl_div(F.log_softmax(z, 1), t, reduction="batchmean", **options)


def test_log_probabilities_as_targets() -> None:
    torch = import_torch()
    z, p = torch.tensor(Z), torch.tensor(planted.softmax(RNG.normal(size=(8, 4))))
    right = check(lambda z, t: log_targets(z, t, log_target=True), None, z, p.log())
    assert right
    names = [finding.name for finding in right.findings]
    assert names == ["entropy of the targets taken off", "log-probabilities as targets"]
    forgotten = check(lambda z, t: log_targets(z, t, log_target=True), None, z, p)
    assert forgotten.mistakes == ["targets exponentiated"]


def test_a_loss_that_casts_to_half_precision_is_told_so() -> None:
    for dtype, named in (("float16", ["computed in half precision"]), ("float32", [])):

        def mean(z: Any, y: Any, dtype: Any = dtype) -> Any:
            return xent.cross_entropy(z.astype(dtype), y)

        def grad(z: Any, y: Any) -> Any:
            return planted.right(z, y) / len(z)

        report = check(mean, grad, Z, Y)
        assert (report.mistakes, report.notes) == ([], named)
        assert not check(mean, lambda z, y: -grad(z, y), Z, Y)
