"""Soft labels, smoothing, weights, softcap and temperature, against 50 digits and the library."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf

import xent

INF = math.inf
Z = [2.0, 1.0, 0.1, -1.0]
SOFT = [0.0, 0.25, 0.25, 0.5]
WEIGHTS = [1.0, 2.0, 0.5, 3.0]

CHOICES: list[dict[str, Any]] = [
    {},
    {"label_smoothing": 0.1},
    {"class_weight": WEIGHTS},
    {"temperature": 2.0},
    {"softcap": 1.5},
    {"label_smoothing": 0.25, "class_weight": WEIGHTS, "temperature": 0.5, "softcap": 3.0},
]


def exact(
    logits: list[float],
    label: Any,
    class_weight: Any = None,
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    temperature: float = 1.0,
) -> tuple[Any, list[Any]]:
    """Loss and gradient by the definition, with numerical derivatives in 50 digits."""
    k = len(logits)
    given = label if isinstance(label, list) else [float(j == label) for j in range(k)]
    smoothing = mpf(label_smoothing)
    shares = [(1 - smoothing) * mpf(y) + smoothing / k for y in given]
    weights = [mpf(w) for w in class_weight or [1] * k]

    def loss(z: list[Any]) -> Any:
        u = [mp.tanh(v / softcap) * softcap for v in z] if softcap else z
        u = [v / temperature for v in u]
        total = mp.log(sum(map(mp.exp, u)))
        return sum(w * y * (total - v) for w, y, v in zip(weights, shares, u, strict=True))

    z = list(map(mpf, logits))
    gradient = []
    for j in range(k):
        up, down = list(z), list(z)
        up[j], down[j] = z[j] + mpf(10) ** -15, z[j] - mpf(10) ** -15
        gradient.append((loss(up) - loss(down)) / (2 * mpf(10) ** -15))
    return loss(z), gradient


@pytest.mark.parametrize("options", CHOICES)
@pytest.mark.parametrize("label", [0, 3, SOFT])
def test_classes(label: Any, options: dict[str, Any]) -> None:
    explanation = xent.explain(Z, label=label, **options)
    with mp.workdps(50):
        loss, gradient = exact(Z, label, **options)
    assert explanation.loss == pytest.approx(float(loss), rel=1e-14)
    np.testing.assert_allclose(explanation.gradient, list(map(float, gradient)), rtol=1e-12)
    last = [step for step in explanation.steps if step.part == "gradient"][-1]
    values = [line.value for line in last.lines][:4]
    np.testing.assert_array_equal(values, explanation.gradient)
    losses = [x.value for step in explanation.steps for x in step.lines if x.role == "loss"]
    assert losses
    assert set(losses) == {explanation.loss}, "both ways to the loss end at the library's"


@pytest.mark.parametrize("options", [*CHOICES, {"pos_weight": 3.0}])
@pytest.mark.parametrize("label", [0, 1, 0.3])
def test_one_logit(label: Any, options: dict[str, Any]) -> None:
    options = dict(options)
    if "class_weight" in options:
        options["class_weight"] = [1.5, 2.0]
    explanation = xent.explain(0.75, label=label, **options)
    both = dict(options)
    factor = both.pop("pos_weight", None)
    if factor:
        both["class_weight"] = [1.0, factor]
    # A logit z is two of 0 and z, which the softcap and the temperature leave so.
    with mp.workdps(50):
        loss, gradient = exact([0.0, 0.75], [1 - label, label], **both)
    assert explanation.loss == pytest.approx(float(loss), rel=1e-14)
    assert float(explanation.gradient) == pytest.approx(float(gradient[1]), rel=1e-12)


@pytest.mark.parametrize("label", [0, 1, 0.3])
def test_weights_of_one_logit_are_those_of_the_library(label: float) -> None:
    options: dict[str, Any] = {"class_weight": [1.5, 2.0], "pos_weight": 3.0}
    options["label_smoothing"] = 0.2
    found = xent.explain(0.75, label=label, **options)
    loss, gradient = xent.binary_cross_entropy(
        [0.75], [label], reduction="sum", return_grad=True, **options
    )
    assert found.loss == pytest.approx(loss, rel=1e-15)
    assert float(found.gradient) == pytest.approx(gradient[0], rel=1e-15)


def test_features_carry_the_gradient_on() -> None:
    options: dict[str, Any] = {"temperature": 2.0, "softcap": 1.0, "pos_weight": 2.0}
    found = xent.explain(features=[1.0, -2.5], weights=[0.4, 0.3], bias=-0.2, label=1, **options)
    slope = float(found.gradient)
    lines = found.step("Gradient for the weights and the bias").lines
    assert [line.value for line in lines] == [slope, -2.5 * slope, slope]


def test_a_soft_label_is_entropy_and_divergence() -> None:
    """The user's own case: the best possible prediction of this label costs 1.0397, not 0."""
    shares = [0.0, 0.25, 0.25, 0.5]
    found = xent.explain(probabilities=shares, label=shares)
    assert f"{found.loss:.4f}" == "1.0397"
    assert found.summary == (
        "As good as possible: the prediction is the label itself, so the KL divergence is 0 and "
        "the loss, 1.0397 nats, is the entropy of the label."
    )
    text = xent.explain(Z, label=shares).to_text()
    assert "H = -0.25 · log(0.25) - 0.25 · log(0.25) - 0.5 · log(0.5) ≈ 1.0397\n" in text
    assert "D = 2.6743 - 1.0397 ≈ 1.6346\n" in text


def test_a_one_hot_soft_label_is_a_label() -> None:
    assert str(xent.explain(Z, label=[0, 0, 1, 0])) == str(xent.explain(Z, label=2))
    assert str(xent.explain(2.0, label=1.0)) == str(xent.explain(2.0, label=1))


SUMMARIES: list[tuple[dict[str, Any], str]] = [
    (
        {"logits": Z, "label": SOFT},
        "Cross-entropy 2.6743 nats = entropy 1.0397 + KL divergence 1.6346: no prediction can "
        "cost less than the entropy of this label, and only the KL divergence can be trained away.",
    ),
    (
        {"logits": Z, "label": 0, "label_smoothing": 0.1},
        "Right: class 0 has probability 0.6381 and costs 0.5968 nats; a step against the gradient "
        "-0.2869 raises it. With label smoothing even a perfect prediction costs 0.3488 nats.",
    ),
    (
        {"logits": [9.0, 0.0], "label": 0, "label_smoothing": 0.1},
        "Right: class 0 has probability 0.9999 and costs 0.4501 nats; a step against the gradient "
        "0.0499 lowers it. Its target is 0.9500, so this is too confident. With label smoothing "
        "even a perfect prediction costs 0.1985 nats.",
    ),
    (
        {"logits": [3, 0], "label": 0, "label_smoothing": 0.2, "class_weight": [10, 1]},
        "Right: class 0 has probability 0.9526 and costs 0.7421 nats; a step against the gradient "
        "-0.3316 raises it.",
    ),
    (
        {"logits": [1, 0], "label": 0, "label_smoothing": 0.2, "class_weight": [1, 10]},
        "Right: class 0 has probability 0.7311 and costs 1.5952 nats; a step against the gradient "
        "0.4890 lowers it. Its target is 0.4737, so this is too confident.",
    ),
    (
        {"logits": Z, "label": 0, "class_weight": [2, 1, 1, 1]},
        "Right: class 0 has probability 0.6381 and costs 0.8986 nats; a step against the gradient "
        "-0.7239 raises it. Loss and gradient are multiplied by the weight 2.",
    ),
    (
        {"logits": [0, 0], "label": 0, "class_weight": [3, 1]},
        "At chance: 0.6931 nats per unit of weight is ln 2, the cost of a uniform guess, where an "
        "untrained model should start.",
    ),
    (
        {"logits": [0, 2], "label": 0, "class_weight": [0.001, 1]},
        "Wrong: class 1 has probability 0.8808 and class 0 only 0.1192, which costs 0.0021 nats, "
        "3.1 times as much as a guess per unit of weight; a step against the gradient "
        "-8.8080e-04 raises it. Loss "
        "and gradient are multiplied by the weight 0.001.",
    ),
    (
        {"logits": 40.0, "label": 0, "softcap": 5.0},
        "Wrong: label 1 has probability 0.9933 and label 0 only 0.0067, which costs 5.0067 nats, "
        "7.2 times as much as a guess; a step against the gradient "
        "4.4713e-07 raises it. The softcap lets only "
        "4.5014e-07 of the gradient through.",
    ),
    (
        {"logits": [30, 0], "label": 0, "softcap": 1e-3},
        "Right: class 0 has probability 0.5002 and costs 0.6926 nats; its gradient is 0. The "
        "softcap is saturated, so no gradient passes through it.",
    ),
    (
        {"logits": [3, 0, 0], "label": 1, "label_smoothing": 1},
        "The row costs 2.0949 nats; class 1 has probability 0.0453, and a step against the "
        "gradient -0.2881 raises it. With label smoothing even a perfect prediction costs "
        "1.0986 nats.",
    ),
    (
        {"logits": Z, "label": SOFT, "class_weight": WEIGHTS},
        "The shared label costs 6.1923 nats, with its weights.",
    ),
    (
        {"logits": [0.0, 1.0, -INF], "label": [0.5, 0.25, 0.25]},
        "A class that has a share of the label was given probability 0, which costs an infinite "
        "loss.",
    ),
]


@pytest.mark.parametrize(("arguments", "summary"), SUMMARIES)
def test_summary(arguments: dict[str, Any], summary: str) -> None:
    assert xent.explain(**arguments).summary == summary


NOTES: list[tuple[dict[str, Any], str]] = [
    ({"logits": [0.0, 1.0, 0.0], "label": 1}, "sum to 1. | 0.5514 | 0."),
    ({"logits": [0.7, 0.2, 0.1], "label": 0}, "sum to 1. | 0.7679 | 0.3567."),
    ({"logits": [70, 20, 10], "label": 0}, "like percentages. | 1.9288e-22 | 0.3567."),
    ({"logits": [1.0005, 0.0], "label": 0}, "sum to 1. | 0.3131 | 0."),  # by rounding
    ({"logits": 0.9, "label": 1}, "as every probability does. | 0.3412 | 0.1054."),
    ({"logits": [0.7, 0.2, 0.1], "label": [0.7, 0.2, 0.1]}, "sum to 1. | 0.9279 | 0.8018."),
]


@pytest.mark.parametrize(("arguments", "told"), NOTES)
def test_logits_that_look_like_probabilities(arguments: dict[str, Any], told: str) -> None:
    seen, taken, meant = told.split(" | ")
    (note,) = xent.explain(**arguments).notes
    assert note.seen.endswith(seen)
    assert note.matters.endswith(f"the loss {taken}.")
    assert note.fix.endswith(f"the loss is then {meant}")
    assert "--probabilities" in note.fix
    text = " ".join(xent.explain(**arguments).to_text().split())
    assert note.fix in text


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (
            {"logits": [0.7, 0.2, 0.1], "label": 0},
            "use xent explain 0.7 0.2 0.1 --label 0 --probabilities:",
        ),
        (
            {"logits": [70, 20, 10], "label": 0},
            "use xent explain 0.7 0.2 0.1 --label 0 --probabilities:",
        ),
        (
            {"logits": [0.7, 0.2, 0.1], "label": 0, "temperature": 2},
            "leave out --softcap and --temperature and add --probabilities (in Python: "
            'kind="probabilities"):',
        ),
        (
            {"logits": [70, 20, 10], "label": 0, "label_smoothing": 0.1},
            'divide them by 100, add --probabilities (in Python: kind="probabilities"):',
        ),
    ],
)
def test_the_note_says_the_command(arguments: dict[str, Any], command: str) -> None:
    (note,) = xent.explain(**arguments).notes
    assert f"If they are probabilities, {command} the loss is then " in note.fix


REASONS: list[tuple[dict[str, Any], str, str]] = [
    (
        {"logits": [3, -INF], "label": 0, "label_smoothing": 0.1},
        "Gradient for the logits",
        "A masked class has a share of the target, but its logit cannot move: its gradient is 0, "
        "so the entries do not sum to 0.",
    ),
    (
        {"logits": [3, -INF], "label": 0, "label_smoothing": 0.1},
        "Cross-entropy = entropy + KL divergence",
        "D, the KL divergence, is infinite: a class with a share was given probability 0.",
    ),
    (
        {"logits": [2, 1], "label": 0, "class_weight": [2, 1]},
        "Gradient for the logits",
        "A class is pulled up where V · p_j is below its weighted share v_j, and pushed down where "
        "it is above. Pulls and pushes sum to 0.",
    ),
    (
        {"logits": [2, 1], "label": [0.5, 0.5], "temperature": 2},
        "The loss without the quotient",
        "Since the shares sum to 1. A, the log of the sum of exponentials, is all that couples the "
        "classes.",
    ),
]


@pytest.mark.parametrize(("arguments", "step", "why"), REASONS)
def test_reasons_hold_for_options(arguments: dict[str, Any], step: str, why: str) -> None:
    assert xent.explain(**arguments).step(step).why == why


def test_latex_of_options_is_ascii() -> None:
    found = xent.explain(Z, label=SOFT, softcap=5.0, temperature=2.0, class_weight=WEIGHTS)
    assert found.to_latex().isascii()


@pytest.mark.parametrize(
    "arguments",
    [
        {"logits": [2.0, 1.0, 0.1], "label": 0},
        {"logits": [0.7, 0.2, 0.1], "label": 0, "kind": "probabilities"},
        {"logits": [0.7, 0.2, 0.2], "label": 0},
        {"logits": [1.5, -0.5], "label": 0},
        {"logits": 1.0, "label": 1},
        {"logits": 0.0, "label": 1},
        {"logits": [1, 0], "label": 1},  # as probabilities they would cost an infinite loss
        {"probabilities": 0.7, "label": 1},
        {"features": [0.5], "weights": [1.0], "label": 1},
    ],
)
def test_no_note_without_reason(arguments: dict[str, Any]) -> None:
    assert xent.explain(**arguments).notes == ()


def test_parts() -> None:
    found = xent.explain(Z, label=SOFT)
    parts = ["prediction", "target", "loss", "gradient", "check", "why", "meaning"]
    assert list(dict.fromkeys(step.part for step in found.steps)) == parts
    for part in parts:
        assert {step.part for step in found.only(part).steps} == {part}
    short = found.short()
    assert [step.name for step in short.steps] == [
        "Probabilities",
        "Loss",
        "Gradient for the logits",
    ]
    assert {step.why for step in short.steps} == {""}
    assert len(xent.explain(2.0, label=0).short().to_text().splitlines()) <= 30
    with pytest.raises(ValueError, match="it has prediction, target, loss, gradient, check, why"):
        found.only("limerick")
