"""The lesson *Many classes*: its numbers are the library's, and its claims hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import xent
from xent.learn import lesson, pages
from xent.learn.lessons import classes

SHARES = np.array([0.7, 0.2, 0.1])


def values(**state: Any) -> dict[str, Any]:
    return classes.build({**classes.STATE, **state})[0].values


def states() -> Iterator[dict[str, Any]]:
    """Every preset, and places of the sliders."""
    presets = re.findall(r"data-preset='([^']*)'", pages.fragment(lesson("classes")))
    yield from map(json.loads, presets)
    rng = np.random.default_rng(4)
    for truth in (0, 1, 2, 3):
        yield {
            "z": rng.integers(-80, 81, 3) / 10,
            "truth": truth,
            "eps": float(rng.choice([0, 0.1, 0.5])),
            "split": float(rng.choice([0.01, 0.33, 0.99])),
            "c": float(rng.integers(-50, 51)),
            "a": float(rng.choice([-6, 0.5, 14])),
            "K": int(rng.choice([2, 3, 10, 100])),
            "smooth": float(rng.choice([0.01, 0.25, 0.5])),
        }


EACH = [{**classes.STATE, **state} for state in states()]


def close(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("state", EACH, ids=range(len(EACH)))
def test_its_numbers_are_the_librarys(state: dict[str, Any]) -> None:
    found, z = values(**state), np.array(state["z"], float)
    target = SHARES if state["truth"] == classes.SHARED else np.eye(3)[state["truth"]]
    loss, gradient = xent.cross_entropy(z, target, label_smoothing=state["eps"], return_grad=True)
    smoothed = (1 - state["eps"]) * target + state["eps"] / 3
    close(found["L"], float(loss))
    close(found["p"], xent.softmax(z))
    close(found["y"], smoothed)
    np.testing.assert_allclose(found["g"], gradient, rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(found["slope"], gradient, atol=1e-7)
    close(found["o"], xent.sigmoid(z))
    np.testing.assert_allclose(found["H"] + found["D"], found["L"], rtol=1e-12)
    entropy = -sum(y * np.log(y) for y in smoothed if y)
    np.testing.assert_allclose(found["H"], entropy, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("state", EACH, ids=range(len(EACH)))
def test_the_loss_does_not_see_the_wrong_classes(state: dict[str, Any]) -> None:
    """Nor what is added to every logit; the gradient sees how the wrong ones divide their mass."""
    found = values(**state)
    loss, gradient = xent.cross_entropy(np.array(found["b"]), 0, return_grad=True)
    close(found["M"], float(xent.cross_entropy([2.0, 1.0, 0.1], 0)))
    np.testing.assert_allclose(found["M"], float(loss), rtol=1e-12)
    np.testing.assert_allclose(found["q"], xent.softmax(np.array(found["b"])), rtol=1e-12)
    np.testing.assert_allclose(found["r"], gradient, rtol=1e-12)
    assert found["r"][1] / (found["r"][1] + found["r"][2]) == pytest.approx(state["split"])
    assert found["q"][0] == pytest.approx(0.659, abs=5e-5)


@pytest.mark.parametrize("state", EACH, ids=range(len(EACH)))
def test_the_softmax_twice(state: dict[str, Any]) -> None:
    found, count = values(**state), state["K"]
    logits = np.array([state["a"], *[0.0] * (count - 1)])
    close(found["once"], float(xent.cross_entropy(logits, 0)))
    close(found["again"], float(xent.cross_entropy(xent.softmax(logits), 0)))
    best = [1.0, *[0.0] * (count - 1)]
    close(found["limit"], float(xent.cross_entropy(best, 0)))
    assert found["again"] > found["limit"] - 1e-12
    assert found["limit"] == pytest.approx(np.log(1 + (count - 1) / np.e), rel=1e-12)


def test_twice_is_flat_where_it_is_wrong() -> None:
    for count in (2, 3, 10, 100):
        around = [values(a=a, K=count)["again"] for a in (-6.0, -5.0)]
        once = [values(a=a, K=count)["once"] for a in (-6.0, -5.0)]
        assert abs(around[0] - around[1]) < 0.01 < 0.9 < once[0] - once[1]


@pytest.mark.parametrize("smooth", [0.01, 0.1, 0.25, 0.5])
def test_smoothing_has_a_best_margin(smooth: float) -> None:
    found = values(smooth=smooth)

    def loss(margin: float) -> float:
        return float(xent.cross_entropy([margin, 0.0, 0.0], 0, label_smoothing=smooth))

    best = found["best"]
    assert 0 < best < 12
    close(found["least"], loss(best))
    assert loss(best) < min(loss(best - 0.1), loss(best + 0.1))
    p = xent.softmax(np.array([best, 0.0, 0.0]))
    np.testing.assert_allclose(p, [1 - 2 * smooth / 3, smooth / 3, smooth / 3], rtol=1e-12)


def test_small_numbers_are_shown_with_a_shared_target() -> None:
    """A class of p < 0.001 keeps its numbers, its arrow and its target."""
    state = {"z": [-6.0, 1.0, 0.3], "truth": classes.SHARED}
    found = values(**state)
    assert found["p"][0] < 1e-3
    svg = re.findall(r"<svg.*?</svg>", pages.fragment(lesson("classes"), state), re.DOTALL)[0]
    told = re.findall(r"<tspan[^>]*>([^<]+)</tspan>", svg)
    assert told == [
        *("−6", "1", "0.3"),
        *("6.0894e−04", "0.6678", "0.3316"),
        *("0.7", "0.2", "0.1"),
        *("−0.6994", "0.4678", "0.2316"),
    ]
    arrows = re.findall(r'stroke-width="4" x1="\S+" y1="([\d.]+)" x2="\S+" y2="([\d.]+)"', svg)
    longest = max(abs(float(a) - float(b)) for a, b in arrows)
    assert longest == pytest.approx(0.6994 * 228, abs=0.1)


def test_what_the_text_says() -> None:
    assert values()["p"] == pytest.approx([0.66, 0.24, 0.10], abs=0.005)
    assert float(xent.cross_entropy([1.0, 0.0, 0.0], 0)) == pytest.approx(0.5514, abs=5e-5)
    for state in ({"z": [8.0, 8.0, -8.0]}, {"z": [3.0, 2.9, 0.0]}):
        assert sorted(values(**state)["p"])[1] <= 0.5
    too_sure = values(z=[7.0, 0.0, -1.0], eps=0.1)
    assert too_sure["g"][0] > 0, "smoothing pushes the logit of the true class down"
    wrong = values(z=[-6.0, 4.0, 1.0])
    assert wrong["L"] > 9
