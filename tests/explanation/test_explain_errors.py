"""What `explain` refuses, and the exact words."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from messages import error_of

import xent

INF = math.inf
MANY = np.zeros((2, 3))
ONE_OF = "expected one of logits, features with weights, or probabilities."
FINITE = "an explanation needs finite ones, or -inf for a mask."
SUBTRACT = "If your labels start at 1, subtract 1."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "explain got nothing to explain; " + ONE_OF),
        (
            {"logits": 1, "probabilities": 0.5, "label": 1},
            "explain got logits and probabilities together; " + ONE_OF,
        ),
        ({"logits": 1}, "label is missing; expected the true class, as in explain(2.0, label=1)."),
        (
            {"logits": 1, "label": 1.0},
            "label is 1.0; expected the index of the true class, an integer.",
        ),
        (
            {"logits": 1, "label": True},
            "label is True; expected the index of the true class, an integer.",
        ),
        ({"logits": 1, "label": 2}, "label is 2, but one logit has the labels 0 and 1."),
        ({"logits": [1, 2, 3], "label": -1}, "label is -1, but there are 3 classes (0 to 2)."),
        (
            {"logits": [1, 2, 3], "label": 3},
            "label is 3, but there are 3 classes (0 to 2). " + SUBTRACT,
        ),
        (
            {"logits": MANY, "label": 0},
            "logits has shape (2, 3); explain takes one row: pass logits[i].",
        ),
        ({"logits": [], "label": 0}, "logits is empty; expected at least one number."),
        ({"logits": INF, "label": 0}, "the logit is inf; an explanation needs a finite one."),
        ({"logits": [1, INF], "label": 0}, "logits are [1.0, inf]; " + FINITE),
        ({"logits": [-INF, -INF], "label": 0}, "logits are [-inf, -inf]; " + FINITE),
        ({"logits": [1, math.nan], "label": 0}, "logits are [1.0, nan]; " + FINITE),
        ({"features": [1], "label": 0}, "weights is missing; features and weights go together."),
        (
            {"logits": 1, "weights": [1], "label": 0},
            "features is missing; features and weights go together.",
        ),
        (
            {"features": [1, 2], "weights": [1], "label": 0},
            "features have 2 entries and weights 1; expected one weight each.",
        ),
        (
            {"features": [INF], "weights": [1], "label": 0},
            "features holds [inf]; expected finite numbers.",
        ),
        (
            {"features": [1], "weights": [1], "bias": [1, 2], "label": 0},
            "bias holds 2 numbers; expected one.",
        ),
        (
            {"features": [1], "weights": [1], "bias": math.nan, "label": 0},
            "bias holds [nan]; expected finite numbers.",
        ),
        (
            {"features": [1e300], "weights": [1e300], "label": 0},
            "the logit is inf; an explanation needs a finite one.",
        ),
        (
            {"probabilities": 1.5, "label": 0},
            "probabilities are 1.5; each must lie between 0 and 1.",
        ),
        (
            {"probabilities": [0.5, math.nan], "label": 0},
            "probabilities are [0.5, nan]; each must lie between 0 and 1.",
        ),
        (
            {"probabilities": [0.5, 0.6], "label": 0},
            "probabilities sum to 1.1; they must sum to 1 (within 0.001).",
        ),
        (
            {"logits": [1, 2], "label": 0, "names": ["a"]},
            "the classes' names are ['a'], but there are 2 classes; expected a list of one name "
            "each.",
        ),
    ],
)
def test_errors(arguments: dict[str, Any], message: str) -> None:
    kind = "TypeError" if "an integer" in message else "ValueError"
    assert error_of(lambda: xent.explain(**arguments)) == f"{kind}: {message}"
