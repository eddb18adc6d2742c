"""`xent score`."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from xent.cli.app import (
    Classes,
    Kind,
    LabelColumn,
    LabelsFile,
    ScoreColumns,
    Tolerance,
    app,
    names_of,
    print_lines,
)
from xent.scoring import score
from xent.scoring.text import styled_lines


class ScoreFormat(StrEnum):
    """Forms of a score."""

    text = "text"
    json = "json"


@app.command("score")
def score_command(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV, TSV, JSON Lines, Parquet, Arrow/Feather, NPY or NPZ."
        ),
    ],
    label_column: LabelColumn = None,
    score_columns: ScoreColumns = None,
    weight_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of row weights.")
    ] = None,
    kind: Kind = None,
    classes: Classes = None,
    labels: LabelsFile = None,
    tolerance: Tolerance = 1e-3,
    clip: Annotated[
        float | None, typer.Option(metavar="P", help="Floor under the probabilities.")
    ] = None,
    worst: Annotated[int, typer.Option(metavar="N", help="How many worst rows to name.")] = 5,
    output: Annotated[
        ScoreFormat, typer.Option("--format", help="Form of the output.")
    ] = ScoreFormat.text,
) -> None:
    """Score a file of predictions: log loss, skill, classes, worst rows.

    Labels are in a column called `label`, `target`, `y_true`, `y` or `class`. Scores are in a
    column `logit` or `prob` (binary, or a list per row), or in one column per class:
    `logit_CLASS`, `prob_CLASS` or `logprob_CLASS`.
    """
    result = score(
        file,
        label_column=label_column,
        score_columns=names_of(score_columns),
        weight_column=weight_column,
        kind=kind,
        classes=names_of(classes),
        labels=labels,
        tolerance=tolerance,
        clip=clip,
        worst=worst,
    )
    if output is ScoreFormat.json:
        print(json.dumps(result.to_dict(), indent=2, ensure_ascii=False))
    else:
        print_lines(styled_lines(result))
