"""`xent explain`, `xent score` and `xent diagnose`: the verbs on the command line."""

from __future__ import annotations

import html
import json
import math
import sys
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn, cast

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperCommand

import xent
from xent.check.batch import Kind as ScoreKind
from xent.check.batch import diagnose
from xent.check.document import styled_lines as report_lines
from xent.explanation import Explanation, explain
from xent.explanation.render.html import page
from xent.explanation.render.text import styled_lines
from xent.scoring import read_predictions, read_row, score
from xent.scoring.text import styled_lines as score_lines

app = typer.Typer(
    help="Cross-entropy: explained step by step, and scored from files of predictions.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

STYLES = {
    "title": "bold",
    "section": "bold cyan",
    "name": "bold",
    "number": "green",
    "why": "dim",
    "head": "bold",
    "note": "yellow",
    "good": "green",
    "bad": "bold red",
}

MOST_ROWS = 1_000_000
"""Rows of a file that are diagnosed."""


class Format(StrEnum):
    """Forms of an explanation."""

    text = "text"
    markdown = "markdown"
    latex = "latex"
    html = "html"
    json = "json"


class ScoreFormat(StrEnum):
    """Forms of a score."""

    text = "text"
    json = "json"


class ReportFormat(StrEnum):
    """Forms of a report on a batch."""

    text = "text"
    markdown = "markdown"
    html = "html"
    json = "json"


class NumberCommand(TyperCommand):
    """A command whose arguments may be negative numbers."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Shield -2.0 and -inf from being read as options; float() ignores the space."""
        return super().parse_args(ctx, [f" {a}" if _is_negative(a) else a for a in args])


def _is_negative(argument: str) -> bool:
    if not argument.startswith("-"):
        return False
    try:
        float(argument)
    except ValueError:
        return False
    return True


LabelColumn = Annotated[
    str | None, typer.Option(metavar="NAME", help="Column of the labels, if not found by name.")
]
ScoreColumns = Annotated[
    str | None,
    typer.Option(metavar="A,B,...", help="Columns of the scores, in the order of the classes."),
]
Kind = Annotated[
    str | None,
    typer.Option(
        metavar="KIND", help="What the scores are: logits, probabilities or log-probabilities."
    ),
]
Classes = Annotated[
    str | None,
    typer.Option(metavar="A,B,...", help="Names of the classes, in the order of the scores."),
]
LabelsFile = Annotated[
    Path | None,
    typer.Option("--labels", metavar="FILE", help="NPY file of labels, for an NPY of scores."),
]
Tolerance = Annotated[
    float, typer.Option(help="How far a row of probabilities may be from summing to 1.")
]


@app.callback(invoke_without_command=True)
def common(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Cross-entropy: explained step by step, and scored from files of predictions."""
    if version:
        print(f"xent {xent.__version__}")
        raise typer.Exit


@app.command("explain", cls=NumberCommand)
def explain_command(
    values: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="LOGIT... | FILE", help="One logit, K class logits, or a file with --row."
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(metavar="LABEL", help="The true label: its index, or its name in --classes."),
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="The numbers are probabilities, not logits.")
    ] = False,
    features: Annotated[
        str | None, typer.Option(metavar="X,X,...", help="Features x of f = w·x + b.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(metavar="W,W,...", help="Weights w of f = w·x + b.")
    ] = None,
    bias: Annotated[
        float | None, typer.Option(help="Bias b of f = w·x + b, 0 unless given.")
    ] = None,
    row: Annotated[int | None, typer.Option(help="Row of the file, counted from 0.")] = None,
    output: Annotated[Format, typer.Option("--format", help="Form of the output.")] = Format.text,
    classes: Classes = None,
    label_column: LabelColumn = None,
    score_columns: ScoreColumns = None,
    kind: Kind = None,
    labels: LabelsFile = None,
    tolerance: Tolerance = 1e-3,
) -> None:
    """Show the loss and its gradient step by step.

    `xent explain 2.0 --label 1`

    `xent explain 2.0 1.0 0.1 --label 0`

    `xent explain --features 1.0,-2.5 --weights 0.4,0.3 --bias -0.2 --label 0`

    `xent explain predictions.csv --row 17`
    """
    values = values or []
    names = _names(classes)
    linear = (features, weights, bias) != (None, None, None)
    if row is not None:
        if len(values) != 1:
            _usage("--row goes with one FILE.")
        if label is not None or linear or probabilities:
            _usage("--row takes label and scores from the file; leave the other inputs out.")
        arguments = read_row(
            values[0],
            row,
            labels=labels,
            label_column=label_column,
            score_columns=_names(score_columns),
            kind=kind,
            classes=names,
            tolerance=tolerance,
        )
        _print(explain(**arguments), output)
        return
    if any(option is not None for option in (labels, label_column, score_columns, kind)):
        _usage("--labels, --label-column, --score-columns and --kind go with FILE --row N.")
    kwargs: dict[str, Any]
    if linear:
        if values or probabilities:
            _usage("give either --features with --weights, or logits or probabilities, not both.")
        x, w = _numbers(features, "--features"), _numbers(weights, "--weights")
        kwargs = {"features": x, "weights": w, "bias": bias or 0.0}
    elif values:
        numbers = [_number(value) for value in values]
        given: Any = numbers[0] if len(numbers) == 1 else numbers
        kwargs = {"probabilities" if probabilities else "logits": given}
    else:
        _usage("nothing to explain: give logits, --features with --weights, or FILE --row N.")
    _print(explain(label=_label(label, names), names=names, **kwargs), output)


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
        score_columns=_names(score_columns),
        weight_column=weight_column,
        kind=kind,
        classes=_names(classes),
        labels=labels,
        tolerance=tolerance,
        clip=clip,
        worst=worst,
    )
    if output is ScoreFormat.json:
        print(json.dumps(result.to_dict(), indent=2, ensure_ascii=False))
    else:
        _print_lines(score_lines(result))


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
        score_columns=_names(score_columns),
        kind=kind,
        classes=_names(classes),
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
    if output is ReportFormat.text:
        _print_lines(report_lines(report.blocks()))
    elif output is ReportFormat.markdown:
        sys.stdout.write(report.to_markdown())
    elif output is ReportFormat.html:
        sys.stdout.write(_page(f"{file}: {report.verdict}", report.to_html()))
    else:
        print(json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
    if not report:
        raise typer.Exit(1)


def _page(title: str, fragment: str) -> str:
    """A fragment of HTML as a page of its own, which says that it is UTF-8."""
    head = f'<meta charset="utf-8">\n<title>{html.escape(title)}</title>'
    return f'<!doctype html>\n<html lang="en">\n{head}\n{fragment}</html>\n'


def _print(explanation: Explanation, output: Format) -> None:
    if output is Format.text:
        _print_lines(styled_lines(explanation))
    elif output is Format.json:
        print(json.dumps(explanation.to_dict(), indent=2, ensure_ascii=False))
    elif output is Format.html:
        sys.stdout.write(page(explanation))
    else:
        render = getattr(explanation, f"to_{output.value}")
        sys.stdout.write(render())


def _print_lines(lines: Iterable[tuple[str, str]]) -> None:
    """Print lines in the colours of their roles, if the terminal has colours."""
    console = Console(highlight=False, soft_wrap=True)
    for role, text in lines:
        console.print(Text(text, style=STYLES.get(role, "")))


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",")]


def _label(text: str | None, names: list[str] | None) -> int:
    if text is None:
        _usage("--label is missing: the true label, as in xent explain 2.0 --label 1.")
    text = text.strip()
    if names is not None and text in names:
        return names.index(text)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not number.is_integer():
        known = "" if names is None else f" or one of {', '.join(names)}"
        _usage(f"--label is {text!r}; expected the index of a class, from 0{known}.")
    return int(number)


def _numbers(text: str | None, option: str) -> list[float]:
    if text is None:
        _usage(f"{option} is missing; --features and --weights go together.")
    return [_number(part, option) for part in text.replace(",", " ").split()]


def _number(text: str, option: str = "") -> float:
    try:
        return float(text)
    except ValueError:
        if not option and (Path(text).exists() or Path(text).suffix):
            _usage(f"{text.strip()!r} is not a number. To explain a row of a file, add --row N.")
        if not option and "," in text:
            _usage(f"{text.strip()!r} is not a number. Separate logits by spaces.")
        _usage(f"{text.strip()!r} is not a number{f' ({option})' if option else ''}.")


def _usage(message: str) -> NoReturn:
    raise ValueError(message)
