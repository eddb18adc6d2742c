"""`xent explain`."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import Annotated, Any

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
    print_spans,
    usage,
    width_of_terminal,
)
from xent.cli.numbers import NumberCommand, label_of, number_of, numbers_of
from xent.cli.quiz import ask
from xent.explanation import Explanation, explain
from xent.explanation.render.html import page
from xent.explanation.render.text import NUMBERS, styled_lines
from xent.scoring import read_row

LINEAR = "--features and --weights"


class Format(StrEnum):
    """Forms of an explanation."""

    text = "text"
    markdown = "markdown"
    latex = "latex"
    html = "html"
    json = "json"


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
    glossary: Annotated[
        bool, typer.Option("--glossary", help="Define the words used, at the end.")
    ] = False,
    pictures: Annotated[
        bool, typer.Option(help="With --format html: curves or bars, if matplotlib is installed.")
    ] = True,
    quiz: Annotated[
        bool, typer.Option("--quiz", help="Ask for the numbers instead of showing them.")
    ] = False,
) -> None:
    """Show the loss and its gradient step by step.

    `xent explain 2.0 --label 1`

    `xent explain 2.0 1.0 0.1 --label 0`

    `xent explain --features 1.0,-2.5 --weights 0.4,0.3 --bias -0.2 --label 0`

    `xent explain predictions.csv --row 17`

    `xent explain 2.0 1.0 0.1 --label 0 --quiz`
    """
    if quiz and output is not Format.text:
        usage(f"--quiz asks in the terminal; it does not go with --format {output.value}.")

    values = values or []
    names = names_of(classes)
    linear = (features, weights, bias) != (None, None, None)
    arguments: dict[str, Any]
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
    else:
        if any(option is not None for option in (labels, label_column, score_columns, kind)):
            usage("--labels, --label-column, --score-columns and --kind go with FILE --row N.")
        if linear:
            if values or probabilities:
                usage(
                    "give either --features with --weights, or logits or probabilities, not both."
                )
            x = numbers_of(features, "--features", LINEAR)
            w = numbers_of(weights, "--weights", LINEAR)
            arguments = {"features": x, "weights": w, "bias": bias or 0.0}
        elif values:
            numbers = [number_of(value) for value in values]
            given: Any = numbers[0] if len(numbers) == 1 else numbers
            arguments = {"probabilities" if probabilities else "logits": given}
        else:
            usage("nothing to explain: give logits, --features with --weights, or FILE --row N.")
        arguments["label"] = label_of(label, names, "xent explain 2.0 --label 1")
        arguments["names"] = names
    explanation = explain(**arguments)
    if quiz:
        ask(explanation)
    else:
        _print(explanation, output, glossary=glossary, pictures=pictures)


def _print(explanation: Explanation, output: Format, *, glossary: bool, pictures: bool) -> None:
    if output is Format.text:
        print_spans(styled_lines(explanation, glossary=glossary, width=width_of_terminal(NUMBERS)))
    elif output is Format.json:
        data = explanation.to_dict()
        if glossary:
            data["glossary"] = {term.name: term.definition for term in explanation.words}
        print(json.dumps(data, indent=2, ensure_ascii=False))
    elif output is Format.html:
        sys.stdout.write(page(explanation, pictures=pictures))
    else:
        render = getattr(explanation, f"to_{output.value}")
        sys.stdout.write(render(glossary=glossary))
