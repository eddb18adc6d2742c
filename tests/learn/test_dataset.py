"""The numbers of the lesson on a data set agree with the library, and its claims are true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import browser
import numpy as np
import pytest

import xent
from xent._live.program import Program
from xent.learn import lesson, pages
from xent.learn.lessons import dataset
from xent.learn.lessons.dataset import points

Y = np.array(points.LABELS)
RANDOM = np.random.default_rng(2)
MOVED = np.round(RANDOM.uniform(*dataset.SPAN, 10), 1).tolist()
SETS = [points.POINTS, MOVED, dataset.BAD_LABEL]
WALK = Program([*points.LABELLED, *points.descent()])
PLACES = Program([*points.LABELLED, *points.places()])
SURFACE = Program([*points.LABELLED, *points.surface()])


def computed(program: Program, **state: Any) -> dict[str, Any]:
    """The numbers of a part of the page in a state."""
    inputs = {**dataset.STATE, **state}
    return program.compute({**inputs, "rates_count": len(inputs["rates"])})


def mean_loss(x: Any, w: float, b: float) -> float:
    return float(xent.binary_cross_entropy(w * np.array(x) + b, Y))


def after_step(x: Any, w: float, b: float, length: float) -> tuple[float, float]:
    features = np.array(x)
    slope = np.asarray(xent.binary_cross_entropy(w * features + b, Y, return_grad=True)[1])
    return w - length * float(slope @ features), b - length * float(slope.sum())


@pytest.mark.parametrize("x", SETS)
@pytest.mark.parametrize(("w", "b"), [(0.0, 0.0), (1.65, 0.8), (-1.0, 4.0), (9.0, -3.0)])
def test_points_and_steps_are_those_of_the_library(x: list[float], w: float, b: float) -> None:
    rates = [0.5, 3, 10]
    found = computed(WALK, x=x, w=w, b=b, rates=rates, rate=2)
    for i, length in enumerate(rates):
        np.testing.assert_allclose((found["ws"][i], found["bs"][i]), (w, b), rtol=1e-12, atol=1e-14)
        w, b = after_step(x, w, b, length)
    logits = w * np.array(x) + b
    np.testing.assert_allclose((found["W"], found["B"]), (w, b), rtol=1e-12)
    np.testing.assert_allclose(found["z"], logits, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(found["p"], np.asarray(xent.sigmoid(logits)), rtol=1e-11)
    losses = np.asarray(xent.binary_cross_entropy(logits, Y, reduction="none"))
    np.testing.assert_allclose(found["s"], losses, rtol=1e-11)
    np.testing.assert_allclose(found["t"], np.exp(-losses), rtol=1e-11)
    assert found["L"] == pytest.approx(mean_loss(x, w, b), rel=1e-12)
    assert found["after"] == pytest.approx(mean_loss(x, *after_step(x, w, b, 2)), rel=1e-12)


def test_a_rate_of_9_descends_and_one_of_10_overshoots() -> None:
    for rate, rises in ((1, False), (9, False), (9.3, False), (9.4, True), (10, True)):
        found = computed(WALK, w=0, b=0, rate=rate)
        assert (found["after"] > found["L"]) is rises, rate


def test_the_sum_takes_steps_ten_times_as_long() -> None:
    mean, total = (computed(WALK, rate=1, reduction=which) for which in (0, 1))
    assert total["step"] == 10 * mean["step"]
    features = np.array(points.POINTS)
    logits = features + 0.5
    slopes = [
        np.asarray(xent.binary_cross_entropy(logits, Y, reduction=which, return_grad=True)[1])
        for which in ("mean", "sum")
    ]
    np.testing.assert_allclose(slopes[1], 10 * slopes[0], rtol=1e-12)


def test_a_mean_stays_and_a_sum_doubles_when_rows_are_there_twice() -> None:
    logits, twice = np.array(points.POINTS), np.tile(points.POINTS, 2)
    mean, total = (
        [
            float(xent.binary_cross_entropy(z, y, reduction=which))
            for z, y in ((logits, Y), (twice, np.tile(Y, 2)))
        ]
        for which in ("mean", "sum")
    )
    assert mean[0] == pytest.approx(mean[1])
    assert 2 * total[0] == pytest.approx(total[1])


def test_the_base_rate_costs_the_entropy_of_the_labels() -> None:
    assert pytest.approx(-(0.7 * np.log(0.7) + 0.3 * np.log(0.3))) == dataset.BASE
    assert pytest.approx(float(xent.log_loss(Y, [0.7] * 10))) == dataset.BASE
    # The preset: its weight is 0, and its bias the slider's stop next to log(7/3).
    assert mean_loss(points.POINTS, 0, 0.85) == pytest.approx(dataset.BASE, abs=5e-6)


def test_fitted_losses_are_the_known_ones() -> None:
    assert dataset.fitted(1.0) == pytest.approx(0.3329, abs=5e-5)
    assert dataset.fitted(0.0) == pytest.approx(0.3052, abs=5e-5)
    assert dataset.fitted(0.0) == pytest.approx(mean_loss(points.POINTS, 1.65, 0.8), abs=1e-5)


def test_one_bad_label_costs_more_than_the_base_rate() -> None:
    found = computed(WALK, x=dataset.BAD_LABEL, w=1.65, b=0.8)
    assert found["L"] > dataset.BASE
    assert max(found["s"]) == found["s"][9] > dataset.HIGHEST


def test_without_overlap_a_larger_weight_is_always_better() -> None:
    losses = [mean_loss(dataset.SEPARATE, w, 0.3 * w) for w in (1, 6, 30, 200)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 1e-6
    assert computed(SURFACE, x=dataset.SEPARATE)["wm"] > 8.9


def test_bars_never_overlap() -> None:
    pixels = (420 - 12 - 54) / (points.ACROSS[1] - points.ACROSS[0])
    assert points.GAP * pixels > dataset.BAR
    rng = np.random.default_rng(4)
    crowds = [[v] * 10 for v in (-4.0, 0.0, 5.5)]
    for x in [points.POINTS, *crowds, *np.round(rng.uniform(-4, 5.5, (40, 10)), 1).tolist()]:
        found = np.array(computed(PLACES, x=x)["place"])
        assert np.diff(np.sort(found)).min() > points.GAP - 1e-9
        assert found.max() < points.ACROSS[1] - points.GAP
        # The order is that of the points.
        assert np.all(np.diff(found[np.argsort(x, kind="stable")]) > 0)
    near = np.array(computed(PLACES)["place"]) - points.POINTS
    assert np.abs(near).max() < 0.15


@pytest.mark.parametrize(
    ("x", "off"), [*((x, 0.08) for x in SETS), (dataset.SEPARATE, 0.25)], ids=range(4)
)
def test_contours_are_where_their_loss_is(x: list[float], off: float) -> None:
    found = computed(SURFACE, x=x)
    middle = found["wm"], found["bm"]
    lowest = mean_loss(x, *middle)
    assert found["lowest"] == pytest.approx(lowest, rel=1e-12)
    for w in np.linspace(*points.WEIGHTS, 41):
        for b in np.linspace(*points.BIASES, 29):
            assert mean_loss(x, w, b) > lowest - 1e-4
    for k, above in enumerate(points.LEVELS):
        assert found["level"][k] == pytest.approx(lowest + above)
        for a in range(points.RAYS):
            far = found["reach"][k][a]
            w, b = middle[0] + found["cos"][a] * far, middle[1] + found["sin"][a] * far
            within = points.WEIGHTS[0] < w < points.WEIGHTS[1]
            if within and points.BIASES[0] < b < points.BIASES[1]:
                assert mean_loss(x, w, b) - lowest == pytest.approx(above, rel=off)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The lesson as a file."""
    path: Path = tmp_path_factory.mktemp("dataset") / "dataset.html"
    path.write_text(pages.page(lesson("dataset")), "utf-8")
    return path.as_uri()


def test_each_point_can_be_dragged_though_handles_overlap(address: str, chromium: Any) -> None:
    with browser.page(chromium) as page:
        page.goto(address)
        for j in range(10):
            page.locator("[data-reset]").click()
            handle = page.locator(f'[data-drag-x^="x.{j} "]')
            box = handle.bounding_box()
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            page.mouse.move(x, y)
            page.mouse.down()
            page.mouse.move(x + 30, y, steps=3)
            page.mouse.up()
            moved = [float(each) for each in page.url.split("x=")[1].split("&")[0].split(",")]
            differ = [i for i in range(10) if moved[i] != points.POINTS[i]]
            assert differ == [j]


def test_steps_keep_their_length_when_the_reduction_changes(address: str, chromium: Any) -> None:
    with browser.page(chromium) as page:
        page.goto(f"{address}#reduction=1&rate=1&w=0&b=0")
        page.get_by_role("button", name="Take a step").click()
        assert "rates=10" in page.url
        page.get_by_label("mean's gradient").check()
        page.get_by_role("button", name="10 steps").click()
        assert f"rates=10{',1' * 10}" in page.url
        for _ in range(4):
            page.get_by_role("button", name="10 steps").click()
        assert page.get_by_text("Steps: 40.").is_visible()
        page.get_by_role("button", name="Undo").click()
        assert page.get_by_text("Steps: 39.").is_visible()
