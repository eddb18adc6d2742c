"""Plain data: dictionaries and lists, ready for JSON."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xent.explanation.render.notation import LATEX, TEXT
from xent.explanation.steps import Explanation, Line, Step


def render(explanation: Explanation) -> dict[str, Any]:
    """The results at full precision, and every step with its formula as text and LaTeX."""
    return {
        "title": explanation.title,
        "inputs": {name: _plain(value) for name, value in explanation.inputs.items()},
        "loss": _plain(explanation.loss),
        "probabilities": _plain(explanation.probabilities),
        "gradient": _plain(explanation.gradient),
        "steps": [_step(step) for step in explanation.steps],
        "moral": explanation.moral,
        "words": [term.name for term in explanation.words],
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "section": step.section,
        "name": step.name,
        "formula": " = ".join(TEXT.write(node) for node in step.formula),
        "latex": " = ".join(LATEX.write(node) for node in step.formula),
        "lines": [_line(line) for line in step.lines],
        "why": step.why,
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "symbol": TEXT.write(line.symbol),
        "substituted": None if line.substituted is None else TEXT.write(line.substituted),
        "relation": line.relation,
        "shown": line.text,
        "value": _plain(line.value),
        "role": line.role,
        "true": line.true,
    }


def _plain(value: Any) -> Any:
    """Lists and floats; infinities as text, since JSON has none."""
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
