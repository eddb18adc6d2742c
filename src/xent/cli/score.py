"""`xent score`."""

from __future__ import annotations

from pathlib import Path

from xent.cli.app import app
from xent.cli.options import Columns, Output, with_options
from xent.scoring import score


@app.command("score")
@with_options
def score_command(
    *,
    file: Path,
    weight_column: str | None = None,
    clip: float | None = None,
    worst: int = 5,
    columns: Columns,
    out: Output,
) -> None:
    """Score a file of predictions: log loss, skill, classes, worst rows.

    Labels are in a column called `label`, `target`, `y_true`, `y` or `class`. Scores are in a
    column `logit` or `prob` (binary, or a list per row), or in one column per class:
    `logit_CLASS`, `prob_CLASS` or `logprob_CLASS`.
    """
    out.put(score(file, weight_column=weight_column, clip=clip, worst=worst, **columns.arguments))
