"""The pictures that go with an explanation, as SVG elements for its page."""

from __future__ import annotations

import math
from collections.abc import Callable

from matplotlib.axes import Axes

from xent.explanation.steps import Explanation
from xent.plots.bars import draw_classes
from xent.plots.curves import gradient_curves, loss_curves, sigmoid_curve
from xent.plots.saving import inline, new_figure, page_ink
from xent.plots.style import description

SIZE = (5.2, 3.4)
LOGIT_STEPS = ("Logit", "Logit behind the probability")


def pictures(explanation: Explanation, prefix: str) -> list[str]:
    """Loss, gradient and sigmoid with the point of a binary row; bars and arrows of classes."""
    drawings = _of_classes(explanation) if explanation.probabilities.ndim else _binary(explanation)
    return [_drawn(draw, f"{prefix}-picture{i}") for i, draw in enumerate(drawings, start=1)]


def _drawn(draw: Callable[[Axes], Axes], prefix: str) -> str:
    with page_ink():
        figure, (ax,) = new_figure(SIZE)
        draw(ax)
        return inline(figure, ax.get_title(), description(ax), prefix)


def _of_classes(explanation: Explanation) -> list[Callable[[Axes], Axes]]:
    p, gradient = explanation.probabilities, explanation.gradient
    label, names = explanation.inputs["label"], explanation.inputs.get("names")
    return [lambda ax: draw_classes(p, gradient, explanation.loss, label, names, ax)]


def _binary(explanation: Explanation) -> list[Callable[[Axes], Axes]]:
    logit, label = _logit(explanation), explanation.inputs["label"]
    if not math.isfinite(logit):
        return []
    return [
        lambda ax: sigmoid_curve(logit, ax=ax),
        lambda ax: loss_curves(logit, label, ax=ax),
        lambda ax: gradient_curves(logit, label, ax=ax),
    ]


def _logit(explanation: Explanation) -> float:
    """The logit, given or worked out in a step; that of certainty is infinite."""
    if "logit" in explanation.inputs:
        return float(explanation.inputs["logit"])
    for step in explanation.steps:
        if step.name in LOGIT_STEPS:
            return step.lines[0].value
    return math.inf
