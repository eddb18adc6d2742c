"""What the explanations of one logit and of several share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from xent._report.expression import Expression, Symbol, log
from xent.explanation.meaning import interpretation
from xent.explanation.result import Explanation
from xent.explanation.row import Row
from xent.explanation.steps import Step, line_of
from xent.explanation.summary import summary


def log_step(
    row: Row, chain: tuple[Expression, ...], true: Symbol, opening: str, surprise: str
) -> Step:
    """The loss as -log of the true class's probability, with numbers where that has the digits."""
    exact = row.given or row.certain
    line = line_of(chain[0], -log(true), {true: row.q}, row.loss, rounded=not exact, role="loss")
    if line.substituted is not None:
        why = f"{opening}: the loss is the surprise at {surprise}."
        return Step("Loss", "Loss", chain, (line,), why)
    symbol = "p_y" if row.gradient.ndim else true.name
    why = (
        f"{opening}. But {symbol} is rounded so near its limit that the logarithm cannot tell any "
        "more; the next step can."
    )
    return Step("Loss", "Loss", chain, (), why)


def explained(title: str, steps: Iterable[Step], row: Row, inputs: dict[str, Any]) -> Explanation:
    """The explanation of a row: its steps, what the loss means, and the summary."""
    return Explanation(
        title=title,
        steps=(*steps, interpretation(row)),
        loss=row.loss,
        gradient=row.gradient,
        probabilities=row.p if row.gradient.ndim else np.asarray(row.p[1]),
        inputs={**inputs, "label": row.label},
        summary=summary(row),
    )
