"""The lesson on loss and accuracy: its numbers are the library's, and its text agrees with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import xent
from xent.learn import lesson, pages
from xent.learn.lessons.accuracy import STATE, _lowest_of_focal
from xent.learn.lessons.accuracy.focal import of_focal_loss
from xent.learn.lessons.accuracy.overfitting import LAST, MARKED
from xent.learn.lessons.accuracy.program import BINS, of_rows, of_temperature
from xent.learn.lessons.accuracy.squared import of_two_losses
from xent.learn.lessons.accuracy.training import (
    EPOCHS,
    FEATURES,
    ROWS,
    TRAINED,
    _drawn,
    logits_and_labels,
)

LOGITS, LABELS = map(np.array, logits_and_labels())
LOSSES = np.array([xent.binary_cross_entropy(z, LABELS, reduction="none") for z in LOGITS])
RIGHT = (LOGITS > 0) == LABELS
BEST = int(LOSSES.mean(1).argmin())


def computed(**state: float) -> dict[str, Any]:
    program = of_rows() + of_temperature() + of_two_losses() + of_focal_loss()
    inputs = {"logit": LOGITS.tolist(), "y": LABELS.tolist()}
    return program.compute({**inputs, **STATE, **state})


@pytest.mark.parametrize("checkpoint", range(LAST + 1))
def test_the_rows_are_those_of_the_library(checkpoint: int) -> None:
    values = computed(checkpoint=checkpoint)
    np.testing.assert_allclose(values["l"], LOSSES[checkpoint], rtol=1e-12)
    assert values["L"] == pytest.approx(LOSSES[checkpoint].mean(), rel=1e-12)
    assert values["A"] == RIGHT[checkpoint].mean()
    wrong = LOSSES[checkpoint][~RIGHT[checkpoint]].sum() / ROWS
    assert values["W"] == pytest.approx(wrong, rel=1e-12)
    np.testing.assert_allclose(values["mean"], LOSSES.mean(1), rtol=1e-12)
    np.testing.assert_allclose(values["acc"], RIGHT.mean(1), rtol=1e-12)
    assert values["best"] == BEST
    assert values["epoch"] == EPOCHS[checkpoint]


@pytest.mark.parametrize("checkpoint", [0, BEST, 8, LAST])
@pytest.mark.parametrize("t", [0.2, 1, 4.6, 8])
def test_the_temperature_divides_logits(checkpoint: int, t: float) -> None:
    values = computed(checkpoint=checkpoint, T=t)
    z = LOGITS[checkpoint] / t
    assert values["LT"] == pytest.approx(xent.binary_cross_entropy(z, LABELS), rel=1e-12)
    confidence = xent.sigmoid(abs(z))
    assert values["sure"] == pytest.approx(confidence.mean(), rel=1e-12)
    edges = np.linspace(0.5, 1, BINS + 1)[1:-1]
    bins, right = np.digitize(confidence, edges), RIGHT[checkpoint]
    assert values["count"] == np.bincount(bins, minlength=BINS).tolist()
    assert values["hit"] == np.bincount(bins, right, BINS).tolist()
    gaps = np.bincount(bins, right - confidence, BINS)
    assert values["gap"] == pytest.approx(abs(gaps).sum() / ROWS, rel=1e-12)


@pytest.mark.parametrize("checkpoint", range(LAST + 1))
def test_the_fitted_temperature_has_the_lowest_loss(checkpoint: int) -> None:
    values = computed(checkpoint=checkpoint)
    z, t = LOGITS[checkpoint], values["fitted"]
    loss, gradient = xent.binary_cross_entropy(z / t, LABELS, return_grad=True)
    assert values["least"] == pytest.approx(loss, rel=1e-12)
    assert (gradient * z).sum() == pytest.approx(0, abs=1e-13)
    for other in (0.99 * t, 1.01 * t):
        assert xent.binary_cross_entropy(z / other, LABELS) > loss
    assert 0.2 <= t <= 8  # within the slider


def test_both_rise_as_the_text_says() -> None:
    text = pages.fragment(lesson("accuracy"))
    assert (np.diff(RIGHT.mean(1)) >= 0).all()
    assert (np.diff(LOSSES.mean(1))[BEST:] > 0).all()
    first, last = LOSSES[BEST].mean(), LOSSES[LAST].mean()
    assert last / first == pytest.approx(2, abs=0.1)
    assert f"It rises from {first:.3f} to {last:.3f} nats" in text
    turned = ~RIGHT[BEST] & RIGHT[LAST]
    still = ~RIGHT[LAST]
    assert not (RIGHT[BEST] & still).any()
    assert f"{turned.sum()} rows turn right" in text
    assert f"{still.sum()} rows stay wrong" in text
    margins = np.where(LABELS == 1, 1, -1) * LOGITS
    assert (margins[LAST] < margins[BEST])[still].mean() > 0.5
    rise = [LOSSES[k][still].mean() for k in (BEST, LAST)]
    assert f"rises from {rise[0]:.2f} to {rise[1]:.2f}" in text
    marks = {name: i for i, name, _, _ in MARKED}
    assert turned[marks["c"]]
    assert still[marks["a"]]
    assert still[marks["b"]]
    assert margins.max() < 21
    assert margins.min() > -12  # all rows are within the picture


def test_the_last_epoch_is_overconfident_and_the_fitted_temperature_repairs_it() -> None:
    before = computed(checkpoint=LAST, T=1)
    after = computed(checkpoint=LAST, T=before["fitted"])
    assert before["sure"] - before["A"] > 0.1
    assert abs(after["sure"] - after["A"]) < 0.03
    assert after["gap"] < before["gap"] / 2
    assert before["fitted"] > 1
    assert f"the last epoch costs {after['LT']:.3f} nats" in pages.fragment(lesson("accuracy"))


def test_the_model_learned_its_training_rows_by_heart() -> None:
    import random

    from xent.learn.lessons.accuracy import training

    rng = random.Random(training.SEED)
    inputs, labels = _drawn(rng, TRAINED)
    weight = np.zeros(FEATURES)
    for _ in range(EPOCHS[-1]):
        weight -= training.RATE * inputs.T @ (xent.sigmoid(inputs @ weight) - labels) / TRAINED
    assert ((inputs @ weight > 0) == labels).all()
    seen, truth = _drawn(rng, ROWS)
    np.testing.assert_allclose(seen @ weight, LOGITS[LAST], atol=6e-4)
    assert truth.tolist() == LABELS.tolist()


@pytest.mark.parametrize("z", [-8, -6, -0.7, 0, 4])
def test_squared_error_and_its_gradient(z: float) -> None:
    values = computed(z=z)
    loss, gradient = xent.binary_cross_entropy(z, 1, return_grad=True)
    assert values["ce"] == pytest.approx(loss, rel=1e-12)
    assert values["gc"] == pytest.approx(gradient, rel=1e-12)
    h = 1e-5
    above, below = ((1 - xent.sigmoid(z + step)) ** 2 for step in (h, -h))
    assert values["gs"] == pytest.approx((above - below) / (2 * h), rel=1e-5, abs=1e-9)
    assert values["ratio"] == pytest.approx(values["gc"] / values["gs"])
    assert values["ratio"] >= 2


def test_squared_error_has_its_steepest_point_at_a_third() -> None:
    slopes = [computed(z=z)["gs"] for z in (np.log(0.5) - 0.01, np.log(0.5), np.log(0.5) + 0.01)]
    assert min(slopes) == slopes[1]


@pytest.mark.parametrize("gamma", [0, 2, 5])
def test_focal_loss(gamma: float) -> None:
    values = computed(gamma=gamma, chance=0.9)
    assert values["focal"] == pytest.approx(0.1**gamma * -np.log(0.9), rel=1e-12)
    p = np.exp(-LOSSES[BEST])
    losses = (1 - p) ** gamma * LOSSES[BEST]
    share = losses[RIGHT[BEST]].sum() / losses.sum()
    assert values["eased"] == pytest.approx(share, rel=1e-9)
    if gamma == 0:
        assert values["eased"] == pytest.approx(values["easy"], rel=1e-12)
    else:
        assert values["eased"] < values["easy"] / 2


def test_focal_loss_is_not_lowest_at_the_true_probability() -> None:
    assert _lowest_of_focal(0.9, 0) == pytest.approx(0.9, abs=1e-4)
    assert 0.5 < _lowest_of_focal(0.9, 2) < 0.75
