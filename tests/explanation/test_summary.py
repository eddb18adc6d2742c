"""The summary: one sentence, in every printer, that says of the numbers what they say."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import xent

INF = math.inf
SUMMARIES: list[tuple[dict[str, Any], str]] = [
    (
        {"logits": 3.0, "label": 1},
        "Right and confident: label 1 costs 0.0486 nats, and the gradient -0.0474 leaves little to "
        "learn.",
    ),
    (
        {"logits": 40.0, "label": 1},
        "Right and very confident: label 1 costs 4.2484e-18 nats, and the gradient -4.2484e-18 "
        "leaves "
        "next to nothing to learn.",
    ),
    (
        {"logits": 800.0, "label": 1},
        "Right and very confident: label 1 costs too little for a double, so the loss reads 0; it "
        "is not exactly 0, but next to nothing is left to learn.",
    ),
    (
        {"logits": [800.0, 0.0], "label": 0},
        "Right and very confident: class 0 costs too little for a double, so the loss reads 0; it "
        "is not exactly 0, but next to nothing is left to learn.",
    ),
    (
        {"probabilities": 1.0, "label": 1},
        "Right and certain: label 1 costs nothing, and nothing is left to learn.",
    ),
    (
        {"logits": [3.0, -INF], "label": 0},
        "Right and certain: class 0 costs nothing, and nothing is left to learn.",
    ),
    (
        {"logits": [1e308, -1e308], "label": 1},
        "Wrong and confident: class 1 costs more than the largest double, so the loss reads inf, "
        "and "
        "one such row makes every mean infinite.",
    ),
    (
        {"logits": 800.0, "label": 0},
        "Wrong and confident: label 1 has probability 1, so label 0 costs 800 nats, 1154 times as "
        "much as a guess, and the gradient 1 is all but at its limit.",
    ),
    (
        {"logits": [0.0, 3.0], "label": 0},
        "Wrong and confident: class 1 has probability 0.9526, so class 0 costs 3.0486 nats, 4.4 "
        "times as much as a guess, and the gradient -0.9526 is near its limit.",
    ),
    (
        {"logits": [2.0, 1.0, 0.1], "label": 0, "names": ["cat", "dog", "fox"]},
        "Right but not confident: cat has probability 0.6590 and costs 0.4170 nats; a step against "
        "the gradient -0.3410 raises it further.",
    ),
    (
        {"logits": [2.0, 1.0, 0.1], "label": 1},
        "Wrong but not confident: class 0 has probability 0.6590 and class 1 only 0.2424, which "
        "costs 1.4170 nats, 1.3 times as much as a guess.",
    ),
    (
        {"probabilities": [0.4, 0.4, 0.2], "label": 1},
        "A tie: class 1 has probability 0.4 and costs 0.9163 nats; a step against the gradient "
        "-0.6 raises it.",
    ),
    (
        {"logits": 0.0, "label": 0},
        "At chance: 0.6931 nats is ln 2, the cost of a uniform guess, where an untrained model "
        "should start.",
    ),
    (
        {"logits": [1.0, -INF, 1.0, 1.0], "label": 0},
        "At chance: 1.0986 nats is ln 3, the cost of a uniform guess, where an untrained model "
        "should start.",
    ),
    (
        {"probabilities": [0.5, 0.5, 0.0], "label": 0},  # 0 is no mask: ln 3 would be a guess
        "A tie: class 0 has probability 0.5 and costs 0.6931 nats; a step against the gradient "
        "-0.5 raises it.",
    ),
    (
        {"logits": [0.0, 1.0, -800.0], "label": 0},  # nor is a probability that rounds to 0
        "Wrong but not confident: class 1 has probability 0.7311 and class 0 only 0.2689, which "
        "costs 1.3133 nats, 1.2 times as much as a guess.",
    ),
    (
        {"logits": [0.0, 1e-6], "label": 0},
        "At chance: 0.6931 nats is ln 2, the cost of a uniform guess, where an untrained model "
        "should start.",
    ),
    (
        {"probabilities": [0.20003, 0.2, 0.19997, 0.2, 0.2], "label": 2},
        "Wrong but not confident: class 0 has probability 0.20003 and class 2 only 0.19997, which "
        "costs 1.6096 nats, about as much as a guess.",
    ),
    (
        {"logits": [1.0, 2.0, -INF], "label": 2},
        "A masked label: class 2 costs an infinite loss with gradient 0, so training cannot fix "
        "it. Unmask it, or leave the row out.",
    ),
    (
        {"probabilities": [0.0, 1.0, 0.0], "label": 2},
        "Wrong and certain: class 2 was given probability 0, which costs an infinite loss, and one "
        "such row makes every mean infinite.",
    ),
]


@pytest.mark.parametrize(("arguments", "summary"), SUMMARIES)
def test_summary(arguments: dict[str, Any], summary: str) -> None:
    assert xent.explain(**arguments).summary == summary


@pytest.mark.parametrize("arguments", [arguments for arguments, _ in SUMMARIES])
def test_every_printer_has_it(arguments: dict[str, Any]) -> None:
    explanation = xent.explain(**arguments)
    assert f"In short: {explanation.summary}" in " ".join(explanation.to_text().split())
    assert "**In short: " in explanation.to_markdown()
    assert r"\paragraph{In short:}" in explanation.to_latex()
    assert "<p><strong>In short: " in explanation.to_html(pictures=False)
    assert explanation.to_dict()["summary"] == explanation.summary


@pytest.mark.parametrize("classes", [2, 3, 10, 1000])
def test_right_and_wrong_are_told_apart(classes: int) -> None:
    rng = np.random.default_rng(classes)
    for scale in (0.1, 1.0, 10.0):
        z = rng.normal(0, scale, classes)
        best = int(z.argmax())
        assert xent.explain(z, label=best).summary.startswith("Right ")
        assert xent.explain(z, label=(best + 1) % classes).summary.startswith("Wrong ")


@given(
    st.lists(st.floats(-30, 30) | st.sampled_from([0.0, 1e-7, 3e-5, 2e-4]), min_size=2, max_size=5),
    st.integers(0, 4),
)
def test_no_two_numbers_read_alike_that_are_told_apart(z: list[float], label: int) -> None:
    told = re.search(
        r" has (\S+) and .* only (\S+),", xent.explain(z, label=label % len(z)).summary
    )
    if told:
        assert float(told[1]) > float(told[2])


@given(
    st.lists(st.floats(-3, 3) | st.sampled_from([0.0, -INF, -800.0]), min_size=2, max_size=6),
    st.integers(0, 5),
)
def test_it_guesses_among_the_same_classes_as_the_meaning(z: list[float], label: int) -> None:
    assume(max(z) > -INF)
    explanation = xent.explain(z, label=label % len(z))
    chance = explanation.steps[-1].lines[-2].value
    if explanation.summary.startswith("At chance"):
        assert f"ln {math.exp(chance):.0f}," in explanation.summary
        assert explanation.steps[-1].why.startswith("Exactly what ")
    times = re.search(r"([\d.]+) times a guess", explanation.summary)
    if times and explanation.loss < 100 * chance:
        assert times[1] == f"{explanation.loss / chance:.1f}"
