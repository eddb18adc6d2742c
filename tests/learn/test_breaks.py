"""The lesson *Numbers that break*: its numbers are those of the formulas, its claims hold."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import xent
from xent import oracle
from xent.learn import naive, precision
from xent.learn.lessons import breaks

LABELS, WAYS = (0, 1), precision.WAYS
TABLES = {each.name: each.numbers for each in precision.tables()}


def values(**state: Any) -> dict[str, Any]:
    return breaks.build({**breaks.STATE, **state})[0].values


SOME = (1, 8, 17, 36, 37, 89, 709, 710, 745, 800)


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("z", SOME)
def test_the_safe_form_is_exact(z: int, label: int) -> None:
    found = values(z=z, label=label)
    row = np.array([z, 0.0])
    loss, gradient = xent.cross_entropy(row, label, return_grad=True)
    exact = oracle.label_row(row.tolist(), label).loss
    assert found["loss"][3] == pytest.approx(float(loss), rel=1e-12, abs=5e-324)
    assert oracle.ulps(found["loss"][3], exact, "float64") <= 2
    np.testing.assert_allclose(found["grad"][3], gradient[label], rtol=1e-12, atol=5e-324)


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("z", SOME)
def test_the_pages_formulas_are_the_naive_ones(z: int, label: int) -> None:
    """In float64; an exponential may differ by its last digit."""
    found, row = values(z=z, label=label), np.array([[z, 0.0]])
    for way, loss in zip(WAYS.values(), found["loss"], strict=True):
        np.testing.assert_allclose(loss, way(row, label)[0], rtol=1e-12, atol=1e-14)
    with np.errstate(all="ignore"):
        for way, slope in zip(precision.SLOPES, found["grad"], strict=True):
            np.testing.assert_allclose(slope, way(row, label)[0], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found["q"], naive.probability(row, label)[0], rtol=1e-12)


@pytest.mark.parametrize(("half", "dtype"), list(enumerate(precision.DTYPES[1:])))
@pytest.mark.parametrize("label", LABELS)
def test_tables_are_what_each_dtype_gives(half: int, dtype: str, label: int) -> None:
    for place, z in enumerate(precision.STOPS):
        row = np.array([[z, 0]], dtype=dtype)
        for number, way in enumerate(WAYS.values()):
            loss = way(row, label)
            assert str(loss.dtype) == ("float32" if number == 3 else dtype)
            told = TABLES["losses"][number][half][label][place]
            np.testing.assert_allclose(told, float(loss[0]), rtol=1e-5)
        told = TABLES["shares"][half][label][place]
        np.testing.assert_allclose(told, float(naive.probability(row, label)[0]), rtol=1e-5)
    bits = int(dtype.removeprefix("float"))
    found = values(z=12, label=label, bits=bits)
    place = precision.STOPS.index(12)
    assert found["loss"][0] == pytest.approx(TABLES["losses"][0][half][label][place], nan_ok=True)


@pytest.mark.parametrize(("kind", "dtype"), list(enumerate(precision.DTYPES)))
@pytest.mark.parametrize("label", LABELS)
def test_digits_are_counted_against_the_exact_loss(kind: int, dtype: str, label: int) -> None:
    for number, way in enumerate(WAYS.values()):
        digits = TABLES["digits"][number][kind][label]
        for place, z in enumerate(precision.STOPS):
            exact = oracle.label_row([z, 0.0], label).loss
            loss = way(np.array([[z, 0]], dtype=dtype), label)[0]
            if not np.isfinite(loss):
                assert digits[place] == 0
            elif z <= 85:  # before the loss is a subnormal number in float32
                off = float(abs(float(loss) - exact) / exact)
                most = -math.log10(np.finfo(loss.dtype).eps / 2)
                right = min(most, max(0, -math.log10(off))) if off else most
                assert digits[place] == pytest.approx(right, abs=0.35), (z, number)
    assert min(TABLES["digits"][3][kind][label][:60]) >= 7.2, "xent's are all right"


def test_where_each_way_begins_to_break() -> None:
    def zero(way: str, label: int = 0) -> list[int | None]:
        return precision.begins(lambda loss: loss == 0, way, label)

    textbook = zero("textbook")
    assert textbook[0] == 37
    assert textbook[1] in (17, 18), "by the last digit of an exponential"
    assert textbook[2] == 8
    assert zero("log-sum-exp") == [34, 15, 7]
    assert zero("xent") == [746, 104, 104]
    for label, broken in ((0, math.isnan), (1, math.isinf)):
        assert precision.begins(broken, "textbook", label) == [710, 89, 12]
    assert TABLES["broke"] == [710, 89, 12]
    for way in ("log-sum-exp", "xent"):
        for label in LABELS:
            bad = precision.begins(lambda loss: not math.isfinite(loss), way, label)
            assert bad == [None, None, None]


def test_the_guess() -> None:
    place = precision.STOPS.index
    digits = TABLES["digits"][0][0][0]
    assert digits[place(36)] > 1
    assert all(digits[place(z)] == 0 for z in precision.STOPS if z >= 37)
    assert float(xent.cross_entropy([37.0, 0.0], 0)) == pytest.approx(8.5e-17, rel=0.01)


def test_clipping_hides_inf_and_stops_the_gradient() -> None:
    highest = -math.log(naive.CLIP)
    for z in (17, 20, 800):
        found = values(z=z, label=1)
        assert found["loss"][1] == pytest.approx(highest)
        assert found["grad"][1] == 0
        assert found["loss"][3] == pytest.approx(z, rel=1e-6)
        assert found["grad"][3] == pytest.approx(-1, rel=1e-6)
    assert values(z=16, label=1)["grad"][1] < -0.99
    assert math.isnan(values(z=800, label=0)["loss"][1]), "a nan stays a nan"
    assert values(z=20, label=0)["loss"][1] == pytest.approx(1e-7, rel=1e-6)


def test_the_curve_of_log_sum_exp_falls_with_the_textbooks() -> None:
    textbook, shifted = (np.array(TABLES["digits"][way][0][0][:37]) for way in (0, 2))
    assert np.abs(textbook - shifted).max() < 3.5


def test_rounding_early() -> None:
    p = float(xent.sigmoid(1.5))
    assert p == pytest.approx(0.8176, abs=5e-5)
    assert -math.log(0.817) == pytest.approx(0.2021, abs=5e-5)
    assert float(xent.binary_cross_entropy(1.5, 1)) == pytest.approx(0.2014, abs=5e-5)


def test_float16_stops_growing_and_its_gradients_vanish() -> None:
    loss = np.float16(xent.cross_entropy([1.0, 0.0], 0))
    total = np.float16(TABLES["means"][precision.GROWS] * 2**precision.GROWS)
    assert total + loss == total
    assert TABLES["means"][0] == pytest.approx(0.3133, abs=2e-4)
    assert [slope == 0 for slope in TABLES["small"]] == [k >= 24 for k in range(27)]
    assert float(xent.cross_entropy(np.tile(np.float16([1, 0]), (4096, 1)), [0] * 4096)) == (
        pytest.approx(0.31326, abs=1e-5)
    )
