"""Every figure of the study notes that began this project comes out of xent, and is explained.

Where the notes rounded on the way, or cut digits off, the explanation says what that does.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from reading import flat

import xent
from xent.explanation import Explanation


@pytest.fixture(scope="module")
def walkthrough() -> Explanation:
    """ "Example Walkthrough": label 1, logit 1.5."""
    return xent.explain(1.5, label=1)


def lines(explanation: Explanation, step: str) -> dict[str, float]:
    """The numbers of a step, by the symbols of its lines."""
    steps = explanation.to_dict()["steps"]
    found = next(s for s in steps if s["name"] == step)
    return {line["symbol"]: line["value"] for line in found["lines"]}


def test_walkthrough_probability(walkthrough: Explanation) -> None:
    text = str(walkthrough)
    assert "e^-z = e^-1.5 ≈ 0.2231\n" in text
    assert "p = 1 / (1 + 0.2231) ≈ 0.8176\n" in text
    assert f"{math.floor(1000 * walkthrough.probabilities) / 1000}" == "0.817"  # cut, in the notes
    assert f"{walkthrough.probabilities:.3f}" == "0.818"


def test_walkthrough_loss(walkthrough: Explanation) -> None:
    assert "L = -log(0.8176) ≈ 0.2014\n" in str(walkthrough)
    assert f"{xent.binary_cross_entropy(1.5, 1):.4f}" == "0.2014"


def test_why_the_notes_have_0_202(walkthrough: Explanation) -> None:
    assert f"{xent.log_loss([1], [0.817]):.3f}" == "0.202"
    assert "L_cut = -log(0.817) ≈ 0.2021\n" in str(walkthrough)
    why = walkthrough.step("A trap: rounding on the way").why
    assert why == (
        "p = 0.817574 cut to 0.817 gives 0.202; the exact loss is 0.201. Round only what is "
        "shown, at the end."
    )


def test_at_a_probability_of_10_percent(walkthrough: Explanation) -> None:
    """The notes cut 2.3026 to 2.302."""
    assert "L = -log(0.1) ≈ 2.3026\n" in str(xent.explain(probabilities=0.1, label=1))
    assert "had the model given the truth 10 % = -log(0.1) ≈ 2.3026\n" in flat(str(walkthrough))
    assert math.floor(1000 * xent.log_loss([1], [0.1])) == 2302


@pytest.mark.parametrize(
    ("logit", "label", "expected"),
    [
        (
            2.0,
            1,
            [
                "e^-z = e^-2 ≈ 0.1353",
                "p = 1 / (1 + 0.1353) ≈ 0.8808",
                "L = -log(0.8808) ≈ 0.1269",
            ],
        ),
        (
            -2.0,
            0,
            [
                "e^-z = e^2 ≈ 7.3891",
                "p = 1 / (1 + 7.3891) ≈ 0.1192",
                "q = 1 - 0.1192 ≈ 0.8808",
                "L = -log(0.8808) ≈ 0.1269",
            ],
        ),
    ],
)
def test_scenarios(logit: float, label: int, expected: list[str]) -> None:
    explanation = xent.explain(logit, label=label)
    for line in expected:
        assert f"   {line}\n" in str(explanation)
    assert f"{explanation.loss:.3f}" == "0.127"
    assert f"{explanation.probabilities:.3f}" == ("0.881" if label else "0.119")


def test_scenarios_in_one_call() -> None:
    logits = np.array([2.0, -2.0])
    assert xent.sigmoid(logits).round(3).tolist() == [0.881, 0.119]
    losses = xent.binary_cross_entropy(logits, [1, 0], reduction="none")
    assert losses.round(3).tolist() == [0.127, 0.127]


# The notes differentiate log p and log(1 - p): log-likelihoods. The losses are their negatives.


@pytest.mark.parametrize(
    ("label", "numerical", "analytic", "difference"),
    [
        (1, 0.26894043831382497, 0.2689414213699951, 9.830561701340557e-07),
        (0, -0.7310595617093795, -0.7310585786300049, 9.830793745724264e-07),
    ],
)
def test_derivatives(label: int, numerical: float, analytic: float, difference: float) -> None:
    explanation = xent.explain(1.0, label=label)
    found = lines(explanation, "Numerical derivative against the analytic one")
    assert found["forward"] == pytest.approx(-numerical, abs=5e-11)
    assert found["analytic"] == pytest.approx(-analytic, rel=1e-15)
    assert explanation.gradient == found["analytic"]
    assert f"{found['forward - analytic']:.2e}" == f"{difference:.2e}" == "9.83e-07"


@pytest.mark.parametrize(
    ("label", "forward", "analytic"),
    [(1, "-0.268940438", "-0.268941421"), (0, "0.731059562", "0.731058579")],
)
def test_derivatives_as_shown(label: int, forward: str, analytic: str) -> None:
    text = flat(str(xent.explain(1.0, label=label)))
    assert f" / 1e-05 ≈ {forward}\n" in text
    assert f"   analytic ≈ {analytic}\n" in text
    assert "   forward - analytic ≈ 9.83e-07\n" in text
    assert "   h / 2 · p · (1 - p) = 1e-05 / 2 · 0.7311 · (1 - 0.7311) ≈ 9.83e-07\n" in text


@pytest.mark.parametrize("label", [0, 1])
def test_the_difference_is_half_a_step_of_curvature(label: int) -> None:
    found = lines(xent.explain(1.0, label=label), "Numerical derivative against the analytic one")
    p = float(xent.sigmoid(1.0))
    assert found["h / 2 · p · (1 - p)"] == pytest.approx(1e-5 / 2 * p * (1 - p), rel=1e-12)
    assert found["forward - analytic"] == pytest.approx(found["h / 2 · p · (1 - p)"], abs=1e-10)
    assert abs(found["central - analytic"]) < 1e-10


def test_the_sign_of_the_notes_is_explained() -> None:
    positive = xent.explain(1.0, label=1).step("Derivative of the loss for label 1")
    assert "reads 1 - p: log p is the log-likelihood" in positive.why
    negative = xent.explain(1.0, label=0).step("Derivative of the loss for label 0")
    assert "reads -p: it is the log-likelihood" in negative.why


def test_softmax_example() -> None:
    text = flat(str(xent.explain([2.0, 1.0, 0.1], label=0)))
    for line in (
        "e^z_0 = e^2 ≈ 7.3891",
        "e^z_1 = e^1 ≈ 2.7183",
        "e^z_2 = e^0.1 ≈ 1.1052",
        "S = 7.38906 + 2.71828 + 1.10517 ≈ 11.2125",
        "p_0 = 7.3891 / 11.2125 ≈ 0.6590",
        "p_1 = 2.7183 / 11.2125 ≈ 0.2424",
        "p_2 = 1.1052 / 11.2125 ≈ 0.0986",
        "L = -log(0.6590) ≈ 0.4170",
    ):
        assert f"   {line}\n" in text


def test_softmax_example_to_the_digits_of_the_notes() -> None:
    """The notes' sum, 11.212, and last probability, 0.098, are cut, not rounded."""
    explanation = xent.explain([2.0, 1.0, 0.1], label=0)
    powers = list(lines(explanation, "Exponentials").values())
    (total,) = lines(explanation, "Sum of the exponentials").values()
    assert [f"{value:.3f}" for value in powers] == ["7.389", "2.718", "1.105"]
    assert total == pytest.approx(math.fsum(powers), rel=1e-15)
    assert math.floor(1000 * total) == 11212
    assert [f"{p:.3f}" for p in explanation.probabilities] == ["0.659", "0.242", "0.099"]
    assert math.floor(1000 * explanation.probabilities[2]) == 98
    assert f"{explanation.loss:.4f}" == "0.4170"


def test_the_cut_probability_is_explained() -> None:
    why = xent.explain([2.0, 1.0, 0.1], label=0).step("Probabilities").why
    assert "To three places 0.0986 is 0.099; cut off it would read 0.098." in why


def test_softmax_example_by_functions() -> None:
    logits = np.array([2.0, 1.0, 0.1])
    assert xent.softmax(logits).round(4).tolist() == [0.659, 0.2424, 0.0986]
    assert f"{xent.cross_entropy(logits, 0):.4f}" == "0.4170"
    assert f"{math.exp(xent.logsumexp(logits)):.4f}" == "11.2125"


@pytest.mark.parametrize(
    ("label", "numeric", "analytic", "difference"),
    [
        (1, 0.26894043831382497, 0.2689414213699951, 9.830561701340557e-07),
        (0, -0.7310595617093795, -0.7310585786300049, 9.830793745724264e-07),
    ],
)
def test_the_two_numerical_checks(
    label: int, numeric: float, analytic: float, difference: float
) -> None:
    """The notes differentiate log p and log(1 - p), which they call losses."""

    def loss(x: Any) -> Any:
        p = 1 / (1 + np.exp(-x))
        return np.log(p if label else 1 - p)

    def derivative(x: Any) -> Any:
        p = 1 / (1 + np.exp(-x))
        return 1 - p if label else -p

    report = xent.check.gradient(loss, derivative, 1.0, method="forward", h=1e-5)
    assert report
    found = float(report.numeric.value[0])
    assert float(report.analytic[0]) == pytest.approx(analytic, rel=1e-15)
    # Another machine's exp may differ in the last bit, which h magnifies.
    assert found == pytest.approx(numeric, abs=1e-10)
    assert abs(found - analytic) == pytest.approx(difference, rel=1e-4)
    # It is the size of the step that makes the difference, and the check knows.
    assert report.numeric.truncation[0] == pytest.approx(difference, rel=1e-3)
    assert report.numeric.rounding[0] < 1e-3 * difference
    assert "9.83e-07 from the step size" in " ".join(str(report).split())
    assert f"{analytic:.9g}" in str(report)
    assert f"{numeric:.9g}" in str(report)


def test_a_loss_that_is_log_p_has_the_wrong_sign() -> None:
    def log_p(x: Any, y: Any) -> Any:
        return -xent.binary_cross_entropy(x, y, reduction="none")

    def derivative(x: Any, y: Any) -> Any:
        return y - xent.sigmoid(x)

    report = xent.check.gradient(log_p, derivative, np.array([1.0, -1.0]), np.array([1, 0]))
    assert report.mistakes == ["wrong sign"]
    assert report.failed == 0
