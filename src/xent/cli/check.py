"""`xent audit` and `xent diagnose`."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Literal

import typer

from xent.check import diagnose
from xent.check.mistakes import found as mistake
from xent.check.naming import figure
from xent.cli.app import app
from xent.cli.options import Columns, Output, with_options
from xent.scoring import read_predictions

WRONG = 1
"""The exit code if something is wrong with what is checked; `__main__` ends with 2 for errors."""
MOST_ROWS = 1_000_000
"""Rows of a file that are diagnosed."""


@app.command("audit")
@with_options
def audit_command(
    *, function: str, task: Literal["classes", "binary"] | None = None, out: Output
) -> None:
    """Compare an implementation of cross-entropy with exact answers, and print a score card.

    `xent audit torch.nn.functional:cross_entropy`

    `xent audit my_losses:focal_loss --task binary`

    How to call the function is found by trial. Modules in the current folder can be named too.

    Exit codes: 0 if nothing is wrong with the loss, 1 if a mistake is found or an answer is wrong,
    2 if the function cannot be imported or called, or the command is used incorrectly.
    """
    from xent.check import audit

    sys.path.insert(0, "")
    card = audit(function, task)
    out.put(card)
    if not card:
        raise typer.Exit(WRONG)


@app.command("diagnose")
@with_options
def diagnose_command(
    *, file: str, ignore_index: int | None = None, columns: Columns, out: Output
) -> None:
    """Say what is odd about a file of predictions, why it matters and what to change.

    Probabilities given as logits, softmax done twice, labels that are flipped, shifted or out
    of range, columns in another order, NaN, masked labels, a loss worse than chance, and more.
    Columns are found as in `xent score`. Only the first 1,000,000 rows of a longer file are read.

    Exit codes: 0 if no mistake is found, 1 if one is, 2 if the file cannot be read or lacks a
    column, or the command is used incorrectly.
    """
    found = read_predictions(file, most_rows=MOST_ROWS, **columns.arguments)
    report = diagnose(
        found.scores,
        found.labels,
        kind=found.kind,
        ignore_index=ignore_index,
        names=found.names,
        tolerance=columns.tolerance,
    )
    part = "" if found.whole else f"Only the first {len(found.labels)} rows of the file were read."
    findings = report.findings
    if found.predicted:
        seen = f"No score is below 1/2, and '{found.predicted}' holds predicted labels. The rest "
        seen += (
            "of this report reads each score as the probability of that label. With this fixed, "
        )
        seen += f"the mean loss is {figure(report.loss)}."
        findings = (mistake("confidence in the predicted label", seen), *findings)
    report = replace(report, source=file, remark=part, findings=findings)
    out.put(report)
    if not report:
        raise typer.Exit(WRONG)
