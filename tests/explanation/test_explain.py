"""`explain` itself: its steps, the rows at the edges, names, arguments, and what it refuses."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import pytest

import xent
from xent.explanation import Explanation

INF = math.inf
SECTIONS = [
    "Prediction",
    "Loss",
    "Gradient",
    "Numerical check",
    "Where the gradient comes from",
    "What it means",
]


def sections(explanation: Explanation) -> list[str]:
    return list(dict.fromkeys(step.section for step in explanation.steps))


def shown(explanation: Explanation, step: str) -> list[str]:
    """The lines of a step as printed, without alignment."""
    steps = explanation.to_dict()["steps"]
    (found,) = (s for s in steps if s["name"] == step)
    middles = [
        f" = {line['substituted']}" if line["substituted"] else "" for line in found["lines"]
    ]
    return [
        f"{line['symbol']}{middle} {line['relation']} {line['shown']}"
        for line, middle in zip(found["lines"], middles, strict=True)
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        {"logits": 1.5, "label": 1},
        {"logits": [2.0, 1.0, 0.1], "label": 0},
        {"features": [1.0, -2.5], "weights": [0.4, 0.3], "label": 0},
        {"probabilities": 0.1, "label": 1},
    ],
)
def test_sections(arguments: dict[str, Any]) -> None:
    assert sections(xent.explain(**arguments)) == SECTIONS


def test_given_probabilities_have_no_logits_to_move() -> None:
    explanation = xent.explain(probabilities=[0.2, 0.8], label=1)
    assert sections(explanation) == [s for s in SECTIONS if s != "Numerical check"]


def test_steps_of_a_binary_row() -> None:
    explanation = xent.explain(features=[1.0, -2.5], weights=[0.4, 0.3], bias=-0.2, label=0)
    assert [step.name for step in explanation.steps] == [
        "Logit",
        "Exponential",
        "Probability of label 1",
        "Probability of label 0",
        "Loss",
        "The same loss without overflow or cancellation",
        "A trap: rounding on the way",
        "Gradient for the logit",
        "Gradient for the weights and the bias",
        "Numerical derivative against the analytic one",
        "Write the sigmoid as a power",
        "Derivative of the sigmoid",
        "Derivative of the loss for label 0",
        "Both labels in one",
        "The loss in other units and in comparison",
    ]


def test_step_by_name() -> None:
    explanation = xent.explain(probabilities=[0.2, 0.8], label=1)
    assert explanation.step("Loss").lines[0].value == explanation.loss
    with pytest.raises(
        KeyError, match=r"no step is named 'Lose'; there are 'Probabilities', 'Loss'"
    ):
        explanation.step("Lose")


def test_gradient_of_the_weights_is_that_of_the_loss() -> None:
    x, w, b = np.array([1.0, -2.5, 0.0]), np.array([0.4, 0.3, 7.0]), -0.2
    explanation = xent.explain(features=x, weights=w, bias=b, label=0)
    _, gradient = xent.binary_cross_entropy(-0.55, 0, return_grad=True)  # 0.4 - 0.75 - 0.2
    lines = explanation.step("Gradient for the weights and the bias").lines
    assert [line.value for line in lines] == [*(gradient * x), gradient]


# The edges.


def test_confident_and_right() -> None:
    explanation = xent.explain(40, label=1)
    assert shown(explanation, "Loss") == []
    assert explanation.step("Loss").why.endswith(
        "p rounds so close to its limit that the logarithm loses the digits; the next step keeps "
        "them."
    )
    assert shown(explanation, "The same loss without overflow or cancellation") == [
        "L = max(-40, 0) + log1p(e^-|40|) ≈ 4.2484e-18"
    ]
    assert shown(explanation, "Gradient for the logit") == ["dL/dz ≈ -4.2484e-18"]


def test_confident_and_wrong() -> None:
    explanation = xent.explain(800, label=0)
    assert (explanation.loss, explanation.gradient) == (800, 1)
    assert shown(explanation, "The same loss without overflow or cancellation") == [
        "L = max(800, 0) + log1p(e^-|800|) ≈ 800"
    ]


def test_a_trap_only_where_digits_are_cut() -> None:
    trap = "A trap: rounding on the way"
    for certain in (xent.explain(-800, label=0), xent.explain(probabilities=[0, 1], label=1)):
        assert trap not in [step.name for step in certain.steps]
    traps = xent.explain([math.log(0.3339), math.log(0.6661)], label=0)
    assert shown(traps, trap) == ["L_cut = -log(0.333) ≈ 1.0996"]
    same = xent.explain(probabilities=[0.5001, 0.4999], label=0)  # cut to 0.500: 0.693 still
    assert trap not in [step.name for step in same.steps]


def test_next_to_nothing_left_to_learn() -> None:
    explanation = xent.explain(800, label=1)
    assert (explanation.loss, explanation.gradient) == (0, 0)
    assert explanation.step("Gradient for the logit").why.startswith(
        "Too small for a double, though not zero: "
    )
    given = xent.explain(probabilities=1, label=1)
    assert given.step("Gradient for the logit").why.startswith("Zero: there is nothing left")


def test_hopeless() -> None:
    explanation = xent.explain(-800, label=1)
    assert explanation.loss == 800
    assert shown(explanation, "Exponential") == ["e^-z = e^800 ≈ inf"]
    assert explanation.step("Exponential").why.endswith(
        "the safe form of the loss below does not need it."
    )


def test_undecided() -> None:
    explanation = xent.explain(0, label=1)
    assert shown(explanation, "Probability of label 1") == ["p = 1 / (1 + 1) = 0.5"]
    assert explanation.loss == math.log(2)
    verdict = explanation.steps[-1].why
    assert verdict.startswith("Exactly what a coin flip would cost.")


def test_ties() -> None:
    explanation = xent.explain([1000.0] * 4, label=3)
    assert shown(explanation, "Sum of the exponentials") == ["S = 1 + 1 + 1 + 1 = 4"]
    assert explanation.gradient.tolist() == [0.25, 0.25, 0.25, -0.75]
    assert explanation.steps[-1].why.startswith("Exactly what guessing among 4 classes would cost")


def test_large_logits_are_shifted_and_small_ones_are_not() -> None:
    assert shown(xent.explain([0, 21.0], label=0), "Exponentials")[1] == (
        "e^(z_1 - m) = e^(21 - 21) = 1"
    )
    assert shown(xent.explain([0, 20.0], label=0), "Exponentials")[1] == (
        "e^z_1 = e^20 ≈ 4.8517e+08"
    )


def test_masked_class() -> None:
    explanation = xent.explain([1.0, -INF, 1.0], label=0)
    assert "e^z_1 = e^-inf = 0" in shown(explanation, "Exponentials")
    assert "masks its class" in explanation.step("Logits").why
    assert explanation.gradient[1] == 0
    check = shown(explanation, "Numerical gradient against the analytic one")
    assert [line.split(" ")[0] for line in check] == ["∂L/∂z_0", "∂L/∂z_2", "largest"]


def test_masked_label() -> None:
    explanation = xent.explain([1.0, 2.0, -INF], label=2)
    assert explanation.loss == INF
    assert shown(explanation, "Loss") == ["L = -log(0) = inf"]
    assert "Numerical check" not in sections(explanation)
    assert explanation.step("Gradient for the logits").why == (
        "The true class is masked: its logit cannot rise; the others are pushed down."
    )
    assert explanation.steps[-1].why.startswith("The loss is infinite")


@pytest.mark.parametrize(("p", "label", "loss"), [(0, 1, INF), (1, 0, INF), (0, 0, 0), (1, 1, 0)])
def test_certain_probability(p: int, label: int, loss: float) -> None:
    explanation = xent.explain(probabilities=p, label=label)
    assert explanation.loss == loss
    inside = "0" if (p, label) in {(0, 1), (1, 0)} else "1"
    assert shown(explanation, "Loss") == [f"L = -log({inside}) = {loss}"]
    assert explanation.gradient == p - label


def test_certain_class_probabilities() -> None:
    right, wrong = (xent.explain(probabilities=[0, 1, 0], label=label) for label in (1, 2))
    assert (right.loss, shown(right, "Loss")) == (0, ["L = -log(1) = 0"])
    assert (wrong.loss, shown(wrong, "Loss")) == (INF, ["L = -log(0) = inf"])
    assert wrong.step("Gradient for the logits").why.startswith("The true class has probability 0")


def test_probability_so_small_that_the_other_is_1() -> None:
    explanation = xent.explain(probabilities=1e-20, label=0)
    assert explanation.loss == 1e-20
    assert shown(explanation, "Loss") == ["L = -log1p(-1e-20) ≈ 1e-20"]


def test_rounded_probabilities() -> None:
    explanation = xent.explain(probabilities=[0.333, 0.333, 0.333], label=0)
    assert shown(explanation, "Gradient for the logits")[-1] == "sum of all ≈ -0.0010"
    assert "if the probabilities given were not rounded" in (
        explanation.step("Gradient for the logits").why
    )


def test_many_classes() -> None:
    z = np.linspace(-3, 3, 1000)
    explanation = xent.explain(z, label=7)
    symbols = ["z_7", "z_995", "z_996", "z_997", "z_998", "z_999"]
    assert [line.split(" ")[0] for line in shown(explanation, "Logits")] == symbols
    assert (
        "Of 1000 classes, only the label and the likeliest are shown."
        in explanation.step("Logits").why
    )
    e = np.exp(z)
    assert shown(explanation, "Exponentials")[-1] == (
        f"the other 994 ≈ {e.sum() - e[7] - e[995:].sum():.4f}"
    )
    assert shown(explanation, "Gradient for the logits")[-1] == "sum of all = 0"


def test_ten_classes_are_all_shown_and_eleven_are_not() -> None:
    assert len(shown(xent.explain(np.arange(10.0), label=0), "Logits")) == 10
    assert len(shown(xent.explain(np.arange(11.0), label=0), "Logits")) == 6
    assert len(shown(xent.explain(np.arange(11.0), label=10), "Logits")) == 5


@pytest.mark.parametrize("logit", [-800, -40, -3.3, 1e-9, 0.7, 12, 40, 1e5])
@pytest.mark.parametrize("label", [0, 1])
def test_the_numerical_check_says_how_far_off_it_may_be(logit: float, label: int) -> None:
    step = xent.explain(logit, label=label).step("Numerical derivative against the analytic one")
    noise = float(step.why.split("about ")[-1].split(" ")[0])
    forward, central, theory = (step.lines[i].value for i in (3, 4, 5))
    truncation = theory * 1e-5 / 3  # h^2 / 6 of the third derivative, at most p (1 - p)
    assert abs(central) <= 1.5 * noise + truncation
    assert abs(forward - theory) <= 3 * noise + truncation


# Names and arguments.


def test_names() -> None:
    explanation = xent.explain([2.0, 1.0], label=1, names=["cat", "dog"])
    assert explanation.title == "Softmax cross-entropy of 2 logits, label 1 (dog)"
    assert explanation.step("Logits").why.endswith("Of the classes, 0 is cat, 1 is dog.")
    assert explanation.inputs["names"] == ["cat", "dog"]


def test_binary_names() -> None:
    explanation = xent.explain(2.0, label=0, names=["ham", "spam"])
    assert explanation.title == "Binary cross-entropy of logit 2, label 0 (ham)"
    assert explanation.step("Probability of spam").lines[0].value == xent.sigmoid(2.0)
    assert explanation.step("Loss").why.endswith("the loss is the surprise at ham.")


def test_one_feature_is_one() -> None:
    explanation = xent.explain(features=3, weights=2, label=1)
    assert explanation.title == "Binary cross-entropy of 1 feature, label 1"


def test_many_features_are_a_sum() -> None:
    explanation = xent.explain(features=np.arange(30.0), weights=np.ones(30) / 64, label=1)
    step = explanation.to_dict()["steps"][0]
    assert step["formula"] == "z = Σ_i w_i · x_i + b"
    assert step["lines"][0]["value"] == 435 / 64
    assert max(map(len, str(explanation).splitlines())) <= 100


@pytest.mark.parametrize(
    "logit", [2, 2.0, np.float32(2), np.float16(2), np.int64(2), np.array(2.0), [2.0], (2,)]
)
@pytest.mark.parametrize("label", [1, np.int64(1), np.uint8(1)])
def test_kinds_of_numbers(logit: Any, label: Any) -> None:
    expected = xent.explain(2.0, label=1)
    assert str(xent.explain(logit, label=label)) == str(expected)


def test_inputs_are_kept() -> None:
    row = np.array([1.0, 2.0])
    row.flags.writeable = False
    assert xent.explain(row, label=0).inputs == {"logits": [1.0, 2.0], "label": 0}
    assert xent.explain(probabilities=0.25, label=0).inputs == {"probability": 0.25, "label": 0}
    assert xent.explain(features=[1], weights=[2], bias=3, label=0).inputs == {
        "features": [1.0],
        "weights": [2.0],
        "bias": 3.0,
        "label": 0,
    }


def test_every_argument_is_documented() -> None:
    documented = xent.explain.__doc__ or ""
    for name in inspect.signature(xent.explain).parameters:
        assert name in documented.split("Returns")[0]


def test_probabilities_rounded_when_written_pass_with_a_larger_tolerance():
    explanation = xent.explain(probabilities=[0.33, 0.33, 0.33], label=1, tolerance=0.02)
    assert explanation.loss == xent.log_loss([1], [[0.33, 0.33, 0.33]], tolerance=0.02)


def test_logits_near_the_largest_double_overflow_in_silence():
    explanation = xent.explain([1e308, -1e308], label=1)
    assert explanation.loss == np.inf
    assert explanation.gradient.tolist() == [1.0, -1.0]
    assert "masked" not in explanation.to_text()


@pytest.mark.parametrize(
    ("features", "weights", "exact"),
    [([1e16, 1.0, -1e16], [1, 1, 1], 1.0), ([0.1, 0.2, 0.3], [1, 1, -1], 0.0)],
)
def test_the_logit_of_features_is_rounded_once(features, weights, exact):
    explanation = xent.explain(features=features, weights=weights, label=1)
    assert explanation.step("Logit").lines[0].value == exact


def test_guessing_is_among_the_classes_not_masked():
    why = xent.explain([-INF, 0.0, 0.0], 1).steps[-1].why
    assert why.startswith("Exactly what guessing among the 2 classes not masked would cost.")


def test_no_numerical_check_where_the_step_is_lost_in_the_logit():
    assert "Numerical check" not in sections(xent.explain(1e12, 0))
    assert "Numerical check" not in sections(xent.explain([1e12, 0.0], 0))
    assert "Numerical check" in sections(xent.explain(1e4, 0))


def test_no_trap_where_three_places_show_nothing():
    assert "A trap" not in xent.explain(probabilities=0.9996, label=1).to_text()
