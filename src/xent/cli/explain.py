"""`xent explain`."""

from __future__ import annotations

import json
import math
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

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
    usage,
)
from xent.explanation import Explanation, explain
from xent.explanation.render.html import page
from xent.explanation.render.text import styled_lines
from xent.scoring import read_row


class Format(StrEnum):
    """Forms of an explanation."""

    text = "text"
    markdown = "markdown"
    latex = "latex"
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
    names = names_of(classes)
    linear = (features, weights, bias) != (None, None, None)
    if row is not None:
        if len(values) != 1:
            usage("--row goes with one FILE.")
        if label is not None or linear or probabilities:
            usage("--row takes label and scores from the file; leave the other inputs out.")
        arguments = read_row(
            values[0],
            row,
            labels=labels,
            label_column=label_column,
            score_columns=names_of(score_columns),
            kind=kind,
            classes=names,
            tolerance=tolerance,
        )
        _print(explain(**arguments), output)
        return
    if any(option is not None for option in (labels, label_column, score_columns, kind)):
        usage("--labels, --label-column, --score-columns and --kind go with FILE --row N.")
    kwargs: dict[str, Any]
    if linear:
        if values or probabilities:
            usage("give either --features with --weights, or logits or probabilities, not both.")
        x, w = _numbers(features, "--features"), _numbers(weights, "--weights")
        kwargs = {"features": x, "weights": w, "bias": bias or 0.0}
    elif values:
        numbers = [_number(value) for value in values]
        given: Any = numbers[0] if len(numbers) == 1 else numbers
        kwargs = {"probabilities" if probabilities else "logits": given}
    else:
        usage("nothing to explain: give logits, --features with --weights, or FILE --row N.")
    _print(explain(label=_label(label, names), names=names, **kwargs), output)


def _print(explanation: Explanation, output: Format) -> None:
    if output is Format.text:
        print_lines(styled_lines(explanation))
    elif output is Format.json:
        print(json.dumps(explanation.to_dict(), indent=2, ensure_ascii=False))
    elif output is Format.html:
        sys.stdout.write(page(explanation))
    else:
        render = getattr(explanation, f"to_{output.value}")
        sys.stdout.write(render())


def _label(text: str | None, names: list[str] | None) -> int:
    if text is None:
        usage("--label is missing: the true label, as in xent explain 2.0 --label 1.")
    text = text.strip()
    if names is not None and text in names:
        return names.index(text)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not number.is_integer():
        known = "" if names is None else f" or one of {', '.join(names)}"
        usage(f"--label is {text!r}; expected the index of a class, from 0{known}.")
    return int(number)


def _numbers(text: str | None, option: str) -> list[float]:
    if text is None:
        usage(f"{option} is missing; --features and --weights go together.")
    return [_number(part, option) for part in text.replace(",", " ").split()]


def _number(text: str, option: str = "") -> float:
    try:
        return float(text)
    except ValueError:
        if not option and (Path(text).exists() or Path(text).suffix):
            usage(f"{text.strip()!r} is not a number. To explain a row of a file, add --row N.")
        if not option and "," in text:
            usage(f"{text.strip()!r} is not a number. Separate logits by spaces.")
        usage(f"{text.strip()!r} is not a number{f' ({option})' if option else ''}.")
