"""`xent audit` and `xent diagnose`."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer

from xent._report import styled_lines
from xent.check._batch import Kind as ScoreKind
from xent.check._batch import diagnose
from xent.cli.app import (
    Classes,
    Kind,
    LabelColumn,
    LabelsFile,
    ReportFormat,
    ScoreColumns,
    Tolerance,
    app,
    names_of,
    page,
    print_lines,
    usage,
)
from xent.scoring import read_predictions

MOST_ROWS = 1_000_000
"""Rows of a file that are diagnosed."""


@app.command("audit")
def audit_command(
    function: Annotated[
        str,
        typer.Argument(metavar="MODULE:NAME", help="A loss function, or a PyTorch module's class."),
    ],
    task: Annotated[
        str | None,
        typer.Option(metavar="TASK", help="classes or binary, where the name does not tell."),
    ] = None,
    output: Annotated[
        ReportFormat, typer.Option("--format", help="Form of the output.")
    ] = ReportFormat.text,
) -> None:
    """Hold an implementation of cross-entropy against exact answers, and print a score card.

    `xent audit torch.nn.functional:cross_entropy`

    `xent audit my_losses:focal_loss --task binary`

    How it is called is found out by trying. Modules are looked for in the current folder too.
    """
    from xent.check._audit import audit

    if task not in (None, "classes", "binary"):
        usage(f"--task is {task!r}; expected classes or binary.")
    sys.path.insert(0, "")
    card = audit(function, cast(Literal["classes", "binary"] | None, task))
    _print(card, function, output)


@app.command("diagnose")
def diagnose_command(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV, TSV, JSON Lines, Parquet, Arrow/Feather, NPY or NPZ."
        ),
    ],
    label_column: LabelColumn = None,
    score_columns: ScoreColumns = None,
    kind: Kind = None,
    classes: Classes = None,
    labels: LabelsFile = None,
    tolerance: Tolerance = 1e-3,
    ignore_index: Annotated[
        int | None,
        typer.Option(metavar="N", help="Label of the rows that are left out; -100 unless given."),
    ] = None,
    output: Annotated[
        ReportFormat, typer.Option("--format", help="Form of the output.")
    ] = ReportFormat.text,
) -> None:
    """Say what is odd about a file of predictions, why it matters and what to change.

    Probabilities given as logits, softmax done twice, labels that are flipped, shifted or no
    classes, columns in another order, NaN, masked labels, a loss worse than chance, and more.
    Columns are found as by `xent score`. Of a longer file the first 1,000,000 rows are read.

    The exit code is 0 if no mistake is found, and 1 if one is.
    """
    found = read_predictions(
        file,
        most_rows=MOST_ROWS,
        labels=labels,
        label_column=label_column,
        score_columns=names_of(score_columns),
        kind=kind,
        classes=names_of(classes),
        tolerance=tolerance,
    )
    report = diagnose(
        found.scores,
        found.labels,
        kind=cast(ScoreKind, found.kind),
        ignore_index=ignore_index,
        names=found.names,
        tolerance=tolerance,
    )
    part = "" if found.whole else f"Read were the first {len(found.labels)} rows of the file."
    report = replace(report, source=str(file), remark=part)
    _print(report, f"{file}: {report.verdict}", output)
    if not report:
        raise typer.Exit(1)


def _print(report: Any, title: str, output: ReportFormat) -> None:
    if output is ReportFormat.text:
        print_lines(styled_lines(report.blocks()))
    elif output is ReportFormat.markdown:
        sys.stdout.write(report.to_markdown())
    elif output is ReportFormat.html:
        sys.stdout.write(page(title, report.to_html()))
    else:
        print(json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
