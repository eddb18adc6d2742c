"""What the explanations of one logit and of several share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from xent._report.expression import Expression, Symbol, log
from xent._report.lines import line_of
from xent.explanation.meaning import interpretation
from xent.explanation.result import Explanation
from xent.explanation.row import Row
from xent.explanation.steps import Step, step
from xent.explanation.summary import summary


def log_step(
    row: Row, chain: tuple[Expression, ...], true: Symbol, opening: str, whom: str
) -> Step:
    """The loss as -log of the true class's probability, with numbers where that has the digits."""
    exact = row.from_probabilities or row.certain
    line = line_of(chain[0], -log(true), {true: row.q}, row.loss, rounded=not exact, role="loss")
    facts = {"opening": opening, "whom": whom, "p": true.name if row.binary else "p_y"}
    if line.substituted is None:
        return step("loss", chain, (), ["rounded"], **facts)
    return step("loss", chain, [line], **facts)


def explained(title: str, steps: Iterable[Step], row: Row, inputs: dict[str, Any]) -> Explanation:
    """The explanation of a row: its steps, what the loss means, and the summary."""
    return Explanation(
        title=title,
        steps=(*steps, interpretation(row)),
        row=row,
        inputs={**inputs, "label": row.target.told(binary=row.binary)},
        summary=summary(row),
    )
