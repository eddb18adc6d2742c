"""Plots show the numbers of the library, and say what they show."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers import contrast

import xent
from xent import plots

X = np.array([[-2.0, 1.0], [-0.5, 1.0], [0.5, 1.0], [2.0, 1.0]])
Y = np.array([0, 1, 0, 1])
DRAWINGS: dict[str, Callable[..., Any]] = {
    "surprise": lambda ax: plots.surprise_curve(0.66, squared=True, ax=ax),
    "loss": lambda ax: plots.loss_curves(2.0, 1, ax=ax),
    "gradient": lambda ax: plots.gradient_curves(-1.0, 0, ax=ax),
    "sigmoid": lambda ax: plots.sigmoid_curve(2.0, ax=ax),
    "classes": lambda ax: plots.class_bars([2.0, 1.0, 0.1], 0, names=["a", "b", "c"], ax=ax),
    "soft": lambda ax: plots.class_bars([-6.0, 1.0, 0.1], [0.7, 0.2, 0.1], ax=ax),
    "points": lambda ax: plots.dataset(X[:, 0], Y, 1, ax=ax),
    "probabilities": lambda ax: plots.dataset(X[:, 0], Y, 2, ax=ax),
    "losses": lambda ax: plots.dataset(X[:, 0], Y, 3, ax=ax),
    "mean": lambda ax: plots.dataset(X[:, 0], Y, 4, ax=ax),
    "error": lambda ax: plots.gradient_error(ax=ax),
    "surface": lambda ax: plots.loss_surface(X, Y, plots.descend(X, Y), ax=ax),
}


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.mark.parametrize("name", DRAWINGS)
@pytest.mark.parametrize("dark", [False, True])
def test_each_draws_into_the_axes_and_names_them(name: str, dark: bool) -> None:
    with plots.style(dark=dark):
        _, ax = plt.subplots()
        assert DRAWINGS[name](ax) is ax
        assert ax.get_title()
        assert ax.get_xlabel()
        assert ax.get_ylabel()
        for form in ("svg", "png", "pdf"):
            file = BytesIO()
            ax.figure.savefig(file, format=form)
            assert file.tell() > 1000


@pytest.mark.parametrize("name", DRAWINGS)
def test_text_is_seen_on_its_ground(name: str) -> None:
    """Every text of a picture, after WCAG; the dark ground of the site is lighter than ours."""
    for dark, grounds in ((False, ["#ffffff"]), (True, ["#14171a", "#1e2129"])):
        with plots.style(dark=dark):
            _, ax = plt.subplots()
            DRAWINGS[name](ax)
            assert mpl.colors.same_color(ax.get_facecolor(), grounds[0])
            texts = [text for text in ax.findobj(mpl.text.Text) if text.get_text()]
            assert texts
            for text in texts:
                for ground in grounds:
                    assert contrast(text.get_color(), ground) >= 4.5, text.get_text()


def test_a_new_figure_is_made_where_no_axes_are_given() -> None:
    assert plots.loss_curves().figure is not plots.loss_curves().figure


@pytest.mark.parametrize("label", [0, 1])
def test_curves_are_the_librarys(label: int) -> None:
    ax = plots.loss_curves(0.7, label)
    z, loss = ax.lines[label].get_data()
    due = xent.binary_cross_entropy(z, np.full(z.shape, label), reduction="none")
    np.testing.assert_array_equal(loss, due)
    point = ax.lines[2].get_data()
    assert point[0][0] == 0.7
    assert point[1][0] == xent.binary_cross_entropy(0.7, label)
    ax = plots.gradient_curves(0.7, label)
    z, slope = ax.lines[label].get_data()
    np.testing.assert_allclose(slope, xent.sigmoid(z) - label, atol=1e-15)


def test_sigmoid_and_its_slope() -> None:
    ax = plots.sigmoid_curve(1.5)
    (z, p), (_, slope) = (line.get_data() for line in ax.lines[:2])
    np.testing.assert_array_equal(p, xent.sigmoid(z))
    np.testing.assert_allclose(slope, p * (1 - p), atol=1e-12)
    assert "p = 0.8176" in [text.get_text() for text in ax.texts]


def test_arrows_are_the_gradient_and_sum_to_nothing() -> None:
    logits, label = [2.0, 1.0, 0.1], 1
    ax = plots.class_bars(logits, label)
    loss, grad = xent.cross_entropy(logits, label, return_grad=True)
    arrows = [t for t in ax.texts if getattr(t, "arrow_patch", None) is not None]
    lengths = np.array([arrow.xy[1] - arrow.xyann[1] for arrow in arrows])
    np.testing.assert_allclose(lengths, -grad)
    assert abs(lengths.sum()) < 1e-15
    assert f"{loss:.4f}" in ax.get_title()
    np.testing.assert_array_equal([b.get_height() for b in ax.patches[:3]], xent.softmax(logits))


def numbers_at_arrows(ax: Any) -> list[float]:
    return [float(t.get_text()) for t in ax.texts if re.fullmatch(r"[+-][\d.]+", t.get_text())]


@pytest.mark.parametrize(
    ("logits", "target"),
    [
        ([-6.0, 1.0, 0.1], [0.7, 0.2, 0.1]),
        ([-60.0, 1.0, 0.1], [0.7, 0.2, 0.1]),
        ([2.0, 1.0, 0.1], 1),
        ([5.0] + [0.0] * 11, [0.0, 0.45, 0.55] + [0.0] * 9),
    ],
)
def test_every_arrow_has_its_number_and_ends_at_the_target(
    logits: list[float], target: Any
) -> None:
    ax = plots.class_bars(logits, target)
    _, grad = xent.cross_entropy(logits, target, return_grad=True)
    arrows = [t for t in ax.texts if getattr(t, "arrow_patch", None) is not None]
    assert len(arrows) == np.count_nonzero(np.abs(grad) > 1e-3)
    np.testing.assert_allclose(
        sorted(numbers_at_arrows(ax)), sorted(-grad[np.abs(grad) > 1e-3]), atol=6e-4
    )
    (lines,) = [found for found in ax.collections if found.get_label() == "target"]
    heights = [segment[0][1] for segment in lines.get_segments()]
    due = np.eye(len(logits))[target] if isinstance(target, int) else target
    np.testing.assert_allclose(heights, due, atol=1e-12)
    assert "target" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_the_target_is_told_and_drawn_with_its_smoothing() -> None:
    told = plots.description(plots.class_bars([-6.0, 1.0, 0.1], [0.7, 0.2, 0.1]))
    assert "The target is soft: 1 0.2, 2 0.1, 0 0.7." in told
    ax = plots.class_bars([2.0, 1.0, 0.1], 0, label_smoothing=0.3)
    heights = [segment[0][1] for segment in ax.collections[0].get_segments()]
    np.testing.assert_allclose(heights, [0.8, 0.1, 0.1])
    ax = plots.class_bars([1.0, 2.0, -np.inf], 2)  # masked: no arrow, and the target all the same
    assert [segment[0][1] for segment in ax.collections[0].get_segments()] == [0, 0, 1]


def test_surprise_is_minus_log_p_with_points_to_compare() -> None:
    ax = plots.surprise_curve(0.66, squared=True)
    p, loss = ax.lines[0].get_data()
    np.testing.assert_array_equal(loss, -np.log(p))
    assert loss[0] > ax.get_ylim()[1], "it leaves the picture at the top"
    assert (p[-1], loss[-1]) == (1, 0)
    p, loss = ax.lines[1].get_data()
    np.testing.assert_allclose(loss, (1 - p) ** 2)
    np.testing.assert_allclose(
        ax.lines[2].get_xydata(), [[1, 0], [0.5, np.log(2)], [0.1, np.log(10)], [0.01, np.log(100)]]
    )
    said = [text.get_text() for text in ax.texts]
    assert said == [
        "p = 1: 0", "p = 1/2: 0.693\na coin flip", "p = 0.1: 2.303", "p = 0.01: 4.605",
        "no upper limit as p goes to 0",
    ]  # fmt: skip
    assert ax.lines[3].get_xydata().tolist() == [[0.66, xent.log_loss([1], [0.66])]]
    assert plots.description(ax) == (
        "The loss -log p falls from infinity at p = 0 to 0 at p = 1, through 0.6931 at p = 1/2. "
        "The squared error (1 - p)² falls from 1 to 0. At p = 0.66 it is 0.4155 nats."
    )


@pytest.mark.parametrize("size", [(6.4, 4.2), (4.0, 3.0)])
@pytest.mark.parametrize("p", [None, 1e-300, 1e-5, 0.004, 0.01, 0.1, 0.5, 0.66, 0.99, 1.0])
def test_a_surprise_of_any_size_is_marked(p: float | None, size: tuple[float, float]) -> None:
    with plots.style():
        _, ax = plt.subplots(figsize=size, layout="constrained")
        plots.surprise_curve(p, squared=True, ax=ax)
        assert not overlapping(ax)
    if p is not None:
        assert ax.lines[-1].get_marker() == ("^" if p < 0.002 else "o")
        name = ax.get_legend().get_texts()[-1].get_text()
        assert name.startswith(f"p = {p:g}: ")
        assert ("further up" in name) == (p < 0.002)


def test_the_four_frames_lead_to_the_loss() -> None:
    z = X[:, 0]
    losses = xent.binary_cross_entropy(z, Y, reduction="none")
    points = plots.dataset(z, Y, 1).collections[0].get_offsets()
    np.testing.assert_allclose(points, np.stack([z, xent.sigmoid(z)], axis=1))
    heights = [[b.get_height() for b in plots.dataset(z, Y, n).patches] for n in (2, 3, 4)]
    np.testing.assert_allclose(heights[0], np.exp(-losses))
    np.testing.assert_array_equal(heights[1], losses)
    np.testing.assert_array_equal(heights[2], losses)
    ax = plots.dataset(z, Y, 4)
    assert ax.lines[0].get_ydata()[0] == xent.binary_cross_entropy(z, Y)
    assert f"{losses.mean():.4f}" in ax.get_title()


def test_the_error_is_a_v_under_its_estimates() -> None:
    ax = plots.gradient_error(1.0, 1, method="forward")
    h, error = ax.lines[0].get_data()
    truncation, rounding = (line.get_ydata() for line in ax.lines[1:])
    lowest = int(np.argmin(error))
    assert 1e-10 < h[lowest] < 1e-6
    assert error[0] > 1e3 * error[lowest]
    assert error[-1] > 1e3 * error[lowest]
    assert (error <= 2 * (np.array(truncation) + np.array(rounding)) + 1e-17).all()


def test_a_descent_goes_down() -> None:
    path = plots.descend(X, Y, steps=20)
    losses = [xent.binary_cross_entropy(X @ w, Y) for w in path]
    assert (np.diff(losses) < 0).all()
    both = plots.descend(X, Y, rate=[1.0] * 5 + [0.1] * 2, steps=7)
    np.testing.assert_array_equal(both[:6], path[:6])
    np.testing.assert_array_equal(
        both[6:], plots.descend(X, Y, start=path[5], rate=0.1, steps=2)[1:]
    )
    ax = plots.loss_surface(X, Y, path)
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), path)


def test_contours_show_the_valley() -> None:
    """They are closest together at the least loss, and one of them surrounds it."""
    ax = plots.loss_surface(X, Y)
    (contours,) = [found for found in ax.collections if hasattr(found, "levels")]
    least = min(
        float(xent.binary_cross_entropy(X @ [w, b], Y))
        for w in np.linspace(*ax.get_xlim(), 41) for b in np.linspace(*ax.get_ylim(), 41)
    )  # fmt: skip
    levels = contours.levels
    assert (np.diff(levels, 2) > 0).all()
    assert least < levels[0] < least + 0.02 * (levels[-1] - least)
    ring = contours.get_paths()[0].vertices
    assert np.ptp(ring, axis=0) == pytest.approx([0.6, 0.6], abs=0.6), "closed, and small"
    ax = plots.loss_surface(np.zeros((2, 2)), [0, 1])  # flat: the same loss everywhere
    ax.figure.savefig(BytesIO(), format="png")


def test_a_picture_tells_itself() -> None:
    for draw in DRAWINGS.values():
        _, ax = plt.subplots()
        told = plots.description(draw(ax))
        assert told.endswith(".")
        assert len(told) > 40
    _, ax = plt.subplots()
    assert plots.description(ax) == ""


def overlapping(ax: Any) -> list[str]:
    """Texts of a picture that run into each other."""
    ax.figure.canvas.draw()
    ticks = [t for t in ax.get_xticklabels() if t.get_rotation() == 0]
    legend = ax.get_legend().get_texts()
    texts = [t for t in [ax.title, *ax.texts, *ticks, *legend] if t.get_text()]
    boxes = [(t.get_text(), t.get_window_extent().shrunk(0.9, 0.8)) for t in texts]
    return [f"{a}|{b}" for i, (a, x) in enumerate(boxes) for b, y in boxes[:i] if x.overlaps(y)]


SIZES = [(6.4, 4.2), (4.0, 3.0), (10.0, 6.0)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [2, 3, 7, 10, 12, 13, 30, 100, 1000])
def test_no_text_runs_into_another_however_many_classes(
    count: int, size: tuple[float, float]
) -> None:
    z = np.random.default_rng(count).normal(0, 2, count)
    with plots.style():
        _, ax = plt.subplots(figsize=size, layout="constrained")
        plots.class_bars(z, count // 2, ax=ax)
        assert not overlapping(ax)
        assert f"Loss {xent.cross_entropy(z, count // 2):.4f} nats" == ax.get_title()
        assert len(ax.patches) >= min(count, 12)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [2, 3, 5, 8, 12, 13, 30, 100])
def test_nor_with_a_soft_target(count: int, size: tuple[float, float]) -> None:
    rng = np.random.default_rng(count)
    with plots.style():
        _, ax = plt.subplots(figsize=size, layout="constrained")
        plots.class_bars(rng.normal(0, 2, count), rng.dirichlet(np.ones(count)), ax=ax)
        assert not overlapping(ax)
        assert numbers_at_arrows(ax)


def test_long_names_are_cut_and_turned() -> None:
    names = ["a very long name of a class", "another rather long name", "x"]
    with plots.style():
        _, ax = plt.subplots(figsize=(4, 3), layout="constrained")
        plots.class_bars([2.0, 1.0, 0.1], 0, names=names, ax=ax)
        assert [tick.get_text() for tick in ax.get_xticklabels()] == [
            "a very long nam… (true)",
            "another rather …",
            "x",
        ]
        assert all(tick.get_rotation() == 35 for tick in ax.get_xticklabels())
        assert not overlapping(ax)


@pytest.mark.parametrize("size", SIZES[:2])
@pytest.mark.parametrize("logit", [-1000.0, -5.9, -2.0, 0.0, 0.3, 2.0, 5.9, 1000.0])
def test_the_points_value_stays_inside_and_off_the_legend(
    logit: float, size: tuple[float, float]
) -> None:
    drawings = [plots.sigmoid_curve]
    drawings += [
        lambda z, ax, f=f, y=y: f(z, y, ax=ax)
        for f in (plots.loss_curves, plots.gradient_curves)
        for y in (0, 1)
    ]
    for draw in drawings:
        with plots.style():
            _, ax = plt.subplots(figsize=size, layout="constrained")
            draw(logit, ax=ax)
            assert not overlapping(ax)
            (text,) = ax.texts
            inside, box = ax.get_window_extent().padded(2), text.get_window_extent()
            assert inside.containsx(box.x0)
            assert inside.containsx(box.x1)


def test_a_masked_label_is_told() -> None:
    ax = plots.class_bars([1.0, 2.0, -np.inf], 2)
    assert ax.get_title() == "Loss inf nats (the true class is masked)"


def test_certain_rows_stand_beyond_the_others() -> None:
    ax = plots.dataset([-np.inf, 0.0, 2.0, np.inf], [0, 1, 1, 1], 1)
    (inside, low, high) = (found.get_offsets().tolist() for found in ax.collections[:3])
    assert inside == [[0, 0.5], [2, xent.sigmoid(2.0)]]
    assert low == [[-6, 0]]
    assert high == [[6, 1]]
    assert ax.get_legend().get_texts()[-1].get_text() == "logit beyond the axis"
    assert "Arrowheads mark 2 rows with logits beyond the axis." in plots.description(ax)


ROWS: list[tuple[list[float], list[int]]] = [
    ([-2.0, 0.5, 1.5], [0, 0, 1]),
    ([1e5, -1e5, 0.3], [1, 0, 1]),
    ([-np.inf, 0.0, 2.0, np.inf], [0, 1, 1, 1]),
    ([1e308, -1e308, 3.0], [0, 0, 1]),
    ([1e306, -1e306], [1, 1]),
    ([1.7e308, 1.7e308], [0, 0]),
    ([np.inf], [1]),
    ([3.0], [1]),
    ([1e308] * 70, [0] * 70),
]


@pytest.mark.parametrize(("logits", "labels"), ROWS)
def test_the_curve_is_the_sigmoid_of_its_axis(logits: list[float], labels: list[int]) -> None:
    ax = plots.dataset(logits, labels, 1)
    z, p = ax.lines[0].get_data()
    np.testing.assert_array_equal(p, xent.sigmoid(z))
    assert np.diff(p).max(initial=0) < 0.1, "fine enough to be seen bend"
    places = np.concatenate([found.get_offsets()[:, 0] for found in ax.collections])
    assert z[0] <= np.nanmin(places)
    assert z[-1] >= np.nanmax(places)


@pytest.mark.parametrize(("logits", "labels"), ROWS)
@pytest.mark.parametrize("frame", [1, 2, 3, 4])
def test_any_rows_are_drawn_with_a_title_to_be_read(
    logits: list[float], labels: list[int], frame: Any
) -> None:
    ax = plots.dataset(logits, labels, frame)
    ax.figure.savefig(BytesIO(), format="png")
    assert len(ax.get_title()) < 40
    assert len(plots.description(ax)) < 300
    losses = np.array(xent.binary_cross_entropy(logits, labels, reduction="none"))
    if frame == 4:
        told = float(ax.get_title().split()[-2])
        assert told == pytest.approx((losses / len(losses)).sum(), rel=1e-4, abs=5e-5)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert ("loss beyond the axis" in names) == (losses.max() > 1e306 and frame > 2)


def test_between_given_places_the_curve_goes_by_the_logits() -> None:
    ax = plots.dataset([3.0, -900.0, np.inf, 2.0], [1, 0, 1, 1], 1, x=[0.0, 1.0, 2.0, 3.0])
    x, p = ax.lines[0].get_data()
    np.testing.assert_allclose(p, xent.sigmoid(np.interp(x, [0, 1, 3], [3, -900, 2])))
    assert ax.collections[1].get_offsets().tolist() == [[2, 1]]
    assert ax.get_legend().get_texts()[-1].get_text() == "infinite logit"


@pytest.mark.parametrize("logit", [1e7, 1e306, 1e308, -1e308, -1.79e308])
def test_a_point_too_far_out_stands_at_the_border(logit: float) -> None:
    drawings = [lambda: plots.sigmoid_curve(logit)]
    drawings += [
        lambda f=f, y=y: f(logit, y)
        for f in (plots.loss_curves, plots.gradient_curves, plots.gradient_error)
        for y in (0, 1)
    ]
    for draw in drawings:
        ax = draw()
        ax.figure.savefig(BytesIO(), format="png")
        assert len(ax.get_title()) < 60
        for text in ax.texts:
            assert (f" at z = {logit:g}, further out" in text.get_text()) == (abs(logit) > 1e306)
            marker = ax.lines[-1 if ax.get_title() != "Gradient of the loss" else -2]
            assert marker.get_marker() == (
                "o" if abs(logit) <= 1e306 else "<" if logit < 0 else ">"
            )


def test_many_rows_stand_in_order() -> None:
    z = np.random.default_rng(0).normal(size=200)
    y = (z > 0).astype(int)
    ax = plots.dataset(z, y, 3)
    assert ax.get_xlabel() == "row, in order of the logits"
    heights = np.array([bar.get_height() for bar in ax.patches])
    np.testing.assert_array_equal(heights, xent.binary_cross_entropy(z, y, reduction="none"))
    middles = [bar.get_x() + bar.get_width() / 2 for bar in ax.patches]
    np.testing.assert_allclose(middles, np.argsort(np.argsort(z)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.loss_curves(2.0), "logit and label go together: a point needs both."),
        (lambda: plots.loss_curves(2.0, 2), "label is 2; expected 0 or 1."),
        (lambda: plots.loss_curves(np.inf, 1), "logit is inf; a picture needs a finite one."),
        (lambda: plots.sigmoid_curve(np.nan), "logit is nan; a picture needs a finite one."),
        (lambda: plots.surprise_curve(0.0),
         "p is 0.0; expected a probability above 0 and at most 1."),
        (lambda: plots.surprise_curve(np.nan),
         "p is nan; expected a probability above 0 and at most 1."),
        (lambda: plots.gradient_error(np.inf), "logit is inf; a picture needs a finite one."),
        (lambda: plots.gradient_error(1.0, 2), "label is 2; expected 0 or 1."),
        (lambda: plots.dataset([1.0, np.inf], [1, 0]),
         "the loss of row 1 is inf; a picture needs finite ones."),
        (lambda: plots.dataset([1.0, 2.0], [1, 0.5]),
         "labels[1] is 0.5; a picture needs labels 0 and 1."),
        (lambda: plots.class_bars([np.nan, 1.0], 0),
         "logits are [nan, 1.0]; a picture needs numbers."),
        (lambda: plots.class_bars([[1.0, 2.0]], 0),
         "logits has shape (1, 2); expected the (K,) scores of one row."),
        (lambda: plots.dataset([1.0], [1], 5), "frame is 5; expected 1, 2, 3 or 4."),  # type: ignore[arg-type]
        (lambda: plots.dataset([1.0], [1], x=[1.0, 2.0]),
         "x has shape (2,), expected (1,): one place per logit. Nothing is broadcast."),
        (lambda: plots.descend([[1.0]], [1]),
         "features has shape (1, 1); expected (N, 2): a picture has room for two weights."),
        (lambda: plots.dataset([], []), "logits is empty; a picture needs rows."),
        (lambda: plots.dataset([1.0], [1], x=[np.inf]),
         "x[0] is inf; a picture needs finite places."),
        (lambda: plots.descend(X, Y, rate=np.nan),
         "rate is nan; expected a finite number above 0."),
        (lambda: plots.descend(X, Y, rate=np.inf),
         "rate is inf; expected a finite number above 0."),
        (lambda: plots.descend(X, Y, rate=1e300),
         "rate is 1e+300, and step 1 takes the weights beyond 1e+100; expected a smaller rate, "
         "or features closer to 1 in size."),
        (lambda: plots.descend(X, Y, steps=-1), "steps is -1; expected 0 or more."),
        (lambda: plots.descend(X, Y, rate=[1.0, 2.0], steps=3),
         "rate has 2 numbers for 3 steps; expected one, or one for each step."),
        (lambda: plots.descend(X, Y, rate=[1.0, 0.0], steps=2),
         "rate is 0.0; expected a finite number above 0."),
        (lambda: plots.descend(X, Y, start=(np.nan, 0)),
         "start holds nan; expected two finite weights, of at most 1e+100 in size."),
        (lambda: plots.descend(X * np.inf, Y),
         "features holds -inf; expected finite numbers of at most 1e+100 in size."),
        (lambda: plots.loss_surface(X, Y, [[0.0, 0.0], [1e300, 0.0]]),
         "path holds 1e+300; expected pairs of finite weights, as descend returns them, of at most "
         "1e+100 in size."),
        (lambda: plots.loss_surface(X, Y, [0.0, 0.0]),
         "path has shape (2,); expected pairs of finite weights, as descend returns them."),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        call()
    assert str(caught.value) == message


def test_matplotlib_is_asked_for_by_name() -> None:
    code = "import sys; sys.modules['matplotlib'] = None; import xent.plots"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (
        "plots need matplotlib: pip install matplotlib, or xent with its extra plot" in done.stderr
    )
