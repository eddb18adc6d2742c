"""The moral: one sentence, in every printer, that says of the numbers what they say."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import xent

INF = math.inf
MORALS: list[tuple[dict[str, Any], str]] = [
    (
        {"logits": 3.0, "label": 1},
        "Right and sure: label 1 costs 0.0486 nats, and the gradient -0.0474 leaves little to "
        "learn.",
    ),
    (
        {"logits": 40.0, "label": 1},
        "Right and very sure: label 1 costs 4.2484e-18 nats, and the gradient -4.2484e-18 leaves "
        "next to nothing to learn.",
    ),
    (
        {"logits": 800.0, "label": 1},
        "Right and certain: label 1 costs nothing, and nothing is left to learn.",
    ),
    (
        {"logits": 800.0, "label": 0},
        "Wrong and sure: label 1 has 1, so label 0 costs 800 nats, 1154 times a guess, and the "
        "gradient 1 is as good as full.",
    ),
    (
        {"logits": [0.0, 3.0], "label": 0},
        "Wrong and sure: class 1 has 0.9526, so class 0 costs 3.0486 nats, 4.4 times a guess, and "
        "the gradient -0.9526 is near full.",
    ),
    (
        {"logits": [2.0, 1.0, 0.1], "label": 0, "names": ["cat", "dog", "fox"]},
        "Right but not sure: cat has 0.6590 and costs 0.4170 nats; the gradient -0.3410 makes it "
        "likelier still.",
    ),
    (
        {"logits": [2.0, 1.0, 0.1], "label": 1},
        "Wrong but not sure: class 0 has 0.6590 and class 1 only 0.2424, which costs 1.4170 nats, "
        "1.3 times a guess.",
    ),
    (
        {"probabilities": [0.4, 0.4, 0.2], "label": 1},
        "A tie: class 1 has 0.4 and costs 0.9163 nats; the gradient -0.6 makes it likelier still.",
    ),
    (
        {"logits": 0.0, "label": 0},
        "At chance: 0.6931 nats is ln 2, the cost of a uniform guess, where an untrained model "
        "should begin.",
    ),
    (
        {"logits": [1.0, -INF, 1.0, 1.0], "label": 0},
        "At chance: 1.0986 nats is ln 3, the cost of a uniform guess, where an untrained model "
        "should begin.",
    ),
    (
        {"logits": [1.0, 2.0, -INF], "label": 2},
        "A masked label: class 2 costs an infinite loss at gradient 0, so training cannot mend it. "
        "Unmask it, or leave the row out.",
    ),
    (
        {"probabilities": [0.0, 1.0, 0.0], "label": 2},
        "Never say never: class 2 was given no probability at all, and one such row makes every "
        "mean infinite.",
    ),
]


@pytest.mark.parametrize(("arguments", "moral"), MORALS)
def test_moral(arguments: dict[str, Any], moral: str) -> None:
    assert xent.explain(**arguments).moral == moral


@pytest.mark.parametrize("arguments", [arguments for arguments, _ in MORALS])
def test_every_printer_ends_with_it(arguments: dict[str, Any]) -> None:
    explanation = xent.explain(**arguments)
    assert f"In short: {explanation.moral}" in " ".join(explanation.to_text().split())
    assert "**In short: " in explanation.to_markdown()
    assert r"\paragraph{In short:}" in explanation.to_latex()
    assert "<p><strong>In short: " in explanation.to_html(pictures=False)
    assert explanation.to_dict()["moral"] == explanation.moral


@pytest.mark.parametrize("classes", [2, 3, 10, 1000])
def test_right_and_wrong_are_told_apart(classes: int) -> None:
    rng = np.random.default_rng(classes)
    for scale in (0.1, 1.0, 10.0):
        z = rng.normal(0, scale, classes)
        best = int(z.argmax())
        assert xent.explain(z, label=best).moral.startswith("Right ")
        assert xent.explain(z, label=(best + 1) % classes).moral.startswith("Wrong ")
