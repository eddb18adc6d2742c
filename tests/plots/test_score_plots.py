"""Pictures of a score: what they draw, and what they say of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers import contrast

import xent
from xent import plots

RNG = np.random.default_rng(0)
Z = RNG.normal(0, 1.5, 3000)
Y = (RNG.random(3000) < 1 / (1 + np.exp(-Z))).astype(int)
GROUP = np.array([f"group {k}" for k in range(30)])[np.arange(3000) % 30]


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def over() -> Any:
    return xent.score({"logit": 3 * Z, "label": Y, "group": GROUP}, by=["group"])


def test_the_curve_is_the_calibrations(over: Any) -> None:
    ax = plots.reliability_curve(over)
    (drawn,) = [line for line in ax.lines if line.get_label() == "came true"]
    curve = over.calibration.curve
    np.testing.assert_array_equal(drawn.get_ydata()[::2], curve.observed)
    np.testing.assert_array_equal(drawn.get_xdata()[::2], curve.first)
    told = plots.description(ax)
    assert "By the 95 % band of the whole curve, predictions are wrong: " in told
    assert "too low" in told
    assert "too high" in told


def test_right_predictions_lie_within_the_band() -> None:
    ax = plots.reliability_curve(xent.score({"logit": Z, "label": Y}))
    assert plots.description(ax).endswith(
        "Perfect calibration lies within the 95 % band of the whole curve."
    )
    assert "outside the band" not in [text.get_text() for text in ax.get_legend().get_texts()]


def test_the_histogram_counts_all_rows(over: Any) -> None:
    below = plots.reliability_curve(over).child_axes[0]
    assert sum(bar.get_height() for bar in below.patches) == 3000
    p = 1 / (1 + np.exp(-3 * Z))
    first = below.patches[0].get_height()
    assert first == pytest.approx((p < 1 / 40).sum(), abs=20), "bins of logits are narrow"


def test_shares_of_rows_and_of_loss_sum_to_one(over: Any) -> None:
    ax = plots.loss_histogram(over)
    rows, loss = (patch.get_data().values for patch in ax.patches)
    assert rows.sum() == pytest.approx(1)
    assert loss.sum() == pytest.approx(1)
    losses = np.sort(xent.binary_cross_entropy(3 * Z, Y, reduction="none"))
    told = plots.description(ax)
    assert f"at most {losses[1499]:.4f} nats" in told
    part = losses[-150:].sum() / losses.sum()
    assert f"5 % of the rows with the highest loss make up {100 * part:.2g} % of" in told


def test_infinite_losses_have_a_mark_of_their_own() -> None:
    ax = plots.loss_histogram(xent.score({"prob": [0.9, 0.0, 0.2], "label": [1, 1, 0]}))
    assert "infinite: 33 %" in [text.get_text() for text in ax.get_legend().get_texts()]
    assert plots.description(ax).endswith("1 of them is infinite.")


def test_slices_are_worst_first_and_bounded(over: Any) -> None:
    ax = plots.slice_dots(over, "group")
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    groups = sorted(over.by_value("group"), key=lambda each: -each.loss)
    assert names == [f"{each.name} (100)" for each in groups[:20]]
    assert ax.get_title() == "Log loss by group, worst 20 of 30"
    assert plots.description(ax).startswith(
        f"Log loss of 30 slices by group, in nats; of all rows it is {over.loss:.4f}. The worst: "
        f"{groups[0].name} {groups[0].loss:.4f} ("
    )
    with pytest.raises(ValueError, match="no slice by group has 101 rows"):
        plots.slice_dots(over, "group", least=101)
    with pytest.raises(ValueError, match="there are no slices by 'country'"):
        plots.slice_dots(over, "country")


def test_an_infinite_slice_is_an_arrowhead() -> None:
    table = {"prob": [0.9, 0.0] * 20, "label": [1, 1] * 20, "g": ["a", "b"] * 20}
    ax = plots.slice_dots(xent.score(table, by=["g"]), "g")
    assert ax.lines[0].get_marker() == ">"
    assert "b inf" in plots.description(ax)


def test_names_are_no_mathematics_and_steer_nothing() -> None:
    table = {"prob": [0.9, 0.8] * 20, "label": [1, 1] * 20, "g": ["$x^2$", "a\u202eb" * 20] * 20}
    ax = plots.slice_dots(xent.score(table, by=["g"]), "g")
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert r"\$x^2\$ (20)" in names
    assert not any("\u202e" in name for name in names)
    assert max(map(len, names)) < 30


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("draw", [
    plots.reliability_curve, plots.loss_histogram, lambda score: plots.slice_dots(score, "group"),
])  # fmt: skip
def test_text_is_seen_on_its_ground(over: Any, draw: Any, dark: bool) -> None:
    with plots.style(dark=dark):
        ax = draw(over)
        texts = [text for text in ax.figure.findobj(mpl.text.Text) if text.get_text()]
        assert len(texts) > 5
        for text in texts:
            assert contrast(text.get_color(), "#14171a" if dark else "#ffffff") >= 4.5


def test_differences_have_their_numbers_and_a_line_at_0() -> None:
    p = 1 / (1 + np.exp(-Z))
    table = {"label": Y, "prob_a": p, "prob_b": 1 / (1 + np.exp(-2 * Z)), "group": GROUP}
    found = xent.compare(table, by=["group"])
    (pair,) = found.pairs
    ax = plots.difference_dots(found)
    assert ax.lines[0].get_xdata() == [0, 0]
    (drawn,) = ax.collections
    (ends,) = drawn.get_segments()
    assert ends[:, 0].tolist() == [pair.interval.low, pair.interval.high]
    assert ax.get_xlabel() == "log loss (nats): a less b"
    ax = plots.difference_dots(found, "group", most=8)
    slices = sorted(found.by_value("group"), key=lambda each: -each.difference)
    names = [f"{each.value} ({each.rows})" for each in slices[:8]]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == names
    assert ax.get_title() == "Differences of the log loss by group, 8 of 30"
    with pytest.raises(ValueError, match=r"there are no slices by 'age'; by=\['group'\]"):
        plots.difference_dots(found, "age")
    with pytest.raises(ValueError, match=r"no difference is known of 200 rows\."):
        plots.difference_dots(found, "group", least=200)


def test_of_several_models_each_dot_names_its_pair() -> None:
    table = {"label": Y, **{f"prob_{n}": 1 / (1 + np.exp(-k * Z)) for n, k in
                            (("a", 1), ("much_longer_name", 2), ("c", 3))}, "g": GROUP}  # fmt: skip
    found = xent.compare(table, by=["g"])
    ax = plots.difference_dots(found)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == [
        "a less much_long…", "a less c", "much_long… less c"
    ]  # fmt: skip
    assert ax.get_xlabel() == "log loss (nats): first less second"
    ax = plots.difference_dots(found, "g")
    first = ax.get_yticklabels()[0].get_text()
    assert " less a (" in first, "each beside the one with the lowest loss"


def test_one_far_slice_does_not_squeeze_the_others() -> None:
    far = GROUP == "group 3"
    logits = np.where(far, -np.where(Y == 1, 1, -1) * 40.0, Z)
    found = xent.score({"logit": logits, "label": Y, "group": GROUP}, by=["group"])
    ax = plots.slice_dots(found, "group", most=30)
    worst, second, *_ = sorted(found.by_value("group"), key=lambda each: -each.loss)
    left, right = ax.get_xlim()
    assert worst.name == "group 3"
    assert second.loss < right < 5 < worst.loss
    assert [text.get_text() for text in ax.texts] == ["40"], "the number stands beside its mark"
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "beyond the axis" in names
    assert left < found.loss < right, "so that all dots stand beside that of all rows"


def test_dots_that_are_near_all_lie_within_the_axis(over: Any) -> None:
    ax = plots.slice_dots(over, "group", most=30)
    left, right = ax.get_xlim()
    for each in over.by_value("group"):
        assert left < each.interval.low < each.interval.high < right
    assert "beyond the axis" not in [text.get_text() for text in ax.get_legend().get_texts()]


def test_short_ranges_outside_the_band_have_a_mark() -> None:
    z = np.random.default_rng(0).normal(-6, 1, 60_000)
    y = (np.random.default_rng(1).random(60_000) < 1 / (1 + np.exp(-z))).astype(int)
    found = xent.score({"logit": 1.6 * z + 2, "label": y})
    wrong = found.calibration.curve.bands.excluded()
    short = [(a, b) for a, b, _ in wrong if b - a < 0.02]
    assert short, "the test is of these"
    lines = [each for each in plots.reliability_curve(found).lines if each.get_linewidth() == 3.5]
    marked = [tuple(each.get_xdata()) for each in lines if each.get_marker() == "o"]
    assert marked == short
