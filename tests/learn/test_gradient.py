"""The numbers of the lesson on the gradient agree with the library, and its claims are true."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import xent
from xent._live.program import Program
from xent.learn.lessons import gradient
from xent.learn.lessons.gradient import descent

LOGITS = [-8.0, -3.0, -0.7, 0.0, 1.0, 2.5, 8.0]
SHARES = [0, 1, 0.5]


WALK, CHECK = Program(descent.walk()), Program(descent.differences())


def computed(program: Program = descent.PROGRAM, **state: Any) -> dict[str, Any]:
    """The numbers of the page in a state: all, or those of a part."""
    inputs = {**gradient.STATE, **state}
    return program.compute({**inputs, "rates_count": len(inputs["rates"])})


def loss_and_slope(z: float, share: float) -> tuple[float, float]:
    loss, slope = xent.binary_cross_entropy(z, share, return_grad=True)
    return float(loss), float(slope)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("z", LOGITS)
def test_a_walk_is_that_of_the_library(z: float, share: float) -> None:
    rates = [0.5, 15, 3, 8]
    found = computed(WALK, z=z, share=share, rates=rates, rate=2)
    at = z
    for i, rate in enumerate(rates):
        loss, slope = loss_and_slope(at, share)
        assert found["u"][i] == pytest.approx(at, rel=1e-12)
        assert found["l"][i] == pytest.approx(loss, rel=1e-12)
        at -= rate * slope
    loss, slope = loss_and_slope(at, share)
    told = [found[name] for name in ("now", "L", "g", "p", "then", "after")]
    then = at - 2 * slope
    wanted = [at, loss, slope, xent.sigmoid(at), then, loss_and_slope(then, share)[0]]
    np.testing.assert_allclose(told, wanted, rtol=1e-12, atol=1e-15)


def test_steps_keep_their_rates() -> None:
    one, other = (computed(WALK, rates=[1, 2], rate=rate) for rate in (1, 9))
    assert one["u"] == other["u"]


@pytest.mark.parametrize("share", [0, 1])
def test_with_a_label_no_step_raises_the_loss(share: int) -> None:
    for z in LOGITS:
        for rate in (0.5, 4, 15, 1000):
            found = computed(WALK, z=z, share=share, rate=rate)
            assert found["after"] <= found["L"]


@pytest.mark.parametrize("z", [-8.0, -3.0, 0.5, 2.0])
def test_where_half_of_the_labels_are_1_a_rate_overshoots_above_the_limit(z: float) -> None:
    limit = computed(WALK, z=z, share=0.5)["limit"]
    assert limit > 8
    below, above = (computed(WALK, z=z, share=0.5, rate=limit * part) for part in (0.999, 1.001))
    assert below["after"] < below["L"]
    assert above["after"] > above["L"]
    assert (below["then"] > 0) == (z < 0)


def test_rates_above_8_never_settle_and_those_below_do() -> None:
    slow = computed(WALK, share=0.5, rates=[6] * 40)
    assert abs(slow["now"]) < 1e-9
    fast = computed(WALK, share=0.5, rates=[15] * 40)
    assert abs(fast["u"][39]) > 3
    assert abs(fast["u"][40]) > 3
    assert fast["u"][39] * fast["u"][40] < 0
    # The preset: its first step raises the loss.
    assert fast["l"][1] > fast["l"][0]


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("z", LOGITS)
def test_quotients_are_as_good_as_the_lesson_says(z: float, share: float) -> None:
    found = computed(CHECK, z=z, share=share)
    loss, slope = loss_and_slope(z, share)
    assert found["loss"][0][0] == pytest.approx(loss, rel=1e-12)
    assert found["true"] == pytest.approx(slope, rel=1e-12, abs=1e-15)
    for n, h in enumerate(descent.STEPS):
        for side, moved in ((1, z + h), (2, z - h)):
            wanted = loss_and_slope(moved, share)[0]
            assert found["loss"][side][n] == pytest.approx(wanted, rel=1e-12)
    far, near, bend, wave, grain = (
        np.array(found[name]) for name in ("far", "near", "bend", "wave", "grain")
    )
    assert np.all(far <= 1.05 * bend + grain)
    assert np.all(near <= 1.05 * wave + grain)
    left = np.array(descent.STEPS) > 1e-4
    np.testing.assert_allclose(far[left], bend[left], rtol=0.05)


@pytest.mark.parametrize("z", [-3.0, -1.0, 1.0, 3.0])
def test_the_valleys_lie_where_the_lesson_says(z: float) -> None:
    found = computed(CHECK, z=z)
    steps = np.array(descent.STEPS)
    one, two = (steps[int(np.argmin(found[name]))] for name in ("far", "near"))
    assert 1e-9 <= one <= 1e-6
    assert 1e-6 < two <= 1e-4
    assert min(found["near"]) < min(found["far"])


@pytest.mark.parametrize("z", [-3.0, -1.0, 1.0, 3.0])
def test_ten_digits_are_lost_at_the_smallest_steps(z: float) -> None:
    found = computed(CHECK, z=z)
    lost = np.log10(np.array(found["far"][-5:]) / abs(found["true"])) + 16
    assert 9 < np.mean(lost) < 13


def test_the_notes_find_truncation() -> None:
    found = computed(CHECK, z=1.0, share=1, k=5)
    n = round(found["n"])
    assert descent.STEPS[n] == 1e-5
    assert found["far"][n] == pytest.approx(9.83e-7, rel=1e-3)
    assert found["bend"][n] == pytest.approx(9.83e-7, rel=1e-3)


def test_weights_get_the_gradient_times_their_features() -> None:
    found = computed(share=1)
    state = gradient.STATE
    x, w, b = np.array(state["x"]), np.array(state["w"]), state["b"]
    slope = loss_and_slope(float(w @ x + b), 1)[1]
    np.testing.assert_allclose([*found["d"], found["miss"]], [*(slope * x), slope], rtol=1e-12)


def test_the_guess_is_answered_rightly() -> None:
    unlikely, even = (float(np.log(p / (1 - p))) for p in (0.05, 0.5))
    (loss, slope), (less, gentle) = loss_and_slope(unlikely, 1), loss_and_slope(even, 1)
    assert loss / less == pytest.approx(4.3, abs=0.05)
    assert slope / gentle == pytest.approx(1.9)
