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
SOFT = "or for a soft label a number between them."
INDEX = "expected the index of the true class, an integer, or 3 shares that sum to 1."
NOT_A_NUMBER = ("label is True", "label is False", "label is '1'", "label is 1.0")
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
        ({"logits": 1, "label": True}, "label is True; expected 0, 1, " + SOFT),
        ({"logits": 1, "label": "1"}, "label is '1'; expected 0, 1, " + SOFT),
        ({"logits": 1, "label": 1.5}, "label is 1.5; expected 0, 1, " + SOFT),
        ({"logits": 1, "label": [0.5, 0.5]}, "label is [0.5, 0.5]; expected 0, 1, " + SOFT),
        ({"logits": [1, 2, 3], "label": 1.0}, "label is 1.0; " + INDEX),
        ({"logits": [1, 2, 3], "label": False}, "label is False; " + INDEX),
        (
            {"logits": [1, 2, 3], "label": [0.5, 0.5]},
            "label has 2 shares, but there are 3 classes; expected one each.",
        ),
        (
            {"logits": [1, 2, 3], "label": [0.5, 0.5, 0.5]},
            "the shares of label sum to 1.5; they must sum to 1 (within 0.001).",
        ),
        (
            {"logits": [1, 2, 3], "label": [1.5, -0.5, 0]},
            "label holds the shares [1.5, -0.5, 0.0]; each must lie between 0 and 1.",
        ),
        (
            {"logits": [1, 2, 3], "label": 0, "class_weight": [1, 2]},
            "class_weight holds 2 numbers; expected one for each of 3 classes.",
        ),
        (
            {"logits": 1, "label": 0, "class_weight": [1, 2, 3]},
            "class_weight holds 3 numbers; expected one for each label, 0 and 1.",
        ),
        (
            {"logits": [1, 2, 3], "label": 0, "class_weight": [0, 1, 2]},
            "the label's classes have weight 0: the row adds nothing to the loss.",
        ),
        (
            {"logits": 1, "label": 0, "class_weight": [1, -2]},
            "class_weight is [1.0, -2.0]; expected finite numbers, none negative.",
        ),
        (
            {"logits": [1, 2, 3], "label": 0, "pos_weight": 2},
            "pos_weight is 2, but there are 3 classes; use class_weight.",
        ),
        (
            {"logits": 1, "label": 0, "label_smoothing": 2},
            "label_smoothing is 2; expected a number between 0 and 1.",
        ),
        (
            {"logits": 1, "label": 0, "temperature": 0},
            "temperature is 0; expected a finite number above 0.",
        ),
        (
            {"logits": 1, "label": 0, "softcap": 0},
            "softcap is 0; expected a finite number above 0.",
        ),
        (
            {"probabilities": 0.5, "label": 0, "temperature": 2},
            "temperature is 2.0, but the scores are probabilities; it acts on logits.",
        ),
        (
            {"logits": [0.5, 0.5], "kind": "probabilities", "label": 0, "softcap": 2},
            "softcap is 2.0, but the scores are probabilities; it acts on logits.",
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
    kind = "TypeError" if message.startswith(NOT_A_NUMBER) else "ValueError"
    assert error_of(lambda: xent.explain(**arguments)) == f"{kind}: {message}"
