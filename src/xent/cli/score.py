"""`xent score`."""

from __future__ import annotations

from typing import Annotated

import typer

from xent.cli.app import app
from xent.cli.options import Columns, Output, PredictionsFile, with_options
from xent.scoring import score


@app.command("score")
@with_options
def score_command(
    *,
    file: PredictionsFile,
    weight_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of row weights.")
    ] = None,
    clip: Annotated[
        float | None, typer.Option(metavar="P", help="Floor under the probabilities.")
    ] = None,
    worst: Annotated[int, typer.Option(metavar="N", help="How many worst rows to name.")] = 5,
    columns: Columns,
    out: Output,
) -> None:
    """Score a file of predictions: log loss, skill, classes, worst rows.

    Labels are in a column called `label`, `target`, `y_true`, `y` or `class`. Scores are in a
    column `logit` or `prob` (binary, or a list per row), or in one column per class:
    `logit_CLASS`, `prob_CLASS` or `logprob_CLASS`.
    """
    out.put(score(file, weight_column=weight_column, clip=clip, worst=worst, **columns.arguments))
